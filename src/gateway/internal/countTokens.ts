import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import type * as Scope from "effect/Scope"
import type { AIProvider } from "../../AIProvider.js"
import * as AITask from "../../AITask.js"
import * as jsonText from "../../internal/jsonText.js"
import type { ReasoningEngine } from "../../ReasoningEngine.js"
import * as TokenUsage from "../../TokenUsage.js"
import * as body from "./body.js"
import { type Admitted, type Setup, taskOf } from "./call.js"
import * as callHeaders from "./callHeaders.js"
import { dialect } from "./messages.js"
import * as models from "./models.js"
import * as permission from "./permission.js"
import type * as problem from "./problem.js"

/** Milliseconds that a provider gets: an agent would rather have an estimate than wait. */
const countingMs = 5000

/** Without a provider that counts: by the text, its tools and parts as the JSON that they are. */
const estimate = (task: AITask.AITask): number =>
  TokenUsage.estimateTokens(
    AITask.inputCharacters(task) +
      [...(task.tools ?? []), ...(task.nativeTools ?? [])].reduce(
        (sum, tool) => sum + JSON.stringify(tool).length,
        0
      )
  )

/** Who counts for a target: the provider itself, or the first that can. */
const counting = (
  target: models.Target,
  engines: ReadonlyArray<ReasoningEngine>,
  providers: ReadonlyArray<AIProvider> | undefined
): ReasoningEngine | undefined =>
  engines.find(
    ({ countTokens, provider }) =>
      countTokens !== undefined &&
      providers?.includes(provider) !== false &&
      (target._tag === "Choice" || target.provider === provider)
  )

/**
 * POST /v1/messages/count_tokens: how many tokens a call would read. Where no provider counts, or it fails to or
 * takes too long, the answer is an estimate, and says so.
 */
export const answer = (
  setup: Setup,
  { id, key, request }: Admitted
): Effect.Effect<HttpServerResponse.HttpServerResponse, problem.Failure, Scope.Scope> =>
  Effect.gen(function* () {
    const now = yield* Clock.currentTimeMillis
    // Agents count often: a key may do so as often as it may call, and no call waits for that.
    if (key !== undefined) yield* setup.count({ ...key, id: `${key.id} count_tokens` }, now)
    const { json, text } = yield* body.json(request, setup.limits)
    const given = Predicate.isRecord(json) ? json : {}
    const question = yield* dialect.question({ ...given, max_tokens: 1 })
    const engines = yield* setup.services.registry.list
    const target = yield* models.resolve(question.model, engines, setup.choices, setup.aliases)
    const choice = target._tag === "Choice" ? target.choice : undefined
    const { model } = question
    const providers = yield* permission.check(key, engines, { model, target, choice, strategy: choice?.name })
    const { max_tokens: _, ...asked } = question.body
    const task = yield* taskOf({ ...question.fields, id }, question, {
      wire: dialect.wire,
      body: asked,
      text: jsonText.patched(text, json, asked),
      headers: callHeaders.forwarded(dialect.wire, request.headers)
    })
    const counts = counting(target, engines, providers)?.countTokens?.(task) ?? Effect.fail(undefined)
    const counted = yield* counts.pipe(Effect.disconnect, Effect.timeout(countingMs), Effect.option)
    const headers = { [dialect.idHeader]: id }
    return Option.match(counted, {
      onNone: () =>
        HttpServerResponse.unsafeJson(
          { input_tokens: estimate(task), estimated: true },
          { headers: { ...headers, "x-saga-estimated": "true" } }
        ),
      onSome: (tokens) => HttpServerResponse.unsafeJson({ input_tokens: tokens }, { headers })
    })
  })
