import { PassThrough } from "node:stream"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as NodeStandardStreams from "../../src/cli/StandardStreams/Node.js"
import * as harness from "./harness.js"

/** The first provider always fails: what the router logs of it are warnings. */
const failing = JSON.stringify({
  ollama: false,
  strategy: "quality",
  simulated: [
    { id: "a", errorRate: 1, firstTokenMs: 1, quality: 9 },
    { id: "b", firstTokenMs: 1, tokensPerSecond: 100_000, quality: 1 }
  ]
})

describe("logs of a command", () => {
  it.scoped("are off with a ledger as without one, and on when they are asked for", () =>
    Effect.gen(function* () {
      const file = yield* harness.directory({ "c.json": failing })
      const config = ["--config", file("c.json")]
      const env = { ARC_SAGA_LEDGER: file("spend.db") }
      for (const world of [{}, { env }]) {
        const { code, err } = yield* harness.run(["ask", "Hi", "--provider", "a", ...config], world)
        assert.strictEqual(code, 0, err)
        assert.notInclude(err, "level=")
      }
      const { err } = yield* harness.run(
        ["--log-level", "debug", "ask", "Hi", "--provider", "a", ...config],
        { env }
      )
      assert.match(err, /level=DEBUG .*message=routing_fallback_success/)
    }).pipe(Effect.provide(harness.platform))
  )
})

describe("a status line", () => {
  const streams = (isTTY: boolean) => {
    const stderr = Object.assign(new PassThrough(), { isTTY })
    const made = NodeStandardStreams.make({
      stdin: new PassThrough(),
      stdout: new PassThrough(),
      stderr,
      stat: () => {
        throw new Error("EBADF")
      }
    })
    return Effect.map(made, (made) => ({ made, printed: () => String(stderr.read() ?? "") }))
  }

  it.effect("stays whole below what is written and logged meanwhile", () =>
    Effect.gen(function* () {
      const { made, printed } = yield* streams(true)
      const erase = "\r\u001B[2K"
      yield* made.showStatus("[#...]")
      yield* made.writeError("a note\n")
      made.unsafeLog("a log")
      yield* made.showStatus("[##..]")
      yield* made.showStatus("")
      yield* made.writeError("the end\n")
      assert.strictEqual(
        printed(),
        [
          `${erase}[#...]`,
          `${erase}a note\n[#...]`,
          `${erase}a log\n[#...]`,
          `${erase}[##..]`,
          erase,
          "the end\n"
        ].join("")
      )
    })
  )

  it.effect("is nothing where there is no terminal", () =>
    Effect.gen(function* () {
      const { made, printed } = yield* streams(false)
      yield* made.showStatus("[#...]")
      yield* made.writeError("a note\n")
      assert.strictEqual(printed(), "a note\n")
    })
  )
})
