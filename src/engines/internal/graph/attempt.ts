import type * as HttpClient from "@effect/platform/HttpClient"
import * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import type * as Scope from "effect/Scope"
import type * as AIProvider from "../../../AIProvider.js"
import type * as AccessTokens from "../../../auth/AccessTokens.js"
import * as EngineError from "../../../EngineError.js"
import type * as ReasoningEngine from "../../../ReasoningEngine.js"
import * as failure from "../../../wire/failure.js"
import * as bodies from "../../../internal/bodies.js"
import * as http from "../../../wire/http.js"
import { isHeaderValue, type Server } from "../../../wire/engineOptions.js"
import * as notice from "../../../wire/notice.js"
import * as exchange from "../../../wire/exchange.js"
import { wordsOf } from "../../../wire/httpEngine.js"
import * as httpError from "../../../wire/httpError.js"
import { Answer } from "./answer.js"
import { kindInConversation, kindOf } from "./failure.js"
import * as graphRequest from "./request.js"
import { toEngineError } from "./tokens.js"
import { decodeCreated } from "./wire.js"

/** How Copilot is reached. */
export interface Wire extends Server {
  readonly provider: AIProvider.AIProvider
  readonly model: string
  /** Whether answers are asked for as streams of snapshots. */
  readonly streams: boolean
  /** Who is asked for where a task doesn't say. */
  readonly user: string | undefined
  readonly settings: graphRequest.Settings
}

/** Sends a request on a user's behalf. */
type Send = (
  request: HttpClientRequest.HttpClientRequest,
  kind: exchange.ErrorContext["kindOf"]
) => Effect.Effect<exchange.Reply, EngineError.EngineError, Scope.Scope>

/** Attempts over a wire: each asks in a conversation of its own. */
export const attempt = (
  wire: Wire,
  httpClient: HttpClient.HttpClient,
  tokens: AccessTokens.Service
): ReasoningEngine.ReasoningEngine["attempt"] => {
  const { maxCharacters, model, provider, secretHeaders, settings, streams } = wire
  const client = http.scoped(httpClient, ["authorization", ...Object.keys(secretHeaders)])

  const post = (url: string, body: unknown, accept: string): HttpClientRequest.HttpClientRequest =>
    HttpClientRequest.post(url).pipe(
      HttpClientRequest.bodyText(JSON.stringify(body), "application/json"),
      HttpClientRequest.setHeader("accept", accept),
      HttpClientRequest.setHeaders(secretHeaders)
    )

  const chatUrl = (conversation: string): string => {
    const url = new URL(wire.url)
    url.pathname += `/${encodeURIComponent(conversation)}/${streams ? "chatOverStream" : "chat"}`
    return url.href
  }

  const signIn = (
    userId: string,
    words: () => ReadonlyArray<string>
  ): Effect.Effect<Send, EngineError.EngineError> => {
    const secrets = [...exchange.secretsOf(secretHeaders)]
    let renewed = false
    const token = (get: ReturnType<AccessTokens.Service["get"]>) =>
      Effect.flatMap(
        Effect.mapError(get, (error) => toEngineError(provider, error)),
        (token) => {
          const value = Redacted.value(token)
          secrets.push(value)
          return isHeaderValue(value)
            ? Effect.succeed(token)
            : new EngineError.AuthenticationError({
                provider,
                userId,
                description: "the access token isn't one that a header can hold: check where it comes from"
              })
        }
      )
    return Effect.map(token(tokens.get(userId)), (first) => {
      let current = first
      const send: Send = (request, kind) =>
        exchange.send(client, HttpClientRequest.bearerToken(request, current), {
          provider,
          userId,
          redact: httpError.redactor(secrets, words),
          kindOf: kind,
          maxCharacters
        })
      return (request, kind) =>
        Effect.flatMap(send(request, kind), (reply) => {
          if (reply.status !== 401 || renewed) return Effect.succeed(reply)
          renewed = true
          // Read, so that the connection serves the next request too.
          return http.readError(reply.body).pipe(
            Effect.zipRight(token(tokens.renew(userId, current))),
            Effect.flatMap((next) => {
              current = next
              return send(request, kind)
            })
          )
        })
    })
  }

  const converse = Effect.fnUntraced(function* (
    send: Send
  ): Effect.fn.Return<string, EngineError.EngineError, Scope.Scope> {
    const asked = post(wire.url, {}, "application/json")
    const reply = yield* Effect.flatMap(send(asked, kindOf), exchange.expectOk)
    const created = decodeCreated(yield* Effect.mapError(bodies.readText(reply.body), reply.onNetwork))
    if (Option.isSome(created)) return created.value.id
    return yield* Effect.fail(
      reply.onFailure(failure.ofKind("malformed", "what was created isn't a conversation with an id"), false)
    )
  })

  return Effect.fnUntraced(function* (
    request: ReasoningEngine.Request
  ): Effect.fn.Return<ReasoningEngine.Pull, EngineError.EngineError, Scope.Scope> {
    const { mode, task } = request
    const userId = task.userId ?? wire.user
    if (userId === undefined) {
      return yield* new EngineError.AuthenticationError({
        provider,
        description: "no user to ask for: set the task's userId, or the engine's option user"
      })
    }
    const body = yield* Either.mapLeft(
      graphRequest.body(settings, task),
      (description) => new EngineError.InputValidationError({ provider, description })
    )
    const send = yield* signIn(userId, () => wordsOf(request))
    const conversation = yield* Effect.scoped(converse(send))
    const asked = post(chatUrl(conversation), body, streams ? exchange.eventStream : "application/json")
    const reply = yield* Effect.flatMap(send(asked, kindInConversation), exchange.expectOk)
    const answer = new Answer({ mode, model, sentCharacters: graphRequest.characters(body) })
    return yield* exchange.pull(reply, answer, notice.warnings(graphRequest.dropped(task)))
  })
}
