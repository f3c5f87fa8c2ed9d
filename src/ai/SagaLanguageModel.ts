/**
 * The orchestrator as a `LanguageModel` of `@effect/ai`: a program that is written against that interface
 * (generateText, streamText, generateObject, toolkits, Chat) gets selection, fallback, one deadline,
 * metrics and accounting by one Layer in place of another.
 *
 * A call reaches providers that are themselves language models (`LanguageModelEngine`) as it was made. To
 * the package's own engines it is translated; one that has what they can't carry (a video,
 * a tool that only its provider knows) never goes to them.
 *
 * It fails with AiErrors whose cause is the orchestrator's error. An answer is whole before the first tool
 * runs, or, where it is streamed, bound to its provider: after a tool has run nothing starts again on
 * another provider. What isn't text or a call of a tool (reasoning, sources) is delivered with the next
 * that is: until then the router may still change its mind.
 *
 * Every finish part has what happened to the call in its metadata, under `arcSaga`.
 *
 * @since 0.1.0
 */
import * as AiError from "@effect/ai/AiError"
import * as LanguageModel from "@effect/ai/LanguageModel"
import * as Model from "@effect/ai/Model"
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import * as AITask from "../AITask.js"
import type { InvalidArgumentError } from "../InvalidArgument.js"
import { ModelCall } from "./internal/modelCall.js"
import * as report from "./internal/report.js"
import { translate } from "./internal/toTask.js"
import { PartAssembler } from "./internal/partAssembler.js"
import * as attachment from "../internal/attachment.js"
import { given } from "../internal/options.js"
import * as TaskService from "../routing/TaskService.js"
import type { StreamInterruptedError } from "../StreamEvent.js"
import { CallOptions } from "./CallOptions.js"

/**
 * What happened to a call: its task's id, the provider and model that answered, how many attempts were made,
 * what they cost together (USD as an exact decimal; null where it isn't known), and warnings.
 *
 * @since 0.1.0
 * @category models
 */
export type Report = report.Report

declare module "@effect/ai/Response" {
  /**
   * @since 0.1.0
   * @category models
   */
  export interface FinishPartMetadata extends ProviderMetadata {
    readonly arcSaga?: Report | undefined
  }
}

type Method = "generateText" | "streamText"

type Failure =
  | InvalidArgumentError
  | TaskService.TaskError
  | TaskService.SoleTaskError
  | StreamInterruptedError

/** Errors that the call itself is to blame for. */
const malformed: ReadonlySet<string> = new Set([
  "ContextLengthError",
  "InputValidationError",
  "InvalidArgumentError"
])

const toAiError =
  (method: Method) =>
  (cause: Failure): AiError.AiError => {
    const told = { module: "SagaLanguageModel", method, description: cause.message, cause }
    return malformed.has(cause._tag) ? new AiError.MalformedInput(told) : new AiError.UnknownError(told)
  }

/** A task that stands for a call of a language model, and how it is served. */
interface Prepared {
  readonly task: AITask.AITask
  readonly serve: TaskService.ServeOptions
  readonly call: ModelCall
}

const prepare = (
  request: LanguageModel.ProviderOptions,
  mode: AITask.Mode
): Effect.Effect<Prepared, InvalidArgumentError> =>
  Effect.flatMap(CallOptions, ({ defaultTimeoutMs, strategy, useFallback, ...own }) => {
    const { beyond, fields } = translate(request)
    const call = new ModelCall(request, beyond)
    return Effect.map(AITask.make({ ...own, ...given(fields), mode }), (task) => ({
      task: attachment.attach(task, call),
      serve: { defaultTimeoutMs, strategy, useFallback },
      call
    }))
  })

/**
 * Makes a `LanguageModel` that has its calls served by the orchestrator of the context.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make: Effect.Effect<LanguageModel.Service, never, TaskService.TaskService> = Effect.flatMap(
  TaskService.TaskService,
  (tasks) =>
    LanguageModel.make({
      generateText: (request) =>
        prepare(request, "complete").pipe(
          Effect.flatMap(({ call, serve, task }) =>
            Effect.map(tasks.complete(task, serve), (result) => report.whole(result, call))
          ),
          Effect.mapError(toAiError("generateText"))
        ),
      streamText: (request) =>
        Stream.unwrap(
          Effect.map(prepare(request, "streaming"), ({ call, serve, task }) => {
            const assembler = new PartAssembler(call)
            return Stream.mapChunks(
              tasks.stream(task, serve),
              Chunk.flatMap((event) => Chunk.unsafeFromArray(assembler.event(event)))
            )
          })
        ).pipe(Stream.mapError(toAiError("streamText")))
    })
)

/**
 * The orchestrator as the `LanguageModel` of a program.
 *
 * @since 0.1.0
 * @category layers
 * @example
 * ```ts
 * import { LanguageModel } from "@effect/ai"
 * import { SagaLanguageModel } from "arc-saga/ai"
 * import { Effect } from "effect"
 *
 * const program = LanguageModel.generateText({ prompt: "Why is the sky blue?" })
 *
 * // Where it said Effect.provide(OpenAiLanguageModel.layer({ model: "gpt-4o" })) before.
 * export const routed = program.pipe(Effect.provide(SagaLanguageModel.layer))
 * ```
 */
export const layer: Layer.Layer<LanguageModel.LanguageModel, never, TaskService.TaskService> = Layer.effect(
  LanguageModel.LanguageModel,
  make
)

/**
 * The same as a `Model`, for programs that take one in place of a Layer. Its provider's name is `arc-saga`.
 *
 * @since 0.1.0
 * @category models
 */
export const model: Model.Model<"arc-saga", LanguageModel.LanguageModel, TaskService.TaskService> =
  Model.make("arc-saga", layer)
