import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Hash from "effect/Hash"
import * as Option from "effect/Option"
import * as Utils from "effect/Utils"
import * as AITask from "../../AITask.js"
import type { EngineError } from "../../EngineError.js"
import * as Price from "../../Price.js"
import type * as ProviderMetrics from "../../ProviderMetrics.js"
import type * as ReasoningEngine from "../../ReasoningEngine.js"
import * as Behaviour from "../Behaviour.js"
import type * as ScriptedEngine from "../ScriptedEngine.js"
import type { Provider, Spread } from "../Simulation/Options.js"
import * as TokenUsage from "../../TokenUsage.js"
import { given } from "../../internal/options.js"

/** What the providers of a simulation have in common. */
export interface World {
  readonly seed: number
  readonly inputTokens: Spread
  readonly outputTokens: Spread
  /** Where there are sessions, a task has as many tokens as its text. */
  readonly sessions?: unknown
}

/** The 0.99 quantile of the normal distribution. */
const z99 = 2.326347874

/** What Random draws from the same seed; without an Effect for each of millions of draws. */
export const chance = (seed: string): Utils.PCGRandom => new Utils.PCGRandom(Hash.hash(seed))

/** Draws a quantity. */
export const draw = (spread: Spread, random: Utils.PCGRandom): number => {
  if (typeof spread === "number") return spread
  const radius = random.number()
  const angle = random.number()
  const normal = Math.sqrt(-2 * Math.log(1 - radius)) * Math.cos(2 * Math.PI * angle)
  return spread.p50 * Math.exp((normal * Math.log(spread.p99 / spread.p50)) / z99)
}

/** The tokens of a task and of its answer: the same for all providers. */
const sizeOf = (world: World, request: ReasoningEngine.Request) => {
  const random = chance(`${world.seed}/${request.task.id}`)
  const tokens = (spread: Spread) => Math.max(1, Math.round(draw(spread, random)))
  const outputTokens = tokens(world.outputTokens)
  return {
    inputTokens:
      world.sessions === undefined
        ? tokens(world.inputTokens)
        : TokenUsage.estimateTokens(AITask.inputCharacters(request.task)),
    outputTokens
  }
}

const quantile = (spread: Spread, of: "p50" | "p99"): number =>
  typeof spread === "number" ? spread : spread[of]

/** What an optimizer would know of the provider after a while. */
export const metricsOf = (
  provider: Provider,
  price: Option.Option<Price.Price>,
  outputTokens: Spread
): ProviderMetrics.Options => {
  const latency = (of: "p50" | "p99") =>
    quantile(provider.firstTokenMs, of) + (1000 * quantile(outputTokens, of)) / provider.tokensPerSecond
  const failing = Object.values(given(provider.errors)).reduce((sum, share) => sum + share, provider.cutShare)
  return {
    provider: provider.provider,
    ...Option.match(price, {
      onNone: () => ({}),
      onSome: (known) => ({ costPerToken: Price.blendedPerToken(known) })
    }),
    p50LatencyMs: latency("p50"),
    p99LatencyMs: latency("p99"),
    successRate: Math.max(0, 1 - failing),
    qualityScore: provider.qualityScore
  }
}

const tags: ReadonlyArray<EngineError["_tag"]> = [
  "AuthenticationError",
  "InputValidationError",
  "ContextLengthError",
  "ContentPolicyError",
  "QuotaExhaustedError",
  "ModelNotFoundError",
  "RateLimitError",
  "TransientError",
  "TimeoutError"
]

/** The words of a provider: a token is four characters, as estimates have it; no two providers agree. */
const tokenOf = (index: number): string => `${String.fromCharCode(97 + (index % 26)).repeat(3)} `

/** About two deltas a second: what happens between them doesn't matter here. */
const tokensPerChunk = (provider: Provider): number => Math.max(1, Math.round(provider.tokensPerSecond / 2))

/** The whole text of an attempt, its prefill included, in deltas of equal length. */
const answer = (
  provider: Provider,
  index: number,
  tokens: number,
  prefill: string
): ReadonlyArray<string> => {
  const size = tokensPerChunk(provider)
  const left = Math.max(1, tokens - Math.ceil(prefill.length / 4))
  const chunks: Array<string> = Array.from({ length: Math.floor(left / size) }, () =>
    tokenOf(index).repeat(size)
  )
  const rest = left % size
  if (rest > 0) chunks.push(tokenOf(index).repeat(rest))
  return prefill === "" ? chunks : [prefill, ...chunks]
}

/** What a provider has cached of sessions, by its rules. */
class PrefixCache {
  private readonly kept = new Map<string, { readonly tokens: number; readonly until: number }>()

  constructor(private readonly rules: Provider["cache"]) {}

  /** What is read from it, and written to it, of a task. */
  use({ session }: AITask.AITask, inputTokens: number, now: number) {
    const { rules } = this
    if (rules === undefined || session === undefined || inputTokens < 1024) return {}
    const entry = this.kept.get(session)
    const known = entry !== undefined && now < entry.until ? Math.min(entry.tokens, inputTokens) : 0
    return rules.marked
      ? { cacheReadTokens: known, cacheWriteTokens: inputTokens - known }
      : { cacheReadTokens: Math.floor(known / 128) * 128 }
  }

  /** A task has been read. */
  keep({ session }: AITask.AITask, inputTokens: number, now: number): void {
    if (this.rules === undefined || session === undefined || inputTokens < 1024) return
    this.kept.set(session, { tokens: inputTokens, until: now + this.rules.ttlMs })
  }
}

const minute = 60_000

/** By how much a provider is slower at an instant. */
const slownessOf = ({ slowdowns }: Provider, now: number): number =>
  slowdowns.find(({ fromMs, toMs }) => now >= fromMs && now < toMs)?.factor ?? 1

/** What a provider does: every attempt from its own seed, so that no provider's luck moves another's. */
export const behaviourOf = (world: World, provider: Provider, index: number): ScriptedEngine.Decide => {
  let window = -1
  let accepted = 0
  const cache = new PrefixCache(provider.cache)

  /** Milliseconds until the next attempt is allowed; 0 when this one is. */
  const limited = (now: number, limit: number): number => {
    if (Math.floor(now / minute) !== window) {
      window = Math.floor(now / minute)
      accepted = 0
    }
    if (accepted >= limit) return (window + 1) * minute - now
    accepted++
    return 0
  }

  /** What is said of a limit, in the minute of the attempt that was accepted last. */
  const stated = (limit: number): Pick<Behaviour.Paced, "rateLimits"> =>
    provider.statesRateLimits && Number.isFinite(limit)
      ? {
          rateLimits: {
            requests: { remaining: Math.max(0, Math.floor(limit - accepted)), resetAt: (window + 1) * minute }
          }
        }
      : {}

  const errorOf = (luck: number): EngineError["_tag"] | "cut" | undefined => {
    let sum = 0
    for (const tag of tags) {
      sum += provider.errors[tag] ?? 0
      if (luck < sum) return tag
    }
    return luck < sum + provider.cutShare ? "cut" : undefined
  }

  return (request, call) =>
    Effect.map(Clock.currentTimeMillis, (now): Behaviour.Behaviour => {
      const random = chance(`${world.seed}/${provider.provider}/${call}`)
      const slowness = slownessOf(provider, now)
      const thinkingMs = draw(provider.firstTokenMs, random)
      const luck = random.number()
      const progress = random.number()
      const { inputTokens, outputTokens } = sizeOf(world, request)
      const cached = cache.use(request.task, inputTokens, now)
      const readingMs =
        (1000 * (inputTokens - (cached.cacheReadTokens ?? 0))) /
        (provider.inputTokensPerSecond ?? Number.POSITIVE_INFINITY)
      const firstTokenMs = Math.ceil(slowness * (thinkingMs + readingMs))
      const chunks = answer(provider, index, outputTokens, request.prefill ?? "")
      const msPerChunk = Math.ceil((slowness * 1000 * tokensPerChunk(provider)) / provider.tokensPerSecond)
      const unlimited = {
        chunks,
        firstTokenMs,
        msPerChunk,
        usage: TokenUsage.make({
          inputTokens,
          ...cached,
          outputTokens: chunks.reduce((sum, chunk) => sum + TokenUsage.estimateTokens(chunk.length), 0)
        }),
        metered: "always"
      } as const

      const outage = provider.outages.find(({ fromMs, toMs }) => now >= fromMs && now < toMs)
      if (outage?.kind === "silent") return Behaviour.stall({ ...unlimited, after: 0 })
      if (outage !== undefined) {
        return Behaviour.fail({ _tag: "TransientError", reason: "network", description: "an outage" })
      }
      const limit = provider.requestsPerMinute ?? Number.POSITIVE_INFINITY
      const retryAfterMs = limited(now, limit)
      if (retryAfterMs > 0) {
        return Behaviour.fail({
          _tag: "RateLimitError",
          ...(provider.statesRetryAfter ? { retryAfterMs } : {})
        })
      }
      const paced = { ...unlimited, ...stated(limit) }
      const failure = errorOf(luck)
      if (failure === "cut") {
        return Behaviour.cut({ ...paced, after: Math.floor(progress * chunks.length) })
      }
      // Who takes too long has begun, and charges for what it has read.
      if (failure === "TimeoutError") {
        return Behaviour.failAfter({ ...paced, after: 0, error: { _tag: failure } })
      }
      // Who fails says so far that nothing was used, for those who don't wait for it.
      if (failure !== undefined) {
        return Behaviour.failAfter({ ...paced, usage: TokenUsage.none, after: 0, error: { _tag: failure } })
      }
      cache.keep(request.task, inputTokens, now)
      // What it would still be writing when an outage begins is cut then.
      const begins = provider.outages.map(({ fromMs }) => fromMs).filter((fromMs) => fromMs > now)
      const until = Math.min(...begins) - now
      const inTime = until <= firstTokenMs ? 0 : Math.ceil((until - firstTokenMs) / msPerChunk)
      return inTime < chunks.length ? Behaviour.cut({ ...paced, after: inTime }) : Behaviour.answer(paced)
    })
}
