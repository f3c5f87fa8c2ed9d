import { assert, describe, it } from "@effect/vitest"
import * as Chunk from "effect/Chunk"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Fiber from "effect/Fiber"
import * as Random from "effect/Random"
import * as Schedule from "effect/Schedule"
import * as TestClock from "effect/TestClock"
import * as AIProvider from "../../src/AIProvider.js"
import * as RoutingPolicy from "../../src/routing/RoutingPolicy.js"

const made = (options?: RoutingPolicy.Options): RoutingPolicy.RoutingPolicy =>
  Either.getOrThrow(RoutingPolicy.make(options))

/** The waits of a schedule in milliseconds, drawn from a seed. */
const waits = (schedule: Schedule.Schedule<unknown>, seed: string): Effect.Effect<ReadonlyArray<number>> =>
  Schedule.delays(schedule).pipe(
    (delays) =>
      Schedule.run(
        delays,
        0,
        Array.from({ length: 10 }, () => undefined)
      ),
    Effect.map((all) => Chunk.toReadonlyArray(all).slice(0, -1).map(Duration.toMillis)),
    Effect.withRandom(Random.make(seed))
  )

describe("RoutingPolicy", () => {
  it("has the default chains of the design", () => {
    const { defaultChains } = made()
    const { Claude, CopilotChat, Gpt4 } = AIProvider
    assert.deepStrictEqual(
      [...defaultChains],
      [
        [CopilotChat, [Claude, Gpt4]],
        [Claude, [CopilotChat, Gpt4]],
        [Gpt4, [CopilotChat, Claude]]
      ]
    )
  })

  it("does by default with each error what the table of the design says", () => {
    const reactions = Object.entries(made().rules).map(([tag, { _tag }]) => [tag, _tag])
    assert.deepStrictEqual(Object.fromEntries(reactions), {
      AuthenticationError: "fail",
      InputValidationError: "fail",
      ContentPolicyError: "fail",
      ContextLengthError: "fail-over-to-larger",
      QuotaExhaustedError: "fail-over",
      ModelNotFoundError: "fail-over",
      RateLimitError: "retry",
      TransientError: "retry",
      TimeoutError: "fail-over"
    })
  })

  it("bounds by default a call by 30 s, the first token and idling by 10 s, and no stream that flows", () => {
    const { limits, maxRetryAfterMs, resume } = made()
    assert.deepStrictEqual(limits, {
      timeoutMs: 30_000,
      firstTokenMs: 10_000,
      idleMs: 10_000,
      attemptMs: Number.POSITIVE_INFINITY,
      streamMs: Number.POSITIVE_INFINITY
    })
    assert.strictEqual(maxRetryAfterMs, 5000)
    assert.strictEqual(resume, "auto")
  })

  it("changes what is given and keeps the rest", () => {
    const failOver: RoutingPolicy.Reaction = { _tag: "fail-over" }
    const policy = made({
      chains: { claude: ["local"], local: [] },
      rules: { AuthenticationError: failOver },
      limits: { idleMs: 1 },
      maxRetryAfterMs: 0,
      resume: "off"
    })
    const local = AIProvider.unsafeMake("local")
    assert.deepStrictEqual(policy.chains.get(AIProvider.Claude), [local])
    assert.deepStrictEqual(policy.chains.get(local), [])
    assert.deepStrictEqual(policy.defaultChains.get(AIProvider.Gpt4), [
      AIProvider.CopilotChat,
      AIProvider.Claude
    ])
    assert.deepStrictEqual(policy.rules, { ...RoutingPolicy.defaultRules, AuthenticationError: failOver })
    assert.deepStrictEqual(policy.limits, { ...RoutingPolicy.defaultLimits, idleMs: 1 })
    assert.strictEqual(policy.maxRetryAfterMs, 0)
    assert.strictEqual(policy.resume, "off")
  })

  it.effect.each([
    [
      "a chain that names a provider twice",
      { chains: { claude: ["gpt4", "local", "gpt4"] } },
      "chains.claude[2]: Expected each provider once, actual gpt4 twice"
    ],
    [
      "a chain that names its own primary",
      { chains: { claude: ["gpt4", "claude"] } },
      "chains.claude[1]: Expected another provider than the primary, actual claude"
    ],
    [
      "a chain to what can't be a provider",
      { chains: { claude: ["gpt+4"] } },
      'chains.claude[0]: Expected a provider id (letters, digits and . _ : / @ -), actual "gpt+4"'
    ],
    [
      "a chain of what can't be a provider",
      { chains: { "": ["gpt4"] } },
      'chains: Expected a provider id (letters, digits and . _ : / @ -), actual ""'
    ],
    [
      "a call without time",
      { limits: { timeoutMs: 0 } },
      "limits.timeoutMs: Expected milliseconds above 0, actual 0"
    ],
    [
      "a negative timeout",
      { limits: { timeoutMs: -1 } },
      "limits.timeoutMs: Expected milliseconds above 0, actual -1"
    ],
    [
      "a timeout that is no number",
      { limits: { timeoutMs: Number.NaN } },
      "limits.timeoutMs: Expected milliseconds above 0, actual NaN"
    ],
    [
      "a first token without time",
      { limits: { firstTokenMs: 0 } },
      "limits.firstTokenMs: Expected milliseconds above 0, actual 0"
    ],
    [
      "negative idling",
      { limits: { idleMs: -3 } },
      "limits.idleMs: Expected milliseconds above 0, actual -3"
    ],
    [
      "a stream limit that is no number",
      { limits: { streamMs: Number.NaN } },
      "limits.streamMs: Expected milliseconds above 0, actual NaN"
    ],
    [
      "a negative longest retry-after",
      { maxRetryAfterMs: -1 },
      "maxRetryAfterMs: Expected milliseconds from 0, actual -1"
    ],
    [
      "a longest retry-after that is no number",
      { maxRetryAfterMs: Number.NaN },
      "maxRetryAfterMs: Expected milliseconds from 0, actual NaN"
    ]
  ] as const)("refuses %s and names the field and the value", ([, options, message]) =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(RoutingPolicy.make(options))
      assert.strictEqual(error._tag, "InvalidArgumentError")
      assert.strictEqual(error.message, `RoutingPolicy.${message}`)
    })
  )

  it("takes no limit at all and a provider in two chains", () => {
    const infinite = Number.POSITIVE_INFINITY
    const policy = made({
      limits: { timeoutMs: infinite, firstTokenMs: infinite, idleMs: infinite, streamMs: infinite },
      maxRetryAfterMs: infinite,
      chains: { a: ["b", "c"], b: ["a", "c"] }
    })
    assert.strictEqual(policy.limits.timeoutMs, infinite)
  })
})

describe("RoutingPolicy.backoff", () => {
  it.effect("doubles its waits, jitters each to 80–120 % and ends after the retries", () =>
    Effect.gen(function* () {
      for (const seed of ["a", "b", "c", "d", "e", "f"]) {
        const all = yield* waits(RoutingPolicy.backoff("100 millis", 3), seed)
        assert.strictEqual(all.length, 3)
        for (const [index, wait] of all.entries()) {
          const base = 100 * 2 ** index
          assert.isTrue(wait >= 0.8 * base && wait <= 1.2 * base, `${wait} of ${base}`)
        }
      }
    })
  )

  it.effect("waits the same for the same seed and otherwise for another", () =>
    Effect.gen(function* () {
      const schedule = RoutingPolicy.backoff("1 second", 2)
      const first = yield* waits(schedule, "seed")
      assert.deepStrictEqual(yield* waits(schedule, "seed"), first)
      assert.notDeepEqual(yield* waits(schedule, "another"), first)
    })
  )

  it.effect("doesn't wait at all without retries", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* waits(RoutingPolicy.backoff("1 second", 0), "seed"), [])
    })
  )

  it.effect("retries by the Clock, in virtual time", () =>
    Effect.gen(function* () {
      const at: Array<number> = []
      const failing = Effect.zipRight(
        Effect.map(Clock.currentTimeMillis, (now) => at.push(now)),
        Effect.fail("down")
      )
      const fiber = yield* failing.pipe(
        Effect.retry(RoutingPolicy.backoff("100 millis", 2)),
        Effect.flip,
        Effect.withRandom(Random.make("seed")),
        Effect.fork
      )
      yield* TestClock.adjust("1 minute")
      assert.strictEqual(yield* Fiber.join(fiber), "down")
      const [first, second] = yield* waits(RoutingPolicy.backoff("100 millis", 2), "seed")
      assert.deepStrictEqual(at, [0, first, (first ?? 0) + (second ?? 0)])
    })
  )
})
