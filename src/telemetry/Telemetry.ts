/**
 * Spans and metrics of tasks, by the semantic conventions of OpenTelemetry for generative AI.
 *
 * A task is a span; below it each attempt is one of the kind `client`, and each wait one that says for
 * what. They are made with Effect's Tracer and Metric, which `@effect/opentelemetry` exports. What is asked
 * and answered isn't part of them unless `captureContent` says so.
 *
 * Off unless its Layer is there: a router that finds none in its context makes no span and no metric.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Cause from "effect/Cause"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import * as Tracer from "effect/Tracer"
import type { AIProvider } from "../AIProvider.js"
import type { AIResult } from "../AIResult.js"
import type * as AITask from "../AITask.js"
import type * as AttemptGuard from "../AttemptGuard.js"
import type * as CircuitBreaker from "../reliability/CircuitBreaker.js"
import { CurrentCall, leaseOf, TracedCall } from "./internal/call.js"
import * as metrics from "./internal/metrics.js"
import * as names from "./internal/names.js"
import type { StreamEvent } from "../StreamEvent.js"

/**
 * What a router has told of its calls. A task has an id; a call within the call of the same task is part of
 * that.
 *
 * @since 0.1.0
 * @category models
 */
export interface Tracing {
  /** Stands before every attempt, before all other guards. */
  readonly guard: AttemptGuard.Service
  /** A complete call. */
  readonly complete: <E extends Tagged>(
    task: Named,
    call: Effect.Effect<AIResult, E>
  ) => Effect.Effect<AIResult, E>
  /** A streamed call. */
  readonly stream: <E extends Tagged>(
    task: Named,
    call: Stream.Stream<StreamEvent, E>
  ) => Stream.Stream<StreamEvent, E>
  /** A wait before the same provider is asked again. */
  readonly waiting: (wait: Effect.Effect<void>) => Effect.Effect<void>
}

type Named = AITask.AITask & { readonly id: string }

type Tagged = { readonly _tag: string }

/**
 * Spans and metrics of tasks.
 *
 * @since 0.1.0
 * @category models
 */
export interface Service {
  /** What a router tells of its calls, and of its circuits where it has some. */
  readonly tracing: (circuits: Option.Option<CircuitBreaker.Service>) => Tracing
}

/**
 * Spans and metrics of tasks.
 *
 * @since 0.1.0
 * @category tags
 */
export class Telemetry extends Context.Tag("arc-saga/Telemetry")<Telemetry, Service>() {}

/**
 * What is told.
 *
 * @since 0.1.0
 * @category models
 */
export interface Options {
  /**
   * Whether the span of a task has what is asked and answered: `gen_ai.system_instructions`,
   * `gen_ai.input.messages`, `gen_ai.output.messages`. False when absent: prompts are confidential.
   */
  readonly captureContent?: boolean | undefined
  /**
   * Who is behind a provider (`gen_ai.provider.name`): the conventions know `openai`, `anthropic` and others
   * by name. When absent `claude` is anthropic, `gpt4` is openai, and every other one is itself, up to its
   * first slash.
   */
  readonly vendorOf?: ((provider: AIProvider) => string) | undefined
}

const noLease: AttemptGuard.Lease = { settle: () => Effect.void, cancel: Effect.void }

const set = (span: Tracer.Span, attributes: names.Attributes): void => {
  for (const [name, value] of Object.entries(attributes)) span.attribute(name, value)
}

/**
 * Makes the telemetry.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = ({ captureContent = false, vendorOf = names.vendorOf }: Options = {}): Service => {
  const open = (task: Named, streamed: boolean): Effect.Effect<TracedCall> =>
    Effect.flatMap(
      Effect.makeSpan("arc_saga.task", {
        captureStackTrace: false,
        attributes: {
          "arc_saga.task.id": task.id,
          "arc_saga.mode": streamed ? "streaming" : "complete",
          ...(captureContent ? names.input(task) : {})
        }
      }),
      (span) => Effect.map(Effect.clock, (clock) => new TracedCall(task.id, span, clock, streamed))
    )

  const close = (call: TracedCall, exit: Exit.Exit<unknown, Tagged>): void => {
    const error = Exit.match(exit, { onFailure: Cause.failureOption, onSuccess: () => Option.none() })
    const { duration, overhead } = call.close()
    metrics.task(error, duration, overhead)
    if (call.result !== undefined) {
      set(call.span, names.result(call.result))
      if (captureContent) set(call.span, names.output(call.result))
    }
    if (Option.isSome(error)) call.span.attribute("error.type", names.errorType(error.value))
    call.span.attribute("arc_saga.attempts", call.attempts)
    call.span.attribute("arc_saga.overhead", overhead)
    call.span.end(call.now(), exit)
  }

  const ended = (call: TracedCall, exit: Exit.Exit<unknown, Tagged>): Effect.Effect<void> =>
    Effect.zipRight(
      Effect.sync(() => close(call, exit)),
      call.afterwards
    )

  /** Whether a task is that of the call that is traced already. */
  const traced = (task: Named, current: Option.Option<TracedCall>): boolean =>
    Option.exists(current, ({ taskId }) => taskId === task.id)

  const current = Effect.serviceOption(CurrentCall)

  return {
    tracing: (circuits) => {
      const asked = new Set<AIProvider>()

      /** Circuits also change between attempts: all of them are looked at. */
      const lookAtCircuits = Option.match(circuits, {
        onNone: () => Effect.void,
        onSome: ({ state }) =>
          Effect.suspend(() =>
            Effect.forEach(
              asked,
              (provider) => Effect.map(state(provider), (found) => metrics.circuitState(provider, found)),
              { discard: true }
            )
          )
      })

      return {
        guard: {
          admit: (attempt) => {
            asked.add(attempt.engine.provider)
            return Effect.map(
              current,
              Option.match({
                onNone: () => noLease,
                onSome: (call) => {
                  call.afterwards = lookAtCircuits
                  return leaseOf(call, attempt, vendorOf(attempt.engine.provider))
                }
              })
            )
          }
        },
        complete: (task, whole) =>
          Effect.flatMap(current, (outer) =>
            traced(task, outer)
              ? whole
              : Effect.acquireUseRelease(
                  open(task, false),
                  (call) =>
                    whole.pipe(
                      Effect.tap((result) => Effect.sync(() => (call.result = result))),
                      Effect.provideService(CurrentCall, call),
                      Effect.withParentSpan(call.span)
                    ),
                  ended
                )
          ),
        stream: (task, events) =>
          Stream.unwrap(
            Effect.flatMap(current, (outer) =>
              traced(task, outer)
                ? Effect.succeed(events)
                : Effect.map(open(task, true), (call) =>
                    events.pipe(
                      Stream.mapChunks((chunk) => {
                        for (const event of chunk) {
                          if (event._tag === "Completed") call.result = event.result
                        }
                        return chunk
                      }),
                      Stream.provideService(CurrentCall, call),
                      Stream.provideService(Tracer.ParentSpan, call.span),
                      Stream.ensuringWith((exit) => ended(call, exit))
                    )
                  )
            )
          ),
        waiting: (wait) =>
          Effect.flatMap(
            current,
            Option.match({
              onNone: () => wait,
              onSome: (call) =>
                Effect.suspend(() => {
                  const from = call.now()
                  return Effect.ensuring(wait, call.wait("retry", from))
                })
            })
          )
      }
    }
  }
}

/**
 * Switches spans and metrics of tasks on, for the routers and orchestrators that it is provided to.
 *
 * @since 0.1.0
 * @category layers
 * @example
 * ```ts
 * import { MultiLLMOrchestrator, Telemetry } from "arc-saga"
 * import { Layer } from "effect"
 *
 * export const orchestrator = MultiLLMOrchestrator.layerFor({}).pipe(Layer.provide(Telemetry.layer()))
 * ```
 */
export const layer = (options: Options = {}): Layer.Layer<Telemetry> =>
  Layer.succeed(Telemetry, make(options))
