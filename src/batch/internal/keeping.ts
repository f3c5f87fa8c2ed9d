import type * as Statement from "@effect/sql/Statement"
import * as Array from "effect/Array"
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import * as Batches from "../Batches.js"
import * as ResultLine from "../ResultLine.js"
import { type Connection, endCancelled, read, write } from "./connection.js"
import * as outcomes from "./outcome.js"

const pageSize = 500

interface BatchRow {
  readonly batch: string
  readonly created_at: number
  readonly submitted: number
  readonly cancelled: number
}

interface Count {
  readonly batch: string
  readonly state: string
  readonly busy: number
  readonly provider: string | null
  readonly tasks: number | string
  readonly lost: number | string
}

const statusOf = (
  { batch, cancelled, created_at: createdAt, submitted }: BatchRow,
  counts: ReadonlyArray<Count>
): Batches.Status => {
  const sum = (of: (count: Count) => boolean) =>
    counts.filter(of).reduce((total, { tasks }) => total + Number(tasks), 0)
  const inState = (state: string) => sum((count) => count.state === state)
  const isFree = ({ busy, state }: Count) => state === "waiting" && Number(busy) === 0
  const waitingFor: Record<string, number> = {}
  for (const count of counts.filter(isFree)) {
    if (count.provider === null) continue
    waitingFor[count.provider] = (waitingFor[count.provider] ?? 0) + Number(count.tasks)
  }
  return {
    batch,
    createdAt,
    submitted: submitted === 1,
    cancelled: cancelled === 1,
    total: sum(() => true),
    waiting: sum(isFree),
    underWay: inState("waiting") - sum(isFree),
    answered: inState("answered"),
    failed: inState("failed"),
    rejected: inState("rejected"),
    dropped: inState("cancelled"),
    takenOver: counts.reduce((total, { lost }) => total + Number(lost), 0),
    waitingFor
  }
}

/** What submits batches, and tells of them. */
export const make = ({ now, sql }: Connection): Batches.Service => {
  const statuses = (only: Statement.Fragment) =>
    read(
      Effect.gen(function* () {
        const at = yield* now
        const rows =
          yield* sql<BatchRow>`SELECT * FROM arc_saga_batches WHERE ${only} ORDER BY created_at, batch`
        // A worker whose lease has expired answers nothing any more.
        const counts = yield* sql<Count>`SELECT batch, state, busy, provider,
            COUNT(*) AS tasks, SUM(CASE WHEN taken_over > 0 THEN 1 ELSE 0 END) AS lost
          FROM (SELECT batch, state, provider, taken_over,
              CASE WHEN state = 'waiting' AND worker IN
                (SELECT worker FROM arc_saga_batch_workers WHERE expires_at > ${at}) THEN 1 ELSE 0 END AS busy
            FROM arc_saga_batch_tasks WHERE ${only}) AS counted
          GROUP BY batch, state, busy, provider`
        const byBatch = Array.groupBy(counts, ({ batch }) => batch)
        return rows.map((row) => statusOf(row, byBatch[row.batch] ?? []))
      })
    )

  const status: Batches.Service["status"] = (batch) =>
    Effect.flatMap(statuses(sql`batch = ${batch}`), ([found]) =>
      found === undefined ? new Batches.BatchNotFoundError({ batch }) : Effect.succeed(found)
    )

  const conflict = (batch: string, reason: string) => new Batches.BatchConflictError({ batch, reason })

  const rowOf = (batch: string, queuedAt: number, entry: ResultLine.Entry) => {
    const common = {
      batch,
      line: entry.number,
      input: entry.fingerprint,
      queued_at: queuedAt,
      worker: null,
      taken_over: 0
    }
    return Either.match(entry.task, {
      onLeft: (error) => ({
        ...common,
        task_id: null,
        task: "",
        provider: null,
        state: "rejected",
        outcome: outcomes.encode(ResultLine.rejected(entry, error))
      }),
      onRight: (task) => ({
        ...common,
        task_id: task.id,
        task: JSON.stringify(task),
        provider: task.pinned ? (task.provider ?? null) : null,
        state: "waiting",
        outcome: null
      })
    })
  }

  /** The batch, which is made when it isn't there. */
  const opened = (batch: string) =>
    write(
      Effect.gen(function* () {
        const at = yield* now
        yield* sql`INSERT INTO arc_saga_batches (batch, created_at, submitted, cancelled)
          VALUES (${batch}, ${at}, 0, 0) ON CONFLICT (batch) DO NOTHING`
        return yield* sql<BatchRow>`SELECT * FROM arc_saga_batches WHERE batch = ${batch}`
      })
    )

  const submit: Batches.Service["submit"] = (batch, tasks) =>
    Effect.gen(function* () {
      const [row] = yield* opened(batch)
      // It was removed at this very moment.
      if (row === undefined) return yield* conflict(batch, "was removed meanwhile")
      let total = 0
      yield* Stream.runForEachChunk(Stream.rechunk(tasks, pageSize), (chunk) =>
        Effect.gen(function* () {
          const entries = Chunk.toReadonlyArray(chunk)
          total += entries.length
          const page = entries.map((entry) => rowOf(batch, row.created_at, entry))
          // Every task of a batch that was submitted is there.
          if (row.submitted === 0) {
            yield* write(
              sql`INSERT INTO arc_saga_batch_tasks ${sql.insert(page)} ON CONFLICT (batch, line) DO NOTHING`
            )
          }
          const kept = yield* read(
            sql<{ line: number; input: string }>`SELECT line, input FROM arc_saga_batch_tasks
              WHERE batch = ${batch} AND ${sql.in(
                "line",
                page.map(({ line }) => line)
              )}`
          )
          const inputs = new Map(kept.map(({ input, line }) => [line, input]))
          const other = page.find(({ input, line }) => inputs.get(line) !== input)
          if (other !== undefined) return yield* conflict(batch, `has another task on line ${other.line}`)
        })
      )
      const [count] = yield* read(
        sql<{
          tasks: number | string
        }>`SELECT COUNT(*) AS tasks FROM arc_saga_batch_tasks WHERE batch = ${batch}`
      )
      if (Number(count?.tasks) !== total) return yield* conflict(batch, "has more tasks than these")
      yield* write(sql`UPDATE arc_saga_batches SET submitted = 1 WHERE batch = ${batch}`)
      yield* endCancelled(sql, [batch])
      const [found] = yield* statuses(sql`batch = ${batch}`)
      return yield* Either.fromNullable(found, () => conflict(batch, "was removed meanwhile"))
    })

  const page = (batch: string, after: number) =>
    Effect.flatMap(
      read(
        sql<outcomes.Row>`SELECT line, input, task_id, taken_over, outcome FROM arc_saga_batch_tasks
          WHERE batch = ${batch} AND line > ${after} AND outcome IS NOT NULL ORDER BY line LIMIT ${pageSize}`
      ),
      Effect.forEach((row) =>
        Effect.mapError(
          outcomes.decode(row),
          ({ message }) => new Batches.BatchStoreError({ operation: "read", reason: message })
        )
      )
    )

  return {
    submit,
    status,
    list: statuses(sql`1 = 1`),
    results: (batch) =>
      Stream.unwrap(
        Effect.as(
          status(batch),
          Stream.paginateChunkEffect(0, (after) =>
            Effect.map(page(batch, after), (lines) => [
              Chunk.unsafeFromArray(lines),
              lines.length < pageSize ? Option.none() : Option.fromNullable(lines.at(-1)?.line)
            ])
          )
        )
      ),
    cancel: (batch) =>
      write(sql`UPDATE arc_saga_batches SET cancelled = 1 WHERE batch = ${batch}`).pipe(
        Effect.zipRight(endCancelled(sql, [batch])),
        Effect.zipRight(status(batch))
      ),
    remove: (batch) =>
      Effect.zipRight(
        status(batch),
        write(
          sql.withTransaction(
            Effect.zipRight(
              sql`DELETE FROM arc_saga_batches WHERE batch = ${batch}`,
              Effect.asVoid(sql`DELETE FROM arc_saga_batch_tasks WHERE batch = ${batch}`)
            )
          )
        )
      )
  }
}
