import { assert, describe, it } from "@effect/vitest"
import {
  AIProvider,
  CircuitBreaker,
  Hedging,
  type InvalidArgument,
  LiveMetrics,
  ProviderRouter,
  ReasoningEngine,
  ReasoningEngineRegistry
} from "arc-saga"
import { Behaviour, type ScriptedEngine, VirtualTime } from "arc-saga/testing"
import * as Clock from "effect/Clock"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as FastCheck from "effect/FastCheck"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import { collected, fleet, task } from "../utils/fleet.js"
import { measured, record } from "../utils/guards.js"
import { runs } from "../utils/property.js"

const { Claude, Gpt4 } = AIProvider
const { answer, cut, deaf, fail, never } = Behaviour

const text = "Light scatters."
const other = "Short waves are scattered most."

const hedging = (options: Hedging.Options = { share: 1 }) => Layer.provide(Hedging.layer(options), measured)

const engines = (
  claude: Behaviour.Behaviour,
  gpt4: Behaviour.Behaviour
): ReadonlyArray<ScriptedEngine.Options> => [
  { provider: Claude, script: [claude] },
  { provider: Gpt4, script: [gpt4] }
]

const slow = answer({ text, chunkSize: 5, firstTokenMs: 5000, msPerChunk: 10 })
const quick = answer({ text: other, chunkSize: 5, firstTokenMs: 200, msPerChunk: 10 })

const once = { rules: { TransientError: { _tag: "fail-over" } } } as const

/** What a call over two engines comes to, in virtual time: who was asked, and how each attempt ended. */
const served = (
  claude: Behaviour.Behaviour,
  gpt4: Behaviour.Behaviour,
  layer: Layer.Layer<never, InvalidArgument.InvalidArgumentError> = hedging(),
  mode: "complete" | "streaming" = "complete"
) =>
  VirtualTime.simulate(
    Effect.gen(function* () {
      const made = yield* fleet(engines(claude, gpt4), once, layer)
      const asks = yield* task({ provider: "claude" })
      const exit = yield* Effect.exit(
        mode === "complete"
          ? made.router.complete(asks)
          : Effect.flatMap(collected(made.router.stream(asks)), ({ last, text: delivered }) =>
              last?._tag === "Completed"
                ? Effect.succeed({ ...last.result, text: delivered })
                : Effect.dieMessage("a stream without Completed")
            )
      )
      // Who doesn't let go is closed when it does.
      if (claude._tag === "Deaf") yield* Effect.sleep("2 minutes")
      assert.strictEqual(yield* made.open, 0)
      const attempts = Exit.isSuccess(exit) ? exit.value.attempts : made.observed
      return {
        exit,
        ended: attempts.map(({ outcome, provider }) => `${provider} ${outcome}`),
        calls: yield* made.calls
      }
    })
  )

describe("Hedging", () => {
  for (const mode of ["complete", "streaming"] as const) {
    it.effect(`has a second provider asked when the first is late, and ends the slower (${mode})`, () =>
      Effect.gen(function* () {
        const { calls, ended, exit } = yield* served(slow, quick, hedging(), mode)
        assert(Exit.isSuccess(exit))
        assert.strictEqual(exit.value.text, other)
        assert.strictEqual(exit.value.provider, Gpt4)
        assert.deepStrictEqual(ended, ["claude discarded", "gpt4 succeeded"])
        assert.deepStrictEqual(
          calls.map(({ closedAt, startedAt }) => [startedAt, Option.getOrNull(closedAt)]),
          [
            [0, 300],
            [100, 300 + 6 * 10]
          ]
        )
        assert.deepStrictEqual(exit.value.firstTokenMs, Option.some(300))
      })
    )

    it.effect(`lets the first go on when it has content before the second (${mode})`, () =>
      Effect.gen(function* () {
        const late = answer({ text, chunkSize: 5, firstTokenMs: 150, msPerChunk: 10 })
        const { ended, exit } = yield* served(late, quick, hedging(), mode)
        assert(Exit.isSuccess(exit))
        assert.strictEqual(exit.value.text, text)
        assert.deepStrictEqual(ended, ["claude succeeded", "gpt4 discarded"])
      })
    )

    it.effect(`asks nobody else while the first isn't late (${mode})`, () =>
      Effect.gen(function* () {
        const prompt = answer({ text, chunkSize: 5, firstTokenMs: 99, msPerChunk: 500 })
        const { ended } = yield* served(prompt, quick, hedging(), mode)
        assert.deepStrictEqual(ended, ["claude succeeded"])
      })
    )
  }

  for (const mode of ["complete", "streaming"] as const) {
    for (const [first, second] of [
      [0, 0],
      [1, 0],
      [2, 0],
      [4, 0],
      [8, 0],
      [0, 1],
      [0, 2],
      [0, 4],
      [0, 8]
    ] as const) {
      it.effect(
        `decides for one when both have content at once (${mode}, ${first} and ${second} turns late)`,
        () =>
          VirtualTime.simulate(
            Effect.gen(function* () {
              const latch = yield* Deferred.make<void>()
              let open = 0
              const engine = (provider: AIProvider.AIProvider, turns: number) =>
                ReasoningEngine.make({
                  provider,
                  attempt: () =>
                    Effect.gen(function* () {
                      yield* Effect.acquireRelease(
                        Effect.sync(() => open++),
                        () => Effect.sync(() => open--)
                      )
                      let pulls = 0
                      const late = Effect.repeatN(Effect.yieldNow(), turns)
                      return Effect.suspend((): ReasoningEngine.Pull =>
                        pulls++ === 0
                          ? Effect.as(Effect.zipRight(Deferred.await(latch), late), [
                              ReasoningEngine.textDelta(provider)
                            ])
                          : Effect.succeed([ReasoningEngine.finish("stop", provider)])
                      )
                    })
                })
              const registry = ReasoningEngineRegistry.layerEngines([
                engine(Claude, first),
                engine(Gpt4, second)
              ])
              const router = yield* Effect.provide(
                ProviderRouter.ProviderRouter,
                ProviderRouter.layer().pipe(Layer.provide(registry), Layer.provide(hedging()))
              )
              const asks = yield* task({ provider: "claude" })
              const fiber = yield* Effect.fork(
                mode === "complete"
                  ? router.complete(asks)
                  : Effect.flatMap(collected(router.stream(asks)), ({ last }) =>
                      last?._tag === "Completed"
                        ? Effect.succeed(last.result)
                        : Effect.dieMessage("not whole")
                    )
              )
              yield* Effect.sleep(200)
              yield* Deferred.succeed(latch, undefined)
              const result = yield* Fiber.join(fiber)
              assert.strictEqual(result.text, result.provider)
              assert.sameMembers(
                result.attempts.map(({ outcome }) => outcome),
                ["succeeded", "discarded"]
              )
              assert.strictEqual(open, 0)
            })
          )
      )
    }
  }

  it.effect("doesn't wait long for the slower when that doesn't let go", () =>
    Effect.gen(function* () {
      const { ended, exit } = yield* served(deaf(60_000, slow), quick)
      assert(Exit.isSuccess(exit))
      assert.deepStrictEqual(ended, ["claude discarded", "gpt4 succeeded"])
      assert.isAtMost(exit.value.durationMs, 300 + 100 + 6 * 10)
    })
  )

  it.effect("takes an answer that is empty", () =>
    Effect.gen(function* () {
      const empty = answer({ text: "", firstTokenMs: 200 })
      const { ended, exit } = yield* served(slow, empty)
      assert(Exit.isSuccess(exit))
      assert.strictEqual(exit.value.text, "")
      assert.deepStrictEqual(ended, ["claude discarded", "gpt4 succeeded"])
    })
  )

  it.effect("waits for the second when the first fails meanwhile", () =>
    Effect.gen(function* () {
      const { ended, exit } = yield* served(fail({ _tag: "TransientError" }, { afterMs: 150 }), quick)
      assert(Exit.isSuccess(exit))
      assert.strictEqual(exit.value.provider, Gpt4)
      assert.deepStrictEqual(ended, ["claude failed", "gpt4 succeeded"])
    })
  )

  it.effect("waits for the first when the second fails meanwhile", () =>
    Effect.gen(function* () {
      const { ended, exit } = yield* served(slow, fail({ _tag: "TransientError" }))
      assert(Exit.isSuccess(exit))
      assert.strictEqual(exit.value.provider, Claude)
      assert.deepStrictEqual(ended, ["claude succeeded", "gpt4 failed"])
    })
  )

  for (const [afterFirst, afterSecond] of [
    [150, 100],
    [300, 100]
  ] as const) {
    it.effect(`fails with the error of the first when both fail (${afterFirst} ms, ${afterSecond} ms)`, () =>
      Effect.gen(function* () {
        const { calls, exit } = yield* served(
          fail({ _tag: "TransientError", description: "one" }, { afterMs: afterFirst }),
          fail({ _tag: "QuotaExhaustedError", description: "two" }, { afterMs: afterSecond })
        )
        assert(Exit.isFailure(exit) && exit.cause._tag === "Fail")
        assert(exit.cause.error._tag === "AllProvidersFailedError")
        assert.strictEqual(exit.cause.error.primary.description, "one")
        // Who was asked early isn't asked again.
        assert.strictEqual(calls.length, 2)
      })
    )
  }

  it.effect("falls over as ever when the first fails before it is late", () =>
    Effect.gen(function* () {
      const { calls, ended, exit } = yield* served(
        fail({ _tag: "QuotaExhaustedError" }, { afterMs: 50 }),
        quick
      )
      assert.strictEqual(exit._tag, "Success")
      assert.deepStrictEqual(ended, ["claude failed", "gpt4 succeeded"])
      assert.strictEqual(calls[1]?.startedAt, 50)
    })
  )

  it.effect("goes on by the policy when the one that was faster fails in the middle of a whole answer", () =>
    Effect.gen(function* () {
      const broken = cut({ text: other, chunkSize: 5, after: 2, firstTokenMs: 200, msPerChunk: 10 })
      const { calls, exit } = yield* served(never(), broken)
      assert(Exit.isFailure(exit) && exit.cause._tag === "Fail")
      assert.strictEqual(exit.cause.error._tag, "AllProvidersFailedError")
      assert.deepStrictEqual(
        calls.map(({ provider }) => provider),
        [Claude, Gpt4]
      )
    })
  )

  it.effect("asks nobody else when the share of extra calls is used up", () =>
    Effect.gen(function* () {
      const { ended } = yield* served(slow, quick, hedging({ share: 0.5 }))
      assert.deepStrictEqual(ended, ["claude succeeded"])
    })
  )

  it.effect("asks nobody whose circuit is open", () =>
    Effect.gen(function* () {
      const breaker = yield* CircuitBreaker.make({ consecutiveFailures: 1, openMs: 1e9, maxOpenMs: 1e9 })
      const lease = yield* breaker.admit({
        engine: { ...(yield* scripted), provider: Gpt4 },
        task: yield* task({ id: "t" }),
        prefill: undefined,
        deadline: 1e9
      })
      yield* lease.settle(record({ _tag: "TransientError" }))
      const { ended } = yield* served(
        slow,
        quick,
        Layer.merge(hedging(), Layer.succeed(CircuitBreaker.CircuitBreaker, breaker))
      )
      assert.deepStrictEqual(ended, ["claude succeeded"])
    })
  )

  it.effect("does nothing until the provider has been measured, nor where nobody else can be asked", () =>
    Effect.gen(function* () {
      const unmeasured = Layer.provide(Hedging.layer({ share: 1 }), LiveMetrics.layer())
      assert.deepStrictEqual((yield* served(slow, quick, unmeasured)).ended, ["claude succeeded"])
      const { exit } = yield* VirtualTime.simulate(
        Effect.gen(function* () {
          const { router } = yield* fleet(engines(slow, quick), once, hedging())
          const asks = yield* task({ provider: "claude" })
          return { exit: yield* Effect.exit(router.complete(asks, { useFallback: false })) }
        })
      )
      assert.strictEqual(exit._tag, "Success")
    })
  )

  it.effect("gives the provider a least time", () =>
    Effect.gen(function* () {
      const { calls } = yield* served(slow, quick, hedging({ share: 1, leastMs: 1000 }))
      assert.deepStrictEqual(
        calls.map(({ startedAt }) => startedAt),
        [0, 1000]
      )
    })
  )

  it.effect.prop(
    "an interruption at any moment ends both attempts, each once",
    [FastCheck.nat(400), FastCheck.constantFrom("complete" as const, "streaming" as const)],
    ([afterMs, mode]) =>
      VirtualTime.simulate(
        Effect.gen(function* () {
          const made = yield* fleet(engines(slow, quick), once, hedging())
          const asks = yield* task({ provider: "claude" })
          const fiber = yield* Effect.fork(
            mode === "complete" ? made.router.complete(asks) : Stream.runDrain(made.router.stream(asks))
          )
          yield* Effect.sleep(afterMs)
          yield* Fiber.interrupt(fiber)
          // Nothing of the answer is waited for.
          assert.strictEqual(yield* Clock.currentTimeMillis, afterMs)
          assert.strictEqual(yield* made.open, 0)
          const calls = yield* made.calls
          assert.strictEqual(made.observed.length, calls.length)
          assert.isTrue(made.observed.every(({ outcome }) => outcome !== "failed"))
        })
      ),
    runs()
  )

  it.effect.prop(
    "whoever is late, the answer is one provider's, whole, and extra calls keep to their share",
    [
      FastCheck.array(FastCheck.tuple(FastCheck.nat(600), FastCheck.nat(600), FastCheck.boolean()), {
        minLength: 1,
        maxLength: 40
      }),
      FastCheck.constantFrom(0.05, 0.2, 0.5)
    ],
    ([calls, share]) =>
      VirtualTime.simulate(
        Effect.gen(function* () {
          const paces = calls.map(([first, second]) => ({ [Claude]: first, [Gpt4]: second }))
          const engine = (provider: AIProvider.AIProvider, says: string): ScriptedEngine.Options => ({
            provider,
            script: ({ task: { metadata } }) =>
              Effect.succeed(
                answer({
                  text: says,
                  chunkSize: 5,
                  firstTokenMs: paces[Number(metadata?.["call"])]?.[provider] ?? 0,
                  msPerChunk: 10
                })
              )
          })
          const made = yield* fleet([engine(Claude, text), engine(Gpt4, other)], once, hedging({ share }))
          let extra = 0
          for (const [index, [, , streams]] of calls.entries()) {
            const asks = yield* task({ provider: "claude", metadata: { call: String(index) } })
            const result = streams
              ? yield* Effect.map(collected(made.router.stream(asks)), ({ last, text: delivered }) => ({
                  ...(last?._tag === "Completed" ? last.result : undefined),
                  text: delivered
                }))
              : yield* made.router.complete(asks)
            assert.strictEqual(result.text, result.provider === Claude ? text : other)
            extra += (result.attempts?.length ?? 0) - 1
            assert.isAtMost(extra, share * (index + 1))
          }
          assert.strictEqual(yield* made.open, 0)
        })
      ),
    runs(100)
  )

  for (const [field, options] of [
    ["quantile", { quantile: 1 }],
    ["share", { share: 2 }],
    ["windowMs", { windowMs: 0 }],
    ["leastMs", { leastMs: 0 }]
  ] as const) {
    it.effect(`rejects ${field} out of range`, () =>
      Effect.gen(function* () {
        const made = Effect.provide(Hedging.make(options), LiveMetrics.layer())
        assert.strictEqual((yield* Effect.flip(made)).field, field)
      })
    )
  }
})

const scripted = Effect.map(fleet(engines(slow, quick)), ({ engines: [claude] }) => {
  if (claude === undefined) throw new Error("no engine")
  return claude.engine
})
