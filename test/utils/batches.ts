/** Tasks and queues for tests of batches. */
import { AIProvider, AITask } from "arc-saga"
import { Batches, BatchesSql, BatchQueue, type ResultLine } from "arc-saga/batch"
import * as SqlClient from "@effect/sql/SqlClient"
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import { InvalidArgumentError } from "../../src/InvalidArgument.js"
import type { Client } from "./databases.js"

export const taskOn = (line: number, options: Partial<AITask.Options> = {}) => ({
  ...Either.getOrThrow(AITask.make({ prompt: `Question ${line}`, ...options })),
  id: `task-${line}`
})

export const entry = (line: number, options: Partial<AITask.Options> = {}): ResultLine.Entry => ({
  number: line,
  fingerprint: `input-${line}`,
  task: Either.right(taskOn(line, options))
})

export const invalid = (line: number): ResultLine.Entry => ({
  number: line,
  fingerprint: `input-${line}`,
  task: Either.left(
    new InvalidArgumentError({ subject: "AITask", field: "prompt", reason: "Expected a text" })
  )
})

export const pinnedTo = (line: number, provider: AIProvider.AIProvider): ResultLine.Entry =>
  entry(line, { provider, pinned: true })

export const entries = (count: number): ReadonlyArray<ResultLine.Entry> =>
  Array.from({ length: count }, (_, index) => entry(index + 1))

/** What keeps batches and what gives them to workers, with the client of their database. */
export const layerOf = (client: Client) => Layer.orDie(Layer.provideMerge(BatchesSql.layer, client))

export const submit = (batch: string, tasks: ReadonlyArray<ResultLine.Entry>) =>
  Effect.flatMap(Batches.Batches, (batches) => batches.submit(batch, Stream.fromIterable(tasks)))

export const status = (batch: string) => Effect.flatMap(Batches.Batches, (batches) => batches.status(batch))

export const results = (batch: string) =>
  Effect.flatMap(Batches.Batches, (batches) =>
    Effect.map(Stream.runCollect(batches.results(batch)), Chunk.toReadonlyArray)
  )

export const lease = { leaseMs: 60_000, attempts: 3 }

/** Registers a worker and takes so many tasks for it. */
export const take = (worker: string, count: number, providers?: ReadonlyArray<AIProvider.AIProvider>) =>
  Effect.flatMap(BatchQueue.BatchQueue, (queue) =>
    Effect.zipRight(queue.renew(worker, lease), queue.take(worker, count, providers))
  )

/** The worker is killed, and its lease has expired. */
export const die = (worker: string) =>
  Effect.flatMap(
    SqlClient.SqlClient,
    (sql) => sql`UPDATE arc_saga_batch_workers SET expires_at = 0 WHERE worker = ${worker}`
  )
