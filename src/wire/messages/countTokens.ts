import type * as HttpClient from "@effect/platform/HttpClient"
import * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import * as Schema from "effect/Schema"
import type * as AITask from "../../AITask.js"
import * as EngineError from "../../EngineError.js"
import * as bodies from "../../internal/bodies.js"
import * as numbers from "../../internal/numbers.js"
import { parse } from "../decoding.js"
import * as exchange from "../exchange.js"
import * as failure from "../failure.js"
import * as http from "../http.js"
import * as httpEngine from "../httpEngine.js"
import * as httpError from "../httpError.js"
import * as request from "./request.js"

/** What bounds or steers an answer isn't counted, and the API refuses it. */
const uncounted: ReadonlySet<string> = new Set([
  "max_tokens",
  "stream",
  "temperature",
  "top_p",
  "top_k",
  "stop_sequences",
  "metadata",
  "service_tier"
])

const isCount = Schema.is(numbers.countFrom0("tokens"))

/** The address of the count, beside that of answers; its query is kept. */
const below = (url: string): string => {
  const address = new URL(url)
  address.pathname += "/count_tokens"
  return address.href
}

/** Counts the tokens that a task has for the model, by the provider: POST /v1/messages/count_tokens. */
export const make = (
  wire: httpEngine.Wire,
  settings: request.Settings,
  httpClient: HttpClient.HttpClient
): ((task: AITask.AITask) => Effect.Effect<number, EngineError.EngineError>) => {
  const { kindOf, maxCharacters, provider, quotas } = wire
  const client = http.scoped(httpClient, Object.keys(wire.secretHeaders))
  const secrets = exchange.secretsOf(wire.secretHeaders)
  const post = HttpClientRequest.post(below(wire.url), {
    headers: { accept: "application/json", ...wire.headers, ...wire.secretHeaders }
  })
  const unfit = (description: string) => new EngineError.InputValidationError({ provider, description })
  const bodyOf = (task: AITask.AITask): Either.Either<string, EngineError.InputValidationError> => {
    const original = task.original?.wire === wire.name ? task.original : undefined
    const made =
      original === undefined
        ? request.body(settings, { task, prefill: undefined, stream: false })
        : Either.right({ ...original.body, model: settings.model })
    return Either.mapBoth(made, {
      onLeft: unfit,
      onRight: (body) => {
        const counted = Object.fromEntries(Object.entries(body).filter(([name]) => !uncounted.has(name)))
        return original === undefined ? JSON.stringify(counted) : httpEngine.written(original, counted)
      }
    })
  }
  return (task) =>
    Effect.scoped(
      Effect.gen(function* () {
        const body = yield* bodyOf(task)
        const redact = httpError.redactor(secrets, () => httpEngine.wordsOf({ task, mode: "complete" }))
        const asked = HttpClientRequest.bodyText(post, body, "application/json").pipe(
          HttpClientRequest.setHeaders(httpEngine.forwarded(wire, task.original?.headers))
        )
        const reply = yield* exchange.send(client, asked, { provider, kindOf, quotas, redact, maxCharacters })
        const ok = yield* exchange.expectOk(reply)
        const text = yield* Effect.mapError(bodies.readText(ok.body), reply.onNetwork)
        const json = Option.getOrUndefined(parse(text))
        const count = Predicate.isRecord(json) ? json["input_tokens"] : undefined
        return isCount(count)
          ? count
          : yield* reply.onFailure(failure.ofKind("malformed", "the answer is no count of tokens"), false)
      })
    )
}
