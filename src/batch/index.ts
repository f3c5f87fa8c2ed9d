/**
 * Batches that outlive their programs, and workers that answer them. `BatchesSql` needs the package `@effect/sql`.
 *
 * @since 0.1.0
 */

/**
 * Submits batches, tells how far they have come, and gives their results.
 *
 * @since 0.1.0
 */
export * as Batches from "./Batches.js"

/**
 * Batches in SQLite or PostgreSQL.
 *
 * @since 0.1.0
 */
export * as BatchesSql from "./Batches/Sql.js"

/**
 * Where workers take tasks from.
 *
 * @since 0.1.0
 */
export * as BatchQueue from "./BatchQueue.js"

/**
 * Answers the tasks of batches.
 *
 * @since 0.1.0
 */
export * as BatchWorker from "./BatchWorker.js"

/**
 * What came of one task.
 *
 * @since 0.1.0
 */
export * as ResultLine from "./ResultLine.js"
