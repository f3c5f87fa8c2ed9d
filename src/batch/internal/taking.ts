import type * as Statement from "@effect/sql/Statement"
import * as Array from "effect/Array"
import * as Effect from "effect/Effect"
import type * as BatchQueue from "../BatchQueue.js"
import { type Connection, endCancelled, read, write } from "./connection.js"
import * as outcomes from "./outcome.js"

interface TaskRow {
  readonly batch: string
  readonly line: number
  readonly input: string
  readonly task_id: string
  readonly task: string
  readonly taken_over: number
}

const batchesOf = (rows: ReadonlyArray<{ readonly batch: string }>): ReadonlyArray<string> =>
  Array.dedupe(rows.map(({ batch }) => batch))

/** What gives workers their tasks. */
export const make = ({ now, sql }: Connection): BatchQueue.Service => {
  const extend = (worker: string, leaseMs: number) =>
    Effect.flatMap(
      now,
      (
        at
      ) => sql`INSERT INTO arc_saga_batch_workers (worker, expires_at) VALUES (${worker}, ${at} + ${leaseMs})
        ON CONFLICT (worker) DO UPDATE SET expires_at = excluded.expires_at`
    )

  /** Frees what workers have whose lease has expired; what has outlived too many of them fails. */
  const reap = (attempts: number) =>
    Effect.gen(function* () {
      const at = yield* now
      const isLast = sql`taken_over + 1 >= ${attempts}`
      const freed = yield* sql<{ batch: string }>`UPDATE arc_saga_batch_tasks SET worker = NULL,
          taken_over = taken_over + 1,
          state = CASE WHEN ${isLast} THEN 'failed' ELSE 'waiting' END,
          outcome = CASE WHEN ${isLast} THEN ${outcomes.abandoned} ELSE NULL END,
          task = CASE WHEN ${isLast} THEN '' ELSE task END
        WHERE state = 'waiting' AND worker IS NOT NULL AND worker NOT IN
          (SELECT worker FROM arc_saga_batch_workers WHERE expires_at > ${at})
        RETURNING batch`
      yield* sql`DELETE FROM arc_saga_batch_workers WHERE expires_at <= ${at}`
      return batchesOf(freed)
    })

  /** Frees tasks; those of batches that were cancelled end. */
  const giveBack = (which: Statement.Fragment) =>
    Effect.flatMap(
      write(
        sql<{ batch: string }>`UPDATE arc_saga_batch_tasks SET worker = NULL
          WHERE state = 'waiting' AND ${which} RETURNING batch`
      ),
      (freed) => endCancelled(sql, batchesOf(freed))
    )

  return {
    renew: (worker, { attempts, leaseMs }) =>
      Effect.gen(function* () {
        yield* write(extend(worker, leaseMs))
        yield* endCancelled(sql, yield* write(reap(attempts)))
        const held = yield* read(
          sql<{ batch: string; line: number; cancelled: number }>`SELECT t.batch, t.line, b.cancelled
            FROM arc_saga_batch_tasks t JOIN arc_saga_batches b ON b.batch = t.batch
            WHERE t.worker = ${worker} AND t.state = 'waiting'`
        )
        return held.map(({ batch, cancelled, line }) => ({ batch, line, cancelled: cancelled === 1 }))
      }),
    take: (worker, count, providers) => {
      const fitting =
        providers === undefined
          ? sql`1 = 1`
          : providers.length === 0
            ? sql`provider IS NULL`
            : sql`(provider IS NULL OR ${sql.in("provider", providers)})`
      // Two workers that look at the same time see different tasks; SQLite has one writer at a time anyway.
      const skipping = sql.literal(
        sql.onDialectOrElse({ pg: () => "FOR UPDATE SKIP LOCKED", orElse: () => "" })
      )
      return Effect.map(
        write(
          // Chosen once: within IN alone, PostgreSQL may choose again for each row, and take more.
          sql<TaskRow>`WITH free AS MATERIALIZED (
              SELECT batch, line FROM arc_saga_batch_tasks
              WHERE state = 'waiting' AND worker IS NULL AND ${fitting}
              ORDER BY queued_at, batch, line LIMIT ${count} ${skipping})
            UPDATE arc_saga_batch_tasks SET worker = ${worker}
            WHERE (batch, line) IN (SELECT batch, line FROM free)
            RETURNING batch, line, input, task_id, task, taken_over`
        ),
        (rows) =>
          rows
            .toSorted((left, right) => left.line - right.line)
            .map(({ batch, input, line, task, taken_over: takenOver, task_id: taskId }) => ({
              batch,
              line,
              input,
              taskId,
              task,
              takenOver
            }))
      )
    },
    finish: ({ batch, line }, outcome) => {
      const text = outcome.state === "cancelled" ? outcomes.cancelled : outcomes.encode(outcome.line)
      // The prompt isn't needed any more.
      return Effect.asVoid(
        write(
          sql`UPDATE arc_saga_batch_tasks SET state = ${outcome.state}, outcome = ${text}, task = ''
            WHERE batch = ${batch} AND line = ${line} AND state = 'waiting'`
        )
      )
    },
    release: (worker, places) =>
      Effect.forEach(
        places,
        ({ batch, line }) => giveBack(sql`worker = ${worker} AND batch = ${batch} AND line = ${line}`),
        { discard: true }
      ),
    leave: (worker) =>
      Effect.zipRight(
        giveBack(sql`worker = ${worker}`),
        Effect.asVoid(write(sql`DELETE FROM arc_saga_batch_workers WHERE worker = ${worker}`))
      )
  }
}
