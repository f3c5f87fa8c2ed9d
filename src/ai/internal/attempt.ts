import type * as AiError from "@effect/ai/AiError"
import type * as LanguageModel from "@effect/ai/LanguageModel"
import type * as Tool from "@effect/ai/Tool"
import type * as Toolkit from "@effect/ai/Toolkit"
import * as Clock from "effect/Clock"
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import type { ParseError } from "effect/ParseResult"
import * as Redacted from "effect/Redacted"
import type * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type * as AIProvider from "../../AIProvider.js"
import type * as AITask from "../../AITask.js"
import * as EngineError from "../../EngineError.js"
import * as ReasoningEngine from "../../ReasoningEngine.js"
import * as http from "../../wire/http.js"
import { wordsOf } from "../../wire/httpEngine.js"
import { Answer } from "./answer.js"
import { encode } from "./encode.js"
import * as failure from "./failure.js"
import { unfold } from "./fold.js"
import * as fromTask from "./fromTask.js"
import { type ModelRequest, of as modelCallOf, type Part } from "./modelCall.js"

/** What of the engine's options an attempt has to know. */
export interface Settings {
  readonly provider: AIProvider.AIProvider
  readonly model: string
  /** Whether a text is asked for as a stream. */
  readonly streams: (mode: AITask.Mode) => boolean
  readonly secrets?: ReadonlyArray<Redacted.Redacted> | undefined
  readonly configure?:
    | ((task: AITask.AITask) => <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>)
    | undefined
}

/** The next parts of an answer; `none` is its end. */
type Next = Effect.Effect<ReadonlyArray<Part>, Option.Option<AiError.AiError | ParseError>>

type Tools = Record<string, Tool.Any>

/** The tools are offered; who asked runs them, when the answer has come to him. */
const toolkitOf = (tools: ModelRequest["tools"]): Toolkit.WithHandler<Tools> => ({
  tools: Object.fromEntries(tools.map((tool) => [tool.name, tool])),
  handle: () => Effect.dieMessage("a tool was run by the provider's LanguageModel, which was told not to")
})

const optionsOf = ({ prompt, toolChoice, tools }: ModelRequest) => ({
  prompt,
  ...(tools.length === 0
    ? {}
    : { toolkit: toolkitOf(tools), toolChoice, disableToolCallResolution: true as const })
})

const streamed = (
  model: LanguageModel.Service,
  modelRequest: ModelRequest,
  context: Context.Context<never>
): Effect.Effect<Next, never, Scope.Scope> =>
  Effect.map(
    Stream.toPull(Stream.provideSomeContext(model.streamText(optionsOf(modelRequest)), context)),
    (pull) => {
      const encodePart = encode(modelRequest.tools)
      return Effect.flatMap(pull, (parts) => Effect.mapError(Effect.forEach(parts, encodePart), Option.some))
    }
  )

/** The whole answer. An object is checked: one that doesn't fit its schema is no answer. */
const whole = (model: LanguageModel.Service, modelRequest: ModelRequest) => {
  const { responseFormat } = modelRequest
  if (responseFormat.type === "text") return model.generateText(optionsOf(modelRequest))
  // What the schema requires is in the context of who asks; `LanguageModel` keeps it out of the types.
  const schema = responseFormat.schema as Schema.Schema<unknown, Record<string, unknown>>
  return model.generateObject({ ...optionsOf(modelRequest), objectName: responseFormat.objectName, schema })
}

const inOnePiece = (
  model: LanguageModel.Service,
  modelRequest: ModelRequest,
  context: Context.Context<never>
): Next => {
  let given = false
  return Effect.suspend(() => {
    if (given) return Effect.fail(Option.none())
    given = true
    return whole(model, modelRequest).pipe(
      Effect.provide(context),
      Effect.flatMap(({ content }) => Effect.forEach(unfold(content), encode(modelRequest.tools))),
      Effect.mapError(Option.some)
    )
  })
}

const unspoken = ["maxTokens", "stop", "temperature", "topP"] as const

/** The fields of a task that the model wasn't told, in words. */
const dropped = (settings: Settings, task: AITask.AITask): ReadonlyArray<string> => {
  const names = unspoken.filter((name) => task[name] !== undefined)
  return settings.configure !== undefined || names.length === 0
    ? []
    : [`${settings.model} was made without configure: ${names.join(" and ")} not sent`]
}

/** Attempts at a language model: each is one call of it. */
export const make = (
  model: LanguageModel.Service,
  settings: Settings
): ReasoningEngine.ReasoningEngine["attempt"] => {
  const secrets = (settings.secrets ?? []).map(Redacted.value)
  return Effect.fnUntraced(function* (
    request: ReasoningEngine.Request
  ): Effect.fn.Return<ReasoningEngine.Pull, EngineError.EngineError, Scope.Scope> {
    const { provider } = settings
    const { mode, task } = request
    const call = modelCallOf(task)
    const modelRequest =
      call?.request ??
      (yield* Either.mapLeft(
        fromTask.modelRequest(task),
        (description) => new EngineError.InputValidationError({ provider, description })
      ))
    const ambient = Effect.context<never>()
    const context = http.unredirected(
      yield* settings.configure === undefined ? ambient : settings.configure(task)(ambient)
    )
    const next =
      modelRequest.responseFormat.type === "text" && settings.streams(mode)
        ? yield* streamed(model, modelRequest, context)
        : inOnePiece(model, modelRequest, context)
    const answer = new Answer(settings.model)
    let warnings = dropped(settings, task).map((message) => ReasoningEngine.warning(message))

    const fail = (
      errorOf: (context: failure.Context) => EngineError.EngineError
    ): Effect.Effect<never, EngineError.EngineError> =>
      Effect.flatMap(Clock.currentTimeMillis, (now) =>
        Effect.fail(errorOf({ provider, words: () => wordsOf(request), secrets, begun: answer.begun, now }))
      )

    const deliver = (events: ReadonlyArray<ReasoningEngine.EngineEvent>): ReasoningEngine.Pull => {
      if (events.length === 0 && !answer.working) return pull
      answer.working = false
      if (events.length === 0) return Effect.succeed(events)
      const delivered = [...warnings, ...events]
      warnings = []
      return Effect.succeed(delivered)
    }

    const pull: ReasoningEngine.Pull = Effect.suspend(() => {
      const { failure: told } = answer
      if (told !== undefined) return fail((context) => failure.ofFailure(told, context))
      return Effect.matchEffect(next, {
        onFailure: Option.match({
          onNone: () => Effect.fail(ReasoningEngine.cut(provider)),
          onSome: (error) => fail((context) => failure.ofError(error, context))
        }),
        onSuccess: (parts) => {
          for (const part of parts) answer.part(part)
          if (answer.finished) {
            call?.endings.set(provider, mode === "complete" ? answer.parts : answer.rest)
          }
          return deliver(answer.take())
        }
      })
    })
    return pull
  })
}
