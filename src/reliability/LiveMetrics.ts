/**
 * What providers are like right now, by the attempts of the last while: latency, success, pace.
 *
 * Strategies that look at latency follow what is measured; until there are enough samples it is blended
 * with the profile that was given, and after a while without traffic the profile counts again. Memory per
 * provider is bounded. Off unless its Layer is there.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import { ofNow } from "../internal/now.js"
import * as numbers from "../internal/numbers.js"
import type { AIProvider } from "../AIProvider.js"
import type * as AIResult from "../AIResult.js"
import type * as AttemptObserver from "../AttemptObserver.js"
import * as CircuitBreaker from "./CircuitBreaker.js"
import type { InvalidArgumentError } from "../InvalidArgument.js"
import { Samples } from "../internal/samples.js"
import * as validation from "../internal/validation.js"
import type * as ProviderMetrics from "../ProviderMetrics.js"

/**
 * Half and 99 % of the samples are this at most.
 *
 * @since 0.1.0
 * @category models
 */
export interface Quantiles {
  readonly p50: number
  readonly p99: number
}

/**
 * The measurements of one provider over the window.
 *
 * @since 0.1.0
 * @category models
 */
export interface Measured {
  /** Attempts that say something of the provider. */
  readonly attempts: number
  /** Milliseconds until the first content; none without samples. */
  readonly firstTokenMs: Option.Option<Quantiles>
  /** Milliseconds of whole answers; one that was given up counts as the time it had. None without samples. */
  readonly totalMs: Option.Option<Quantiles>
  /** Tokens per second after the first content, the median; none without samples. */
  readonly tokensPerSecond: Option.Option<number>
  /** The share of attempts that weren't the provider's failures, 0 to 1; none without attempts. */
  readonly successRate: Option.Option<number>
}

/**
 * Measures providers.
 *
 * @since 0.1.0
 * @category models
 */
export interface Service extends AttemptObserver.Service {
  /** The measurements of a provider. */
  readonly measured: (provider: AIProvider) => Effect.Effect<Measured>
  /** What is known of a provider, with what is measured at an instant blended in. */
  readonly unsafeBlend: (
    known: ProviderMetrics.ProviderMetrics,
    now: number
  ) => ProviderMetrics.ProviderMetrics
  /** The milliseconds by which a share of first contents were there; undefined without enough samples. */
  readonly unsafeFirstTokenMs: (provider: AIProvider, quantile: number, now: number) => number | undefined
}

/**
 * Measures providers.
 *
 * @since 0.1.0
 * @category tags
 */
export class LiveMetrics extends Context.Tag("arc-saga/LiveMetrics")<LiveMetrics, Service>() {}

const samples = (value: number) =>
  numbers.withDefault(
    numbers.number(
      "a number of samples (a whole number from 1 to 100000)",
      (n) => Number.isSafeInteger(n) && n > 0 && n <= 100_000
    ),
    value
  )

/**
 * What is measured.
 *
 * @since 0.1.0
 * @category schemas
 */
export const Settings = Schema.Struct({
  /** For how many milliseconds an attempt counts; 300,000 when absent. */
  windowMs: numbers.withDefault(numbers.millis, 300_000),
  /** The samples of a kind that are kept per provider, the latest; 256 when absent. */
  samples: samples(256),
  /** From how many on only what is measured counts; 20 when absent. */
  enough: samples(20)
})

/**
 * What is measured.
 *
 * @since 0.1.0
 * @category models
 */
export interface Options extends Schema.Schema.Encoded<typeof Settings> {
  /** Which attempts count as failures of their provider; {@link CircuitBreaker.isFailure} when absent. */
  readonly isFailure?: ((attempt: AIResult.Attempt) => boolean) | undefined
}

const decode = validation.decoder("LiveMetrics", Settings)

/** Failures in a row that are an outage. */
const outage = 5

/** The samples of one provider. */
interface Kept {
  /** How many attempts have failed since one succeeded, and when the first of them did. */
  failures: number
  failingSince: number
  readonly firstTokenMs: Samples
  readonly totalMs: Samples
  readonly tokensPerSecond: Samples
  /** 1 for a success, 0 for a failure. */
  readonly successes: Samples
}

/**
 * Makes a measuring service. Fails with an InvalidArgumentError when a number is out of range.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = ({ isFailure = CircuitBreaker.isFailure, ...options }: Options = {}): Effect.Effect<
  Service,
  InvalidArgumentError
> =>
  Effect.map(decode(options), ({ enough, samples, windowMs }) => {
    const providers = new Map<AIProvider, Kept>()

    const keptOf = (provider: AIProvider): Kept => {
      const known = providers.get(provider)
      if (known !== undefined) return known
      const make = () => new Samples(samples, windowMs)
      const made: Kept = {
        failures: 0,
        failingSince: 0,
        firstTokenMs: make(),
        totalMs: make(),
        tokensPerSecond: make(),
        successes: make()
      }
      providers.set(provider, made)
      return made
    }

    /** Measurements of an outage that is over say nothing of the time since. */
    const recover = (kept: Kept): void => {
      const { failingSince, failures, firstTokenMs, successes, tokensPerSecond, totalMs } = kept
      kept.failures = 0
      if (failures < outage) return
      for (const each of [firstTokenMs, totalMs, tokensPerSecond, successes]) each.dropSince(failingSince)
    }

    const record = (attempt: AIResult.Attempt, now: number): void => {
      const { durationMs, error, outcome, usage } = attempt
      const kept = keptOf(attempt.provider)
      const failed = isFailure(attempt)
      if (failed) {
        if (kept.failures === 0) kept.failingSince = now
        kept.failures += 1
      } else if (outcome === "succeeded") recover(kept)
      const firstTokenMs = Option.getOrUndefined(attempt.firstTokenMs)
      // An attempt that was given up took at least so long: without it the slow would look fast.
      const givenUp = outcome === "discarded" || (Option.isSome(error) && error.value._tag === "TimeoutError")
      if (firstTokenMs !== undefined) kept.firstTokenMs.add(now, firstTokenMs)
      else if (givenUp) kept.firstTokenMs.add(now, durationMs)
      if (outcome === "succeeded" || (failed && givenUp)) kept.totalMs.add(now, durationMs)
      if (outcome === "succeeded" || failed) kept.successes.add(now, failed ? 0 : 1)
      if (outcome !== "succeeded" || firstTokenMs === undefined) return
      const writingMs = durationMs - firstTokenMs
      if (writingMs > 0) kept.tokensPerSecond.add(now, (1000 * usage.outputTokens) / writingMs)
    }

    const quantiles = (kept: Samples, now: number): Option.Option<Quantiles> =>
      Option.map(Option.all([kept.quantile(now, 0.5), kept.quantile(now, 0.99)]), ([p50, p99]) => ({
        p50,
        p99
      }))

    const measuredOf = (provider: AIProvider, now: number): Measured => {
      const { firstTokenMs, successes, tokensPerSecond, totalMs } = keptOf(provider)
      return {
        attempts: successes.count(now),
        firstTokenMs: quantiles(firstTokenMs, now),
        totalMs: quantiles(totalMs, now),
        tokensPerSecond: tokensPerSecond.quantile(now, 0.5),
        successRate: successes.mean(now)
      }
    }

    const unsafeBlend: Service["unsafeBlend"] = (known, now) => {
      const kept = providers.get(known.provider)
      if (kept === undefined) return known
      const { firstTokenMs, successes, tokensPerSecond, totalMs } = kept
      const blend = <G extends number | undefined>(given: G, measured: Option.Option<number>, of: Samples) =>
        Option.match(measured, {
          onNone: () => given,
          // A number that wasn't given is measured.
          onSome: (value) =>
            given === undefined ? value : given + (value - given) * Math.min(1, of.count(now) / enough)
        })
      const p50FirstTokenMs = blend(known.p50FirstTokenMs, firstTokenMs.quantile(now, 0.5), firstTokenMs)
      const p99FirstTokenMs = blend(known.p99FirstTokenMs, firstTokenMs.quantile(now, 0.99), firstTokenMs)
      const pace = blend(known.tokensPerSecond, tokensPerSecond.quantile(now, 0.5), tokensPerSecond)
      return {
        ...known,
        p50LatencyMs: blend(known.p50LatencyMs, totalMs.quantile(now, 0.5), totalMs),
        p99LatencyMs: blend(known.p99LatencyMs, totalMs.quantile(now, 0.99), totalMs),
        successRate: blend(known.successRate, successes.mean(now), successes),
        ...(p50FirstTokenMs === undefined ? {} : { p50FirstTokenMs }),
        ...(p99FirstTokenMs === undefined ? {} : { p99FirstTokenMs }),
        ...(pace === undefined ? {} : { tokensPerSecond: pace })
      }
    }

    return {
      observe: (attempt) => ofNow((now) => record(attempt, now)),
      measured: (provider) => ofNow((now) => measuredOf(provider, now)),
      unsafeBlend,
      unsafeFirstTokenMs: (provider, quantile, now) => {
        const kept = providers.get(provider)?.firstTokenMs
        return kept === undefined || kept.count(now) < enough
          ? undefined
          : Option.getOrUndefined(kept.quantile(now, quantile))
      }
    }
  })

/**
 * Measures the attempts of the routers that are built on this Layer, for the optimizers that are.
 *
 * @since 0.1.0
 * @category layers
 */
export const layer = (options: Options = {}): Layer.Layer<LiveMetrics, InvalidArgumentError> =>
  Layer.effect(LiveMetrics, make(options))
