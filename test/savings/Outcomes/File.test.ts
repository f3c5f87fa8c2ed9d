import { execFile } from "node:child_process"
import { promisify } from "node:util"
import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import * as FileSystem from "@effect/platform/FileSystem"
import { assert, describe, it } from "@effect/vitest"
import { Outcomes } from "arc-saga"
import * as OutcomesFile from "arc-saga/Outcomes/File"
import * as Arr from "effect/Array"
import * as Effect from "effect/Effect"
import * as FastCheck from "effect/FastCheck"
import * as Schema from "effect/Schema"
import { formSize } from "../../../src/savings/internal/features.js"
import * as data from "../../utils/outcomes.js"
import { runs } from "../../utils/property.js"

const place = Effect.gen(function* () {
  const fs = yield* FileSystem.FileSystem
  const directory = yield* fs.makeTempDirectoryScoped()
  return { fs, directory, path: `${directory}/outcomes.jsonl` }
})

const form = Array.from({ length: formSize }, () => 0)

const text = FastCheck.string({ unit: "binary", minLength: 1, maxLength: 20 })

/** Outcomes with any text, of a prompt or of what is learned of it. */
const anyOutcome: FastCheck.Arbitrary<Outcomes.Outcome> = FastCheck.record({
  id: text,
  family: text,
  group: text,
  outcomes: FastCheck.dictionary(
    FastCheck.stringMatching(/^[a-z]{1,9}$/),
    FastCheck.record({
      quality: FastCheck.double({ min: 0, max: 1, noNaN: true }),
      costUsd: FastCheck.nat(),
      answer: text
    })
  )
}).chain((outcome) =>
  FastCheck.oneof(
    text.map((prompt): Outcomes.Outcome => ({ ...outcome, prompt })),
    FastCheck.array(FastCheck.nat(16_383)).map((words): Outcomes.Outcome => ({
      ...outcome,
      features: { words, form }
    }))
  )
)

const live = Effect.provide(NodeFileSystem.layer)

const [first, second, third] = [0, 1, 2].map((index): Outcomes.Outcome => {
  const [outcome] = data.make(1)
  if (outcome === undefined) throw new Error("no outcome")
  return { ...outcome, id: `task ${index}` }
})
if (first === undefined || second === undefined || third === undefined) throw new Error("no outcomes")

describe("OutcomesFile", () => {
  it.scoped.prop(
    "gives back what it was given, whatever texts there are",
    { outcomes: FastCheck.array(anyOutcome, { maxLength: 5 }) },
    ({ outcomes }) =>
      Effect.gen(function* () {
        const { path } = yield* place
        const append = yield* OutcomesFile.make(path)
        yield* Effect.forEach(outcomes, append)
        assert.deepStrictEqual(yield* OutcomesFile.read(path), { outcomes, unusable: 0 })
      }).pipe(live),
    runs(60)
  )

  it.scoped("leaves a line alone that a process was killed in, at any of its bytes", () =>
    Effect.gen(function* () {
      const { fs, path } = yield* place
      const append = yield* OutcomesFile.make(path)
      yield* append({ ...first, prompt: "Größe 😀" })
      const whole = yield* fs.readFile(path)
      // Nothing but ASCII, so that there is no half of a character.
      assert.isTrue(whole.every((byte) => byte < 128))
      for (let length = 1; length < whole.length; length += 7) {
        yield* fs.writeFile(path, whole.subarray(0, length))
        yield* append(second)
        yield* append(third)
        const { outcomes, unusable } = yield* OutcomesFile.read(path)
        assert.deepStrictEqual([outcomes.map(({ id }) => id), unusable], [[second.id, third.id], 1])
      }
      // All but the line's end is an outcome.
      yield* fs.writeFile(path, whole.subarray(0, -1))
      yield* append(second)
      assert.strictEqual((yield* OutcomesFile.read(path)).outcomes.length, 2)
    }).pipe(live)
  )

  it.scoped("keeps the newest outcomes within its bound", () =>
    Effect.gen(function* () {
      const { fs, path } = yield* place
      const line = JSON.stringify(first).length + 10
      const append = yield* OutcomesFile.make(path, { maxBytes: 20 * line })
      const numbered = (index: number) => ({ ...first, id: `outcome ${index}` })
      yield* Effect.forEach(Arr.range(1, 100), (index) => append(numbered(index)))
      const sizes = yield* Effect.forEach([path, `${path}.1`], (file) => fs.stat(file))
      assert.isAtMost(
        sizes.reduce((sum, { size }) => sum + Number(size), 0),
        22 * line
      )
      const ids = (yield* OutcomesFile.read(path)).outcomes.map(({ id }) => id)
      assert.isAtLeast(ids.length, 10)
      assert.deepStrictEqual(
        ids,
        Arr.range(101 - ids.length, 100).map((index) => `outcome ${index}`)
      )
    }).pipe(live)
  )

  it.scoped("loses nothing of what several append at once, while it is turned over", () =>
    Effect.gen(function* () {
      const { directory, fs, path } = yield* place
      const line = JSON.stringify(first).length + 10
      // Each of them finds the file full at the same time, and one of them is late.
      const writers = yield* Effect.all(
        Arr.makeBy(4, () => OutcomesFile.make(path, { maxBytes: 100 * line }))
      )
      yield* Effect.forEach(
        writers,
        (append, writer) =>
          Effect.forEach(Arr.range(1, 20), (index) => append({ ...first, id: `${writer}/${index}` })),
        { concurrency: "unbounded" }
      )
      const { outcomes, unusable } = yield* OutcomesFile.read(path)
      assert.deepStrictEqual([new Set(outcomes.map(({ id }) => id)).size, unusable], [80, 0])
      assert.sameMembers(yield* fs.readDirectory(directory), ["outcomes.jsonl", "outcomes.jsonl.1"])
    }).pipe(live)
  )

  it.scoped("goes on with what another process has begun, where that has turned the file over first", () =>
    Effect.gen(function* () {
      const { directory, fs, path } = yield* place
      const line = JSON.stringify(first).length + 10
      yield* fs.writeFileString(path, `${JSON.stringify(first)}\n`.repeat(6))
      let late = true
      const slow: FileSystem.FileSystem = {
        ...fs,
        rename: (from, to) =>
          late
            ? Effect.gen(function* () {
                late = false
                // The other one is faster.
                const append = yield* OutcomesFile.make(path, { maxBytes: 10 * line })
                yield* append(second)
                yield* fs.rename(from, to)
              }).pipe(Effect.orDie, live)
            : fs.rename(from, to)
      }
      const append = yield* OutcomesFile.make(path, { maxBytes: 10 * line }).pipe(
        Effect.provideService(FileSystem.FileSystem, slow)
      )
      yield* append(third)
      assert.deepStrictEqual(
        (yield* OutcomesFile.read(path)).outcomes.map(({ id }) => id),
        [...Arr.makeBy(6, () => first.id), second.id, third.id]
      )
      assert.sameMembers(yield* fs.readDirectory(directory), ["outcomes.jsonl", "outcomes.jsonl.1"])
    }).pipe(live)
  )

  it.scoped("is nothing where nothing was written, and refuses a bound of nothing", () =>
    Effect.gen(function* () {
      const { directory, path } = yield* place
      assert.deepStrictEqual(yield* OutcomesFile.read(path), { outcomes: [], unusable: 0 })
      const error = yield* Effect.flip(OutcomesFile.make(path, { maxBytes: 0 }))
      assert.match(error.message, /^OutcomesFile\.maxBytes: Expected a number of bytes/)
      const append = yield* OutcomesFile.make(directory)
      assert.strictEqual((yield* Effect.flip(append(first)))._tag, "SystemError")
    }).pipe(live)
  )

  it.live("takes lines of several processes", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const { path } = yield* place
        const line = JSON.stringify({ ...first, prompt: "x".repeat(20_000) })
        const program = `for (let i = 0; i < 50; i++) require("fs").writeFileSync(${JSON.stringify(path)}, ${JSON.stringify(`${line}\n`)}, { flag: "a" })`
        const other = Effect.promise(() => promisify(execFile)(process.execPath, ["-e", program]))
        const append = yield* OutcomesFile.make(path)
        const mine = Effect.forEach(Arr.range(1, 50), () => append({ ...first, prompt: "y".repeat(20_000) }))
        yield* Effect.all([other, mine], { concurrency: 2 })
        const { outcomes, unusable } = yield* OutcomesFile.read(path)
        assert.deepStrictEqual([outcomes.length, unusable], [100, 0])
      })
    ).pipe(live)
  )
})

describe("Outcomes with features", () => {
  it("are decoded where there is no prompt, and refused where there is neither", () => {
    const { prompt: _, ...rest } = first
    const bare = Outcomes.decodeUnknown(rest)
    assert.include(JSON.stringify(bare), "Expected a prompt or features, actual neither")
    const isOutcome = Schema.is(Outcomes.Outcome)
    assert.isTrue(isOutcome({ ...rest, features: { words: [0, 16_383, 16_383], form } }))
    for (const features of [
      { words: [16_384], form },
      { words: [0.5], form },
      { words: [-1], form },
      { words: [], form: [0] }
    ]) {
      assert.isFalse(isOutcome({ ...rest, features }))
    }
  })
})
