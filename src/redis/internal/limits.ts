import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import * as ids from "../../internal/ids.js"
import type * as ReasoningEngine from "../../ReasoningEngine.js"
import * as LimitStore from "../../reliability/LimitStore.js"
import { Connection } from "../Connection.js"
import * as scripts from "./limitScripts.js"
import { ofServer, type Time } from "./time.js"

/** How limits are shared. */
export interface Settings {
  /** The share of each limit that this process keeps to by itself. */
  readonly share: number
  /** Milliseconds of a lease. */
  readonly leaseMs: number
}

/** Why an attempt can't begin, by the number that the script gives. */
const reasons: ReadonlyArray<LimitStore.Reason | undefined> = [
  undefined,
  "statedWait",
  "statedRequests",
  "statedTokens",
  "requestsPerMinute",
  "tokensPerMinute",
  "concurrency"
]

/** The reason, the wait, the time of the server, and the wait of the next attempt. */
const decodeReply = Schema.decodeUnknownOption(
  Schema.Tuple(Schema.Number, Schema.Number, Schema.Number, Schema.Number)
)

const noLimits: LimitStore.Limits = {}

const minuteMs = 60_000
const slotMs = 1000

/** Milliseconds for which a wait that may end earlier is believed without asking. */
const hintMs = 250

const scaled = (limit: number | undefined, share: number): number | undefined =>
  limit === undefined ? undefined : Math.max(1, Math.floor(limit * share))

/** What this process may use by itself. */
const shareOf = (limits: LimitStore.Limits, share: number): LimitStore.Limits => ({
  requestsPerMinute: scaled(limits.requestsPerMinute, share),
  tokensPerMinute: scaled(limits.tokensPerMinute, share),
  concurrency: scaled(limits.concurrency, share)
})

const both = (shared: LimitStore.Grant, mine: LimitStore.Grant): LimitStore.Grant => ({
  unsafeState: (stated) => {
    shared.unsafeState(stated)
    mine.unsafeState(stated)
  },
  settle: (ended) => Effect.zipRight(shared.settle(ended), mine.settle(ended)),
  cancel: Effect.zipRight(shared.cancel, mine.cancel)
})

/** Keeps limits in the Redis of the context. */
export const make = (
  { leaseMs, share }: Settings,
  time: Time = ofServer
): Effect.Effect<LimitStore.Service, never, Connection | Scope.Scope> =>
  Effect.gen(function* () {
    const redis = yield* Connection
    const [takes, settles, tells, renews] = yield* Effect.all([
      scripts.takes,
      scripts.settles,
      scripts.tells,
      scripts.renews
    ])
    const clock = yield* Effect.clock
    /** What this process uses, so that it can go on from there by itself. */
    const own = yield* LimitStore.makeMemory
    const owner = yield* Effect.flatMap(
      Effect.sync(() => clock.unsafeCurrentTimeMillis()),
      ids.row
    )
    let attempts = 0
    /** The leases of calls under way, by the key that they are in. */
    const leases = new Map<string, Set<string>>()
    /** From when there is room at a key, and until when that is believed. */
    const hints = new Map<string, { readonly at: number; readonly until: number }>()

    const keysOf = (key: string): readonly [string, string] => [
      redis.key("limit", key),
      redis.key("leases", key)
    ]

    const hint = (key: string, waitMs: number, now: number): void => {
      if (waitMs === 0) hints.delete(key)
      else {
        const at = waitMs < 0 ? Number.POSITIVE_INFINITY : now + waitMs
        hints.set(key, { at, until: Math.min(at, now + hintMs) })
      }
    }

    /** The grant of a call that Redis has let in. */
    const granted = (key: string, tokens: number, takenAt: number, lease: string): LimitStore.Grant => {
      const [window, leased] = keysOf(key)
      const end = (requests: number, difference: number, retryAfterMs: number | ""): Effect.Effect<void> =>
        Effect.sync(() => {
          leases.get(leased)?.delete(lease)
          const now = clock.unsafeCurrentTimeMillis()
          if (retryAfterMs !== "") hint(key, retryAfterMs, now)
          else if (hints.get(key)?.at === Number.POSITIVE_INFINITY) hints.delete(key)
          redis.unsafeSend(
            settles,
            [window, leased],
            [time(now), takenAt, requests, Math.round(difference), retryAfterMs, lease]
          )
        })
      return {
        unsafeState: (stated) => {
          const now = clock.unsafeCurrentTimeMillis()
          const told = (quota: ReasoningEngine.Quota | undefined): ReadonlyArray<string | number> => {
            if (quota === undefined) return ["", ""]
            const resetMs = Math.max(0, quota.resetAt - now)
            if (quota.remaining < 1) hint(key, resetMs, now)
            return [quota.remaining, resetMs]
          }
          redis.unsafeSend(
            tells,
            [window, leased],
            [time(now), ...told(stated.requests), ...told(stated.tokens)]
          )
        },
        settle: ({ retryAfterMs, tokens: used }) => end(0, used - tokens, retryAfterMs ?? ""),
        cancel: end(-1, -tokens, "")
      }
    }

    /** Asks Redis; none when it is away. */
    const shared = (
      key: string,
      limits: LimitStore.Limits,
      tokens: number,
      now: number
    ): Effect.Effect<Option.Option<Either.Either<LimitStore.Grant, LimitStore.Wait>>> => {
      const lease = `${owner}-${++attempts}`
      const keys = keysOf(key)
      const { concurrency = -1, requestsPerMinute = -1, tokensPerMinute = -1 } = limits
      const args = [
        time(now),
        Math.ceil(tokens),
        requestsPerMinute,
        tokensPerMinute,
        concurrency,
        lease,
        leaseMs
      ]
      const read = (reply: unknown) =>
        Option.map(decodeReply(reply), ([why, waitMs, takenAt, nextMs]) => {
          hint(key, nextMs, clock.unsafeCurrentTimeMillis())
          const reason = reasons[why]
          if (reason !== undefined) {
            return Either.left({ waitMs: waitMs < 0 ? Number.POSITIVE_INFINITY : waitMs, reason })
          }
          return Either.right(granted(key, Math.ceil(tokens), takenAt, lease))
        })
      // The call has gone on without it.
      const giveBack = (reply: unknown): void => {
        for (const late of Option.toArray(read(reply))) {
          if (Either.isRight(late)) Effect.runSync(late.right.cancel)
        }
      }
      return Effect.map(redis.run(takes, keys, args, giveBack), (reply) => {
        const answer = Option.flatMap(reply, read)
        if (concurrency >= 0 && Option.isSome(answer) && Either.isRight(answer.value)) {
          const known = leases.get(keys[1]) ?? new Set()
          leases.set(keys[1], known.add(lease))
        }
        return answer
      })
    }

    const renew = Effect.sync(() => {
      const now = time(clock.unsafeCurrentTimeMillis())
      for (const [key, running] of leases) {
        if (running.size === 0) leases.delete(key)
        else redis.unsafeSend(renews, [key], [now, leaseMs, ...running])
      }
    })
    yield* Effect.forkScoped(
      Effect.interruptible(Effect.schedule(renew, Schedule.spaced(Duration.millis(leaseMs / 3))))
    )

    return {
      take: (key, limits, tokens) =>
        Effect.suspend((): ReturnType<LimitStore.Service["take"]> => {
          const now = clock.unsafeCurrentTimeMillis()
          return Effect.flatMap(shared(key, limits, tokens, now), (answer) => {
            if (Option.isNone(answer)) return own.take(key, shareOf(limits, share), tokens)
            if (Either.isLeft(answer.value)) return Effect.succeed(answer.value)
            const grant = answer.value.right
            // What began in the outage isn't known to Redis.
            const isCareful = now - redis.unsafeLastAway() < minuteMs + slotMs
            return Effect.flatMap(
              own.take(key, isCareful ? shareOf(limits, share) : noLimits, tokens),
              (taken): ReturnType<LimitStore.Service["take"]> => {
                if (Either.isRight(taken)) return Effect.succeed(Either.right(both(grant, taken.right)))
                return isCareful ? Effect.as(grant.cancel, taken) : Effect.succeed(Either.right(grant))
              }
            )
          })
        }),
      unsafeReadyAt: (key, limits, now) => {
        if (redis.unsafeAwaySince() !== undefined) {
          return own.unsafeReadyAt(key, shareOf(limits, share), now)
        }
        const known = hints.get(key)
        return known !== undefined && now < known.until ? known.at : now
      }
    }
  })
