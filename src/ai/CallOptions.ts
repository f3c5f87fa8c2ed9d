/**
 * What a program that calls a `LanguageModel` can say of its calls and that the model's interface has no
 * place for: temperature, limits, on whose behalf, by which strategy.
 *
 * It is ambient: set around a whole program or a single call, it holds for every call inside. Who sets
 * nothing gets the defaults of the orchestrator.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Function from "effect/Function"
import * as Stream from "effect/Stream"
import type * as AITask from "../AITask.js"
import { given } from "../internal/options.js"
import type * as TaskService from "../routing/TaskService.js"

/**
 * What can be said of calls: the fields of a task that aren't part of a `LanguageModel`'s call, the
 * strategy, and whether other providers may be asked. A value that can't be used fails the call with an
 * AiError (`MalformedInput`) that has the InvalidArgumentError as its cause.
 *
 * @since 0.1.0
 * @category models
 */
export interface Options
  extends
    Omit<
      AITask.Options,
      "messages" | "mode" | "prompt" | "responseFormat" | "systemPrompt" | "toolChoice" | "tools"
    >,
    TaskService.ServeOptions {}

/**
 * What holds for the calls of a fiber; nothing by default.
 *
 * @since 0.1.0
 * @category references
 */
export class CallOptions extends Context.Reference<CallOptions>()("arc-saga/ai/CallOptions", {
  defaultValue: (): Options => ({})
}) {}

/**
 * Says something of all calls of an Effect, on top of what is said already.
 *
 * @since 0.1.0
 * @category combinators
 * @example
 * ```ts
 * import { LanguageModel } from "@effect/ai"
 * import { Strategy } from "arc-saga"
 * import { CallOptions } from "arc-saga/ai"
 *
 * export const haiku = LanguageModel.generateText({ prompt: "A haiku on rain" }).pipe(
 *   CallOptions.withOptions({ temperature: 1, maxTokens: 60, userId: "u-17", strategy: Strategy.cheapest })
 * )
 * ```
 */
export const withOptions: {
  (options: Options): <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
  <A, E, R>(self: Effect.Effect<A, E, R>, options: Options): Effect.Effect<A, E, R>
} = Function.dual(2, <A, E, R>(self: Effect.Effect<A, E, R>, options: Options): Effect.Effect<A, E, R> =>
  Effect.flatMap(CallOptions, (current) =>
    Effect.provideService(self, CallOptions, { ...current, ...given(options) })
  )
)

/**
 * Says something of all calls of a Stream, on top of what is said already.
 *
 * @since 0.1.0
 * @category combinators
 */
export const withOptionsStream: {
  (options: Options): <A, E, R>(self: Stream.Stream<A, E, R>) => Stream.Stream<A, E, R>
  <A, E, R>(self: Stream.Stream<A, E, R>, options: Options): Stream.Stream<A, E, R>
} = Function.dual(2, <A, E, R>(self: Stream.Stream<A, E, R>, options: Options): Stream.Stream<A, E, R> =>
  Stream.unwrap(
    Effect.map(CallOptions, (current) =>
      Stream.provideService(self, CallOptions, { ...current, ...given(options) })
    )
  )
)
