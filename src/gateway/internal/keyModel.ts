import type * as Effect from "effect/Effect"
import type * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import type { InvalidArgumentError } from "../../InvalidArgument.js"
import { Budgets, grants, Instant, Name } from "./keyGrants.js"

/**
 * What a key allows, and until when.
 *
 * @since 0.1.0
 * @category schemas
 */
export const Settings = Schema.Struct({
  ...grants,
  /** What may be spent with it, each in a period and a unit of its own. */
  budgets: Schema.optional(Budgets),
  /** From when on it isn't taken any more, in milliseconds of the Clock or as a date; never when absent. */
  expiresAt: Schema.optional(Instant)
})

/**
 * What a key allows, and until when.
 *
 * @since 0.1.0
 * @category models
 */
export interface Settings extends Schema.Schema.Type<typeof Settings> {}

/**
 * What is to be another; what is null is taken away, and what is absent stays.
 *
 * @since 0.1.0
 * @category models
 */
export type Changes = { readonly [K in keyof Settings]?: Settings[K] | null | undefined }

/**
 * A key that was issued, without the key itself.
 *
 * @since 0.1.0
 * @category schemas
 */
export const Key = Schema.Struct({
  /** Names the key in accounts, budgets and logs. It is never given to another. */
  id: Name,
  ...Settings.fields,
  createdAt: Instant,
  /** From when on it isn't taken any more, whatever else holds. */
  revokedAt: Schema.optional(Instant),
  /** What it is presented as: several while an earlier one is still taken after a rotation. */
  secrets: Schema.Array(
    Schema.Struct({
      /** How it begins and ends. */
      hint: Schema.String,
      createdAt: Instant,
      /** From when on it isn't taken any more; never when absent. */
      endsAt: Schema.optional(Instant)
    })
  )
})

/**
 * A key that was issued, without the key itself.
 *
 * @since 0.1.0
 * @category models
 */
export interface Key extends Schema.Schema.Type<typeof Key> {}

/**
 * Whether a key is taken at an instant, in milliseconds of the Clock, or why not.
 *
 * @since 0.1.0
 * @category getters
 */
export const statusOf = (
  { expiresAt, revokedAt }: Pick<Key, "expiresAt" | "revokedAt">,
  now: number
): "active" | "expired" | "revoked" => {
  if (revokedAt !== undefined) return "revoked"
  return expiresAt !== undefined && expiresAt <= now ? "expired" : "active"
}

/**
 * A team: keys that have budgets together.
 *
 * @since 0.1.0
 * @category schemas
 */
export const Team = Schema.Struct({
  id: Name,
  /** What its keys may spend together, each in a period and a unit of its own. */
  budgets: Budgets,
  createdAt: Instant
})

/**
 * A team: keys that have budgets together.
 *
 * @since 0.1.0
 * @category models
 */
export interface Team extends Schema.Schema.Type<typeof Team> {}

/**
 * A change: who made it, when, and what was there before and after. No secret and no hash is part of it.
 *
 * @since 0.1.0
 * @category schemas
 */
export const Change = Schema.Struct({
  /** The number of the change, from 1: one more with each. */
  version: Schema.Int,
  at: Instant,
  by: Schema.String,
  action: Schema.Literal("create", "change", "rotate", "revoke"),
  subject: Schema.Literal("key", "team"),
  id: Schema.String,
  /** The key or the team as it was, none when it wasn't there. */
  before: Schema.NullOr(Schema.Record({ key: Schema.String, value: Schema.Unknown })),
  after: Schema.Record({ key: Schema.String, value: Schema.Unknown })
})

/**
 * A change: see its schema.
 *
 * @since 0.1.0
 * @category models
 */
export interface Change extends Schema.Schema.Type<typeof Change> {}

/**
 * A key as it was issued: the only time that it is shown.
 *
 * @since 0.1.0
 * @category models
 */
export interface Issued {
  readonly key: Key
  /** `saga_` and 43 letters and digits. */
  readonly secret: Redacted.Redacted
}

/**
 * A change that can't be made: the key or the team isn't there, its id is taken, or it is revoked or expired.
 *
 * @since 0.1.0
 * @category errors
 */
export class KeyChangeError extends Schema.TaggedError<KeyChangeError>("arc-saga/gateway/KeyChangeError")(
  "KeyChangeError",
  {
    subject: Schema.Literal("key", "team"),
    id: Schema.String,
    reason: Schema.Literal("unknown", "taken", "revoked", "expired")
  }
) {
  override get message(): string {
    const what = `the ${this.subject} ${JSON.stringify(this.id)}`
    switch (this.reason) {
      case "unknown":
        return `There isn't ${what}. Look which there are`
      case "taken":
        return `There is or was ${what} already, and an id is given once: accounts go by it. Choose another, or rotate that key`
      case "revoked":
        return `${what} is revoked, which can't be undone. Create another`.replace("the", "The")
      case "expired":
        return `${what} has expired. Give it another time to expire first`.replace("the", "The")
    }
  }
}

/**
 * The keys can't be set up, read or written.
 *
 * @since 0.1.0
 * @category errors
 */
export class KeyStoreError extends Schema.TaggedError<KeyStoreError>("arc-saga/gateway/KeyStoreError")(
  "KeyStoreError",
  {
    /** What can't be done with them. */
    operation: Schema.Literal("set up", "read", "written"),
    /** What the database said. */
    reason: Schema.String
  }
) {
  override get message(): string {
    return `The keys can't be ${this.operation}: ${this.reason}. Look whether their database can be reached and used`
  }
}

/**
 * Everything that a change fails with.
 *
 * @since 0.1.0
 * @category errors
 */
export type ChangeError = KeyChangeError | KeyStoreError | InvalidArgumentError

/**
 * Which changes are looked at.
 *
 * @since 0.1.0
 * @category models
 */
export interface AuditFilter {
  /** Those of the key or the team with this id. */
  readonly id?: string | undefined
  /** Those before this one. */
  readonly before?: number | undefined
  /** The most changes, the latest; 100 when absent. */
  readonly limit?: number | undefined
}

/**
 * What is known of a presented key: the key, and from when on it isn't taken as this.
 *
 * @since 0.1.0
 * @category models
 */
export interface Secret {
  /** The SHA-256 of what is presented. */
  readonly sha256: string
  readonly endsAt?: number | undefined
}

/**
 * What has changed since a version: keys and teams as they are now.
 *
 * @since 0.1.0
 * @category models
 */
export interface Changed {
  /** The number of the last change that is part of it. */
  readonly version: number
  readonly keys: ReadonlyArray<{ readonly key: Key; readonly secrets: ReadonlyArray<Secret> }>
  readonly teams: ReadonlyArray<Team>
}

/**
 * Keeps keys. A change is made whole or not at all, and `by` is who makes it.
 *
 * @since 0.1.0
 * @category models
 */
export interface Service {
  /** Issues a key. Its team has to be there. */
  readonly create: (id: string, settings: Settings, by: string) => Effect.Effect<Issued, ChangeError>
  /** Has a key allow something else. */
  readonly change: (id: string, changes: Changes, by: string) => Effect.Effect<Key, ChangeError>
  /**
   * Issues a key anew. What was issued before is taken for `overlapMs` more at most, 0 or more milliseconds.
   */
  readonly rotate: (
    id: string,
    options: { readonly overlapMs: number },
    by: string
  ) => Effect.Effect<Issued, ChangeError>
  /** Has a key not taken any more, for good. */
  readonly revoke: (id: string, by: string) => Effect.Effect<Key, ChangeError>
  /** All keys by their ids, those too that aren't taken any more. */
  readonly keys: Effect.Effect<ReadonlyArray<Key>, KeyStoreError>
  /** Makes a team, or gives it other budgets. */
  readonly setTeam: (
    id: string,
    settings: Pick<Team, "budgets">,
    by: string
  ) => Effect.Effect<Team, ChangeError>
  /** All teams by their ids. */
  readonly teams: Effect.Effect<ReadonlyArray<Team>, KeyStoreError>
  /** The changes, the latest first. */
  readonly audit: (filter?: AuditFilter) => Effect.Effect<ReadonlyArray<Change>, KeyStoreError>
  /** What has changed after a version, 0 for all: for those that look up what is presented. */
  readonly changedSince: (version: number) => Effect.Effect<Changed, KeyStoreError>
}
