import { assert, describe, it } from "@effect/vitest"
import { AIProvider, Price, ProviderRouter, ReasoningEngine, ReasoningEngineRegistry, Usd } from "arc-saga"
import { Behaviour } from "arc-saga/testing"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as TestClock from "effect/TestClock"
import { answered, failed, fleet, inVirtualTime, task } from "../utils/fleet.js"

const { Claude, CopilotChat, Gpt4 } = AIProvider
const { answer, deaf, die, fail, failAfter, never, stall } = Behaviour

const text = "Light scatters."
const ok = answer({ text })
const price = Either.getOrThrow(Price.make({ input: 1, output: 2 }))

describe("ProviderRouter", () => {
  describe("complete", () => {
    it.effect("gives the primary's answer, accounted for", () =>
      Effect.gen(function* () {
        const { observed, router } = yield* fleet([
          {
            provider: Claude,
            model: "claude-x",
            price,
            script: [
              answer({
                text,
                firstTokenMs: 100,
                msPerChunk: 10,
                chunkSize: 5,
                usage: {
                  inputTokens: 10,
                  outputTokens: 4,
                  cacheReadTokens: 0,
                  cacheWriteTokens: 0,
                  cacheWrite1hTokens: 0,
                  reasoningTokens: 0,
                  estimated: false
                },
                warnings: ["no temperature"]
              })
            ]
          }
        ])
        const asked = yield* task({ provider: "claude", id: "t1" })
        const { ms, value } = yield* answered(router.complete(asked))
        assert.strictEqual(value.taskId, "t1")
        assert.strictEqual(value.text, text)
        assert.strictEqual(value.provider, Claude)
        assert.strictEqual(value.model, "claude-x")
        assert.strictEqual(value.finishReason, "stop")
        assert.strictEqual(value.usage.outputTokens, 4)
        assert.deepStrictEqual(value.cost, Option.some(Usd.fromNumber(0.000018)))
        assert.strictEqual(value.durationMs, 120)
        assert.strictEqual(ms, 120)
        assert.deepStrictEqual(value.firstTokenMs, Option.some(100))
        assert.isTrue(value.streamAvailable)
        assert.deepStrictEqual(value.warnings, ["no temperature"])
        assert.strictEqual(value.attempts.length, 1)
        assert.deepStrictEqual(observed, value.attempts)
        assert.strictEqual(value.attempts[0]?.outcome, "succeeded")
      })
    )

    it.effect("makes up a task id from the Random of the fiber", () =>
      Effect.gen(function* () {
        const { router } = yield* fleet([{ provider: Claude, script: [ok] }])
        const asked = yield* task()
        const one = yield* router.complete(asked).pipe(Effect.withRandomFixed([0.25]))
        const two = yield* router.complete(asked).pipe(Effect.withRandomFixed([0.5]))
        assert.match(one.taskId, /^task-[a-z0-9]+$/)
        assert.notStrictEqual(one.taskId, two.taskId)
      })
    )

    for (const tag of ["AuthenticationError", "InputValidationError", "ContentPolicyError"] as const) {
      it.effect(`fails at once with the primary's ${tag} and asks nobody else`, () =>
        Effect.gen(function* () {
          const { asked, router } = yield* fleet([
            { provider: Claude, script: [fail({ _tag: tag })] },
            { provider: Gpt4, script: [ok] }
          ])
          const { error, ms } = yield* failed(router.complete(yield* task({ provider: "claude" })))
          assert.strictEqual(error._tag, tag)
          assert.strictEqual(ms, 0)
          assert.deepStrictEqual(yield* asked, [Claude])
        })
      )
    }

    for (const tag of ["QuotaExhaustedError", "ModelNotFoundError", "TimeoutError"] as const) {
      it.effect(`falls over from a ${tag} without asking the primary again`, () =>
        Effect.gen(function* () {
          const { asked, router } = yield* fleet([
            { provider: Claude, script: [fail({ _tag: tag }), ok] },
            { provider: Gpt4, script: [ok] }
          ])
          const { ms, value } = yield* answered(router.complete(yield* task({ provider: "claude" })))
          assert.strictEqual(value.provider, Gpt4)
          assert.strictEqual(ms, 0)
          assert.deepStrictEqual(yield* asked, [Claude, Gpt4])
          assert.deepStrictEqual(
            value.attempts.map(({ outcome }) => outcome),
            ["failed", "succeeded"]
          )
        })
      )
    }

    it.effect("takes a task that is too long only to a larger or unknown window", () =>
      Effect.gen(function* () {
        const window = (tokens: number) => ({ contextWindow: Option.some(tokens) })
        const { asked, router } = yield* fleet(
          [
            { provider: Claude, capabilities: window(100), script: [fail({ _tag: "ContextLengthError" })] },
            { provider: CopilotChat, capabilities: window(50), script: [ok] },
            { provider: Gpt4, capabilities: window(200), script: [fail({ _tag: "QuotaExhaustedError" })] },
            { provider: AIProvider.unsafeMake("local"), script: [ok] }
          ],
          { chains: { claude: ["copilot_chat", "gpt4", "local"] } }
        )
        const { value } = yield* answered(router.complete(yield* task({ provider: "claude" })))
        assert.strictEqual(value.provider, "local")
        assert.deepStrictEqual(yield* asked, [Claude, Gpt4, "local"])
      })
    )

    it.effect("fails with the ContextLengthError itself where no window is larger", () =>
      Effect.gen(function* () {
        const window = { contextWindow: Option.some(100) }
        const { asked, router } = yield* fleet([
          { provider: Claude, capabilities: window, script: [fail({ _tag: "ContextLengthError" })] },
          { provider: Gpt4, capabilities: window, script: [ok] }
        ])
        const { error } = yield* failed(router.complete(yield* task({ provider: "claude" })))
        assert.strictEqual(error._tag, "ContextLengthError")
        assert.deepStrictEqual(yield* asked, [Claude])
      })
    )

    it.effect("waits a stated retry-after, never less, and asks the primary again", () =>
      Effect.gen(function* () {
        const { asked, router } = yield* fleet([
          { provider: Claude, script: [fail({ _tag: "RateLimitError", retryAfterMs: 3000 }), ok] },
          { provider: Gpt4, script: [ok] }
        ])
        const { ms, value } = yield* answered(router.complete(yield* task({ provider: "claude" })))
        assert.strictEqual(value.provider, Claude)
        assert.isAtLeast(ms, 3000)
        assert.isAtMost(ms, 3300)
        assert.deepStrictEqual(yield* asked, [Claude, Claude])
      })
    )

    it.effect("falls over at once when the retry-after is beyond the policy's longest wait", () =>
      Effect.gen(function* () {
        const { asked, router } = yield* fleet([
          { provider: Claude, script: [fail({ _tag: "RateLimitError", retryAfterMs: 5001 }), ok] },
          { provider: Gpt4, script: [ok] }
        ])
        const { ms } = yield* answered(router.complete(yield* task({ provider: "claude" })))
        assert.strictEqual(ms, 0)
        assert.deepStrictEqual(yield* asked, [Claude, Gpt4])
      })
    )

    it.effect("falls over at once when the wait doesn't fit what is left of the deadline", () =>
      Effect.gen(function* () {
        const { asked, router } = yield* fleet([
          { provider: Claude, script: [fail({ _tag: "RateLimitError", retryAfterMs: 3000 }), ok] },
          { provider: Gpt4, script: [ok] }
        ])
        const { ms } = yield* answered(router.complete(yield* task({ provider: "claude", timeoutMs: 3000 })))
        assert.strictEqual(ms, 0)
        assert.deepStrictEqual(yield* asked, [Claude, Gpt4])
      })
    )

    it.effect("backs off longer from a rate limit without retry-after than from a transient error", () =>
      Effect.gen(function* () {
        const waits = (tag: "RateLimitError" | "TransientError") =>
          Effect.gen(function* () {
            const { calls, router } = yield* fleet([{ provider: Claude, script: [fail({ _tag: tag })] }])
            yield* failed(router.complete(yield* task()))
            const begun = (yield* calls).map(({ startedAt }) => startedAt)
            return begun.slice(1).map((at, index) => at - (begun[index] ?? 0))
          })
        const [first = 0, second = 0, ...others] = yield* waits("TransientError")
        assert.isTrue(first >= 160 && first <= 240, `first wait ${first}`)
        assert.isTrue(second >= 320 && second <= 480, `second wait ${second}`)
        assert.deepStrictEqual(others, [])
        const [limited = 0] = yield* waits("RateLimitError")
        assert.isTrue(limited >= 800 && limited <= 1200, `rate limit wait ${limited}`)
      })
    )

    it.effect("retries a transient error twice, then falls over", () =>
      Effect.gen(function* () {
        const { asked, router } = yield* fleet([
          { provider: Claude, script: [fail({ _tag: "TransientError" })] },
          { provider: Gpt4, script: [ok] }
        ])
        const { value } = yield* answered(router.complete(yield* task({ provider: "claude" })))
        assert.deepStrictEqual(yield* asked, [Claude, Claude, Claude, Gpt4])
        assert.strictEqual(value.attempts.length, 4)
      })
    )

    it.effect("asks each fallback once, whatever its error, and tells of all of them", () =>
      Effect.gen(function* () {
        const { asked, router } = yield* fleet([
          { provider: Claude, script: [fail({ _tag: "QuotaExhaustedError", description: "no credit" })] },
          { provider: CopilotChat, script: [fail({ _tag: "AuthenticationError" })] },
          { provider: Gpt4, script: [fail({ _tag: "TransientError" })] }
        ])
        const { error } = yield* failed(router.complete(yield* task({ provider: "claude" })))
        assert.deepStrictEqual(yield* asked, [Claude, CopilotChat, Gpt4])
        assert(error._tag === "AllProvidersFailedError")
        assert.strictEqual(error.primary._tag, "QuotaExhaustedError")
        assert.strictEqual(error.attempts.length, 3)
        assert.include(error.message, "claude has no quota left (402): no credit")
        assert.include(error.message, "copilot_chat (AuthenticationError), gpt4 (TransientError)")
      })
    )

    it.effect("says so when there was nobody else to ask", () =>
      Effect.gen(function* () {
        const { router } = yield* fleet([
          { provider: Claude, script: [fail({ _tag: "QuotaExhaustedError" })] }
        ])
        const { error } = yield* failed(router.complete(yield* task()))
        assert(error._tag === "AllProvidersFailedError")
        assert.include(error.message, "No other provider could be asked")
      })
    )

    it.effect("keeps every field of the task for the fallback", () =>
      Effect.gen(function* () {
        const { engines, router } = yield* fleet([
          { provider: Claude, script: [fail({ _tag: "QuotaExhaustedError" })] },
          { provider: Gpt4, script: [ok] }
        ])
        const asked = yield* task({
          id: "t",
          provider: "claude",
          systemPrompt: "be brief",
          maxTokens: 7,
          temperature: 0.5,
          topP: 0.9,
          stop: ["\n"],
          tools: [{ name: "f", parameters: {} }],
          toolChoice: "auto",
          responseFormat: { type: "json" },
          userId: "u",
          keyId: "k",
          metadata: { a: "b" }
        })
        yield* answered(router.complete(asked))
        const [primary, fallback] = yield* Effect.forEach(engines, (engine) => engine.calls)
        assert.deepStrictEqual(fallback?.[0]?.request, primary?.[0]?.request)
        assert.deepStrictEqual(fallback?.[0]?.request.task, asked)
      })
    )

    it.effect("fails with the primary's own error when fallbacks are off", () =>
      Effect.gen(function* () {
        const { asked, router } = yield* fleet([
          { provider: Claude, script: [fail({ _tag: "TransientError" })] },
          { provider: Gpt4, script: [ok] }
        ])
        const { error } = yield* failed(
          router.complete(yield* task({ provider: "claude" }), { useFallback: false })
        )
        assert.strictEqual(error._tag, "TransientError")
        assert.deepStrictEqual(yield* asked, [Claude, Claude, Claude])
      })
    )

    it.effect("does what a changed rule says", () =>
      Effect.gen(function* () {
        const { asked, router } = yield* fleet(
          [
            { provider: Claude, script: [fail({ _tag: "TransientError" })] },
            { provider: Gpt4, script: [ok] }
          ],
          { rules: { TransientError: { _tag: "fail" } } }
        )
        const { error } = yield* failed(router.complete(yield* task({ provider: "claude" })))
        // A transient error isn't in the type of a route with fallbacks: it comes wrapped.
        assert(error._tag === "AllProvidersFailedError")
        assert.strictEqual(error.primary._tag, "TransientError")
        assert.deepStrictEqual(yield* asked, [Claude])
      })
    )
  })

  describe("chain", () => {
    const three = [CopilotChat, Claude, Gpt4].map((provider) => ({
      provider,
      script: [fail({ _tag: "QuotaExhaustedError" })] as const
    }))

    for (const [primary, ...rest] of [
      ["copilot_chat", "claude", "gpt4"],
      ["claude", "copilot_chat", "gpt4"],
      ["gpt4", "copilot_chat", "claude"]
    ] as const) {
      it.effect(`goes from ${primary} to ${rest.join(" to ")} by default`, () =>
        Effect.gen(function* () {
          const { asked, router } = yield* fleet(three)
          yield* failed(router.complete(yield* task({ provider: primary })))
          assert.deepStrictEqual(yield* asked, [primary, ...rest])
        })
      )
    }

    it.effect("skips who isn't registered, unavailable, or can't carry the task", () =>
      Effect.gen(function* () {
        const { asked, router } = yield* fleet(
          [
            { provider: Claude, script: [fail({ _tag: "QuotaExhaustedError" })] },
            { provider: CopilotChat, capabilities: { systemPrompt: false }, script: [ok] },
            { provider: Gpt4, script: [ok] },
            { provider: AIProvider.unsafeMake("local"), script: [ok] }
          ],
          { chains: { claude: ["nobody", "copilot_chat", "gpt4", "local"] } }
        )
        const { value } = yield* answered(
          router.complete(yield* task({ provider: "claude", systemPrompt: "be brief" }), {
            unavailable: new Set([Gpt4])
          })
        )
        assert.strictEqual(value.provider, "local")
        assert.deepStrictEqual(yield* asked, [Claude, "local"])
      })
    )

    it.effect("is the given order, or that of registration, for a provider without one", () =>
      Effect.gen(function* () {
        const ids = ["one", "two", "three"].map(AIProvider.unsafeMake)
        const { asked, router } = yield* fleet(
          ids.map((provider) => ({ provider, script: [fail({ _tag: "QuotaExhaustedError" })] }))
        )
        yield* failed(router.complete(yield* task()))
        assert.deepStrictEqual(yield* asked, ["one", "two", "three"])
        const again = yield* fleet(
          ids.map((provider) => ({ provider, script: [fail({ _tag: "QuotaExhaustedError" })] }))
        )
        yield* failed(
          again.router.complete(yield* task({ provider: "two" }), {
            order: [AIProvider.unsafeMake("three"), AIProvider.unsafeMake("one")]
          })
        )
        assert.deepStrictEqual(yield* again.asked, ["two", "three", "one"])
      })
    )

    it.effect("is no default one where nobody of that is registered, but never more than one's own", () =>
      Effect.gen(function* () {
        const engines = [
          { provider: Claude, script: [fail({ _tag: "QuotaExhaustedError" })] },
          { provider: AIProvider.unsafeMake("local"), script: [ok] }
        ] as const
        const preset = yield* fleet(engines)
        yield* answered(preset.router.complete(yield* task({ provider: "claude" })))
        assert.deepStrictEqual(yield* preset.asked, ["claude", "local"])
        const own = yield* fleet(engines, { chains: { claude: ["gpt4"] } })
        yield* failed(own.router.complete(yield* task({ provider: "claude" })))
        assert.deepStrictEqual(yield* own.asked, ["claude"])
      })
    )

    it.effect("goes past a primary that can't carry the task", () =>
      Effect.gen(function* () {
        const { asked, router } = yield* fleet([
          { provider: Claude, capabilities: { tools: false }, script: [ok] },
          { provider: Gpt4, script: [ok] }
        ])
        const tools = [{ name: "f", parameters: {} }] as const
        yield* answered(router.complete(yield* task({ provider: "claude", tools })))
        assert.deepStrictEqual(yield* asked, [Gpt4])
      })
    )

    it.effect("says what nobody can carry", () =>
      Effect.gen(function* () {
        const { asked, router } = yield* fleet([
          { provider: Claude, capabilities: { tools: false, jsonSchema: false }, script: [ok] },
          { provider: Gpt4, capabilities: { tools: false }, script: [ok] }
        ])
        const needy = yield* task({
          provider: "claude",
          tools: [{ name: "f", parameters: {} }],
          responseFormat: { type: "json" }
        })
        const { error } = yield* failed(router.complete(needy))
        assert.strictEqual(error._tag, "InputValidationError")
        assert.include(error.message, "tools and JSON answers")
        const alone = yield* failed(router.complete(needy, { useFallback: false }))
        assert.include(alone.error.message, "it can't carry tools and JSON answers")
        assert.deepStrictEqual(yield* asked, [])
      })
    )

    it.effect("fails with EngineNotRegisteredError for a primary that nobody registered", () =>
      Effect.gen(function* () {
        const { router } = yield* fleet([{ provider: Claude, script: [ok] }])
        const { error } = yield* failed(router.complete(yield* task({ provider: "gpt5" })))
        assert.strictEqual(error._tag, "EngineNotRegisteredError")
        assert.include(error.message, "gpt5")
        assert.include(error.message, "claude")
        const empty = yield* fleet([])
        const none = yield* failed(empty.router.complete(yield* task()))
        assert.strictEqual(none.error.message, "No engine is registered. Register one first")
      })
    )

    it.effect("is refused when it contradicts itself", () =>
      Effect.gen(function* () {
        const error = yield* Effect.flip(fleet([], { chains: { claude: ["claude"] } }))
        assert.strictEqual(error._tag, "InvalidArgumentError")
      })
    )
  })

  describe("time", () => {
    it.effect("leaves a provider that is silent for the first-token limit", () =>
      Effect.gen(function* () {
        const { asked, open, router } = yield* fleet([
          { provider: Claude, script: [never()] },
          { provider: Gpt4, script: [ok] }
        ])
        const { ms, value } = yield* answered(router.complete(yield* task({ provider: "claude" })))
        assert.strictEqual(ms, 10_000)
        assert.strictEqual(value.provider, Gpt4)
        assert.deepStrictEqual(yield* asked, [Claude, Gpt4])
        const error = Option.getOrThrow(value.attempts[0]?.error ?? Option.none())
        assert(error._tag === "TimeoutError")
        assert.strictEqual(error.phase, "first-token")
        assert.strictEqual(yield* open, 0)
      })
    )

    it.effect("leaves a provider that stops in the middle for the idle limit", () =>
      Effect.gen(function* () {
        const { router } = yield* fleet(
          [
            { provider: Claude, script: [stall({ text, after: 2, firstTokenMs: 1000, msPerChunk: 1000 })] },
            { provider: Gpt4, script: [ok] }
          ],
          { limits: { idleMs: 3000 } }
        )
        const { ms, value } = yield* answered(router.complete(yield* task({ provider: "claude" })))
        assert.strictEqual(ms, 5000)
        assert.strictEqual(value.text, text)
        const [left] = value.attempts
        assert.strictEqual(left?.outcome, "failed")
        // What had been written is charged, so it is accounted for.
        assert.isTrue(left?.usage.estimated)
        assert.strictEqual(left?.usage.outputTokens, 2)
      })
    )

    it.effect("bounds the last candidate by the deadline alone", () =>
      Effect.gen(function* () {
        const { router } = yield* fleet([
          { provider: Claude, script: [never()] },
          { provider: Gpt4, script: [answer({ text, firstTokenMs: 19_999 })] }
        ])
        const { ms, value } = yield* answered(router.complete(yield* task({ provider: "claude" })))
        assert.strictEqual(ms, 29_999)
        assert.strictEqual(value.provider, Gpt4)
      })
    )

    it.effect("is up at the deadline, however many retries and fallbacks are left", () =>
      Effect.gen(function* () {
        const { router } = yield* fleet(
          [
            { provider: Claude, script: [fail({ _tag: "TransientError" }, { afterMs: 900 })] },
            { provider: CopilotChat, script: [never()] },
            { provider: Gpt4, script: [ok] }
          ],
          { limits: { firstTokenMs: 60_000 } }
        )
        const { error, ms } = yield* failed(
          router.complete(yield* task({ provider: "claude", timeoutMs: 4000 }))
        )
        assert.strictEqual(ms, 4000)
        assert(error._tag === "AllProvidersFailedError")
        const last = error.attempts.at(-1)
        assert.strictEqual(last?.provider, CopilotChat)
        const timeout = Option.getOrThrow(last?.error ?? Option.none())
        assert(timeout._tag === "TimeoutError")
        assert.strictEqual(timeout.phase, "total")
      })
    )

    it.effect("doesn't wait for an engine that can't be interrupted", () =>
      Effect.gen(function* () {
        const { router } = yield* fleet([{ provider: Claude, script: [deaf(60_000, ok)] }])
        const { error, ms } = yield* failed(
          router.complete(yield* task({ timeoutMs: 1000 }), { useFallback: false })
        )
        assert.strictEqual(ms, 1000)
        assert.strictEqual(error._tag, "TimeoutError")
      })
    )

    it.effect("has the task's own deadline before the policy's", () =>
      Effect.gen(function* () {
        const { router } = yield* fleet([{ provider: Claude, script: [never()] }], {
          limits: { timeoutMs: 7000 }
        })
        assert.strictEqual((yield* failed(router.complete(yield* task()))).ms, 7000)
        assert.strictEqual((yield* failed(router.complete(yield* task({ timeoutMs: 50 })))).ms, 50)
      })
    )

    it.effect("is idle time, not that of a first token, once a provider shows that it is at work", () =>
      Effect.gen(function* () {
        const thinking = (silences: ReadonlyArray<number>) => {
          const chunks = [
            ...silences.map((ms) => Effect.as(Effect.sleep(ms), [])),
            Effect.succeed([ReasoningEngine.textDelta(text), ReasoningEngine.finish("stop", "m")])
          ]
          return ReasoningEngine.make({
            provider: Claude,
            attempt: () => Effect.sync(() => Effect.suspend(() => chunks.shift() ?? Effect.never))
          })
        }
        const other = ReasoningEngine.fromEffect({
          provider: Gpt4,
          answer: () => Effect.succeed({ text: "another" })
        })
        const ask = (silences: ReadonlyArray<number>) =>
          Effect.gen(function* () {
            const router = yield* ProviderRouter.ProviderRouter
            const { value } = yield* answered(router.complete(yield* task({ provider: "claude" })))
            return value.text
          }).pipe(
            Effect.provide(ProviderRouter.layer({ limits: { firstTokenMs: 1000, idleMs: 2000 } })),
            Effect.provide(ReasoningEngineRegistry.layerEngines([thinking(silences), other]))
          )
        assert.strictEqual(yield* ask([900, 1900, 1900]), text)
        assert.strictEqual(yield* ask([1100]), "another")
        assert.strictEqual(yield* ask([900, 2100]), "another")
      })
    )
  })

  describe("interruption", () => {
    it.effect("closes the attempt at the provider and settles it once", () =>
      Effect.gen(function* () {
        const { observed, open, router } = yield* fleet([
          { provider: Claude, script: [stall({ text, after: 1, firstTokenMs: 10 })] },
          { provider: Gpt4, script: [ok] }
        ])
        const fiber = yield* Effect.fork(router.complete(yield* task({ provider: "claude" })))
        yield* TestClock.adjust("1 second")
        assert.strictEqual(yield* open, 1)
        yield* Fiber.interrupt(fiber)
        assert.strictEqual(yield* open, 0)
        assert.deepStrictEqual(
          observed.map(({ outcome, provider }) => [provider, outcome]),
          [[Claude, "interrupted"]]
        )
        assert.isTrue(observed[0]?.usage.estimated)
      })
    )

    it.effect("during the wait before a retry leaves nothing behind", () =>
      Effect.gen(function* () {
        const { asked, observed, open, router } = yield* fleet([
          { provider: Claude, script: [fail({ _tag: "RateLimitError", retryAfterMs: 4000 }), ok] }
        ])
        const fiber = yield* Effect.fork(router.complete(yield* task()))
        yield* TestClock.adjust("1 second")
        yield* Fiber.interrupt(fiber)
        yield* TestClock.adjust("10 seconds")
        assert.deepStrictEqual(yield* asked, [Claude])
        assert.strictEqual(observed.length, 1)
        assert.strictEqual(yield* open, 0)
      })
    )
  })

  describe("an engine with a bug", () => {
    it.effect("that dies is a defect of the call, and settled all the same", () =>
      Effect.gen(function* () {
        const { observed, router } = yield* fleet([{ provider: Claude, script: [die("bug")] }])
        const { exit } = yield* inVirtualTime(router.complete(yield* task()))
        assert.strictEqual(exit._tag, "Failure")
        assert.deepStrictEqual(
          observed.map(({ error, outcome }) => [outcome, error]),
          [["failed", Option.none()]]
        )
      })
    )

    it.effect("that interrupts itself has failed, and the next is asked", () =>
      Effect.gen(function* () {
        const { router } = yield* fleet(
          [
            { provider: Claude, script: () => Effect.interrupt },
            { provider: Gpt4, script: [ok] }
          ],
          { rules: { TransientError: { _tag: "fail-over" } } }
        )
        const { value } = yield* answered(router.complete(yield* task({ provider: "claude" })))
        assert.strictEqual(value.provider, Gpt4)
        assert.deepStrictEqual(
          Option.map(value.attempts[0]?.error ?? Option.none(), ({ _tag }) => _tag),
          Option.some("TransientError")
        )
      })
    )
  })

  describe("money", () => {
    const used = {
      inputTokens: 100,
      outputTokens: 50,
      cacheReadTokens: 0,
      cacheWriteTokens: 0,
      cacheWrite1hTokens: 0,
      reasoningTokens: 0,
      estimated: false
    }

    it.effect("adds up over all attempts, failed ones that wrote something included", () =>
      Effect.gen(function* () {
        const { router } = yield* fleet([
          {
            provider: Claude,
            price,
            script: [failAfter({ text: "x".repeat(40), after: 5, error: { _tag: "QuotaExhaustedError" } })]
          },
          { provider: Gpt4, price, script: [answer({ text, usage: used })] }
        ])
        const { value } = yield* answered(router.complete(yield* task({ provider: "claude" })))
        const [lost, kept] = value.attempts
        assert.strictEqual(lost?.usage.outputTokens, 5)
        assert.isTrue(lost?.usage.estimated)
        assert.deepStrictEqual(kept?.cost, Option.some(Usd.fromNumber(0.0002)))
        assert.deepStrictEqual(
          value.cost,
          Option.zipWith(lost?.cost ?? Option.none(), kept?.cost ?? Option.none(), Usd.add)
        )
        assert.deepStrictEqual(value.usage, used)
      })
    )

    it.effect("is unknown where a price is, and nothing where nothing was used", () =>
      Effect.gen(function* () {
        const { router } = yield* fleet([
          { provider: Claude, script: [fail({ _tag: "QuotaExhaustedError" })] },
          { provider: Gpt4, script: [answer({ text, usage: used })] }
        ])
        const { value } = yield* answered(router.complete(yield* task({ provider: "claude" })))
        assert.deepStrictEqual(value.attempts[0]?.cost, Option.some(Usd.zero))
        assert.deepStrictEqual(value.attempts[1]?.cost, Option.none())
        assert.deepStrictEqual(value.cost, Option.none())
      })
    )

    it.effect("is estimated, and marked so, where the provider doesn't count", () =>
      Effect.gen(function* () {
        const { router } = yield* fleet([{ provider: Claude, price, script: [ok] }])
        const { value } = yield* answered(router.complete(yield* task({ prompt: "12345678" })))
        assert.strictEqual(value.usage.inputTokens, 2)
        assert.strictEqual(value.usage.outputTokens, 4)
        assert.isTrue(value.usage.estimated)
        assert.isTrue(Option.isSome(value.cost))
      })
    )
  })

  describe("the primary", () => {
    const three = [
      { provider: Claude, script: [fail({ _tag: "QuotaExhaustedError" })] },
      { provider: CopilotChat, script: [ok] },
      { provider: Gpt4, script: [fail({ _tag: "QuotaExhaustedError" })] }
    ] as const

    it.effect("is the one that is given, before the one that the task names, with its own chain behind", () =>
      Effect.gen(function* () {
        const { asked, router } = yield* fleet(three)
        const named = yield* task({ provider: "claude" })
        yield* answered(router.complete(named, { primary: Gpt4 }))
        assert.deepStrictEqual(yield* asked, [Gpt4, CopilotChat])
        yield* answered(router.complete(named))
        assert.deepStrictEqual((yield* asked).slice(2), [Claude, CopilotChat])
      })
    )

    it.effect("is the one that the task pins, whatever is given", () =>
      Effect.gen(function* () {
        const { asked, router } = yield* fleet(three)
        const pinned = yield* task({ provider: "copilot_chat", pinned: true })
        yield* answered(router.complete(pinned, { primary: Gpt4 }))
        assert.deepStrictEqual(yield* asked, [CopilotChat])
      })
    )

    it.effect("fails the call by its name where it isn't registered", () =>
      Effect.gen(function* () {
        const { router } = yield* fleet([three[0]])
        const { error } = yield* failed(
          router.complete(yield* task({ provider: "claude" }), { primary: Gpt4 })
        )
        assert(error._tag === "EngineNotRegisteredError")
        assert.strictEqual(error.provider, Gpt4)
      })
    )
  })
})
