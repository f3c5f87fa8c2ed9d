import { assert, describe, it } from "@effect/vitest"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as TestClock from "effect/TestClock"
import * as AIProvider from "../../src/AIProvider.js"
import * as AITask from "../../src/AITask.js"
import * as Simulated from "../../src/engines/Simulated.js"
import * as Price from "../../src/Price.js"
import type * as ReasoningEngine from "../../src/ReasoningEngine.js"
import * as Registry from "../../src/ReasoningEngineRegistry.js"

interface Seen {
  readonly at: number
  readonly events: ReadonlyArray<ReasoningEngine.EngineEvent>
}

const attempt = (engine: ReasoningEngine.ReasoningEngine, task: AITask.AITask) =>
  Effect.scoped(
    Effect.gen(function* () {
      const pull = yield* engine.attempt({ task, mode: task.mode })
      const seen: Array<Seen> = []
      while (true) {
        const events = yield* pull
        seen.push({ at: yield* Clock.currentTimeMillis, events })
        if (events.some((event) => event._tag === "Finish")) return seen
      }
    })
  )

/** Lets virtual time pass until the attempt has ended. */
const settle = <A, E>(effect: Effect.Effect<A, E>) =>
  Effect.gen(function* () {
    const fiber = yield* Effect.fork(effect)
    yield* TestClock.adjust("1 hour")
    return yield* Fiber.join(fiber)
  })

const textOf = (seen: ReadonlyArray<Seen>): string =>
  seen
    .flatMap(({ events }) => events)
    .map((event) => (event._tag === "TextDelta" ? event.text : ""))
    .join("")

const last = (seen: ReadonlyArray<Seen>) => seen.at(-1)?.events ?? []

describe("Simulated", () => {
  it.effect("says in its answer that it is simulated, by whom, and what was asked", () =>
    Effect.gen(function* () {
      const engine = yield* Simulated.make({ provider: "claude" })
      const task = yield* AITask.make({ prompt: "Why is\n the sky blue?" })
      const text = textOf(yield* settle(attempt(engine, task)))
      assert.match(text, /^This is a simulated answer of claude: no model was asked\./)
      assert.include(text, "“Why is the sky blue?”")
      assert.strictEqual(engine.model, "simulated")
    })
  )

  it.effect("shortens a long question in its answer", () =>
    Effect.gen(function* () {
      const engine = yield* Simulated.make({ provider: "claude" })
      const task = yield* AITask.make({ prompt: "🙂".repeat(500) })
      const text = textOf(yield* settle(attempt(engine, task)))
      assert.include(text, `“${"🙂".repeat(79)}…”`)
    })
  )

  it.effect("answers the same task alike, and says something else by another seed", () =>
    Effect.gen(function* () {
      const task = yield* AITask.make({ prompt: "Hello" })
      const answers = yield* Effect.forEach([1, 1, 2, 3, 4, 5, 6], (seed) =>
        Effect.gen(function* () {
          const engine = yield* Simulated.make({ provider: "claude", seed })
          return textOf(yield* settle(attempt(engine, task)))
        })
      )
      assert.strictEqual(answers[0], answers[1])
      assert.isAbove(new Set(answers).size, 1)
    })
  )

  it.effect("takes the first token's delay, then writes at its pace", () =>
    Effect.gen(function* () {
      const engine = yield* Simulated.make({ provider: "claude", firstTokenMs: 500, tokensPerSecond: 10 })
      const task = yield* AITask.make({ prompt: "Hello", mode: "streaming" })
      const seen = yield* settle(attempt(engine, task))
      assert.isAbove(seen.length, 5)
      assert.strictEqual(seen[0]?.at, 500)
      let at = 500
      for (const { at: then, events } of seen.slice(1)) {
        const [delta] = events
        at += Math.ceil((delta?._tag === "TextDelta" ? delta.text.length : 0) / 4) * 100
        assert.strictEqual(then, at)
      }
    })
  )

  it.effect("counts its tokens and charges its price", () =>
    Effect.gen(function* () {
      const engine = yield* Simulated.make({ provider: "claude", price: { input: 3, output: 15 } })
      const task = yield* AITask.make({ prompt: "12345678", systemPrompt: "1234" })
      const seen = yield* settle(attempt(engine, task))
      const usage = last(seen).find((event) => event._tag === "Usage")
      assert.deepStrictEqual(usage?._tag === "Usage" ? usage.usage : undefined, {
        inputTokens: 3,
        outputTokens: Math.ceil(textOf(seen).length / 4),
        cacheReadTokens: 0,
        cacheWriteTokens: 0,
        cacheWrite1hTokens: 0,
        reasoningTokens: 0,
        estimated: false
      })
      assert.deepStrictEqual(Option.getOrThrow(engine.price), yield* Price.make({ input: 3, output: 15 }))
    })
  )

  it.effect("stops at the task's limit of tokens and says so", () =>
    Effect.gen(function* () {
      const engine = yield* Simulated.make({ provider: "claude", model: "echo" })
      const short = yield* settle(attempt(engine, yield* AITask.make({ prompt: "Hello", maxTokens: 5 })))
      assert.strictEqual(textOf(short), "This is a simulated ")
      assert.deepInclude(last(short), { _tag: "Finish", reason: "length", model: "echo" })
      const whole = yield* settle(attempt(engine, yield* AITask.make({ prompt: "Hello", maxTokens: 999 })))
      assert.deepInclude(last(whole), { _tag: "Finish", reason: "stop", model: "echo" })
    })
  )

  it.effect("never cuts a character in half", () =>
    Effect.gen(function* () {
      const engine = yield* Simulated.make({ provider: "c" })
      const before = "This is a simulated answer of c: no model was asked. You asked: “".length
      // An odd number of units before the pairs puts the limit inside one.
      const prompt = `${"x".repeat(3 - (before % 4) + 4)}🙂🙂🙂🙂`
      const task = yield* AITask.make({ prompt, maxTokens: Math.ceil(before / 4) + 2 })
      const text = textOf(yield* settle(attempt(engine, task)))
      assert.notMatch(text, /[\uD800-\uDBFF]$/)
      assert.isTrue(text.length % 4 === 3)
    })
  )

  it.effect("fails for about the configured share of tasks, always the same ones", () =>
    Effect.gen(function* () {
      const engine = yield* Simulated.make({ provider: "claude", errorRate: 0.25 })
      const fails = (index: number) =>
        Effect.gen(function* () {
          const task = yield* AITask.make({ prompt: `Question ${index}`, maxTokens: 1 })
          return yield* Effect.match(attempt(engine, task), {
            onSuccess: () => "answered",
            onFailure: (error) =>
              error._tag === "TransientError" ? `${error.provider} ${error.reason}` : error._tag
          })
        })
      const indices = Array.from({ length: 400 }, (_, index) => index)
      const atOnce = yield* settle(Effect.forEach(indices, fails, { concurrency: "unbounded" }))
      const inTurn = yield* settle(Effect.forEach(indices.slice(0, 8), fails))
      assert.deepStrictEqual(inTurn, atOnce.slice(0, 8))
      const failed = atOnce.filter((outcome) => outcome === "claude overloaded").length
      assert.isAbove(failed, 70)
      assert.isBelow(failed, 130)
      assert.strictEqual(atOnce.filter((outcome) => outcome === "answered").length, 400 - failed)
    })
  )

  it.effect("names the field and the value that it can't use", () =>
    Effect.gen(function* () {
      const messages = yield* Effect.forEach(
        [
          { provider: "no spaces" },
          { provider: "a", errorRate: 1.5 },
          { provider: "a", firstTokenMs: -1 },
          { provider: "a", tokensPerSecond: 0 },
          { provider: "a", price: { input: -1, output: 0 } }
        ],
        (options) => Effect.map(Effect.flip(Simulated.make(options)), ({ message }) => message)
      )
      assert.match(messages[0] ?? "", /^Simulated\.provider: .*a text of length 9/)
      assert.match(messages[1] ?? "", /^Simulated\.errorRate: .*1\.5/)
      assert.match(messages[2] ?? "", /^Simulated\.firstTokenMs: .*-1/)
      assert.match(messages[3] ?? "", /^Simulated\.tokensPerSecond: .*0/)
      assert.match(messages[4] ?? "", /^Simulated\.price\.input: .*-1/)
    })
  )

  it.effect("registers itself as a layer", () =>
    Effect.gen(function* () {
      const registry = yield* Registry.ReasoningEngineRegistry
      const providers = (yield* registry.list).map(({ provider }) => provider)
      assert.deepStrictEqual(providers, [AIProvider.Claude])
    }).pipe(Effect.provide(Simulated.layer({ provider: "claude" })), Effect.provide(Registry.layer))
  )
})
