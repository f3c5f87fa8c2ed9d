import { assert, describe, it } from "@effect/vitest"
import {
  AIProvider,
  type AIResult,
  AITask,
  AttemptObserver,
  EngineError,
  Price,
  ReasoningEngine,
  ResponseMode,
  TokenUsage,
  Usd
} from "arc-saga"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"

/** 15 characters, which are 4 tokens about. */
const text = "Light scatters."

/** 20 characters, which are 5 tokens. */
const prompt = "Why is the sky blue?"

const price = Either.getOrThrow(Price.make({ input: 1, output: 10 }))

const used = (inputTokens: number, outputTokens: number, estimated = false) =>
  TokenUsage.make({ inputTokens, outputTokens, estimated })

const dollars = Usd.fromNumber

/** The attempt at an engine that says this after its text, and fails if it is told so. */
const attemptOf = (
  events: ReadonlyArray<ReasoningEngine.EngineEvent>,
  options: { readonly price?: Price.Price; readonly fails?: boolean; readonly text?: string } = {}
): Effect.Effect<AIResult.Attempt> =>
  Effect.gen(function* () {
    const provider = AIProvider.unsafeMake("house")
    const seen: Array<AIResult.Attempt> = []
    const broken = new EngineError.TransientError({ provider, reason: "network", description: "broke" })
    const engine = ReasoningEngine.fromStream({
      provider,
      ...(options.price === undefined ? {} : { price: options.price }),
      stream: () =>
        Stream.concat(
          Stream.fromIterable([ReasoningEngine.textDelta(options.text ?? text), ...events]),
          options.fails === true ? Stream.fail(broken) : Stream.succeed(ReasoningEngine.finish("stop", "m"))
        )
    })
    const mode = yield* Effect.provideService(
      Effect.orDie(ResponseMode.make(engine)),
      AttemptObserver.AttemptObserver,
      { observe: (attempt) => Effect.sync(() => void seen.push(attempt)) }
    )
    const exit = yield* Effect.exit(mode.complete(yield* Effect.orDie(AITask.make({ prompt }))))
    const [attempt] = seen
    assert(attempt !== undefined)
    if (exit._tag === "Success") {
      assert.deepStrictEqual(exit.value.usage, attempt.usage)
      assert.deepStrictEqual(exit.value.cost, attempt.cost)
      assert.deepStrictEqual(exit.value.costSource, attempt.costSource)
    }
    return attempt
  })

const usage = ReasoningEngine.usage

describe("usage of an attempt", () => {
  it.effect("isn't believed to be zero beside what was written", () =>
    Effect.gen(function* () {
      for (const [told, expected] of [
        [used(0, 0), used(5, 4, true)],
        [used(9, 0), used(9, 4, true)],
        [used(0, 7), used(5, 7, true)],
        [used(9, 7), used(9, 7)],
        // An estimate holds where it is more.
        [used(9, 1, true), used(9, 4, true)],
        [used(9, 7, true), used(9, 7, true)]
      ] as const) {
        const attempt = yield* attemptOf([usage(told)], { price })
        assert.deepStrictEqual(attempt.usage, expected)
        assert.isTrue(Option.exists(attempt.cost, ({ pico }) => pico > 0n))
        assert.isUndefined(attempt.costSource)
      }
    })
  )

  it.effect("is zero where nothing was written", () =>
    Effect.gen(function* () {
      const attempt = yield* attemptOf([usage(TokenUsage.none)], { price, text: "" })
      assert.deepStrictEqual([attempt.usage, attempt.cost], [TokenUsage.none, Option.some(Usd.zero)])
    })
  )
})

describe("cost of an attempt", () => {
  it.effect("is what the provider says that it bills, and says whose it is", () =>
    Effect.gen(function* () {
      for (const known of [{}, { price }]) {
        const told = yield* attemptOf([usage(used(9, 7), dollars(0.5))], known)
        assert.deepStrictEqual([told.cost, told.costSource], [Option.some(dollars(0.5)), "provider"])
        const kept = yield* attemptOf([usage(used(9, 1), dollars(0.5)), usage(used(9, 7))], known)
        assert.deepStrictEqual([kept.cost, kept.costSource], [Option.some(dollars(0.5)), "provider"])
        const uncounted = yield* attemptOf([usage(used(0, 0), dollars(0.5))], known)
        assert.deepStrictEqual(
          [uncounted.cost, uncounted.costSource],
          [Option.some(dollars(0.5)), "provider"]
        )
        assert.isTrue(uncounted.usage.estimated)
      }
    })
  )

  it.effect("is nothing only where no price says otherwise", () =>
    Effect.gen(function* () {
      const told = [usage(used(9, 7), Usd.zero)]
      const free = yield* attemptOf(told)
      assert.deepStrictEqual([free.cost, free.costSource], [Option.some(Usd.zero), "provider"])
      const priced = yield* attemptOf(told, { price })
      assert.deepStrictEqual(
        [priced.cost, priced.costSource],
        [Option.some(Price.cost(price, used(9, 7))), undefined]
      )
    })
  )

  it.effect("isn't a bill from before what was written since", () =>
    Effect.gen(function* () {
      const stale = yield* attemptOf([usage(used(9, 1), dollars(0.5))], { price, fails: true })
      assert.deepStrictEqual(stale.usage, used(9, 4, true))
      assert.deepStrictEqual(
        [stale.cost, stale.costSource],
        [Option.some(Price.cost(price, used(9, 4))), undefined]
      )
      const whole = yield* attemptOf([usage(used(9, 7), dollars(0.5))], { price, fails: true })
      assert.deepStrictEqual([whole.cost, whole.costSource], [Option.some(dollars(0.5)), "provider"])
    })
  )
})
