import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import { assert, describe, it, vi } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as AIProvider from "../../src/AIProvider.js"
import * as ReasoningEngine from "../../src/ReasoningEngine.js"
import * as EngineContract from "../../src/testing/EngineContract.js"
import * as NodeWireServer from "../../src/testing/WireServer/Node.js"
import { type Flaw, subject } from "../utils/lines.js"
import { some } from "../utils/property.js"

const world = Layer.merge(FetchHttpClient.layer, NodeWireServer.layer)

const text = "gives the same text whole and streamed, and one finish after it"
const split = "reads an answer whose bytes all come apart"
const megabyte = "brings a megabyte whole"
const concurrent = "gives each of 50 attempts at once its own answer"
const interrupted = "closes the connection when it is interrupted while it waits"
const asWritten = "gives text while it is written, and closes the connection when it is left"
const afterTheEnd = "waits for nothing after the sign that the answer is whole"
const ends = "takes an answer that ends before it is whole for a network failure"
const breaks = "takes an answer whose connection breaks for a network failure"
const tools = "gives tool calls, whole and in their order"
const secret = "tells no key and nothing of the task in an error, a log or a span"
const counts = "counts as the provider does: the last count is the truth"
const uncounted = "never tells as counted what the provider didn't count"
const redirects = "follows no redirect, and tells where it goes"
const rows = ["fails with AuthenticationError: 401", "fails with RateLimitError: 429"] as const

/** Laws that take long: looked at where they are expected to be broken, and for the engine without flaws. */
const long = [megabyte, concurrent, secret]

/** The names of the laws that an engine breaks: the expected ones are all looked at, and others besides. */
const broken = (
  subject: EngineContract.Subject,
  expected: ReadonlyArray<string>,
  others = (all: ReadonlyArray<string>) => some(all, 8)
) => {
  const laws = EngineContract.laws(subject)
  const names = laws.map(({ name }) => name)
  const looked = [...expected, ...others(names.filter((name) => ![...long, ...expected].includes(name)))]
  return Effect.map(
    Effect.forEach(
      laws.filter(({ name }) => looked.includes(name)),
      ({ check, name }) => Effect.match(check, { onFailure: () => [name], onSuccess: () => [] }),
      { concurrency: 4 }
    ),
    (names) => names.flat()
  ).pipe(Effect.provide(world))
}

const caught: ReadonlyArray<readonly [Flaw, ReadonlyArray<string>]> = [
  ["adds counts up", [counts]],
  ["always stops", ["says why the model stopped"]],
  ["buffers", [asWritten, afterTheEnd]],
  ["calls nobody", [tools]],
  ["counts itself", [uncounted]],
  ["decodes each chunk alone", [split]],
  ["drops blanks when streamed", [text]],
  ["finishes twice", [text]],
  ["follows redirects", [redirects]],
  ["forgets retry-after", [rows[1]]],
  ["ignores the cancel", [asWritten, interrupted]],
  ["leaks the key in a log", [secret]],
  ["leaks the key in a span", [secret]],
  ["leaks the prompt in a cause", [secret]],
  ["leaks the prompt in a description", [secret]],
  ["leaks the prompt in an event of a span", [secret]],
  ["overpromises", ["says of itself what its wire can"]],
  ["retries", ["asks once, whatever comes of it"]],
  ["shares its prompt", [concurrent]],
  ["swallows a cut", [ends]],
  ["swallows a reset", [breaks, ends]],
  ["takes every failure for the server's", [...rows, redirects]],
  ["truncates", [megabyte]]
]

describe("EngineContract", () => {
  it.live("is obeyed by an engine without flaws", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* broken(subject(), long, (all) => all), [])
    })
  )

  it.live.each(caught)("catches an engine that %s", ([flaw, laws]) =>
    Effect.gen(function* () {
      assert.deepStrictEqual((yield* broken(subject(flaw), laws)).toSorted(), [...laws].toSorted())
    })
  )

  it.live("says who breaks which law, what it expected and what it saw", () =>
    Effect.gen(function* () {
      const [first] = EngineContract.laws(subject("overpromises"))
      const violation = yield* Effect.flip(first?.check ?? Effect.void)
      assert.strictEqual(
        violation.message,
        "Lines breaks the law “says of itself what its wire can”: " +
          "expected the capability streaming to be true, seen false"
      )
    }).pipe(Effect.provide(world))
  )

  it.live("takes a defect for a violation, and shortens what it saw", () =>
    Effect.gen(function* () {
      const [first] = EngineContract.laws({ ...subject(), engine: () => Effect.die("bug ".repeat(1000)) })
      const violation = yield* Effect.flip(first?.check ?? Effect.void)
      assert.strictEqual(violation.expected, "an engine without defects")
      assert.strictEqual(violation.seen, `${"bug ".repeat(125)}… (4000 characters)`)
    }).pipe(Effect.provide(world))
  )

  it.live("fails as the constructor of the engine does", () =>
    Effect.gen(function* () {
      const [first] = EngineContract.laws({ ...subject(), engine: () => Effect.fail("no key" as const) })
      const failed: EngineContract.ContractViolation | "no key" | void = yield* Effect.flip(
        Effect.mapError(first?.check ?? Effect.void, (error) => error)
      )
      assert.strictEqual(failed, "no key")
    }).pipe(Effect.provide(world))
  )

  it("gives up on an engine that never ends, even where it can't be interrupted", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] })
    try {
      const never = ReasoningEngine.make({
        provider: AIProvider.Claude,
        attempt: () => Effect.uninterruptible(Effect.never)
      })
      const [first] = EngineContract.laws({ ...subject(), engine: () => Effect.succeed(never) })
      const failed = Effect.runPromise(Effect.flip(first?.check ?? Effect.void).pipe(Effect.provide(world)))
      await vi.advanceTimersByTimeAsync(30_000)
      assert.strictEqual((await failed).expected, "an end within 30000 ms")
    } finally {
      vi.useRealTimers()
    }
  })

  it("leaves out the laws about what a wire lacks", () => {
    const names = (lacks: ReadonlyArray<EngineContract.Feature>) =>
      EngineContract.laws({ ...subject(), lacks }).map(({ name }) => name)
    const all = names([])
    assert.strictEqual(new Set(all).size, all.length)
    for (const [feature, left] of [
      ["streaming", [asWritten]],
      ["tools", [tools]],
      ["usage", [counts]],
      ["uncounted", [uncounted]],
      ["length", []],
      ["terminal", [ends, afterTheEnd]]
    ] as const) {
      assert.sameMembers([...names([feature]), ...left], all)
    }
  })
})
