import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type { AIResult } from "../../AIResult.js"
import type * as AITask from "../../AITask.js"
import type { StreamEvent } from "../../StreamEvent.js"
import * as CircuitBreaker from "../../reliability/CircuitBreaker.js"
import { Telemetry, type Tracing } from "../../telemetry/Telemetry.js"
import * as ids from "../../internal/ids.js"
import { optional } from "../../internal/optional.js"

/** Looks for the telemetry, once. */
export const fromContext: Effect.Effect<Tracing | undefined> = Effect.map(
  Effect.all([optional(Telemetry), Effect.serviceOption(CircuitBreaker.CircuitBreaker)]),
  ([telemetry, breaker]) => telemetry?.tracing(breaker)
)

type Tagged = { readonly _tag: string }

const named = <M extends AITask.Mode>(task: AITask.AITask<M>) =>
  Effect.map(ids.ofTask(task), (id) => ({ ...task, id }))

/** A complete call, told to the telemetry where there is one. */
export const complete = <E extends Tagged>(
  tracing: Tracing | undefined,
  task: AITask.AITask,
  call: (task: AITask.AITask) => Effect.Effect<AIResult, E>
): Effect.Effect<AIResult, E> =>
  tracing === undefined
    ? call(task)
    : Effect.flatMap(named(task), (known) => tracing.complete(known, call(known)))

/** A streamed call, told to the telemetry where there is one. */
export const stream = <E extends Tagged>(
  tracing: Tracing | undefined,
  task: AITask.AITask,
  call: (task: AITask.AITask) => Stream.Stream<StreamEvent, E>
): Stream.Stream<StreamEvent, E> =>
  tracing === undefined
    ? call(task)
    : Stream.unwrap(Effect.map(named(task), (known) => tracing.stream(known, call(known))))
