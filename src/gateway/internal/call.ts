import type * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import type * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import type * as Scope from "effect/Scope"
import type * as AnswerObserver from "../../AnswerObserver.js"
import * as AITask from "../../AITask.js"
import type { ApiKey, Service as Keys } from "../ApiKeys.js"
import type * as KeyStore from "../KeyStore.js"
import { InvalidArgumentError } from "../../InvalidArgument.js"
import type * as Feedback from "../../spend/Feedback.js"
import type * as Learned from "../Learned.js"
import type * as SharedState from "../../reliability/SharedState.js"
import type * as Registry from "../../ReasoningEngineRegistry.js"
import * as TokenUsage from "../../TokenUsage.js"
import type * as Wire from "../../Wire.js"
import * as jsonText from "../../internal/jsonText.js"
import { onClose } from "../../internal/onClose.js"
import * as body from "./body.js"
import type { Dialect, ChatRequest } from "./dialect.js"
import type { Count, CountTokens } from "./keyLimits.js"
import { live } from "./live.js"
import * as delivering from "./delivery.js"
import * as kept from "../../wire/kept.js"
import * as models from "./models.js"
import * as permission from "./permission.js"
import type * as problem from "./problem.js"
import { RejectedRequest } from "./rejection.js"
import type { Services } from "./serving.js"
import type * as status from "./status.js"
import * as callHeaders from "./callHeaders.js"
import { refused, whole } from "./whole.js"

/** What keeps feedback, and what learns from it. */
export interface Judges {
  readonly store: Feedback.Service | undefined
  readonly observer: AnswerObserver.Service | undefined
}

/** What calls are answered with. */
export interface Setup {
  readonly services: Services & { readonly registry: Registry.Service }
  readonly keys: Keys
  /** Where keys are issued; undefined where they aren't. */
  readonly keyStore: KeyStore.Service | undefined
  /** The ids of keys that are configured. */
  readonly configured: ReadonlySet<string>
  /** Whether the state that several gateways share can be reached; undefined where nothing is shared. */
  readonly shared: SharedState.Service | undefined
  /** What is learned; undefined where there is nothing to show. */
  readonly learned: Learned.Service | undefined
  /** Counts the call of a key for as long as it lasts. */
  readonly count: Count
  /** Counts its tokens. */
  readonly countTokens: CountTokens
  /** What a call can name as `saga/<name>`. */
  readonly choices: models.Choices
  readonly aliases: models.Aliases
  readonly judges: Judges
  readonly about: () => status.About
  /** What is told to who scrapes. */
  readonly metrics: Effect.Effect<string>
  /** What becomes of what a provider doesn't have, where the request doesn't say. */
  readonly unsupported: "drop" | "refuse"
  /** Milliseconds of silence before an answer, after which a stream begins with signs of life. */
  readonly keepAliveMs: number
  /** How streams are delivered that don't say. */
  readonly delivery: delivering.Defaults
  readonly limits: body.Limits
}

/** A request that was let in. */
export interface Admitted {
  readonly request: HttpServerRequest.HttpServerRequest
  readonly id: string
  readonly key: ApiKey | undefined
}

/** The user of a call: the key's, if it has one; else the header's, or the body's. */
const userOf = (
  key: ApiKey | undefined,
  named: unknown
): Either.Either<{ readonly userId?: unknown }, RejectedRequest> => {
  if (key?.user === undefined) return Either.right(named === undefined ? {} : { userId: named })
  return named === undefined || named === key.user
    ? Either.right({ userId: key.user })
    : Either.left(
        new RejectedRequest({
          reason: "forbidden",
          param: "user",
          description: "This key makes calls on behalf of its own user only. Name no other"
        })
      )
}

/** What is read already isn't read once more: in the place of the messages stands a word. */
const unread = { prompt: "-" }

/** The task's own decoder has the last word; what it says is told by the fields of the body. */
export const taskOf = (
  fields: Readonly<Record<string, unknown>>,
  { fieldOf, messages }: ChatRequest,
  original: Wire.Original
): Either.Either<AITask.AITask, InvalidArgumentError> =>
  Either.mapBoth(AITask.decodeUnknown({ ...fields, ...unread }), {
    onLeft: ({ field, reason, subject }) =>
      new InvalidArgumentError({ subject, field: fieldOf(field), reason }),
    onRight: (task) => ({ ...task, messages, original })
  })

/** Milliseconds for a call where neither the request nor the routing policy says: agents are patient. */
const defaultTimeoutMs = 600_000

/** The name of that by which the provider of a call is chosen; undefined where the call names its provider. */
const strategyOf = (
  { tasks }: Services,
  target: models.Target,
  choice: models.Choice | undefined
): Effect.Effect<string | undefined> => {
  if (choice !== undefined) return Effect.succeed(choice.name)
  return target._tag === "Provider" || tasks.strategy === undefined
    ? Effect.succeed(undefined)
    : Effect.map(tasks.strategy, ({ name }) => name)
}

/** The names by which a delivery may be set for a call: its model's, and that of its strategy or provider. */
const namesOf = (
  model: string,
  target: models.Target,
  strategy: string | undefined
): ReadonlyArray<string> => {
  if (strategy !== undefined) return [model, models.prefix + strategy]
  return target._tag === "Provider" ? [model, target.provider] : [model]
}

/** The tokens that a call is taken to write that doesn't bound them. */
const expectedOutputTokens = 1000

/** Counts the tokens of a call against its key's limit: an estimate, until its answer says what was used. */
const metered = (
  { countTokens, services }: Setup,
  key: ApiKey | undefined,
  task: AITask.AITask
): Effect.Effect<Services, RejectedRequest, Scope.Scope> => {
  if (key?.tokensPerMinute === undefined) return Effect.succeed(services)
  const written = task.original?.wire === "embeddings" ? 0 : (task.maxTokens ?? expectedOutputTokens)
  const estimate = TokenUsage.estimateTokens(AITask.inputCharacters(task)) + written
  return Effect.map(countTokens(key, estimate), (tell) => ({
    ...services,
    activity: {
      ...services.activity,
      end: (id, ending) => {
        if (ending._tag === "Answered") {
          const { inputTokens, outputTokens } = ending.answer.usage
          tell(inputTokens + outputTokens)
        }
        return services.activity.end(id, ending)
      }
    }
  }))
}

/** By what the provider of a call is chosen: what its header names goes before what its model is. */
const choiceOf = (
  { choices }: Setup,
  target: models.Target,
  { strategy }: callHeaders.CallHeaders
): Either.Either<models.Choice | undefined, RejectedRequest> => {
  if (strategy !== undefined) return models.choiceOf(strategy, choices)
  return Either.right(target._tag === "Choice" ? target.choice : undefined)
}

/** Answers a call, or says why there is no answer. */
export const answer = (
  setup: Setup,
  dialect: Dialect,
  { id, key, request }: Admitted
): Effect.Effect<HttpServerResponse.HttpServerResponse, problem.Failure, Scope.Scope> =>
  Effect.gen(function* () {
    const { services } = setup
    const createdAt = yield* Clock.currentTimeMillis
    if (key !== undefined) yield* setup.count(key, createdAt)
    const said = yield* callHeaders.read(request.headers)
    const { json, text, turn } = yield* body.json(request, setup.limits, dialect.values)
    yield* turn
    const question = yield* dialect.question(json)
    const engines = yield* services.registry.list
    const embedder =
      dialect.wire === "embeddings"
        ? yield* models.embedder(question.model, engines, setup.aliases)
        : undefined
    const target = embedder ?? (yield* models.resolve(question.model, engines, setup.choices, setup.aliases))
    const { preferences, requirements, states } = question.uncarried
    const choice = yield* choiceOf(setup, target, said)
    // What one provider keeps can't be had of another.
    const isBound = states.length > 0 || kept.inBody(question.body).length > 0
    const useFallback = isBound ? false : said.useFallback
    const strategy = yield* strategyOf(services, target, choice)
    const asked = { model: question.model, target, choice, strategy }
    const providers = yield* permission.check(key, engines, asked)
    const names = namesOf(question.model, target, strategy)
    const delivery = question.stream
      ? delivering.choose(setup.delivery, { said: said.delivery, key: key?.delivery, names })
      : "whole"
    // Others of the same model are asked by it, too.
    const sent = embedder === undefined ? question.body : { ...question.body, model: embedder.model }
    const task = yield* taskOf(
      {
        ...question.fields,
        unsupported: said.unsupported ?? setup.unsupported,
        ...callHeaders.sessionOf(request.headers),
        id,
        mode: delivery === "streamed" ? "streaming" : "complete",
        ...(target._tag === "Provider"
          ? { provider: target.provider, pinned: !(isBound && target.isShared) }
          : {}),
        ...(yield* userOf(key, said.user ?? question.fields["userId"])),
        ...(key === undefined ? {} : { keyId: key.id }),
        ...(key?.team === undefined ? {} : { team: key.team }),
        ...(providers === undefined ? {} : { providers }),
        ...(said.timeoutMs === undefined ? {} : { timeoutMs: said.timeoutMs }),
        ...(said.cache === undefined ? {} : { answerCache: said.cache })
      },
      question,
      {
        wire: dialect.wire,
        body: sent,
        text: jsonText.patched(text, json, sent),
        headers: callHeaders.forwarded(dialect.wire, request.headers),
        requires: [...requirements, ...states],
        prefers: preferences
      }
    )
    const serving = yield* metered(setup, key, task)
    yield* services.activity.begin({
      id,
      model: question.model,
      delivery,
      ...(task.keyId === undefined ? {} : { keyId: task.keyId }),
      ...(task.userId === undefined ? {} : { userId: task.userId })
    })
    // What has ended otherwise stays as it is.
    yield* onClose(() => services.activity.end(id, { _tag: "ClientDisconnected" }))
    const { keepAliveMs } = setup
    const identity = { id, createdAt }
    const prepared = {
      dialect,
      identity,
      question,
      task,
      tasks: choice?.service ?? services.tasks,
      options: { defaultTimeoutMs, useFallback, strategy: choice?.strategy },
      strategy,
      delivery,
      keepAliveMs
    } as const
    const answering: Effect.Effect<HttpServerResponse.HttpServerResponse, problem.Failure, Scope.Scope> =
      delivery === "streamed" ? live(serving, prepared) : whole(serving, prepared)
    return yield* Effect.catchAll(answering, (failure) => refused(serving, prepared, failure))
  })
