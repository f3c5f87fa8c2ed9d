/**
 * Where rate limits keep what is used of them: in memory, or shared by several processes.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Layer from "effect/Layer"
import type * as ReasoningEngine from "../ReasoningEngine.js"
import { Allowance, type Limits, type Reason } from "./internal/allowance.js"

export type { Limits, Reason } from "./internal/allowance.js"

/**
 * An attempt that can't begin yet.
 *
 * @since 0.1.0
 * @category models
 */
export interface Wait {
  /** Milliseconds until there is room, if nothing else begins; `Infinity` when that isn't known. */
  readonly waitMs: number
  readonly reason: Reason
}

/**
 * The room of an attempt that begins. It is released once, by `settle` or by `cancel`.
 *
 * @since 0.1.0
 * @category models
 */
export interface Grant {
  /** Notes what the provider says is left. */
  readonly unsafeState: (limits: ReasoningEngine.RateLimitsEvent) => void
  /**
   * Ends the attempt: counts the tokens that it used instead of those that it took, and has nothing begin
   * before a time that the provider stated.
   */
  readonly settle: (ended: {
    readonly tokens: number
    readonly retryAfterMs?: number | undefined
  }) => Effect.Effect<void>
  /** Gives all of it back: the attempt wasn't made. */
  readonly cancel: Effect.Effect<void>
}

/**
 * Keeps what is used of limits.
 *
 * @since 0.1.0
 * @category models
 */
export interface Service {
  /** Takes the room of one attempt of so many tokens under the limits of a key, or says when there is some. */
  readonly take: (key: string, limits: Limits, tokens: number) => Effect.Effect<Either.Either<Grant, Wait>>
  /**
   * From when an attempt can begin, in milliseconds of the Clock, as far as that is known without asking: `now`
   * when it can, `Infinity` when that isn't known.
   */
  readonly unsafeReadyAt: (key: string, limits: Limits, now: number) => number
  /**
   * Lets go of what a provider stated, to attempts under way too: what is asked from now on is another one, or with
   * another key. What is used stays counted.
   */
  readonly reset: (key: string) => Effect.Effect<void>
}

/**
 * Keeps what is used of limits.
 *
 * @since 0.1.0
 * @category tags
 */
export class LimitStore extends Context.Tag("arc-saga/LimitStore")<LimitStore, Service>() {}

/**
 * Keeps it in memory: of this process alone, and gone with it.
 *
 * @since 0.1.0
 * @category constructors
 */
export const makeMemory: Effect.Effect<Service> = Effect.sync(() => {
  const allowances = new Map<string, Allowance>()
  let enough = 1000
  /** Forgets keys whose attempts hold back no others any more; at most as often as there are twice as many. */
  const forget = (now: number): void => {
    if (allowances.size < enough) return
    for (const [key, allowance] of allowances) if (allowance.isIdle(now)) allowances.delete(key)
    enough = Math.max(1000, 2 * allowances.size)
  }
  const allowanceOf = (key: string, now: number): Allowance => {
    const known = allowances.get(key)
    if (known !== undefined) return known
    forget(now)
    const made = new Allowance()
    allowances.set(key, made)
    return made
  }
  return {
    take: (key, limits, tokens) =>
      Effect.map(Effect.clock, (clock) => {
        const startedAt = clock.unsafeCurrentTimeMillis()
        const allowance = allowanceOf(key, startedAt)
        const { at, reason } = allowance.room(limits, startedAt, tokens)
        if (reason !== undefined) return Either.left({ waitMs: at - startedAt, reason })
        allowance.take(startedAt, tokens)
        const { resets } = allowance
        return Either.right<Grant>({
          unsafeState: (stated) => {
            if (allowance.resets === resets) allowance.told(stated)
          },
          settle: (ended) =>
            Effect.sync(() => {
              const now = clock.unsafeCurrentTimeMillis()
              allowance.settle(now, startedAt, ended.tokens - tokens)
              if (ended.retryAfterMs !== undefined && allowance.resets === resets) {
                allowance.comeBackAt(now + ended.retryAfterMs)
              }
            }),
          cancel: Effect.sync(() => allowance.cancel(clock.unsafeCurrentTimeMillis(), startedAt, tokens))
        })
      }),
    unsafeReadyAt: (key, limits, now) => allowances.get(key)?.room(limits, now, 1).at ?? now,
    reset: (key) => Effect.sync(() => allowances.get(key)?.reset())
  }
})

/**
 * Keeps it in memory: see {@link makeMemory}.
 *
 * @since 0.1.0
 * @category layers
 */
export const layerMemory: Layer.Layer<LimitStore> = Layer.effect(LimitStore, makeMemory)
