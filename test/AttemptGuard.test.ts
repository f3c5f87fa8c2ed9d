import { assert, describe, it } from "@effect/vitest"
import { AIProvider, AttemptGuard, BudgetExceeded } from "arc-saga"
import { Behaviour, VirtualTime } from "arc-saga/testing"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as FastCheck from "effect/FastCheck"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import { answered, collected, failed, fleet, task } from "./utils/fleet.js"
import { runs } from "./utils/property.js"

const { Claude, CopilotChat, Gpt4 } = AIProvider
const { answer, cut, fail } = Behaviour

const text = "Light scatters."

/** A guard that records what it was asked and told. */
const recorder = (decide: Partial<AttemptGuard.Lease> | AttemptGuard.Service["admit"] = {}) => {
  const admitted: Array<AttemptGuard.AdmissionRequest> = []
  const told: Array<string> = []
  const guard: AttemptGuard.Service = {
    admit: (asked) => {
      const provider = asked.engine.provider
      const lease: AttemptGuard.Lease = {
        onFirstToken: () => void told.push(`${provider} began`),
        onRateLimits: () => void told.push(`${provider} told`),
        settle: ({ outcome }) => Effect.sync(() => void told.push(`${provider} ${outcome}`)),
        cancel: Effect.sync(() => void told.push(`${provider} cancelled`)),
        ...(typeof decide === "function" ? {} : decide)
      }
      admitted.push(asked)
      return typeof decide === "function" ? Effect.as(decide(asked), lease) : Effect.succeed(lease)
    }
  }
  return { admitted, told, layer: Layer.succeed(AttemptGuard.AttemptGuard, guard) }
}

const noMoney = new BudgetExceeded.BudgetExceededError({
  budget: "team",
  scope: "overall",
  unit: "usd",
  limit: 10,
  left: 0.25,
  needed: 0.5,
  resetsAt: 0
})

describe("AttemptGuard", () => {
  it.effect("is asked before every attempt, and told what became of it", () =>
    Effect.gen(function* () {
      const { admitted, layer, told } = recorder()
      const rateLimits = { requests: { remaining: 1, resetAt: 0 } }
      const { router } = yield* fleet(
        [
          {
            provider: Claude,
            script: [fail({ _tag: "TransientError" }), fail({ _tag: "QuotaExhaustedError" })]
          },
          { provider: Gpt4, script: [answer({ text, rateLimits, chunkSize: 5, msPerChunk: 5 })] }
        ],
        {},
        layer
      )
      yield* answered(router.complete(yield* task({ provider: "claude", timeoutMs: 20_000 })))
      assert.deepStrictEqual(told, [
        "claude failed",
        "claude failed",
        "gpt4 told",
        "gpt4 began",
        "gpt4 succeeded"
      ])
      assert.isTrue(admitted.every(({ deadline, task: { id } }) => deadline === 20_000 && id !== undefined))
    })
  )

  it.effect("is told of continuations after a cut, and what they go on from", () =>
    Effect.gen(function* () {
      const { admitted, layer, told } = recorder()
      const pace = { text, chunkSize: 5, firstTokenMs: 1, msPerChunk: 1 }
      const { router } = yield* fleet(
        [
          { provider: Claude, script: [cut({ ...pace, after: 2 })] },
          { provider: Gpt4, capabilities: { prefill: true }, script: [answer(pace)] }
        ],
        {},
        layer
      )
      const { value } = yield* answered(collected(router.stream(yield* task({ provider: "claude" }))))
      assert.strictEqual(value.text, text)
      assert.deepStrictEqual(told, ["claude began", "claude cut", "gpt4 began", "gpt4 succeeded"])
      assert.deepStrictEqual(
        admitted.map(({ prefill }) => prefill),
        [undefined, text.slice(0, 10)]
      )
    })
  )

  for (const [own, allowed, expected] of [
    [undefined, 100, 100],
    [50, 100, 50],
    [200, 100, 100],
    [200, undefined, 200],
    [undefined, undefined, undefined]
  ] as const) {
    it.effect(
      `bounds what is written: ${String(allowed)} for a task of ${String(own)} is ${String(expected)}`,
      () =>
        Effect.gen(function* () {
          const { layer } = recorder(allowed === undefined ? {} : { maxTokens: allowed })
          const { calls, router } = yield* fleet(
            [{ provider: Claude, script: [answer({ text })] }],
            {},
            layer
          )
          yield* router.complete(yield* task(own === undefined ? {} : { maxTokens: own }))
          const [call] = yield* calls
          assert.strictEqual(call?.request.task.maxTokens, expected)
        })
    )
  }

  it.effect("has another provider asked when it refuses one for the money", () =>
    Effect.gen(function* () {
      const { layer } = recorder(({ engine }) =>
        engine.provider === Claude
          ? Effect.fail(noMoney)
          : Effect.succeed({ settle: () => Effect.void, cancel: Effect.void })
      )
      const { asked, router } = yield* fleet(
        [
          { provider: Claude, script: [answer({ text })] },
          { provider: Gpt4, script: [answer({ text })] }
        ],
        {},
        layer
      )
      assert.strictEqual((yield* router.complete(yield* task({ provider: "claude" }))).provider, Gpt4)
      const sole = yield* Effect.flip(
        router.complete(yield* task({ provider: "claude" }), { useFallback: false })
      )
      assert.strictEqual(sole, noMoney)
      assert.deepStrictEqual(yield* asked, [Gpt4])
    })
  )

  it.effect("fails for the money when nobody else answers, in both modes", () =>
    Effect.gen(function* () {
      const { layer } = recorder(() => Effect.fail(noMoney))
      const { router } = yield* fleet(
        [
          { provider: Claude, script: [answer({ text })] },
          { provider: Gpt4, script: [answer({ text })] }
        ],
        {},
        layer
      )
      const asks = yield* task({ provider: "claude" })
      const error = yield* Effect.flip(router.complete(asks))
      assert.strictEqual(error, noMoney)
      assert.strictEqual(
        error.message,
        'The budget "team" doesn\'t allow the call: the call may need $0.5 and $0.25 of $10 are left. Ask for less, or wait until 1970-01-01T00:00:00.000Z'
      )
      assert.strictEqual(yield* Effect.flip(Stream.runDrain(router.stream(asks))), noMoney)
    })
  )

  it.effect("is named among the reasons when the primary failed and others weren't asked", () =>
    Effect.gen(function* () {
      const { layer } = recorder(({ engine: { provider } }) =>
        provider === Claude
          ? Effect.succeed({ settle: () => Effect.void, cancel: Effect.void })
          : Effect.fail(
              provider === Gpt4
                ? noMoney
                : Behaviour.toError({ _tag: "RateLimitError", description: "is full" }, provider)
            )
      )
      const { router } = yield* fleet(
        [
          { provider: Claude, script: [fail({ _tag: "QuotaExhaustedError" })] },
          { provider: CopilotChat, script: [answer({ text })] },
          { provider: Gpt4, script: [answer({ text })] }
        ],
        {},
        layer
      )
      const { error } = yield* failed(router.complete(yield* task({ provider: "claude" })))
      assert(error._tag === "AllProvidersFailedError")
      assert.deepStrictEqual(
        error.refusals.map(({ _tag }) => _tag),
        ["RateLimitError", "BudgetExceededError"]
      )
      assert.include(error.message, 'Not asked: copilot_chat is full; The budget "team" doesn\'t allow')
    })
  )

  it.effect("that dies doesn't leave others waiting", () =>
    Effect.gen(function* () {
      const { layer } = recorder(() => Effect.dieMessage("a defect"))
      const { open, router } = yield* fleet([{ provider: Claude, script: [answer({ text })] }], {}, layer)
      const exit = yield* Effect.exit(router.complete(yield* task()))
      assert.isTrue(Exit.isFailure(exit) && exit.cause._tag === "Die")
      assert.strictEqual(yield* open, 0)
    })
  )

  it.effect.prop(
    "settles or cancels every lease exactly once, whenever the call is interrupted",
    [FastCheck.nat(60), FastCheck.nat(10), FastCheck.boolean()],
    ([afterMs, admitMs, streams]) =>
      VirtualTime.simulate(
        Effect.gen(function* () {
          const { admitted, layer, told } = recorder(() =>
            Effect.delay(Effect.succeed({ settle: () => Effect.void, cancel: Effect.void }), admitMs)
          )
          const pace = { text, chunkSize: 5, firstTokenMs: 10, msPerChunk: 5 }
          const { open, router } = yield* fleet(
            [
              { provider: Claude, script: [fail({ _tag: "QuotaExhaustedError" }, { afterMs: 5 })] },
              { provider: Gpt4, script: [answer(pace)] }
            ],
            {},
            layer
          )
          const asks = yield* task({ provider: "claude" })
          const fiber = yield* Effect.fork(
            streams ? Stream.runDrain(router.stream(asks)) : router.complete(asks)
          )
          yield* Effect.sleep(afterMs)
          yield* Fiber.interrupt(fiber)
          assert.strictEqual(yield* open, 0)
          const ends = told.filter((each) => !each.endsWith("began"))
          assert.strictEqual(ends.length, admitted.length)
        })
      ),
    runs()
  )

  it.effect("costs nothing of an attempt that was let in and never made", () =>
    VirtualTime.simulate(
      Effect.gen(function* () {
        const { layer } = recorder(() =>
          Effect.delay(Effect.succeed({ settle: () => Effect.void, cancel: Effect.void }), 100)
        )
        const { calls, observed, router } = yield* fleet(
          [{ provider: Claude, script: [answer({ text })] }],
          {},
          layer
        )
        const fiber = yield* Effect.fork(router.complete(yield* task()))
        yield* Effect.sleep(50)
        yield* Fiber.interrupt(fiber)
        assert.strictEqual(yield* Clock.currentTimeMillis, 100)
        assert.deepStrictEqual(yield* calls, [])
        assert.deepStrictEqual(
          observed.map(({ outcome, usage }) => [outcome, usage.inputTokens, usage.estimated]),
          [["interrupted", 0, false]]
        )
      })
    )
  )
})
