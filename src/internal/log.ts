import * as Effect from "effect/Effect"
import * as FiberRef from "effect/FiberRef"
import * as LogLevel from "effect/LogLevel"

/** The names of the log events are fixed: people alert on them. */
export type Event =
  | "engine_registered"
  | "engine_retrieved"
  | "engine_unregistered"
  | "registry_cleared"
  | "routing_start"
  | "routing_success"
  | "routing_failed_permanent"
  | "routing_fallback_attempt"
  | "routing_fallback_success"
  | "routing_fallback_failed"
  | "routing_all_failed"
  | "circuit_opened"
  | "circuit_closed"
  | "redis_away"
  | "redis_back"
  | "keys_away"
  | "keys_back"
  | "keys_request_failed"
  | "pool_member_out"
  | "pool_member_back"
  | "cascade_accepted"
  | "cascade_escalated"
  | "orchestrator_provider_unregistered"
  | "orchestrator_provider_selected"
  | "orchestrator_task_complete"
  | "orchestrator_task_failed"
  | "orchestrator_strategy_updated"
  | "answer_cache_failed"
  | "ledger_write_failed"
  | "ledger_rows_lost"
  | "budget_write_failed"
  | "budget_writes_lost"
  | "budget_overrun"
  | "batch_queue_away"
  | "batch_queue_back"
  | "batch_task_taken_over"
  | "learning_outcome_lost"
  | "model_taken"
  | "model_refused"
  | "gateway_draining"
  | "gateway_reloaded"
  | "gateway_reload_refused"
  | "gateway_defect"

/** Annotations that an event may carry: ids, names and numbers, never text of a prompt or an answer. */
export type Fields = Readonly<Record<string, string | number | boolean>>

/** Logs an event and gives a value. An event below the fiber's minimum level costs one look at that level. */
export const eventAs = <A>(
  level: LogLevel.LogLevel,
  name: Event,
  fields: () => Fields,
  value: A
): Effect.Effect<A> =>
  Effect.withFiberRuntime((fiber) =>
    LogLevel.lessThan(level, fiber.getFiberRef(FiberRef.currentMinimumLogLevel))
      ? Effect.succeed(value)
      : Effect.as(Effect.annotateLogs(Effect.logWithLevel(level, name), fields()), value)
  )

/** Logs an event. */
export const event = (level: LogLevel.LogLevel, name: Event, fields: () => Fields): Effect.Effect<void> =>
  eventAs(level, name, fields, undefined)
