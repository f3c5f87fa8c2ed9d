import { assert, describe, it } from "@effect/vitest"
import * as FileSystem from "@effect/platform/FileSystem"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as TestClock from "effect/TestClock"
import * as harness from "./harness.js"
import * as eventLoop from "../utils/eventLoop.js"

const tasks = (count: number): string =>
  Array.from(
    { length: count },
    (_, index) => `${JSON.stringify({ prompt: `Question ${index + 1}` })}\n`
  ).join("")

const linesOf = (text: string): ReadonlyArray<string> => text.split("\n").slice(0, -1)

interface Line {
  readonly line: number
  readonly taskId: string | null
  readonly result?: { readonly text: string; readonly provider: string }
  readonly error?: { readonly tag: string; readonly provider?: string; readonly message: string }
}

const parsed = (text: string): ReadonlyArray<Line> =>
  linesOf(text).map((line): Line => {
    const value: Line = JSON.parse(line)
    return value
  })

describe("run", () => {
  it.scoped("says nothing on standard error when all goes well and it is no terminal", () =>
    Effect.gen(function* () {
      const file = yield* harness.directory({ "t.jsonl": tasks(2), "c.json": harness.instant() })
      const { code, err } = yield* harness.run([
        "run",
        file("t.jsonl"),
        "--out",
        file("r.jsonl"),
        "--config",
        file("c.json")
      ])
      assert.strictEqual(code, 0)
      assert.strictEqual(err, "")
    }).pipe(Effect.provide(harness.platform))
  )

  const withSlowOne = (file: Readonly<Record<string, string>> = {}) => {
    const slow = JSON.stringify({ id: "slow", prompt: "First", provider: "b", pinned: true })
    return harness.directory({
      "t.jsonl": `${slow}\n\n${tasks(20)}`,
      "c.json": harness.instant({
        simulated: [
          { id: "a", firstTokenMs: 1, tokensPerSecond: 10000, p50LatencyMs: 1 },
          { id: "b", firstTokenMs: 5000 }
        ]
      }),
      ...file
    })
  }
  // The blank line is the second one.
  const inOrder = [1, ...Array.from({ length: 20 }, (_, index) => index + 3)]

  it.scoped("writes each result as soon as it is there, with the line of its task", () =>
    Effect.gen(function* () {
      const file = yield* withSlowOne()
      const args = ["run", file("t.jsonl"), "--out", file("r.jsonl"), "--config", file("c.json")]
      const { code, out } = yield* harness.run([...args, "--concurrency", "3"])
      assert.strictEqual(code, 0)
      const lines = parsed(yield* harness.readFile(file("r.jsonl")))
      assert.deepStrictEqual(
        lines.map(({ line }) => line).toSorted((left, right) => left - right),
        inOrder
      )
      assert.strictEqual(lines.at(-1)?.taskId, "slow")
      assert.strictEqual(lines.at(-1)?.result?.provider, "b")
      const third = lines.find(({ line }) => line === 3)
      assert.strictEqual(third?.taskId, "line-3")
      assert.include(third?.result?.text ?? "", "“Question 1”")
      assert.include(out, "21 tasks answered, 0 failed, 0 bad lines\n")
    }).pipe(Effect.provide(harness.platform))
  )

  it.scoped("puts them in the order of the tasks at the end where that is asked for", () =>
    Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      const file = yield* withSlowOne({ "r.jsonl": "" })
      yield* fs.chmod(file("r.jsonl"), 0o600)
      yield* fs.symlink(file("r.jsonl"), file("link"))
      const args = ["run", file("t.jsonl"), "--out", file("link"), "--config", file("c.json")]
      yield* harness.run([...args, "--concurrency", "3"])
      const before = yield* harness.readFile(file("r.jsonl"))
      assert.notDeepEqual(
        parsed(before).map(({ line }) => line),
        inOrder
      )
      const { code, err } = yield* harness.run([...args, "--ordered"])
      assert.strictEqual(code, 0)
      assert.match(err, /nothing is left to do/)
      const after = yield* harness.readFile(file("r.jsonl"))
      assert.deepStrictEqual(
        parsed(after).map(({ line }) => line),
        inOrder
      )
      assert.sameMembers([...linesOf(after)], [...linesOf(before)])
      assert.strictEqual((yield* fs.stat(file("r.jsonl"))).mode & 0o777, 0o600)
      assert.deepStrictEqual((yield* fs.readDirectory(file("."))).toSorted(), [
        "c.json",
        "link",
        "r.jsonl",
        "t.jsonl"
      ])
    }).pipe(Effect.provide(harness.platform))
  )

  it.scoped("reports bad lines with their numbers and does the rest", () =>
    Effect.gen(function* () {
      const bad = ["{nope", '{"prompt":"x","temperature":3}', '{"prompt":"  "}', "[1]", '{"promt":"x"}']
      const file = yield* harness.directory({
        "t.jsonl": `${bad.join("\n")}\n${tasks(2)}`,
        "c.json": harness.instant()
      })
      const { code, err, out } = yield* harness.run([
        "run",
        file("t.jsonl"),
        "--out",
        file("r.jsonl"),
        "--config",
        file("c.json")
      ])
      assert.strictEqual(code, 1)
      assert.include(err, "t.jsonl: line 1: AITask: Expected a JSON object, actual text that isn't JSON\n")
      assert.match(err, /line 2: AITask\.temperature: .*actual 3\n/)
      assert.match(err, /line 3: AITask\.prompt: /)
      assert.match(err, /line 4: AITask: /)
      assert.match(err, /line 5: AITask\.promt: /)
      assert.match(err, /UnansweredError: 5 lines held no task\. The reasons are in .*r\.jsonl\n$/)
      assert.include(out, "2 tasks answered, 0 failed, 5 bad lines")
      const lines = parsed(yield* harness.readFile(file("r.jsonl")))
      assert.deepStrictEqual(
        lines
          .toSorted((left, right) => left.line - right.line)
          .map(({ error, line, taskId }) => [line, taskId, error?.tag]),
        [
          [1, null, "InvalidArgumentError"],
          [2, null, "InvalidArgumentError"],
          [3, null, "InvalidArgumentError"],
          [4, null, "InvalidArgumentError"],
          [5, null, "InvalidArgumentError"],
          [6, "line-6", undefined],
          [7, "line-7", undefined]
        ]
      )
    }).pipe(Effect.provide(harness.platform))
  )

  it.scoped("tells the first twenty bad lines and counts the others", () =>
    Effect.gen(function* () {
      const file = yield* harness.directory({ "t.jsonl": "x\n".repeat(30), "c.json": harness.instant() })
      const { err } = yield* harness.run([
        "run",
        file("t.jsonl"),
        "--out",
        file("r.jsonl"),
        "--config",
        file("c.json")
      ])
      assert.strictEqual(err.match(/line \d+: /g)?.length, 20)
      assert.include(err, "t.jsonl: 10 more lines hold no task\n")
    }).pipe(Effect.provide(harness.platform))
  )

  it.scoped("does only what is missing when it is started again after an interruption", () =>
    Effect.gen(function* () {
      const file = yield* harness.directory({ "t.jsonl": tasks(12), "c.json": harness.instant() })
      const args = ["run", file("t.jsonl"), "--out", file("r.jsonl"), "--config", file("c.json")]
      const first = harness.command([...args, "--concurrency", "2"])
      const fiber = yield* Effect.fork(first.effect)
      let written = ""
      while (linesOf(written).length < 4) {
        yield* TestClock.adjust("20 millis")
        yield* eventLoop.turn
        written = yield* Effect.catchAllDefect(harness.readFile(file("r.jsonl")), () => Effect.succeed(""))
      }
      yield* Fiber.interrupt(fiber)
      const before = yield* harness.readFile(file("r.jsonl"))
      const done = linesOf(before).length
      assert.isBelow(done, 12)
      assert.isTrue(before.endsWith("\n"))
      assert.strictEqual(
        first.printed.err.join(""),
        `Interrupted: ${done} of 12 tasks have a result. Run the same command again to do the rest.\n`
      )

      // As if the process had been killed within a line.
      yield* harness.writeFile(file("r.jsonl"), `${before}{"line":${done + 1},"inp`)
      const { code, err, out } = yield* harness.run(args)
      assert.strictEqual(code, 0)
      assert.strictEqual(err, `${done} of 12 tasks have a result in ${file("r.jsonl")}: doing the rest.\n`)
      const after = yield* harness.readFile(file("r.jsonl"))
      assert.isTrue(after.startsWith(before))
      assert.sameMembers(
        parsed(after).map(({ line }) => line),
        Array.from({ length: 12 }, (_, index) => index + 1)
      )
      // The table is of the whole file.
      assert.match(out, /^a +12 +0 +0 /m)

      const again = yield* harness.run(args)
      assert.strictEqual(again.code, 0)
      assert.strictEqual(
        again.err,
        `12 of 12 tasks have a result in ${file("r.jsonl")}: nothing is left to do.\n`
      )
      assert.strictEqual(again.out, out)
      assert.strictEqual(yield* harness.readFile(file("r.jsonl")), after)
    }).pipe(Effect.provide(harness.platform))
  )

  it.scoped("asks for what is missing, wherever in the file its task is", () =>
    Effect.gen(function* () {
      const file = yield* harness.directory({ "t.jsonl": tasks(4), "c.json": harness.instant() })
      const args = ["run", file("t.jsonl"), "--out", file("r.jsonl"), "--config", file("c.json"), "--ordered"]
      yield* harness.run(args)
      const lines = linesOf(yield* harness.readFile(file("r.jsonl")))
      const [first = "", , third = ""] = lines
      yield* harness.writeFile(file("r.jsonl"), `${third}\n${first}\n{"line":4,"inp`)
      assert.strictEqual((yield* harness.run(args)).code, 0)
      const after = linesOf(yield* harness.readFile(file("r.jsonl")))
      assert.deepStrictEqual(
        after.map((line, index) => line === lines[index]),
        [true, false, true, false]
      )
    }).pipe(Effect.provide(harness.platform))
  )

  it.scoped("goes on with tasks that were added at the end", () =>
    Effect.gen(function* () {
      const file = yield* harness.directory({ "t.jsonl": tasks(2), "c.json": harness.instant() })
      const args = ["run", file("t.jsonl"), "--out", file("r.jsonl"), "--config", file("c.json")]
      yield* harness.run(args)
      yield* harness.writeFile(file("t.jsonl"), tasks(3))
      const { code, err } = yield* harness.run(args)
      assert.strictEqual(code, 0)
      assert.include(err, "2 of 3 tasks have a result")
      assert.strictEqual(parsed(yield* harness.readFile(file("r.jsonl"))).length, 3)
    }).pipe(Effect.provide(harness.platform))
  )

  it.scoped("leaves a file of other results, or of something else, as it is and says what to do", () =>
    Effect.gen(function* () {
      const file = yield* harness.directory({ "t.jsonl": tasks(2), "c.json": harness.instant() })
      const args = ["run", file("t.jsonl"), "--out", file("r.jsonl"), "--config", file("c.json")]
      yield* harness.run(args)
      yield* harness.run([...args, "--ordered"])
      const results = yield* harness.readFile(file("r.jsonl"))
      const refused = (content: string, input = tasks(2)) =>
        Effect.gen(function* () {
          yield* harness.writeFile(file("t.jsonl"), input)
          yield* harness.writeFile(file("r.jsonl"), content)
          const { code, err } = yield* harness.run(args)
          assert.strictEqual(code, 2)
          assert.match(err, /Remove the file to start again, or choose another --out\n$/)
          assert.strictEqual(yield* harness.readFile(file("r.jsonl")), content)
          return err
        })
      assert.match(
        yield* refused(results, tasks(2).replace("Question 2", "Another")),
        /ResultsMismatchError: .*r\.jsonl: line 2 is the result of another task than line 2 of .*t\.jsonl/
      )
      assert.match(
        yield* refused(results, `\n${tasks(2)}`),
        /line 1 is the result of another task than line 1 of/
      )
      assert.match(yield* refused(results, tasks(1)), /line 2 is the result of another task than line 2/)
      const [first = ""] = linesOf(results)
      assert.match(
        yield* refused(`${first}\n${first}\n`),
        /line 2 is a second result of line 1 of .*t\.jsonl/
      )
      assert.match(yield* refused("my notes\n"), /line 1 isn't a result/)
      assert.match(yield* refused("my notes"), /line 1 isn't a result/)
      assert.match(yield* refused('{"line":1}\n'), /line 1 isn't a result/)
    }).pipe(Effect.provide(harness.platform))
  )

  it.scoped("drops a last line that is torn at its beginning or inside a character", () =>
    Effect.gen(function* () {
      const file = yield* harness.directory({ "t.jsonl": tasks(2), "c.json": harness.instant() })
      const args = ["run", file("t.jsonl"), "--out", file("r.jsonl"), "--config", file("c.json")]
      yield* harness.run(args)
      const [first = ""] = linesOf(yield* harness.readFile(file("r.jsonl")))
      // "“" has three bytes, of which two were written.
      const cut = Buffer.from('{"line":2,"x":"“').subarray(0, -1)
      for (const torn of [Buffer.from('{"l'), cut]) {
        yield* harness.writeBytes(file("r.jsonl"), Buffer.concat([Buffer.from(`${first}\n`), torn]))
        assert.strictEqual((yield* harness.run(args)).code, 0)
        assert.strictEqual(parsed(yield* harness.readFile(file("r.jsonl"))).length, 2)
      }
    }).pipe(Effect.provide(harness.platform))
  )

  it.scoped("ends with 1 when a task failed, and counts failures and fallbacks per provider", () =>
    Effect.gen(function* () {
      const file = yield* harness.directory({
        "t.jsonl": `${JSON.stringify({ prompt: "x", provider: "nobody", pinned: true })}\n${tasks(30)}`,
        "c.json": harness.instant({
          chains: { a: ["b"] },
          simulated: [
            {
              id: "a",
              errorRate: 0.5,
              p50LatencyMs: 1,
              price: { input: 1, output: 2 },
              tokensPerSecond: 1000
            },
            { id: "b", errorRate: 0.5, tokensPerSecond: 1000 }
          ]
        })
      })
      const { code, err, out } = yield* harness.run([
        "run",
        file("t.jsonl"),
        "--out",
        file("r.jsonl"),
        "--config",
        file("c.json"),
        "--concurrency",
        "40"
      ])
      assert.strictEqual(code, 1)
      const lines = parsed(yield* harness.readFile(file("r.jsonl"))).toSorted(
        (left, right) => left.line - right.line
      )
      const by = (provider: string) => lines.filter(({ result }) => result?.provider === provider).length
      const failed = lines.filter(({ error }) => error?.tag === "AllProvidersFailedError")
      assert.isAbove(by("a"), 3)
      assert.isAbove(by("b"), 3)
      assert.isAbove(failed.length, 3)
      assert.strictEqual(failed[0]?.error?.provider, "a")
      assert.strictEqual(lines[0]?.error?.tag, "EngineNotRegisteredError")
      const row = (provider: string) =>
        out
          .split("\n")
          .find((line) => line.startsWith(`${provider} `))
          ?.split(/ {2,}/)
          .map((cell) => cell.trim())
      assert.deepStrictEqual(row("a")?.slice(0, 2), ["a", String(by("a"))])
      assert.strictEqual(row("a")?.[2], String(3 * (30 - by("a"))))
      assert.strictEqual(row("a")?.[3], "0")
      assert.match(row("a")?.[6] ?? "", /^\$0\.00\d+$/)
      assert.deepStrictEqual(row("b")?.slice(0, 4), [
        "b",
        String(by("b")),
        String(failed.length),
        String(by("b"))
      ])
      assert.strictEqual(row("b")?.[6], "unknown")
      assert.deepStrictEqual(row("nobody"), ["nobody", "0", "1", "0", "0", "0", "$0.000000", "-", "-"])
      assert.include(out, `${by("a") + by("b")} tasks answered, ${failed.length + 1} failed, 0 bad lines`)
      assert.include(err, `UnansweredError: ${failed.length + 1} tasks failed. The reasons are in`)
    }).pipe(Effect.provide(harness.platform))
  )

  it.scoped("draws a bar on a terminal, and wipes it", () =>
    Effect.gen(function* () {
      const file = yield* harness.directory({ "t.jsonl": `x\n${tasks(8)}`, "c.json": harness.instant() })
      const { err } = yield* harness.run(
        ["run", file("t.jsonl"), "--out", file("r.jsonl"), "--config", file("c.json"), "--concurrency", "1"],
        { errorIsTerminal: true }
      )
      assert.match(err, /\[#+\.+\] \d\/9, 1 failed, \d+ ms left/)
      assert.include(err, "\r\u001B[2K")
      assert.isTrue(err.includes("t.jsonl: line 1: AITask: Expected a JSON object"))
      assert.include(err, "\u001B[2KUnansweredError: 1 line held no task")
    }).pipe(Effect.provide(harness.platform))
  )

  it.scoped("is wrong use when a file can't be used", () =>
    Effect.gen(function* () {
      const file = yield* harness.directory({ "t.jsonl": tasks(1), "c.json": harness.instant() })
      const told = (tasksFile: string, out: string) =>
        Effect.map(
          harness.run(["run", tasksFile, "--out", out, "--config", file("c.json")]),
          ({ code, err }) => `${code} ${err}`
        )
      assert.match(yield* told(file("nope"), file("r")), /^2 FileError: .*nope: no such file or directory\n$/)
      assert.match(
        yield* told(file("."), file("r")),
        /^2 FileError: .*Expected a file that can be read again/
      )
      assert.match(
        yield* told(file("t.jsonl"), file("./t.jsonl")),
        /^2 UsageError: --out: Expected another file/
      )
      assert.match(
        yield* told(file("t.jsonl"), file("no/r")),
        /^2 FileError: .*no\/r: no such file or directory/
      )
      assert.match(yield* told(file("t.jsonl"), file(".")), /^2 FileError: .*EISDIR/)
      const { code, err } = yield* harness.run(["run", file("t.jsonl"), "--out", "x", "--concurrency", "0"])
      assert.strictEqual(code, 2)
      assert.match(err, /^--concurrency: Expected a whole number from 1 to 10000, actual "0"\n$/)
    }).pipe(Effect.provide(harness.platform))
  )

  it.scoped("reports a line that isn't UTF-8", () =>
    Effect.gen(function* () {
      const file = yield* harness.directory({ "c.json": harness.instant() })
      yield* harness.writeBytes(file("t.jsonl"), new Uint8Array([255, 254, 10]))
      const { code, err } = yield* harness.run([
        "run",
        file("t.jsonl"),
        "--out",
        file("r.jsonl"),
        "--config",
        file("c.json")
      ])
      assert.strictEqual(code, 1)
      assert.include(err, "t.jsonl: line 1: AITask: Expected UTF-8 text, actual other bytes\n")
    }).pipe(Effect.provide(harness.platform))
  )

  it.scoped("is wrong use when no provider can be asked", () =>
    Effect.gen(function* () {
      const off = { id: "x", baseUrl: "http://127.0.0.1:1/v1", model: "m", enabled: false }
      const file = yield* harness.directory({
        "t.jsonl": tasks(1),
        "c.json": JSON.stringify({ ollama: false, providers: [off] })
      })
      const { code, err } = yield* harness.run([
        "run",
        file("t.jsonl"),
        "--out",
        file("r.jsonl"),
        "--config",
        file("c.json")
      ])
      assert.strictEqual(code, 2)
      assert.match(err, /^UsageError: No provider can be asked\. x: disabled in /)
    }).pipe(Effect.provide(harness.platform))
  )

  it.scoped("says once that the answers are simulated", () =>
    Effect.gen(function* () {
      const file = yield* harness.directory({ "t.jsonl": tasks(2) })
      const { code, err } = yield* harness.run(["run", file("t.jsonl"), "--out", file("r.jsonl")])
      assert.strictEqual(code, 0)
      assert.match(err, /^No provider is configured.*\n$/)
    }).pipe(Effect.provide(harness.platform))
  )
})
