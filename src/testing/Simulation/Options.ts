/**
 * What is simulated, as plain data: it can be kept as JSON.
 *
 * @since 0.1.0
 */
import type * as Either from "effect/Either"
import type * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import * as numbers from "../../internal/numbers.js"
import * as AIProvider from "../../AIProvider.js"
import type * as EngineError from "../../EngineError.js"
import type { InvalidArgumentError } from "../../InvalidArgument.js"
import { given } from "../../internal/options.js"
import * as validation from "../../internal/validation.js"
import * as Price from "../../Price.js"
import type * as RoutingPolicy from "../../routing/RoutingPolicy.js"

const { withDefault } = numbers
const millis = numbers.from0("milliseconds")
const share = numbers.upTo("a share", 1)
const positive = numbers.above0

/**
 * A quantity: always the same, or spread log-normally, half of it up to `p50` and 99 % up to `p99`.
 *
 * @since 0.1.0
 * @category schemas
 */
export const Spread = Schema.Union(
  numbers.number("a number from 0", (n) => n >= 0 && Number.isFinite(n)),
  Schema.Struct({ p50: positive("a quantity"), p99: positive("a quantity") }).pipe(
    Schema.filter(({ p50, p99 }) =>
      p99 >= p50 ? undefined : { path: ["p99"], message: `Expected at least the p50, actual ${p99}` }
    )
  )
)

/**
 * A quantity: always the same, or spread log-normally.
 *
 * @since 0.1.0
 * @category models
 */
export type Spread = typeof Spread.Type

/** The tags of the errors, each with a value. */
const byTag = <A, I>(value: Schema.Schema<A, I>) => {
  const field = Schema.optional(value)
  return Schema.Struct({
    AuthenticationError: field,
    InputValidationError: field,
    ContextLengthError: field,
    ContentPolicyError: field,
    QuotaExhaustedError: field,
    ModelNotFoundError: field,
    RateLimitError: field,
    TransientError: field,
    TimeoutError: field
  } satisfies { readonly [Tag in EngineError.EngineError["_tag"]]: unknown })
}

/** A time, in milliseconds from the start of the simulation, and what is special in it. */
const period = <Fields extends Schema.Struct.Fields>(fields: Fields) =>
  Schema.Struct({ fromMs: millis, toMs: millis }).pipe(
    Schema.filter(({ fromMs, toMs }) =>
      toMs > fromMs ? undefined : { path: ["toMs"], message: `Expected more than fromMs, actual ${toMs}` }
    ),
    Schema.extend(Schema.Struct(fields))
  )

/**
 * A time in which a provider is down: it refuses what begins in it (`refuse`), or takes it and says
 * nothing (`silent`); what it is writing when the time begins is cut.
 *
 * @since 0.1.0
 * @category schemas
 */
export const Outage = period({ kind: withDefault(Schema.Literal("refuse", "silent"), "refuse") })

/**
 * A time in which a provider is slow: what begins in it takes so many times as long.
 *
 * @since 0.1.0
 * @category schemas
 */
export const Slowdown = period({ factor: positive("a factor") })

/**
 * What a provider keeps of the sessions that it has read: from 1,024 tokens on, in steps of 128 where tasks needn't
 * mark it.
 *
 * @since 0.1.0
 * @category schemas
 */
export const Cache = Schema.Struct({
  /** Whether it keeps what tasks mark, and nothing else; false when absent. */
  marked: withDefault(Schema.Boolean, false),
  /** For how many milliseconds after the last call it is kept; five minutes when absent. */
  ttlMs: withDefault(positive("milliseconds"), 300_000)
})

/**
 * Sessions of agents in place of tasks that have nothing to do with each other: each turn's task is the one before
 * with its answer and what a tool has said, marked for the cache at its end.
 *
 * @since 0.1.0
 * @category schemas
 */
export const Sessions = Schema.Struct({
  /** How many there are. They begin at random times within the simulation. */
  count: positive("a number of sessions").pipe(Schema.int()),
  /** The calls of each; 30 when absent. */
  turns: withDefault(positive("a number of turns").pipe(Schema.int()), 30),
  /** Tokens of the first task, instructions and tools included; p50 12,000, p99 30,000 when absent. */
  openingTokens: withDefault(Spread, { p50: 12_000, p99: 30_000 }),
  /** Tokens that a tool's result adds with each turn; p50 1,200, p99 12,000 when absent. */
  addedTokens: withDefault(Spread, { p50: 1200, p99: 12_000 }),
  /** Milliseconds from an answer to the next call; p50 8,000, p99 240,000 when absent. */
  pauseMs: withDefault(Spread, { p50: 8000, p99: 240_000 }),
  /** Whether each call asks the provider first that has answered the session's last one; false when absent. */
  pinned: withDefault(Schema.Boolean, false)
})

/**
 * What a simulated provider is like.
 *
 * @since 0.1.0
 * @category schemas
 */
export const Provider = Schema.Struct({
  provider: AIProvider.AIProvider,
  /** Milliseconds until the first token; p50 400, p99 2,000 when absent. */
  firstTokenMs: withDefault(Spread, { p50: 400, p99: 2000 }),
  /** How fast it writes; 60 when absent. */
  tokensPerSecond: withDefault(positive("tokens per second"), 60),
  /** How fast it reads what it hasn't cached; in no time when absent. */
  inputTokensPerSecond: Schema.optional(positive("tokens per second")),
  /** What it caches of sessions; nothing when absent. */
  cache: Schema.optional(Cache),
  /** The share of attempts that fail, by the tag of their error; none when absent. */
  errors: withDefault(byTag(share), {}),
  /** The share of attempts that are cut while they write; 0 when absent. */
  cutShare: withDefault(share, 0),
  /** The most attempts in a minute of the clock; above, RateLimitError. No limit when absent. */
  requestsPerMinute: Schema.optional(positive("requests per minute")),
  /** Whether its RateLimitError says when to come back; true when absent. */
  statesRetryAfter: withDefault(Schema.Boolean, true),
  /** Whether its answers say how many requests are left in the minute; true when absent. */
  statesRateLimits: withDefault(Schema.Boolean, true),
  outages: withDefault(Schema.Array(Outage), []),
  slowdowns: withDefault(Schema.Array(Slowdown), []),
  /** USD per million tokens; unknown when absent, which isn't 0. */
  price: Schema.optional(Price.Options),
  /** How good its answers are, 0 to 10; 5 when absent. */
  qualityScore: withDefault(numbers.upTo("a score", 10), 5),
  /** Whether it can go on from a part of an answer; false when absent. */
  prefill: withDefault(Schema.Boolean, false)
}).pipe(
  Schema.filter(({ cutShare, errors }) => {
    const sum = Object.values(given(errors)).reduce((total, one) => total + one, cutShare)
    return sum <= 1
      ? undefined
      : { path: ["errors"], message: `Expected shares of 1 at most together, actual ${sum}` }
  })
)

/**
 * When tasks come: at random with so many a minute on average (`poisson`), or at a fixed rate.
 *
 * @since 0.1.0
 * @category schemas
 */
export const Arrivals = Schema.Struct({
  kind: withDefault(Schema.Literal("poisson", "fixed"), "poisson"),
  perMinute: withDefault(positive("tasks per minute"), 30)
})

const Data = Schema.Struct({
  /** What all chance derives from; 1 when absent. */
  seed: withDefault(Schema.Int, 1),
  providers: Schema.NonEmptyArray(Provider),
  /** How long tasks come, in virtual milliseconds; an hour when absent. */
  durationMs: withDefault(positive("milliseconds"), 3_600_000),
  arrivals: withDefault(Arrivals, { kind: "poisson", perMinute: 30 }),
  /** Sessions in place of `arrivals`; tasks have nothing to do with each other when absent. */
  sessions: Schema.optional(Sessions),
  /** Tokens of a task; p50 400, p99 4,000 when absent. */
  inputTokens: withDefault(Spread, { p50: 400, p99: 4000 }),
  /** Tokens of an answer; p50 250, p99 1,200 when absent. */
  outputTokens: withDefault(Spread, { p50: 250, p99: 1200 }),
  /** The share of tasks that are streamed; a half when absent. */
  streamingShare: withDefault(share, 0.5),
  /** The timeout of a task in milliseconds; that of the policy when absent. */
  timeoutMs: Schema.optional(positive("milliseconds")),
  strategy: withDefault(Schema.Literal("cheapest", "fastest", "quality", "balanced"), "balanced")
}).pipe(
  Schema.filter(({ providers }) => {
    const names = providers.map(({ provider }) => provider)
    const again = names.findIndex((name, index) => names.indexOf(name) < index)
    return again < 0
      ? undefined
      : {
          path: ["providers", again, "provider"],
          message: `Expected each provider once, actual ${String(names[again])} twice`
        }
  })
)

/**
 * What a simulated provider is like, with its defaults filled in.
 *
 * @since 0.1.0
 * @category models
 */
export type Provider = typeof Provider.Type

/**
 * What is simulated: plain data, the policy by which tasks are routed, and what stands around it.
 *
 * @since 0.1.0
 * @category models
 */
export interface Options extends Schema.Schema.Encoded<typeof Data> {
  /** How tasks are routed; the default policy when absent. */
  readonly policy?: RoutingPolicy.Options | undefined
  /** Services around the orchestrator, such as a circuit breaker, rate limits or budgets; none when absent. */
  readonly layer?: Layer.Layer<never, InvalidArgumentError> | undefined
}

/**
 * What is simulated, with its defaults filled in.
 *
 * @since 0.1.0
 * @category models
 */
export type Decoded = typeof Data.Type

/**
 * Checks what is to be simulated and fills in its defaults. Fails with an InvalidArgumentError that names
 * the field and the value.
 *
 * @since 0.1.0
 * @category constructors
 */
export const decode: (input: unknown) => Either.Either<Decoded, InvalidArgumentError> = validation.decoder(
  "Simulation",
  Data
)
