import { assert, describe, it } from "@effect/vitest"
import {
  AIProvider,
  AITask,
  CircuitBreaker,
  EngineError,
  LiveMetrics,
  MultiLLMOrchestrator,
  ReasoningEngine,
  ReasoningEngineRegistry,
  Reliability,
  Strategy
} from "arc-saga"
import { VirtualTime } from "arc-saga/testing"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as TestClock from "effect/TestClock"
import { asked, ends, record } from "./utils/guards.js"
import { seed } from "./utils/property.js"

const { Claude, Gpt4 } = AIProvider

const server = (retryAfterMs?: number) =>
  new EngineError.TransientError({
    provider: Claude,
    reason: "server",
    description: "down",
    ...(retryAfterMs === undefined ? {} : { retryAfterMs })
  })

/** How a provider may be down. */
const outages = {
  "refuses at once": Effect.fail(server()),
  "fails after 2 s": Effect.delay(Effect.fail(server()), 2000),
  "says when to come back": Effect.fail(server(1000)),
  "is silent": Effect.never
} as const

/** An engine that answers after some milliseconds, and while it is down does something else. */
const engine = (
  provider: AIProvider.AIProvider,
  ms: number,
  isDown: (now: number) => boolean,
  down: Effect.Effect<never, EngineError.EngineError>,
  seen: (at: number) => void = () => {}
) =>
  ReasoningEngine.fromEffect({
    provider,
    answer: () =>
      Effect.flatMap(Clock.currentTimeMillis, (now) => {
        if (isDown(now)) return down
        return Effect.as(
          Effect.zipRight(
            Effect.sleep(ms),
            Effect.sync(() => seen(now))
          ),
          { text: provider }
        )
      })
  })

/** One call every `everyMs`, while the favourite is down for a while: when it answered, and what failed. */
const bench = (options: {
  readonly strategy: Strategy.Strategy
  readonly down: Effect.Effect<never, EngineError.EngineError>
  readonly downMs: number
  readonly everyMs: number
  readonly others: boolean
}) =>
  Effect.gen(function* () {
    const begunAt = yield* Clock.currentTimeMillis
    const from = begunAt + 60_000
    const until = from + options.downMs
    const answeredAt: Array<number> = []
    const favourite = engine(
      Claude,
      300,
      (now) => now >= from && now < until,
      options.down,
      (at) => answeredAt.push(at)
    )
    const engines = [favourite, ...(options.others ? [engine(Gpt4, 900, () => false, Effect.never)] : [])]
    const orchestrator = yield* Effect.provide(
      MultiLLMOrchestrator.MultiLLMOrchestrator,
      MultiLLMOrchestrator.layerFor({
        strategy: options.strategy,
        providers: [
          { provider: "claude", qualityScore: 9, p50LatencyMs: 300, costPerToken: 0.001 },
          { provider: "gpt4", qualityScore: 8, p50LatencyMs: 900, costPerToken: 0.002 }
        ]
      }).pipe(
        Layer.provide(ReasoningEngineRegistry.layerEngines(engines)),
        Layer.provide(Reliability.layer())
      )
    )
    const asks = yield* AITask.make({ prompt: "ask" })
    let failures = 0
    const call = Effect.catchAll(orchestrator.complete(asks), () => Effect.sync(() => void failures++))
    const step = Effect.zipRight(Effect.fork(call), Effect.sleep(options.everyMs))
    yield* Effect.repeatN(step, Math.ceil((until + 90_000 - begunAt) / options.everyMs))
    const after = answeredAt.filter((at) => at >= until)
    return { firstAfterMs: (after[0] ?? Number.POSITIVE_INFINITY) - until, after: after.length, failures }
  }).pipe(VirtualTime.simulate({ seed }))

describe("A provider that comes back", () => {
  for (const [how, down] of Object.entries(outages)) {
    for (const strategy of [Strategy.balanced, Strategy.fastest]) {
      it.effect(`is used within 30 s by ${strategy.name} when it ${how}, however long it was away`, () =>
        Effect.gen(function* () {
          for (const [downMs, everyMs] of [
            [20_000, 2000],
            [400_000, 8000]
          ] as const) {
            const { after, failures, firstAfterMs } = yield* bench({
              strategy,
              down,
              downMs,
              everyMs,
              others: true
            })
            const about = `${downMs} ms, every ${everyMs} ms`
            assert.isAtMost(firstAfterMs, 30_000, about)
            // Not only a probe: all that follows goes there.
            assert.isAtLeast(after, 60_000 / everyMs - 2, about)
            assert.strictEqual(failures, 0, about)
          }
        })
      )
    }
  }

  it.effect("is used within 30 s where there is no other, also when it was silent", () =>
    Effect.gen(function* () {
      for (const down of Object.values(outages)) {
        const only = { strategy: Strategy.balanced, down, downMs: 60_000, everyMs: 2000, others: false }
        assert.isAtMost((yield* bench(only)).firstAfterMs, 30_000)
      }
    })
  )
})

describe("A probe that stalls", () => {
  const open = Effect.gen(function* () {
    const breaker = yield* CircuitBreaker.make()
    const down = record({ _tag: "TransientError", reason: "server" })
    yield* Effect.repeatN(ends(breaker, down), 4)
    yield* TestClock.adjust(5000)
    const stalled = yield* breaker.admit(yield* asked())
    return { breaker, down, stalled }
  })

  it.effect("keeps the provider out for 15 s, and is then followed by another", () =>
    Effect.gen(function* () {
      const { breaker } = yield* open
      yield* TestClock.adjust(14_999)
      assert.isTrue(breaker.unsafeRefuses(Claude, undefined, 19_999))
      assert.deepStrictEqual(yield* breaker.state(Claude), { _tag: "half-open" })
      yield* TestClock.adjust(1)
      const next = yield* breaker.admit(yield* asked())
      assert.isTrue(breaker.unsafeRefuses(Claude, undefined, 20_000))
      next.onFirstToken?.()
      assert.deepStrictEqual(yield* breaker.state(Claude), { _tag: "closed" })
    })
  )

  it.effect("says nothing any more by its failure once another is under way, and closes by its success", () =>
    Effect.gen(function* () {
      const { breaker, down, stalled } = yield* open
      yield* TestClock.adjust(15_000)
      yield* breaker.admit(yield* asked())
      yield* stalled.settle(down)
      assert.deepStrictEqual(yield* breaker.state(Claude), { _tag: "half-open" })
      assert.isTrue(breaker.unsafeRefuses(Claude, undefined, 20_000))
      const other = yield* open
      yield* TestClock.adjust(15_000)
      yield* other.breaker.admit(yield* asked())
      other.stalled.onFirstToken?.()
      assert.deepStrictEqual(yield* other.breaker.state(Claude), { _tag: "closed" })
    })
  )

  it.effect("leaves the next probe alone when it is interrupted late", () =>
    Effect.gen(function* () {
      const { breaker, stalled } = yield* open
      yield* TestClock.adjust(15_000)
      yield* breaker.admit(yield* asked())
      yield* stalled.cancel
      assert.isTrue(breaker.unsafeRefuses(Claude, undefined, 20_000))
    })
  )
})

describe("The waits of a circuit", () => {
  it.effect("are as long as the first where no longest is given and that is more than usual", () =>
    Effect.gen(function* () {
      const breaker = yield* CircuitBreaker.make({ consecutiveFailures: 1, openMs: 40_000 })
      const down = record({ _tag: "TransientError", reason: "server" })
      yield* ends(breaker, down)
      assert.deepStrictEqual(yield* breaker.state(Claude), { _tag: "open", until: 40_000 })
      yield* TestClock.adjust(40_000)
      yield* ends(breaker, down)
      assert.deepStrictEqual(yield* breaker.state(Claude), { _tag: "open", until: 80_000 })
    })
  )
})

describe("What was measured in an outage", () => {
  const timeout = record({ _tag: "TimeoutError", phase: "first-token" }, { durationMs: 10_000 })
  const fast = record(undefined, { durationMs: 200 })

  /** What is measured after so many timeouts between five quick answers and one. */
  const measured = (timeouts: number) =>
    Effect.gen(function* () {
      const live = yield* LiveMetrics.make()
      const asks = yield* AITask.make({ prompt: "ask" })
      yield* Effect.repeatN(live.observe(fast, asks), 4)
      yield* TestClock.adjust(1000)
      yield* Effect.repeatN(live.observe(timeout, asks), timeouts - 1)
      yield* TestClock.adjust(1000)
      yield* live.observe(fast, asks)
      return yield* live.measured(Claude)
    })

  it.effect("doesn't count when it is over, and what came before does", () =>
    Effect.gen(function* () {
      const { attempts, successRate } = yield* measured(5)
      assert.deepStrictEqual({ attempts, rate: successRate }, { attempts: 6, rate: Option.some(1) })
    })
  )

  it.effect("counts where four in a row failed, which is no outage", () =>
    Effect.gen(function* () {
      assert.strictEqual((yield* measured(4)).attempts, 10)
    })
  )
})
