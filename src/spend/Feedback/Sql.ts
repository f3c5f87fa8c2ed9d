/**
 * Judgements in a database, beside the ledger: SQLite for one machine, PostgreSQL for many.
 *
 * Needs the package `@effect/sql` and a client, as `SpendLedger/Sql` does.
 *
 * @since 0.1.0
 */
import * as SqlClient from "@effect/sql/SqlClient"
import type { SqlError } from "@effect/sql/SqlError"
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as Feedback from "../Feedback.js"
import type { InvalidArgumentError } from "../../InvalidArgument.js"
import * as keptPerKey from "../internal/keptPerKey.js"
import * as database from "../../internal/sql.js"
import { given } from "../../internal/options.js"

const migrations: ReadonlyArray<database.Migration> = [
  (sql) => [
    sql`CREATE TABLE IF NOT EXISTS arc_saga_feedback (
      task_id TEXT NOT NULL PRIMARY KEY,
      score DOUBLE PRECISION NOT NULL,
      key_id TEXT,
      comment TEXT,
      given_at DOUBLE PRECISION NOT NULL
    )`,
    sql`CREATE INDEX IF NOT EXISTS arc_saga_feedback_given_at ON arc_saga_feedback (given_at, task_id)`
  ],
  (sql) => [
    sql`CREATE INDEX IF NOT EXISTS arc_saga_feedback_key ON arc_saga_feedback (key_id, given_at, task_id)`
  ]
]

const pageSize = 500

const failedTo = (operation: Feedback.FeedbackError["operation"]) => (error: SqlError) =>
  new Feedback.FeedbackError({ operation, reason: database.reasonOf(error) })

const decodeRow = Schema.decodeUnknown(
  Schema.Struct({
    task_id: Schema.String,
    score: Schema.Number,
    key_id: Schema.NullOr(Schema.String),
    comment: Schema.NullOr(Schema.String),
    given_at: Schema.Number
  })
)

/** PostgreSQL takes no text with a NUL. */
const text = (value: string | undefined): string | null => value?.replaceAll("\u0000", "\uFFFD") ?? null

/**
 * Makes a store in the database of the context, whose tables are made when they aren't there. Each process that
 * writes removes what is too much of a key, with its first judgement and then with every tenth of what is kept.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (
  options: Feedback.Options = {}
): Effect.Effect<Feedback.Service, Feedback.FeedbackError | InvalidArgumentError, SqlClient.SqlClient> =>
  Effect.gen(function* () {
    const { isDue, perKey } = yield* keptPerKey.make(options)
    const sql = (yield* SqlClient.SqlClient).withoutTransforms()
    yield* Effect.mapError(database.migrate("feedback", migrations), failedTo("set up"))

    const page = (
      after: Feedback.Judgement | undefined
    ): Effect.Effect<ReadonlyArray<Feedback.Judgement>, Feedback.FeedbackError> => {
      const later =
        after === undefined ? sql`1 = 1` : sql`(given_at, task_id) > (${after.at}, ${after.taskId})`
      return database
        .patiently(
          sql`SELECT * FROM arc_saga_feedback WHERE ${later} ORDER BY given_at, task_id LIMIT ${pageSize}`
        )
        .pipe(
          Effect.mapError(failedTo("read")),
          Effect.flatMap(
            Effect.forEach((columns) =>
              Effect.mapBoth(decodeRow(columns), {
                onFailure: ({ message }) =>
                  new Feedback.FeedbackError({ operation: "read", reason: message }),
                onSuccess: ({ comment, given_at: at, key_id: keyId, score, task_id: taskId }) => ({
                  taskId,
                  score,
                  at,
                  ...given({ keyId: keyId ?? undefined, comment: comment ?? undefined })
                })
              })
            )
          )
        )
    }

    /** Removes what of a key came before its latest. */
    const prune = (keyId: string | undefined) => {
      const ofKey = keyId === undefined ? sql`key_id IS NULL` : sql`key_id = ${text(keyId)}`
      return sql`DELETE FROM arc_saga_feedback WHERE ${ofKey} AND (given_at, task_id) <= (
        SELECT given_at, task_id FROM arc_saga_feedback WHERE ${ofKey}
        ORDER BY given_at DESC, task_id DESC LIMIT 1 OFFSET ${perKey})`
    }

    return {
      record: ({ at, comment, keyId, score, taskId }) => {
        const row = {
          task_id: text(taskId),
          score,
          key_id: text(keyId),
          comment: text(comment),
          given_at: at
        }
        return database
          .patiently(
            sql`INSERT INTO arc_saga_feedback ${sql.insert(row)}
              ON CONFLICT (task_id) DO UPDATE SET score = excluded.score, key_id = excluded.key_id,
                comment = excluded.comment, given_at = excluded.given_at`
          )
          .pipe(
            Effect.zipRight(
              Effect.suspend(() => (isDue(keyId) ? database.patiently(prune(keyId)) : Effect.void))
            ),
            Effect.mapError(failedTo("written")),
            Effect.asVoid
          )
      },
      judgements: Stream.paginateChunkEffect(undefined as Feedback.Judgement | undefined, (after) =>
        Effect.map(page(after), (found) => [
          Chunk.unsafeFromArray(found),
          found.length < pageSize ? Option.none() : Option.fromNullable(found.at(-1))
        ])
      )
    }
  })

/**
 * Judgements in the database of the context: see {@link make}.
 *
 * @since 0.1.0
 * @category layers
 */
export const layer = (
  options: Feedback.Options = {}
): Layer.Layer<Feedback.Feedback, Feedback.FeedbackError | InvalidArgumentError, SqlClient.SqlClient> =>
  Layer.effect(Feedback.Feedback, make(options))
