import { assert, describe, it } from "@effect/vitest"
import {
  AIProvider,
  type AITask,
  CircuitBreaker,
  Hedging,
  ReasoningEngine,
  RoutingPolicy,
  type Wire
} from "arc-saga"
import { Behaviour } from "arc-saga/testing"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as ResponseMode from "../src/routing/ResponseMode.js"
import { thinks } from "../src/wire/thinks.js"
import { answered, collected, failed, fleet, task } from "./utils/fleet.js"
import { record } from "./utils/guards.js"

const { Claude, CopilotChat, Gpt4 } = AIProvider
const { answer, cut, fail, never } = Behaviour

const text = "Light scatters."
const quick = answer({ text })
const after = (firstTokenMs: number) => answer({ text, firstTokenMs })

/** What the first of two providers is given by a policy: after how long the second is asked. */
const givenUpAfter = (
  first: {
    readonly script: readonly [Behaviour.Behaviour]
    readonly model?: string
    readonly reasoning?: boolean
    readonly wires?: ReadonlyArray<Wire.Wire>
  },
  policy: RoutingPolicy.Options = {},
  asked: Partial<AITask.Options> = {}
) =>
  Effect.gen(function* () {
    const { calls, router } = yield* fleet(
      [
        {
          provider: Claude,
          script: first.script,
          ...(first.wires === undefined ? {} : { wires: first.wires }),
          ...(first.model === undefined ? {} : { model: first.model }),
          ...(first.reasoning === undefined ? {} : { capabilities: { reasoning: first.reasoning } })
        },
        { provider: Gpt4, script: [quick] }
      ],
      { chains: { claude: ["gpt4"] }, ...policy }
    )
    yield* answered(router.complete(yield* task({ provider: "claude", timeoutMs: 3_600_000, ...asked })))
    const [primaryCall, fallbackCall] = yield* calls
    return Option.map(
      Option.all([Option.fromNullable(primaryCall), Option.fromNullable(fallbackCall)]),
      ([primary, fallback]) => fallback.startedAt - primary.startedAt
    )
  })

describe("The limits of an attempt", () => {
  for (const [what, policy, ms] of [
    ["those for all", { limits: { firstTokenMs: 7000 } }, 7000],
    [
      "its provider's own",
      { limits: { firstTokenMs: 7000 }, providerLimits: { claude: { firstTokenMs: 40 } } },
      40
    ],
    ["those for all beside another's own", { providerLimits: { gpt4: { firstTokenMs: 40 } } }, 10_000],
    ["the attempt's as a whole, where that is less", { limits: { attemptMs: 3000 } }, 3000],
    [
      "its provider's, as a whole",
      { limits: { attemptMs: 1 }, providerLimits: { claude: { attemptMs: 900 } } },
      900
    ]
  ] as const) {
    it.effect(`are ${what}`, () =>
      Effect.gen(function* () {
        assert.deepStrictEqual(yield* givenUpAfter({ script: [never()] }, policy), Option.some(ms))
      })
    )
  }

  it.effect("have minutes for a model that is asked to think", () =>
    Effect.gen(function* () {
      const first = { script: [never()] } as const
      for (const [reasoning, ms] of [
        [{ effort: "high" }, 300_000],
        [{ budgetTokens: 2048 }, 300_000],
        [{ effort: "none" }, 10_000],
        [{ show: true }, 10_000]
      ] as const) {
        assert.deepStrictEqual(yield* givenUpAfter(first, {}, { reasoning }), Option.some(ms))
      }
    })
  )

  it.effect("have minutes for an answer in one piece, as its caller asked for it", () =>
    Effect.gen(function* () {
      const first = { script: [never()], wires: ["messages"] } as const
      const over = (wire: Wire.Wire, body: object) =>
        givenUpAfter(first, {}, { original: { wire, body: { ...body } } })
      assert.deepStrictEqual(yield* over("messages", {}), Option.some(300_000))
      assert.deepStrictEqual(yield* over("messages", { stream: true }), Option.some(10_000))
      assert.deepStrictEqual(yield* over("chatCompletions", {}), Option.some(10_000))
    })
  )

  it.effect("end an answer that flows too long", () =>
    Effect.gen(function* () {
      const slow = answer({ text: "x".repeat(400), firstTokenMs: 10, msPerChunk: 1000 })
      const limits = { limits: { attemptMs: 5000 } }
      assert.deepStrictEqual(yield* givenUpAfter({ script: [slow] }, limits), Option.some(5000))
    })
  )

  it.effect("are minutes for a model that thinks, unless its provider has its own", () =>
    Effect.gen(function* () {
      const thinker = { script: [never()], reasoning: true } as const
      assert.deepStrictEqual(yield* givenUpAfter(thinker), Option.some(300_000))
      assert.deepStrictEqual(
        yield* givenUpAfter({ script: [never()], model: "deepseek-reasoner" }),
        Option.some(300_000)
      )
      assert.deepStrictEqual(
        yield* givenUpAfter({ script: [never()], model: "deepseek-reasoner", reasoning: false }),
        Option.some(10_000)
      )
      assert.deepStrictEqual(
        yield* givenUpAfter(thinker, { providerLimits: { claude: { firstTokenMs: 2000 } } }),
        Option.some(2000)
      )
      assert.deepStrictEqual(
        yield* givenUpAfter(thinker, { limits: { firstTokenMs: 900_000 } }),
        Option.some(900_000)
      )
      assert.deepStrictEqual(yield* givenUpAfter({ ...thinker, script: [after(299_999)] }), Option.none())
    })
  )

  for (const [name, is] of [
    ["o3-mini", true],
    ["openai/o4-mini-deep-research", true],
    ["gpt-5.1-codex", true],
    ["gpt-5-chat-latest", false],
    ["gpt-4o", false],
    ["gpt-4o-mini", false],
    ["deepseek-r1:14b", true],
    ["DeepSeek-R1-Distill-Llama-70B", true],
    ["phi-4-reasoning", true],
    ["kimi-k2-thinking", true],
    ["grok-4-fast-non-reasoning", false],
    ["gemini-2.5-pro", true],
    ["gemini-2.0-flash", false],
    ["claude-haiku-4-5", false],
    ["llama-3.3-70b-versatile", false],
    ["command-r1x", false]
  ] as const) {
    it(`take ${name} for ${is ? "one" : "none"} that thinks`, () => {
      assert.strictEqual(thinks(name), is)
    })
  }

  it("have to be above 0, of providers that can be", () => {
    const wrong = (providerLimits: RoutingPolicy.Options["providerLimits"] & object) =>
      Either.match(RoutingPolicy.make({ providerLimits }), {
        onLeft: ({ field, reason }) => `${field}: ${reason}`,
        onRight: () => "fine"
      })
    assert.strictEqual(
      wrong({ claude: { firstTokenMs: 0 } }),
      "providerLimits.claude.firstTokenMs: Expected milliseconds above 0, actual 0"
    )
    assert.match(wrong({ "no id": { idleMs: 1 } }), /^providerLimits: /)
    assert.strictEqual(wrong({ claude: { attemptMs: 1 } }), "fine")
  })
})

describe("The last provider that can be asked", () => {
  it.effect("has all the time of the call, alone, as a fallback, and in one mode as in the other", () =>
    Effect.gen(function* () {
      const alone = yield* fleet([{ provider: Claude, script: [after(29_000)] }])
      const asks = yield* task({ provider: "claude" })
      assert.strictEqual((yield* answered(alone.router.complete(asks))).ms, 29_000)
      assert.strictEqual((yield* answered(collected(alone.router.stream(asks)))).value.text, text)

      const second = yield* fleet([
        { provider: Claude, script: [fail({ _tag: "QuotaExhaustedError" })] },
        { provider: Gpt4, script: [after(29_000)] }
      ])
      assert.strictEqual((yield* answered(second.router.complete(asks))).ms, 29_000)

      const engine = ReasoningEngine.fromEffect({
        provider: Claude,
        answer: () => Effect.delay(Effect.succeed({ text }), 29_000)
      })
      const mode = yield* ResponseMode.make(engine)
      assert.strictEqual((yield* answered(mode.complete(asks))).ms, 29_000)
    })
  )

  it.effect("is the first one when the circuits of the others open while it is waited for", () =>
    Effect.gen(function* () {
      const breaker = yield* CircuitBreaker.make({ consecutiveFailures: 1, openMs: 1e9 })
      const { router } = yield* fleet(
        [
          { provider: Claude, script: [after(25_000)] },
          { provider: Gpt4, script: [quick] }
        ],
        {},
        Layer.succeed(CircuitBreaker.CircuitBreaker, breaker)
      )
      const opens = Effect.delay(
        Effect.flatMap(task(), (asks) =>
          Effect.flatMap(
            Effect.orDie(
              breaker.admit({
                engine: ReasoningEngine.make({ provider: Gpt4, attempt: () => Effect.never }),
                task: asks,
                prefill: undefined,
                deadline: 1e9
              })
            ),
            (lease) => lease.settle(record({ _tag: "TransientError", reason: "server" }, { provider: Gpt4 }))
          )
        ),
        5000
      )
      const both = Effect.all([router.complete(yield* task({ provider: "claude" })), opens], {
        concurrency: 2
      })
      const { ms, value } = yield* answered(both)
      assert.strictEqual(value[0].provider, Claude)
      assert.strictEqual(ms, 25_000)
    })
  )

  /** Late after 50 ms, and always allowed. */
  const hedging = Layer.succeed(Hedging.Hedging, {
    unsafeCall: () => {},
    unsafeDelayMs: () => 50,
    unsafeTake: () => true
  })

  it.effect("is the backup of a hedge when the primary was given up", () =>
    Effect.gen(function* () {
      const { router } = yield* fleet(
        [
          { provider: Claude, script: [never()] },
          { provider: Gpt4, script: [after(20_000)] }
        ],
        {},
        hedging
      )
      const { ms, value } = yield* answered(router.complete(yield* task({ provider: "claude" })))
      assert.strictEqual(value.provider, Gpt4)
      assert.strictEqual(ms, 20_050)
    })
  )

  it.effect("is the primary of a hedge when the backup has failed", () =>
    Effect.gen(function* () {
      const { router } = yield* fleet(
        [
          { provider: Claude, script: [after(20_000)] },
          { provider: Gpt4, script: [fail({ _tag: "QuotaExhaustedError" })] }
        ],
        {},
        hedging
      )
      const { ms, value } = yield* answered(router.complete(yield* task({ provider: "claude" })))
      assert.strictEqual(value.provider, Claude)
      assert.strictEqual(ms, 20_000)
    })
  )

  it.effect("goes on after a cut however long that takes, and has the limits while another follows", () =>
    Effect.gen(function* () {
      const engines = (last: Behaviour.Behaviour) =>
        [
          { provider: Claude, script: [cut({ text, after: 1 })] },
          { provider: CopilotChat, script: [never()], capabilities: { prefill: true } },
          { provider: Gpt4, script: [last], capabilities: { prefill: true } }
        ] as const
      const { router } = yield* fleet(engines(answer({ text: "…", firstTokenMs: 15_000 })), {
        chains: { claude: ["copilot_chat", "gpt4"] }
      })
      const asks = yield* task({ provider: "claude" })
      const { ms, value } = yield* answered(collected(router.stream(asks)))
      assert.include(value.text, "…")
      assert.isAtLeast(ms, 25_000)
    })
  )

  it.effect("is given up at the deadline alone", () =>
    Effect.gen(function* () {
      const { router } = yield* fleet([{ provider: Claude, script: [never()] }], {
        limits: { firstTokenMs: 10, idleMs: 10, attemptMs: 10 }
      })
      assert.strictEqual((yield* failed(router.complete(yield* task()))).ms, 30_000)
    })
  )
})

describe("A stream that flows", () => {
  it.effect("may pause for as long as its provider's limit allows, and no longer", () =>
    Effect.gen(function* () {
      const outcome = (idleMs: number) =>
        Effect.gen(function* () {
          const { router } = yield* fleet(
            [{ provider: Claude, script: [Behaviour.stall({ text, after: 1 })] }],
            { limits: { idleMs: 500 }, providerLimits: { claude: { idleMs } } }
          )
          return yield* failed(collected(router.stream(yield* task({ provider: "claude" }))))
        })
      const short = yield* outcome(2000)
      const long = yield* outcome(60_000)
      assert.strictEqual(short.error._tag, "StreamInterruptedError")
      assert.strictEqual(long.ms - short.ms, 58_000)
    })
  )
})

describe("The time of a call", () => {
  it.effect("is the task's, or else the policy's, or else the caller's default", () =>
    Effect.gen(function* () {
      const silent = [{ provider: Claude, script: [never()] }] as const
      const told = yield* fleet(silent, { limits: { timeoutMs: 5000 } })
      const untold = yield* fleet(silent)
      const asks = yield* task()
      const options = { defaultTimeoutMs: 100_000 }
      assert.strictEqual((yield* failed(told.router.complete(asks, options))).ms, 5000)
      assert.strictEqual((yield* failed(untold.router.complete(asks, options))).ms, 100_000)
      assert.strictEqual((yield* failed(collected(untold.router.stream(asks, options)))).ms, 100_000)
      assert.strictEqual((yield* failed(untold.router.complete(asks))).ms, 30_000)
      const own = yield* task({ timeoutMs: 70 })
      assert.strictEqual((yield* failed(untold.router.complete(own, options))).ms, 70)
    })
  )
})
