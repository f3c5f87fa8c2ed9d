import * as Schema from "effect/Schema"
import type * as AIProvider from "../../AIProvider.js"
import * as AIResult from "../../AIResult.js"
import { Totals } from "../totals.js"

const { cacheSaved, cost, costSource, durationMs, firstTokenMs, model, outcome, provider, startedAt, usage } =
  AIResult.Attempt.fields

/**
 * One attempt, as the ledger keeps it.
 *
 * @since 0.1.0
 * @category schemas
 */
export const Row = Schema.Struct({
  /** 32 hexadecimal digits: when it began, and chance. No two attempts have the same. */
  id: Schema.String,
  taskId: Schema.String,
  /** On whose behalf. */
  userId: Schema.OptionFromNullOr(Schema.String),
  /** With which of the caller's keys, by its name. */
  keyId: Schema.OptionFromNullOr(Schema.String),
  /** The team of that key, where it has one. */
  team: Schema.optional(Schema.String),
  /** The conversation that it belongs to, and the agent of it that asked, where the task says. */
  session: Schema.optional(Schema.String),
  agent: Schema.optional(Schema.String),
  provider,
  model,
  outcome,
  /** The tag of the error, where there was one. */
  error: Schema.OptionFromNullOr(Schema.String),
  usage,
  cost,
  costSource,
  cacheSaved,
  startedAt,
  durationMs,
  firstTokenMs
})

/**
 * One attempt, as the ledger keeps it.
 *
 * @since 0.1.0
 * @category models
 */
export interface Row extends Schema.Schema.Type<typeof Row> {}

/**
 * Which rows are looked at: those for which all holds that is given.
 *
 * @since 0.1.0
 * @category models
 */
export interface Filter {
  /** Begun at this instant or later, in milliseconds of the Clock. */
  readonly since?: number | undefined
  /** Begun before this instant. */
  readonly until?: number | undefined
  readonly provider?: AIProvider.AIProvider | undefined
  readonly userId?: string | undefined
  readonly keyId?: string | undefined
  readonly team?: string | undefined
  readonly taskId?: string | undefined
  readonly session?: string | undefined
}

/**
 * What rows can be summed by. A day is one of UTC, `2026-11-27`; a session is a conversation.
 *
 * @since 0.1.0
 * @category schemas
 */
export const By = Schema.Literal("provider", "user", "key", "team", "session", "agent", "model", "day")

/**
 * What rows can be summed by.
 *
 * @since 0.1.0
 * @category models
 */
export type By = typeof By.Type

/**
 * The sum of the rows that have a name in common.
 *
 * @since 0.1.0
 * @category schemas
 */
export const Group = Schema.Struct({
  /** None for attempts without a user, a key, a team, a session or an agent. */
  name: Schema.OptionFromNullOr(Schema.String),
  ...Totals.fields
})

/**
 * The sum of the rows that have a name in common.
 *
 * @since 0.1.0
 * @category models
 */
export interface Group extends Schema.Schema.Type<typeof Group> {}
