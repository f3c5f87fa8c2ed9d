/**
 * Generators for property tests of what is built on arc-saga: tasks, errors, scripts, fleets of scripted
 * engines, policies. What they generate is plain data where it can be, so it shrinks and prints.
 *
 * @since 0.1.0
 */
import * as FastCheck from "effect/FastCheck"
import * as Option from "effect/Option"
import * as AIProvider from "../AIProvider.js"
import * as EngineError from "../EngineError.js"
import { anyText, nonEmpty, optional, ownFields, word } from "./internal/arbitrary.js"
import * as RoutingPolicy from "../routing/RoutingPolicy.js"
import * as TokenUsage from "../TokenUsage.js"
import { provider } from "./Arbitraries/Task.js"
import * as Behaviour from "./Behaviour.js"
import type * as ScriptedEngine from "./ScriptedEngine.js"

/**
 * A generator of values that can be shrunk.
 *
 * @since 0.1.0
 * @category models
 */
export type Arbitrary<A> = FastCheck.Arbitrary<A>

export { provider, task, type TaskConstraints, taskOptions } from "./Arbitraries/Task.js"

/** Milliseconds up to some maximum, often none and seldom many. */
const millis = (max: number): FastCheck.Arbitrary<number> =>
  FastCheck.oneof(
    { withCrossShrink: true },
    { weight: 2, arbitrary: FastCheck.constant(0) },
    { weight: 2, arbitrary: FastCheck.integer({ min: 1, max: 500 }) },
    { weight: 1, arbitrary: FastCheck.integer({ min: 1, max }) }
  )

const errorFields = optional({ description: anyText, requestId: word })

/** An open circuit is nothing that a provider says. */
const providerReasons = EngineError.TransientReason.literals.filter((reason) => reason !== "circuit-open")

/**
 * Engine errors as data: every tag, reason and phase.
 *
 * @since 0.1.0
 * @category errors
 */
export const errorData: Arbitrary<Behaviour.ErrorData> = FastCheck.tuple(
  FastCheck.oneof(
    FastCheck.constantFrom(
      { _tag: "AuthenticationError" } as const,
      { _tag: "InputValidationError" } as const,
      { _tag: "ContextLengthError" } as const,
      { _tag: "ContentPolicyError" } as const,
      { _tag: "QuotaExhaustedError" } as const,
      { _tag: "ModelNotFoundError" } as const
    ),
    FastCheck.record(
      {
        _tag: FastCheck.constant("TransientError" as const),
        reason: FastCheck.constantFrom(...providerReasons),
        retryAfterMs: millis(60_000)
      },
      { ...ownFields, requiredKeys: ["_tag", "reason"] }
    ),
    FastCheck.record(
      { _tag: FastCheck.constant("RateLimitError" as const), retryAfterMs: millis(60_000) },
      { ...ownFields, requiredKeys: ["_tag"] }
    ),
    FastCheck.record(
      {
        _tag: FastCheck.constant("TimeoutError" as const),
        phase: FastCheck.constantFrom(...EngineError.TimeoutPhase.literals)
      },
      ownFields
    )
  ),
  errorFields
).map(([error, fields]) => ({ ...error, ...fields }))

/**
 * Engine errors of any provider, or of one.
 *
 * @since 0.1.0
 * @category errors
 */
export const engineError = (
  of: Arbitrary<AIProvider.AIProvider> = provider
): Arbitrary<EngineError.EngineError> =>
  FastCheck.tuple(errorData, of).map(([data, failing]) => Behaviour.toError(data, failing))

const sentences = [
  "Light scatters, and blue light scatters most: that is why the sky is blue.",
  "Light scatters off molecules 🙂, the shorter its wavelength the more.",
  "Der Himmel ist blau, weil kurze Wellen stärker gestreut werden."
] as const

/**
 * The text of an answer, 0 to some 70 characters. Two of them are often equal, or one begins as the other
 * does, as answers to the same question do.
 *
 * @since 0.1.0
 * @category scripts
 */
export const answerText: Arbitrary<string> = FastCheck.tuple(
  FastCheck.constantFrom(...sentences),
  FastCheck.oneof(FastCheck.constant(80), FastCheck.nat(80))
).map(([sentence, length]) => Array.from(sentence).slice(0, length).join(""))

const usage: FastCheck.Arbitrary<TokenUsage.TokenUsage> = FastCheck.record(
  { inputTokens: FastCheck.nat(5000), outputTokens: FastCheck.nat(500) },
  ownFields
).map(TokenUsage.make)

const quota = FastCheck.record({ remaining: FastCheck.nat(1000), resetAt: millis(60_000) }, ownFields)

/**
 * A text and how fast it comes.
 *
 * @since 0.1.0
 * @category scripts
 */
export const pace: Arbitrary<Behaviour.PaceOptions> = FastCheck.record(
  {
    text: answerText,
    chunkSize: FastCheck.integer({ min: 1, max: 20 }),
    firstTokenMs: millis(40_000),
    msPerChunk: millis(12_000),
    usage,
    metered: FastCheck.constantFrom<"end" | "always">("end", "always"),
    rateLimits: optional({ requests: quota, tokens: quota })
  },
  { ...ownFields, requiredKeys: ["text", "chunkSize", "firstTokenMs", "msPerChunk"] }
)

const during = FastCheck.constantFrom<Behaviour.During>("begin", "pull")
const after = FastCheck.nat(12)

/**
 * Each kind of behaviour by itself, for composing scripts of one's own.
 *
 * @since 0.1.0
 * @category scripts
 */
export const behaviours: {
  readonly answer: Arbitrary<Behaviour.Answer>
  readonly fail: Arbitrary<Behaviour.Fail>
  readonly failAfter: Arbitrary<Behaviour.FailAfter>
  readonly cut: Arbitrary<Behaviour.Cut>
  readonly stall: Arbitrary<Behaviour.Stall>
  readonly never: Arbitrary<Behaviour.Never>
  readonly die: Arbitrary<Behaviour.Die>
  readonly deaf: Arbitrary<Behaviour.Deaf>
} = {
  answer: pace.map(Behaviour.answer),
  fail: FastCheck.tuple(errorData, millis(40_000), during).map(([error, afterMs, at]) =>
    Behaviour.fail(error, { afterMs, during: at })
  ),
  failAfter: FastCheck.tuple(pace, after, errorData).map(([paced, deltas, error]) =>
    Behaviour.failAfter({ ...paced, after: deltas, error })
  ),
  cut: FastCheck.tuple(pace, after).map(([paced, deltas]) => Behaviour.cut({ ...paced, after: deltas })),
  stall: FastCheck.tuple(pace, after).map(([paced, deltas]) => Behaviour.stall({ ...paced, after: deltas })),
  never: during.map((at) => Behaviour.never({ during: at })),
  die: word.map(Behaviour.die),
  deaf: FastCheck.tuple(millis(40_000), pace).map(([forMs, paced]) =>
    Behaviour.deaf(forMs, Behaviour.answer(paced))
  )
}

/**
 * What a provider may do: answer, fail, break off, fall silent. No bugs: see {@link behaviours} for `die`
 * and `deaf`. It shrinks towards an answer.
 *
 * @since 0.1.0
 * @category scripts
 */
export const behaviour: Arbitrary<Behaviour.Behaviour> = FastCheck.oneof(
  { withCrossShrink: true },
  { weight: 4, arbitrary: behaviours.answer },
  { weight: 3, arbitrary: behaviours.fail },
  { weight: 2, arbitrary: behaviours.failAfter },
  { weight: 2, arbitrary: behaviours.cut },
  { weight: 1, arbitrary: behaviours.stall },
  { weight: 1, arbitrary: behaviours.never }
)

/**
 * Scripts of 1 to 4 behaviours.
 *
 * @since 0.1.0
 * @category scripts
 */
export const script = (
  of: Arbitrary<Behaviour.Behaviour> = behaviour
): Arbitrary<readonly [Behaviour.Behaviour, ...ReadonlyArray<Behaviour.Behaviour>]> => nonEmpty(of, 4)

/**
 * A chain of providers: the first is the primary, the others its fallbacks in their order.
 *
 * @since 0.1.0
 * @category fleets
 */
export interface Fleet {
  readonly primary: AIProvider.AIProvider
  /** For ScriptedEngine.makeAll; registered in this order, they are asked in this order. */
  readonly engines: readonly [ScriptedEngine.Options, ...ReadonlyArray<ScriptedEngine.Options>]
  /** For RoutingPolicy.make. */
  readonly chains: Readonly<Record<string, ReadonlyArray<string>>>
}

const capabilities = optional({
  prefill: FastCheck.boolean(),
  streaming: FastCheck.boolean(),
  contextWindow: FastCheck.option(FastCheck.integer({ min: 1000, max: 200_000 }), { nil: undefined }).map(
    Option.fromNullable
  )
})

/**
 * Fleets of 1 to 5 scripted providers, `p1` to `p5`, some of which can go on from a prefill.
 *
 * @since 0.1.0
 * @category fleets
 */
export const fleet = (
  options: {
    /** The most providers, from 1; 5 when absent. */
    readonly maxProviders?: number | undefined
    /** What each may do in an attempt; {@link behaviour} when absent. */
    readonly behaviour?: Arbitrary<Behaviour.Behaviour> | undefined
  } = {}
): Arbitrary<Fleet> =>
  nonEmpty(
    FastCheck.record({ script: script(options.behaviour), capabilities }, ownFields),
    options.maxProviders ?? 5
  ).map(([first, ...rest]) => {
    const named = (member: typeof first, index: number) => ({
      provider: AIProvider.unsafeMake(`p${index + 1}`),
      ...member
    })
    const primary = named(first, 0)
    const fallbacks = rest.map((member, index) => named(member, index + 1))
    return {
      primary: primary.provider,
      engines: [primary, ...fallbacks],
      chains: { [primary.provider]: fallbacks.map(({ provider }) => provider) }
    }
  })

/** A reaction prints what it does: a schedule is opaque. */
const reaction: FastCheck.Arbitrary<RoutingPolicy.Reaction> = FastCheck.oneof(
  FastCheck.constantFrom<RoutingPolicy.Reaction>(
    { _tag: "fail" },
    { _tag: "fail-over" },
    { _tag: "fail-over-to-larger" }
  ),
  FastCheck.tuple(FastCheck.integer({ min: 1, max: 5000 }), FastCheck.nat(3)).map(([baseMs, retries]) => ({
    _tag: "retry" as const,
    schedule: RoutingPolicy.backoff(baseMs, retries),
    [FastCheck.toStringMethod]: () => `{_tag:"retry",schedule:backoff(${baseMs},${retries})}`
  }))
)

const limitMs = FastCheck.oneof(
  FastCheck.integer({ min: 1, max: 1000 }),
  FastCheck.integer({ min: 1, max: 60_000 })
)

/**
 * Policies without chains: limits, the longest retry-after, resuming, and what each error does. RoutingPolicy.make accepts
 * each; add the chains of a fleet.
 *
 * @since 0.1.0
 * @category policies
 */
export const policyOptions: Arbitrary<RoutingPolicy.Options> = optional({
  limits: optional({ timeoutMs: limitMs, firstTokenMs: limitMs, idleMs: limitMs, streamMs: limitMs }),
  maxRetryAfterMs: millis(60_000),
  resume: FastCheck.constantFrom<"auto" | "off">("auto", "off"),
  rules: optional({
    AuthenticationError: reaction,
    InputValidationError: reaction,
    ContextLengthError: reaction,
    ContentPolicyError: reaction,
    QuotaExhaustedError: reaction,
    ModelNotFoundError: reaction,
    RateLimitError: reaction,
    TransientError: reaction,
    TimeoutError: reaction
  })
})
