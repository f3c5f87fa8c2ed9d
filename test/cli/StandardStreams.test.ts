import { PassThrough, Writable } from "node:stream"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import * as NodeStandardStreams from "../../src/cli/StandardStreams/Node.js"
import { StandardStreams } from "../../src/cli/StandardStreams.js"

const kind = (is: "fifo" | "file" | "socket" | "none") => () => ({
  isFIFO: () => is === "fifo",
  isFile: () => is === "file",
  isSocket: () => is === "socket"
})

const make = (options: Partial<NodeStandardStreams.Options> = {}) =>
  NodeStandardStreams.make({
    stdin: new PassThrough(),
    stdout: new PassThrough(),
    stderr: new PassThrough(),
    stat: kind("none"),
    ...options
  })

const failing = (code: string, message = "no") =>
  new Writable({ write: (_chunk, _encoding, done) => done(Object.assign(new Error(message), { code })) })

describe("StandardStreams", () => {
  it.effect("knows what standard input is", () =>
    Effect.gen(function* () {
      const source = (options: Partial<NodeStandardStreams.Options>) =>
        Effect.map(make(options), ({ source }) => source)
      const terminal = Object.assign(new PassThrough(), { isTTY: true })
      assert.strictEqual(yield* source({ stdin: terminal }), "terminal")
      assert.strictEqual(yield* source({ stat: kind("fifo") }), "pipe")
      assert.strictEqual(yield* source({ stat: kind("file") }), "pipe")
      assert.strictEqual(yield* source({ stat: kind("socket") }), "connection")
      assert.strictEqual(yield* source({ stat: kind("none") }), "nothing")
      const closed = () => {
        throw new Error("EBADF")
      }
      assert.strictEqual(yield* source({ stat: closed }), "nothing")
    })
  )

  it.effect("reads standard input to its end, and closes it", () =>
    Effect.gen(function* () {
      const stdin = new PassThrough()
      const { input } = yield* make({ stdin })
      stdin.write("one ")
      stdin.end("two")
      assert.strictEqual(yield* Stream.mkString(Stream.decodeText(input)), "one two")
      assert.isTrue(stdin.destroyed)
    })
  )

  it.effect("lets go of a standard input that stays open", () =>
    Effect.gen(function* () {
      const stdin = new PassThrough()
      const { input } = yield* make({ stdin })
      const fiber = yield* Effect.fork(Stream.runDrain(input))
      yield* Effect.yieldNow()
      yield* Fiber.interrupt(fiber)
      assert.isTrue(stdin.destroyed)
    })
  )

  it.effect("fails when standard input can't be read", () =>
    Effect.gen(function* () {
      const stdin = new PassThrough()
      const { input } = yield* make({ stdin })
      const fiber = yield* Effect.fork(Effect.flip(Stream.runDrain(input)))
      yield* Effect.yieldNow()
      stdin.destroy(new Error("EIO"))
      assert.strictEqual((yield* Fiber.join(fiber)).message, "standard input: EIO")
    })
  )

  it.effect("writes to standard output and error", () =>
    Effect.gen(function* () {
      const stdout = Object.assign(new PassThrough(), { isTTY: true })
      const stderr = Object.assign(new PassThrough(), { isTTY: true, columns: 42 })
      const streams = yield* make({ stdout, stderr })
      yield* streams.write("text")
      yield* streams.writeError("note")
      streams.unsafeLog("line")
      assert.strictEqual(String(stdout.read()), "text")
      assert.strictEqual(String(stderr.read()), "noteline\n")
      assert.isTrue(streams.outputIsTerminal)
      assert.isTrue(streams.errorIsTerminal)
      assert.strictEqual(yield* streams.columns, 42)
      assert.strictEqual(yield* (yield* make()).columns, 80)
      const unsized = Object.assign(new PassThrough(), { columns: 0 })
      assert.strictEqual(yield* (yield* make({ stderr: unsized })).columns, 80)
    })
  )

  it.effect("tells a reader that has gone from an output that can't be written", () =>
    Effect.gen(function* () {
      const failure = (code: string) =>
        Effect.flatMap(make({ stdout: failing(code, "no space") }), ({ write }) => Effect.flip(write("x")))
      assert.strictEqual((yield* failure("EPIPE"))._tag, "OutputClosedError")
      assert.strictEqual((yield* failure("EPIPE")).message, "The reader of the output has gone")
      assert.strictEqual((yield* failure("ENOSPC")).message, "standard output: no space")
    })
  )

  it.effect("drops what standard error doesn't take", () =>
    Effect.gen(function* () {
      const { writeError } = yield* make({ stderr: failing("EPIPE") })
      yield* writeError("note")
    })
  )

  it.effect("is there for this process", () =>
    Effect.gen(function* () {
      const { source } = yield* StandardStreams
      assert.include(["terminal", "pipe", "connection", "nothing"], source)
    }).pipe(Effect.provide(NodeStandardStreams.layer))
  )
})
