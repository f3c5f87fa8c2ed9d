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
import type * as script from "./script.js"
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

/** The reason, the wait, the time of the server, and the wait and the reason of the next attempt. */
const decodeReply = Schema.decodeUnknownOption(
  Schema.Tuple(Schema.Number, Schema.Number, Schema.Number, Schema.Number, Schema.Number)
)

/** A call that Redis has let in. */
interface Taken {
  readonly key: string
  readonly tokens: number
  /** By the clock of the server. */
  readonly takenAt: number
  readonly lease: string
}

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
    const [takes, settles, tells, forgets, renews] = yield* Effect.all([
      scripts.takes,
      scripts.settles,
      scripts.tells,
      scripts.forgets,
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
    /** The leases of calls under way, by key. */
    const leases = new Map<string, Set<string>>()
    /** From when there is room at a key, and until when that is believed. */
    const hints = new Map<
      string,
      { readonly at: number; readonly until: number; readonly reason: LimitStore.Reason }
    >()

    /** How often what the provider of a key stated was let go of; what is stated to a call from before says nothing. */
    const resets = new Map<string, number>()

    const windowOf = (key: string): string => redis.key("limit", key)
    const leasesOf = (key: string): string => redis.key("leases", key)

    const hint = (
      key: string,
      waitMs: number,
      now: number,
      reason: LimitStore.Reason = "statedWait"
    ): void => {
      if (waitMs === 0) hints.delete(key)
      else {
        const at = waitMs < 0 ? Number.POSITIVE_INFINITY : now + waitMs
        hints.set(key, { at, until: Math.min(at, now + hintMs), reason })
      }
    }

    /** Lets an attempt begin by the share of this process, but not before there is room by what Redis said last. */
    const alone: LimitStore.Service["take"] = (key, limits, tokens) =>
      Effect.suspend(() => {
        const now = clock.unsafeCurrentTimeMillis()
        const known = hints.get(key)
        return known !== undefined && now < known.at && known.at < Number.POSITIVE_INFINITY
          ? Effect.succeed(Either.left({ waitMs: known.at - now, reason: known.reason }))
          : own.take(key, shareOf(limits, share), tokens)
      })

    /** What ends a call that Redis has let in: differences to what it took, and a wait that was stated. */
    const ending = (
      { key, lease, takenAt }: Taken,
      requests: number,
      tokens: number,
      retryAfterMs: number | "" = ""
    ): script.Command => {
      const now = time(clock.unsafeCurrentTimeMillis())
      return {
        script: settles,
        keys: [windowOf(key), leasesOf(key)],
        args: [now, takenAt, requests, Math.round(tokens), retryAfterMs, lease]
      }
    }

    /** The grant of a call that Redis has let in. */
    const granted = (taken: Taken): LimitStore.Grant => {
      const { key, lease, tokens } = taken
      const before = resets.get(key)
      const isCurrent = (): boolean => resets.get(key) === before
      const end = (...differences: [number, number, (number | "")?]): Effect.Effect<void> =>
        Effect.sync(() => {
          leases.get(key)?.delete(lease)
          const [, , retryAfterMs = ""] = differences
          if (retryAfterMs !== "") hint(key, retryAfterMs, clock.unsafeCurrentTimeMillis())
          else if (hints.get(key)?.at === Number.POSITIVE_INFINITY) hints.delete(key)
          redis.unsafeSend(ending(taken, ...differences))
        })
      return {
        unsafeState: (stated) => {
          if (!isCurrent()) return
          const now = clock.unsafeCurrentTimeMillis()
          const told = (quota: ReasoningEngine.Quota | undefined): ReadonlyArray<string | number> => {
            if (quota === undefined) return ["", ""]
            const resetMs = Math.max(0, quota.resetAt - now)
            if (quota.remaining < 1) hint(key, resetMs, now)
            return [quota.remaining, resetMs]
          }
          redis.unsafeSend({
            script: tells,
            keys: [windowOf(key)],
            args: [time(now), ...told(stated.requests), ...told(stated.tokens)]
          })
        },
        settle: ({ retryAfterMs, tokens: used }) =>
          Effect.suspend(() => end(0, used - tokens, isCurrent() ? retryAfterMs : undefined)),
        cancel: end(-1, -tokens)
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
      const { concurrency = -1, requestsPerMinute = -1, tokensPerMinute = -1 } = limits
      const command = {
        script: takes,
        keys: [windowOf(key), leasesOf(key)],
        args: [time(now), tokens, requestsPerMinute, tokensPerMinute, concurrency, lease, leaseMs]
      }
      // The call has gone on without it.
      const undo = (reply: unknown): script.Command | undefined => {
        const [why, , takenAt] = Option.getOrElse(decodeReply(reply), () => [-1, 0, 0, 0, 0] as const)
        return why === 0 ? ending({ key, tokens, takenAt, lease }, -1, -tokens) : undefined
      }
      return Effect.map(redis.run(command, undo), (answer) =>
        Option.map(Option.flatMap(answer, decodeReply), ([why, waitMs, takenAt, nextMs, nextWhy]) => {
          hint(key, nextMs, clock.unsafeCurrentTimeMillis(), reasons[nextWhy])
          const reason = reasons[why]
          if (reason !== undefined) {
            return Either.left({ waitMs: waitMs < 0 ? Number.POSITIVE_INFINITY : waitMs, reason })
          }
          if (concurrency >= 0) leases.set(key, (leases.get(key) ?? new Set()).add(lease))
          return Either.right(granted({ key, tokens, takenAt, lease }))
        })
      )
    }

    const renew = Effect.sync(() => {
      const now = time(clock.unsafeCurrentTimeMillis())
      for (const [key, running] of leases) {
        if (running.size === 0) leases.delete(key)
        else redis.unsafeSend({ script: renews, keys: [leasesOf(key)], args: [now, leaseMs, ...running] })
      }
    })
    yield* Effect.forkScoped(
      Effect.interruptible(Effect.schedule(renew, Schedule.spaced(Duration.millis(leaseMs / 3))))
    )

    return {
      take: (key, limits, wanted) =>
        Effect.suspend((): ReturnType<LimitStore.Service["take"]> => {
          const tokens = Math.ceil(wanted)
          const now = clock.unsafeCurrentTimeMillis()
          return Effect.flatMap(shared(key, limits, tokens, now), (answer) => {
            if (Option.isNone(answer)) return alone(key, limits, tokens)
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
      },
      reset: (key) =>
        Effect.suspend(() => {
          resets.set(key, (resets.get(key) ?? 0) + 1)
          hints.delete(key)
          redis.unsafeSend({ script: forgets, keys: [windowOf(key)], args: [] })
          return own.reset(key)
        })
    }
  })
