import type * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import type * as Scope from "effect/Scope"
import type * as SharedState from "../../reliability/SharedState.js"
import type { ApiKey } from "../ApiKeys.js"
import * as access from "./access.js"
import * as call from "./call.js"
import * as chat from "./chat.js"
import * as countTokens from "./countTokens.js"
import type { Dialect } from "./dialect.js"
import * as embeddings from "./embeddings.js"
import * as feedback from "./feedback.js"
import * as messages from "./messages.js"
import * as metrics from "./metrics.js"
import * as models from "./models.js"
import * as permission from "./permission.js"
import * as page from "./page.js"
import type * as problem from "./problem.js"
import * as responses from "./responses.js"
import * as status from "./status.js"

export type Request = HttpServerRequest.HttpServerRequest
export type Response = HttpServerResponse.HttpServerResponse

type Respond = (request: Request, id: string) => Effect.Effect<Response, problem.Failure, Scope.Scope>

/** What a path does, by method. */
export interface Route {
  readonly name: string
  readonly methods: Readonly<Record<string, Respond>>
  /** Whether it answers while the gateway shuts down. */
  readonly always: boolean
}

/** The route of a path; undefined where there is none. */
export type RouteOf = (path: string) => Route | undefined

const chatPath = "/v1/chat/completions"
const messagesPath = "/v1/messages"
const responsesPath = "/v1/responses"
const embeddingsPath = "/v1/embeddings"
const modelsPath = "/v1/models"

/** The path of a request, whose target may be a whole address, without its query. */
export const pathOf = ({ url }: Request): string =>
  url.replace(/^https?:\/\/[^/?]*/i, "").replace(/\?.*$/s, "")

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
export const make = (setup: call.Setup, counts: metrics.Responses): Effect.Effect<RouteOf> =>
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
      Effect.map(activity.snapshot, (snapshot) =>
        HttpServerResponse.text(metrics.text(snapshot, counts), {
          contentType: "text/plain; version=0.0.4; charset=utf-8"
        })
      )

    const shown = () =>
      Effect.map(
        Effect.all([activity.snapshot, learned?.snapshot ?? Effect.succeed(undefined)]),
        ([snapshot, known]) =>
          HttpServerResponse.unsafeJson(status.of(snapshot, shared, setup.about(), known))
      )

    const post = (name: string, respond: Respond): Route => ({
      name,
      methods: { POST: respond },
      always: false
    })
    const get = (name: string, respond: Respond, always = true): Route => ({
      name,
      methods: { GET: respond, HEAD: respond },
      always
    })

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
    return (path) => byPath.get(path) ?? (path.startsWith(`${modelsPath}/`) ? model : undefined)
  })
