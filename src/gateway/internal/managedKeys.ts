import * as Clock from "effect/Clock"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as LogLevel from "effect/LogLevel"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import { BudgetUnavailableError } from "../../BudgetExceeded.js"
import * as log from "../../internal/log.js"
import type * as OwnBudgets from "../../spend/OwnBudgets.js"
import { type Changed, type Key, type Service as KeyStore, statusOf, type Team } from "./keyModel.js"
import * as keySecret from "./keySecret.js"

/**
 * The keys that were issued can't be read, and for too long already: whether one is still taken isn't known.
 *
 * @since 0.1.0
 * @category errors
 */
export class KeysUnavailableError extends Schema.TaggedError<KeysUnavailableError>(
  "arc-saga/gateway/KeysUnavailableError"
)("KeysUnavailableError", {
  /** What the database said. */
  reason: Schema.String
}) {
  override get message(): string {
    return `The keys can't be read: ${this.reason}. Look whether their database can be reached and used`
  }
}

/** For how long what was read of the keys is believed, in milliseconds. */
export interface Settings {
  readonly refreshMs: number
  readonly graceMs: number
}

/** A key that was found. */
export interface Found {
  readonly key: Key
  readonly sha256: string
}

/** Looks up keys and what they may spend. */
export interface ManagedKeys {
  readonly find: (presented: Redacted.Redacted) => Effect.Effect<Option.Option<Found>, KeysUnavailableError>
  readonly budgets: OwnBudgets.Service
}

/** What is known of one thing to present. */
interface Presented {
  readonly id: string
  readonly endsAt: number
}

interface Held {
  readonly key: Key
  readonly hashes: ReadonlyArray<string>
  readonly budgets: OwnBudgets.Held
}

/** All keys and teams as they were when they were read last, and what is looked up in them. */
class Snapshot {
  version = 0
  private readonly presented = new Map<string, Presented>()
  private readonly keys = new Map<string, Held>()
  private readonly teams = new Map<string, OwnBudgets.Held>()

  apply({ keys, teams, version }: Changed): void {
    for (const { key, secrets } of keys) {
      for (const hash of this.keys.get(key.id)?.hashes ?? []) this.presented.delete(hash)
      for (const { endsAt = Number.POSITIVE_INFINITY, sha256 } of secrets) {
        this.presented.set(sha256, { id: key.id, endsAt })
      }
      this.keys.set(key.id, {
        key,
        hashes: secrets.map(({ sha256 }) => sha256),
        budgets: { scope: "key", subject: key.id, budgets: key.budgets ?? [] }
      })
    }
    for (const { budgets, id } of teams) this.teams.set(id, this.team({ budgets, id }))
    this.version = version
  }

  private team({ budgets, id }: Pick<Team, "budgets" | "id">): OwnBudgets.Held {
    return { scope: "team", subject: id, budgets }
  }

  /** Whether a hash is that of something that was issued, though it may not be taken any more. */
  knows(sha256: string): boolean {
    return this.presented.has(sha256)
  }

  /**
   * The key that is taken by this hash. A hash of 256 bits that nobody chose can be looked up like any word: the time
   * that it takes tells nothing of a key.
   */
  find(sha256: string, now: number): Option.Option<Found> {
    const presented = this.presented.get(sha256)
    if (presented === undefined || presented.endsAt <= now) return Option.none()
    const held = this.keys.get(presented.id)
    return held === undefined || statusOf(held.key, now) !== "active"
      ? Option.none()
      : Option.some({ key: held.key, sha256 })
  }

  budgetsOf({ keyId, team }: OwnBudgets.Subject): ReadonlyArray<OwnBudgets.Held> {
    const held = [
      keyId === undefined ? undefined : this.keys.get(keyId)?.budgets,
      team === undefined ? undefined : this.teams.get(team)
    ]
    return held.filter((each) => each !== undefined)
  }
}

/** Keys that are being read. */
interface Reading {
  readonly startedAt: number
  readonly done: Deferred.Deferred<void>
}

/**
 * Looks keys up in what was read of the store last. That is read anew, as far as it changed, by the first who asks
 * after `refreshMs`: one look serves all that ask meanwhile, and where nobody asks there is none. While it can't be read,
 * what is known is believed until it is as old as `graceMs`.
 */
export const make = (
  store: KeyStore,
  { graceMs, refreshMs }: Settings
): Effect.Effect<ManagedKeys, never, Scope.Scope> =>
  Effect.gen(function* () {
    const scope = yield* Effect.scope
    const fiberId = yield* Effect.fiberId
    const snapshot = new Snapshot()
    let readAt = Number.NEGATIVE_INFINITY
    let triedAt = Number.NEGATIVE_INFINITY
    let reading: Reading | undefined
    /** Why they couldn't be read the last time; undefined where they could. */
    let away: string | undefined

    const readingEnded = (reason: string | undefined): Effect.Effect<void> => {
      const was = away
      away = reason
      if (reason !== undefined && was === undefined) {
        return log.event(LogLevel.Warning, "keys_away", () => ({ reason }))
      }
      return reason === undefined && was !== undefined
        ? log.event(LogLevel.Info, "keys_back", () => ({}))
        : Effect.void
    }

    const read = ({ done, startedAt }: Reading): Effect.Effect<void> =>
      Effect.suspend(() => store.changedSince(snapshot.version)).pipe(
        Effect.matchEffect({
          onFailure: ({ reason }) => readingEnded(reason),
          onSuccess: (changed) => {
            snapshot.apply(changed)
            readAt = startedAt
            return readingEnded(undefined)
          }
        }),
        Effect.ensuring(
          Effect.suspend(() => {
            reading = undefined
            return Deferred.succeed(done, undefined)
          })
        )
      )

    /** The reading that is under way, begun where it is time for one; that its caller is interrupted doesn't end it. */
    const begin = (now: number): Effect.Effect<Reading | undefined> =>
      Effect.uninterruptible(
        Effect.suspend(() => {
          if (reading !== undefined || now - triedAt < refreshMs) return Effect.succeed(reading)
          const begun: Reading = { startedAt: now, done: Deferred.unsafeMake(fiberId) }
          reading = begun
          triedAt = now
          return Effect.as(Effect.forkIn(Effect.interruptible(read(begun)), scope), begun)
        })
      )

    /** Waits until what is known is young enough, or it is clear that it can't be. */
    const current: Effect.Effect<void, KeysUnavailableError> = Effect.flatMap(
      Clock.currentTimeMillis,
      (now) =>
        now - readAt < refreshMs
          ? Effect.void
          : Effect.flatMap(begin(now), (begun) => {
              const patience = begun === undefined ? 0 : begun.startedAt + refreshMs - now
              const waited =
                begun === undefined || patience <= 0
                  ? Effect.void
                  : Effect.asVoid(Effect.timeoutOption(Deferred.await(begun.done), Duration.millis(patience)))
              return Effect.zipRight(
                waited,
                Effect.flatMap(Clock.currentTimeMillis, (later) =>
                  later - readAt < Math.max(refreshMs, graceMs)
                    ? Effect.void
                    : new KeysUnavailableError({
                        reason: away ?? `their database didn't answer within ${refreshMs} ms`
                      })
                )
              )
            })
    )

    const lookUp = (sha256: string): Effect.Effect<Option.Option<Found>> =>
      Effect.map(Clock.currentTimeMillis, (now) => snapshot.find(sha256, now))

    /** What isn't known may have been issued since: it is looked at once more, when it is time to read again. */
    const lookAgain = (
      sha256: string,
      askedAt: number
    ): Effect.Effect<Option.Option<Found>, KeysUnavailableError> =>
      Effect.flatMap(Clock.currentTimeMillis, (now) => {
        if (readAt >= askedAt) return Effect.succeedNone
        const readable = Effect.sleep(Duration.millis(Math.max(0, triedAt + refreshMs - now)))
        return Effect.zipRight(
          Effect.zipRight(readable, current),
          Effect.suspend(() =>
            readAt >= askedAt
              ? lookUp(sha256)
              : new KeysUnavailableError({ reason: away ?? "their database didn't answer in time" })
          )
        )
      })

    return {
      find: (presented) =>
        // What was issued has a form of its own: nothing else is looked for.
        keySecret.isIssued(Redacted.value(presented))
          ? Effect.flatMap(
              Effect.zip(keySecret.hash(presented), Clock.currentTimeMillis),
              ([sha256, askedAt]) =>
                Effect.zipRight(
                  current,
                  Effect.suspend(() => (snapshot.knows(sha256) ? lookUp(sha256) : lookAgain(sha256, askedAt)))
                )
            )
          : Effect.succeedNone,
      budgets: {
        of: (subject) =>
          Effect.mapBoth(current, {
            onFailure: ({ reason }) => new BudgetUnavailableError({ reason }),
            onSuccess: () => snapshot.budgetsOf(subject)
          })
      }
    }
  })
