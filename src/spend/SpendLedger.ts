/**
 * The spend: one immutable row for every attempt, however it ended, and sums over them.
 *
 * A row has ids, names, numbers and times; prompts and answers are never part of it. The router records in
 * the ledger that it finds in its context, and in none where there is none.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as numbers from "../internal/numbers.js"
import type * as AIResult from "../AIResult.js"
import type * as AITask from "../AITask.js"
import type * as AttemptObserver from "../AttemptObserver.js"
import type { InvalidArgumentError } from "../InvalidArgument.js"
import * as ids from "../internal/ids.js"
import { given } from "../internal/options.js"
import { MemoryLedger } from "./internal/memoryLedger.js"
import type { By, Filter, Group, Row } from "./internal/row.js"
import * as validation from "../internal/validation.js"
export { By, type Filter, Group, Row } from "./internal/row.js"
export { Totals } from "./totals.js"

/**
 * The ledger can't be set up, written or read.
 *
 * @since 0.1.0
 * @category errors
 */
export class LedgerError extends Schema.TaggedError<LedgerError>("arc-saga/LedgerError")("LedgerError", {
  /** What can't be done with it. */
  operation: Schema.Literal("set up", "written", "read"),
  /** What the database said. */
  reason: Schema.String
}) {
  override get message(): string {
    return `The spend ledger can't be ${this.operation}: ${this.reason}. Look whether its database can be reached and used`
  }
}

/**
 * Keeps the rows. `observe` never fails: what a ledger does with a row that it can't write yet is told by
 * its Layer.
 *
 * @since 0.1.0
 * @category models
 */
export interface Service extends AttemptObserver.Service {
  /** The rows, by the time at which their attempts began. */
  readonly rows: (filter?: Filter) => Stream.Stream<Row, LedgerError>
  /** The sums of the rows that have a name in common, by their names. */
  readonly summary: (
    options: Filter & { readonly by: By }
  ) => Effect.Effect<ReadonlyArray<Group>, LedgerError>
}

/**
 * Keeps the rows.
 *
 * @since 0.1.0
 * @category tags
 */
export class SpendLedger extends Context.Tag("arc-saga/SpendLedger")<SpendLedger, Service>() {}

/**
 * The row of an attempt. Its id is drawn from Random, so the same attempt has another row every time.
 *
 * @since 0.1.0
 * @category constructors
 */
export const rowOf = (attempt: AIResult.Attempt, task: AITask.AITask): Effect.Effect<Row> =>
  Effect.map(ids.row(attempt.startedAt), (id) => ({
    id,
    taskId: task.id ?? "",
    userId: Option.fromNullable(task.userId),
    keyId: Option.fromNullable(task.keyId),
    ...given({ team: task.team, session: task.session, agent: task.agent }),
    provider: attempt.provider,
    model: attempt.model,
    outcome: attempt.outcome,
    error: Option.map(attempt.error, ({ _tag }) => _tag),
    usage: attempt.usage,
    cost: attempt.cost,
    ...given({ costSource: attempt.costSource, cacheSaved: attempt.cacheSaved }),
    startedAt: attempt.startedAt,
    durationMs: attempt.durationMs,
    firstTokenMs: attempt.firstTokenMs
  }))

const Options = Schema.Struct({
  capacity: Schema.optional(numbers.countFrom0("a number of rows"))
})

/**
 * How much is kept in memory.
 *
 * @since 0.1.0
 * @category models
 */
export interface MemoryOptions {
  /** The rows that are kept one by one; 100,000 when absent (some 60 MB). */
  readonly capacity?: number | undefined
}

const decode = validation.decoder("SpendLedger", Options)

/**
 * A ledger in memory. Beyond `capacity` the oldest rows are folded into one total for each day, provider,
 * user, key, team and model. Sums stay exact to the picodollar; lost are the single rows, with them the filter by
 * task, and the time of day: a folded row counts as begun when its day began. There are no more than
 * 100,000 totals by name: attempts beyond them are summed up without user, key and team.
 *
 * @since 0.1.0
 * @category constructors
 */
export const makeMemory = (options: MemoryOptions = {}): Effect.Effect<Service, InvalidArgumentError> =>
  Effect.map(decode(options), ({ capacity = 100_000 }) => {
    const kept = new MemoryLedger(capacity)
    return {
      observe: (attempt, task) => Effect.map(rowOf(attempt, task), (row) => kept.add(row)),
      rows: (filter = {}) => Stream.suspend(() => Stream.fromIterable(kept.rows(filter))),
      summary: (options) => Effect.sync(() => kept.summary(options))
    }
  })

/**
 * A ledger in memory, of which nothing is left when the program ends: see {@link makeMemory}.
 *
 * @since 0.1.0
 * @category layers
 */
export const layerMemory = (options: MemoryOptions = {}): Layer.Layer<SpendLedger, InvalidArgumentError> =>
  Layer.effect(SpendLedger, makeMemory(options))

/**
 * The ledger in memory with its default capacity.
 *
 * @since 0.1.0
 * @category layers
 */
export const layer: Layer.Layer<SpendLedger> = Layer.orDie(layerMemory())
