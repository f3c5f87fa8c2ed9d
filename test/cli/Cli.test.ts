import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as FiberId from "effect/FiberId"
import * as Cli from "../../src/cli/Cli.js"
import * as harness from "./harness.js"

describe("the command line", () => {
  it.effect("shows help and version on standard output", () =>
    Effect.gen(function* () {
      const help = yield* harness.run(["--help"])
      assert.strictEqual(help.code, 0)
      assert.match(help.out, /\n {2}- ask .*\n {6}Ask one thing and print the answer\n/)
      assert.include(help.out, "Exit codes: 0 answered")
      assert.notInclude(help.out, "\u001B")
      assert.strictEqual(help.err, "")
      const version = yield* harness.run(["--version"])
      assert.match(version.out, /^\d+\.\d+\.\d+\n$/)
      assert.include((yield* harness.run(["ask", "--help"])).out, "--max-tokens")
    })
  )

  it.effect("is wrong use without a command, or with one that there isn't", () =>
    Effect.gen(function* () {
      const none = yield* harness.run([])
      assert.strictEqual(none.code, 2)
      assert.include(none.err, "COMMANDS")
      assert.strictEqual(none.out, "")
      const unknown = yield* harness.run(["foo"])
      assert.strictEqual(unknown.code, 2)
      assert.match(unknown.err, /use one of 'ask', 'run', 'spend', 'serve', 'providers'/)
      assert.strictEqual(unknown.out, "")
    })
  )

  it.effect("is wrong use with a flag that there isn't, a missing one, or too many arguments", () =>
    Effect.gen(function* () {
      const told = (...args: ReadonlyArray<string>) =>
        Effect.map(harness.run(args), ({ code, err, out }) => `${code} ${err}${out}`)
      assert.match(yield* told("ask", "Hi", "--bogus"), /^2 .*'--bogus'\n$/)
      assert.match(yield* told("ask", "Hi", "there"), /^2 .*'there'\n$/)
      assert.match(yield* told("run", "t.jsonl"), /^2 UsageError: --out: Expected /)
    })
  )

  it.effect("ends with 2 on wrong use, with nothing on standard output and no stack", () =>
    Effect.gen(function* () {
      const uses = [
        [],
        ["ask"],
        ["ask", ""],
        ["ask", "Hi", "--bogus"],
        ["ask", "Hi", "--timeout", "soon"],
        ["ask", "Hi", "--provider", "nobody"],
        ["ask", "Hi", "--config", "nope.json"],
        ["run", "nope.jsonl", "--out", "x"],
        ["nonsense"]
      ]
      for (const args of uses) {
        const { code, err, out } = yield* harness.run(args)
        assert.strictEqual(code, 2, args.join(" "))
        assert.strictEqual(out, "", args.join(" "))
        assert.isNotEmpty(err)
        assert.notMatch(err, /^ {4}at /m)
      }
    })
  )

  it.scoped("names the file and the field of a bad configuration", () =>
    Effect.gen(function* () {
      const file = yield* harness.directory({ "bad.json": '{"providers": [{"id": "x", "model": "m"}]}' })
      const { code, err } = yield* harness.run(["ask", "Hi"], { env: { ARC_SAGA_CONFIG: file("bad.json") } })
      assert.strictEqual(code, 2)
      assert.match(err, /^ConfigurationError: .*bad\.json: providers\[0\]\.baseUrl: /)
    }).pipe(Effect.provide(harness.platform))
  )

  it.effect("logs on standard error, and only when it is asked to", () =>
    Effect.gen(function* () {
      const quiet = yield* harness.run(["ask", "Hi"])
      assert.notInclude(quiet.err, "level=")
      const loud = yield* harness.run(["ask", "Hi", "--log-level", "debug"])
      assert.match(loud.err, /level=DEBUG .*message=orchestrator_provider_selected/)
      assert.notInclude(loud.out, "level=")
    })
  )

  it.effect("tells a defect on one line", () =>
    Effect.gen(function* () {
      const { code, err } = yield* harness.run(["ask", "Hi"], { write: () => Effect.die("broken\u001B[2J") })
      assert.strictEqual(code, 1)
      assert.match(err, /\nA bug in arc-saga: broken \[2J\n$/)
    })
  )

  it("ends with the code of the command, with 130 after Ctrl-C", () => {
    assert.strictEqual(Cli.codeOf(Exit.succeed(2)), 2)
    assert.strictEqual(Cli.codeOf(Exit.void), 0)
    assert.strictEqual(Cli.codeOf(Exit.interrupt(FiberId.none)), 130)
    assert.strictEqual(Cli.codeOf(Exit.die("x")), 1)
  })
})
