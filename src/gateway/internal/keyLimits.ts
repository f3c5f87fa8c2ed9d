import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import type * as Scope from "effect/Scope"
import { onClose } from "../../internal/onClose.js"
import type * as LimitStore from "../../reliability/LimitStore.js"
import type { ApiKey } from "../ApiKeys.js"
import { RejectedRequest } from "./rejection.js"

const minute = 60_000

interface Use {
  /** When its last calls began, as many as it may make in a minute; the oldest is the next to be replaced. */
  readonly begun: Array<number>
  next: number
  running: number
}

/** Counts the call of a key that begins at an instant in milliseconds until the scope closes, or says why not. */
export type Count = (key: ApiKey, now: number) => Effect.Effect<void, RejectedRequest, Scope.Scope>

/** Counts the calls of each key. */
export interface KeyLimits {
  /** Lets a call begin at an instant in milliseconds, or says why not. */
  readonly begin: (key: ApiKey, now: number) => RejectedRequest | undefined
  /** A call that was let in has ended. */
  readonly end: (key: ApiKey) => void
  /** Keys whose calls are counted. */
  readonly size: number
}

const tooMany = (limit: string, advice: string, retryAfterMs?: number): RejectedRequest =>
  new RejectedRequest({
    reason: "limited",
    description: `This key may ${limit}. ${advice}`,
    ...(retryAfterMs === undefined ? {} : { retryAfterMs })
  })

const tooManyInAMinute = (requests: number | undefined, waitMs: number): RejectedRequest =>
  tooMany(`make ${requests} calls in a minute`, `Retry after ${Math.ceil(waitMs)} ms`, waitMs)

const tooManyAtATime = (calls: number | undefined): RejectedRequest =>
  tooMany(`make ${calls} calls at a time`, "Wait until one of them has ended")

export const make = (): KeyLimits => {
  const uses = new Map<string, Use>()
  let enough = 1000
  /** Forgets keys that no limit can hold back any more; at most as often as there are twice as many. */
  const forget = (now: number): void => {
    if (uses.size < enough) return
    for (const [id, { begun, running }] of uses) {
      if (running === 0 && begun.every((at) => at + minute <= now)) uses.delete(id)
    }
    enough = Math.max(1000, 2 * uses.size)
  }
  const useOf = ({ id }: ApiKey, now: number): Use => {
    const known = uses.get(id)
    if (known !== undefined) return known
    forget(now)
    const use: Use = { begun: [], next: 0, running: 0 }
    uses.set(id, use)
    return use
  }
  return {
    begin: (key, now) => {
      const { concurrent, requestsPerMinute } = key
      const use = useOf(key, now)
      if (concurrent !== undefined && use.running >= concurrent) {
        return tooManyAtATime(concurrent)
      }
      if (requestsPerMinute !== undefined) {
        const wait = (use.begun[use.next] ?? Number.NEGATIVE_INFINITY) + minute - now
        if (wait > 0) return tooManyInAMinute(requestsPerMinute, wait)
        use.begun[use.next] = now
        use.next = (use.next + 1) % requestsPerMinute
      }
      use.running++
      return undefined
    },
    end: ({ id }) => {
      const use = uses.get(id)
      if (use !== undefined) use.running--
    },
    get size() {
      return uses.size
    }
  }
}

/** Counts the calls of this process alone. */
export const alone =
  (limits: KeyLimits = make()): Count =>
  (key, now) =>
    Effect.uninterruptible(
      Effect.suspend(() => limits.begin(key, now) ?? onClose(() => Effect.sync(() => limits.end(key))))
    )

/** Counts the calls of all processes that have the store. A space isn't part of a provider's id: no key is one's. */
export const shared =
  (store: LimitStore.Service): Count =>
  ({ concurrent, id, requestsPerMinute }) =>
    concurrent === undefined && requestsPerMinute === undefined
      ? Effect.void
      : Effect.uninterruptible(
          Effect.flatMap(
            store.take(`key ${id}`, { concurrency: concurrent, requestsPerMinute }, 0),
            Either.match({
              onLeft: ({ reason, waitMs }): ReturnType<Count> =>
                reason === "concurrency"
                  ? tooManyAtATime(concurrent)
                  : tooManyInAMinute(requestsPerMinute, waitMs),
              onRight: ({ settle }) => onClose(() => settle({ tokens: 0 }))
            })
          )
        )

/** Takes tokens of a key's limit for a call that begins, until the scope closes; gives what says how many it used. */
export type CountTokens = (
  key: ApiKey,
  tokens: number
) => Effect.Effect<(used: number) => void, RejectedRequest, Scope.Scope>

/** Counts tokens in a store, of this process alone or of several. What isn't told of was used as it was taken. */
export const tokens =
  (store: LimitStore.Service): CountTokens =>
  ({ id, tokensPerMinute }, taken) =>
    tokensPerMinute === undefined
      ? Effect.succeed(() => {})
      : Effect.uninterruptible(
          Effect.flatMap(
            store.take(`key ${id} tokens`, { tokensPerMinute }, taken),
            Either.match({
              onLeft: ({ waitMs }): ReturnType<CountTokens> =>
                tooMany(
                  `use ${tokensPerMinute} tokens in a minute`,
                  `Retry after ${Math.ceil(waitMs)} ms`,
                  waitMs
                ),
              onRight: ({ settle }) => {
                let tokens = taken
                return Effect.as(
                  onClose(() => settle({ tokens })),
                  (used) => void (tokens = used)
                )
              }
            })
          )
        )
