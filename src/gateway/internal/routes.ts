import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import type * as SharedState from "../../reliability/SharedState.js"
import type { ApiKey } from "../ApiKeys.js"
import * as access from "./access.js"
import * as administration from "./administration.js"
import * as call from "./call.js"
import * as chat from "./chat.js"
import * as countTokens from "./countTokens.js"
import type { Dialect } from "./dialect.js"
import * as embeddings from "./embeddings.js"
import * as feedback from "./feedback.js"
import * as messages from "./messages.js"
import * as models from "./models.js"
import * as permission from "./permission.js"
import * as page from "./page.js"
import type * as problem from "./problem.js"
import * as responses from "./responses.js"
import { get, pathOf, post, type Request, type Respond, type Response, type RouteOf } from "./route.js"
import * as status from "./status.js"

const chatPath = "/v1/chat/completions"
const messagesPath = "/v1/messages"
const responsesPath = "/v1/responses"
const embeddingsPath = "/v1/embeddings"
const modelsPath = "/v1/models"

/** Whose client asks, which is how it wants to be told of errors. */
export const dialectOf = (request: Request): Dialect => {
  const path = pathOf(request)
  if (path.startsWith(responsesPath)) return responses.dialect
  if (path === embeddingsPath) return embeddings.dialect
  return path.startsWith(messagesPath) || request.headers["anthropic-version"] !== undefined
    ? messages.dialect
    : chat.dialect
}

const isAway = ({ unsafeAwaySince }: SharedState.Service): boolean => unsafeAwaySince() !== undefined

/** The routes of a gateway. */
export const make = (setup: call.Setup): Effect.Effect<RouteOf> =>
  Effect.map(Clock.currentTimeMillis, (startedAt) => {
    const { aliases, choices, keys, learned, services, shared } = setup
    const { activity, registry, shutdown } = services

    const calls =
      (dialect: Dialect): Respond =>
      (request, id) =>
        Effect.flatMap(access.admit(keys, request.headers, "call"), (key) =>
          call.answer(setup, dialect, { request, id, key })
        )

    const admitted =
      (
        purpose: access.Purpose,
        respond: (request: Request, key: ApiKey | undefined) => Effect.Effect<Response, problem.Failure>
      ): Respond =>
      (request) =>
        Effect.flatMap(access.admit(keys, request.headers, purpose), (key) => respond(request, key))

    const list = (_: Request, key: ApiKey | undefined) =>
      Effect.map(registry.list, (engines) => {
        const isVisible = permission.isVisible(key, engines, choices, aliases)
        return HttpServerResponse.unsafeJson(models.list(engines, choices, aliases, startedAt, isVisible))
      })

    const one = (request: Request, key: ApiKey | undefined) =>
      Effect.flatMap(registry.list, (engines) => {
        const path = pathOf(request).slice(modelsPath.length + 1)
        const isVisible = permission.isVisible(key, engines, choices, aliases)
        return Either.map(models.describe(path, engines, choices, aliases, startedAt, isVisible), (model) =>
          HttpServerResponse.unsafeJson(model)
        )
      })

    const health: Respond = () =>
      Effect.map(activity.snapshot, (snapshot) => HttpServerResponse.unsafeJson(status.health(snapshot)))

    const readiness: Respond = () =>
      Effect.map(registry.list, (engines) => {
        const status = shutdown.begun() ? "shutting down" : engines.length === 0 ? "no provider" : "ready"
        // This process goes on without it.
        const sharing = shared === undefined ? {} : { shared: isAway(shared) ? "away" : "reachable" }
        const { configuration } = setup.about()
        return HttpServerResponse.unsafeJson(
          { status, configuration, ...sharing },
          { status: status === "ready" ? 200 : 503 }
        )
      })

    const scraped = () =>
      Effect.map(setup.metrics, (text) =>
        HttpServerResponse.text(text, { contentType: "text/plain; version=0.0.4; charset=utf-8" })
      )

    const shown = () =>
      Effect.map(
        Effect.all([activity.snapshot, learned?.snapshot ?? Effect.succeed(undefined)]),
        ([snapshot, known]) =>
          HttpServerResponse.unsafeJson(status.of(snapshot, shared, setup.about(), known))
      )

    const routes = [
      post(chatPath, calls(chat.dialect)),
      post(messagesPath, calls(messages.dialect)),
      post(`${messagesPath}/count_tokens`, (request, id) =>
        Effect.flatMap(access.admit(keys, request.headers, "call"), (key) =>
          countTokens.answer(setup, { request, id, key })
        )
      ),
      post(responsesPath, calls(responses.dialect)),
      post(embeddingsPath, calls(embeddings.dialect)),
      post("/v1/feedback", (request, id) =>
        Effect.flatMap(access.admit(keys, request.headers, "call"), (key) =>
          feedback.answer(setup, { request, id, key })
        )
      ),
      get(modelsPath, admitted("call", list), false),
      get("/healthz", health),
      get("/readyz", readiness),
      get("/metrics", admitted("observe", scraped)),
      get("/status.json", admitted("observe", shown)),
      ...page.files.map(([path, file]) =>
        get(
          path,
          admitted("observe", () => Effect.succeed(file))
        )
      )
    ]
    const byPath = new Map(routes.map((route) => [route.name, route]))
    const model = get(`${modelsPath}/{id}`, admitted("call", one), false)
    const administered = administration.routes(setup)
    return (path) => byPath.get(path) ?? (path.startsWith(`${modelsPath}/`) ? model : administered(path))
  })
