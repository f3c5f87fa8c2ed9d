/**
 * Where workers take the tasks of batches from, and leave what came of them.
 *
 * A worker has a lease, which it renews while it lives. Once the lease has expired its tasks are free again, and
 * each says how often that has happened to it.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type * as AIProvider from "../AIProvider.js"
import type { BatchStoreError } from "./Batches.js"
import type { ResultLine } from "./ResultLine.js"

/**
 * The place of a task.
 *
 * @since 0.1.0
 * @category models
 */
export interface Place {
  readonly batch: string
  /** Its line, from 1. */
  readonly line: number
}

/**
 * A task that a worker has taken.
 *
 * @since 0.1.0
 * @category models
 */
export interface Taken extends Place {
  /** The fingerprint of its line. */
  readonly input: string
  readonly taskId: string
  /** The task as JSON: it was checked when it was submitted. */
  readonly task: string
  /** How many workers had begun it and ended without its result. */
  readonly takenOver: number
}

/**
 * A task that a worker still has.
 *
 * @since 0.1.0
 * @category models
 */
export interface Held extends Place {
  /** Whether its batch was cancelled. */
  readonly cancelled: boolean
}

/**
 * What became of a task.
 *
 * @since 0.1.0
 * @category models
 */
export type Outcome =
  | { readonly state: "answered" | "failed"; readonly line: ResultLine }
  | { readonly state: "cancelled" }

/**
 * Where workers take tasks from.
 *
 * @since 0.1.0
 * @category models
 */
export interface Service {
  /**
   * Renews the lease of a worker for so many milliseconds, frees the tasks of workers whose lease has expired (one
   * that has outlived `attempts` workers fails), and gives the tasks that this worker has.
   */
  readonly renew: (
    worker: string,
    options: { readonly leaseMs: number; readonly attempts: number }
  ) => Effect.Effect<ReadonlyArray<Held>, BatchStoreError>
  /**
   * Takes so many tasks at most, those that wait longest first; a task that is pinned to a provider only where this
   * is among `providers`, if they are given.
   */
  readonly take: (
    worker: string,
    count: number,
    providers?: ReadonlyArray<AIProvider.AIProvider>
  ) => Effect.Effect<ReadonlyArray<Taken>, BatchStoreError>
  /** Says what became of a task, unless that has been said: the first word stays. */
  readonly finish: (taken: Place, outcome: Outcome) => Effect.Effect<void, BatchStoreError>
  /** Gives tasks back that the worker has and won't answer. */
  readonly release: (worker: string, places: ReadonlyArray<Place>) => Effect.Effect<void, BatchStoreError>
  /** Ends the lease of a worker, and gives back what it has. */
  readonly leave: (worker: string) => Effect.Effect<void, BatchStoreError>
}

/**
 * Where workers take tasks from.
 *
 * @since 0.1.0
 * @category tags
 */
export class BatchQueue extends Context.Tag("arc-saga/BatchQueue")<BatchQueue, Service>() {}
