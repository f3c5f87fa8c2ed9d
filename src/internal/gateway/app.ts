import type * as HttpApp from "@effect/platform/HttpApp"
import * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Random from "effect/Random"
import type * as Scope from "effect/Scope"
import * as access from "./access.js"
import * as call from "./call.js"
import * as chat from "./chat.js"
import type { Dialect } from "./dialect.js"
import * as messages from "./messages.js"
import * as models from "./models.js"
import type * as problem from "./problem.js"
import { RejectedRequest } from "./rejection.js"
import { defect, failed, refusal } from "./serving.js"

type Request = HttpServerRequest.HttpServerRequest
type Response = HttpServerResponse.HttpServerResponse
type Respond = (request: Request, id: string) => Effect.Effect<Response, problem.Failure, Scope.Scope>

/** What a path does, by method. */
interface Route {
  readonly name: string
  readonly methods: Readonly<Record<string, Respond>>
  /** Whether it answers while the gateway shuts down. */
  readonly always?: boolean
}

const requestId = Effect.map(
  Random.next,
  (n) => `req-${Math.floor(n * Number.MAX_SAFE_INTEGER).toString(36)}`
)

const pathOf = ({ url }: Request): string => {
  const query = url.indexOf("?")
  return query === -1 ? url : url.slice(0, query)
}

const chatPath = "/v1/chat/completions"
const messagesPath = "/v1/messages"
const modelsPath = "/v1/models"

/** Whose client asks, which is how it wants to be told of errors. */
const dialectOf = (path: string, { headers }: Request): Dialect =>
  path.startsWith(messagesPath) || headers["anthropic-version"] !== undefined
    ? messages.dialect
    : chat.dialect

const noRoute = new RejectedRequest({
  reason: "no-route",
  description:
    "There is nothing at this path. There are /v1/chat/completions, /v1/messages, /v1/models, /healthz, /readyz, /metrics and /"
})

const noMethod = ({ methods }: Route): RejectedRequest => {
  const allow = Object.keys(methods).join(", ")
  return new RejectedRequest({
    reason: "no-method",
    description: `This path has no such method. It has ${allow}`,
    allow
  })
}

const draining = new RejectedRequest({
  reason: "draining",
  description: "The gateway shuts down and takes no more requests. Ask again",
  retryAfterMs: 1000
})

/** The gateway as an HTTP application. */
export const make = (setup: call.Setup): Effect.Effect<HttpApp.Default<never, Scope.Scope>> =>
  Effect.gen(function* () {
    const { keys, services } = setup
    const { registry, shutdown } = services
    const startedAt = yield* Clock.currentTimeMillis
    const names = Effect.map(registry.list, (engines) => models.names(engines, setup.strategies))

    const admitted =
      (purpose: "call" | "observe", respond: Respond): Respond =>
      (request, id) =>
        Effect.zipRight(access.admit(keys, request.headers, purpose), respond(request, id))

    const answered =
      (dialect: Dialect): Respond =>
      (request, id) =>
        Effect.flatMap(access.admit(keys, request.headers, "call"), (key) =>
          call.answer(setup, dialect, { request, id, key })
        )

    const health: Respond = () => Effect.succeed(HttpServerResponse.unsafeJson({ status: "ok" }))

    const readiness: Respond = () =>
      Effect.map(registry.list, (engines) => {
        const status = shutdown.begun() ? "shutting down" : engines.length === 0 ? "no provider" : "ready"
        return HttpServerResponse.unsafeJson({ status }, { status: status === "ready" ? 200 : 503 })
      })

    const list: Respond = () =>
      Effect.map(names, (known) => HttpServerResponse.unsafeJson(models.list(known, startedAt)))

    const one: Respond = (request) =>
      Effect.flatMap(names, (known) =>
        Either.map(models.describe(pathOf(request).slice(modelsPath.length + 1), known, startedAt), (model) =>
          HttpServerResponse.unsafeJson(model)
        )
      )

    const get = (respond: Respond) => ({ GET: respond, HEAD: respond })
    const routes = new Map(
      [
        { name: chatPath, methods: { POST: answered(chat.dialect) } },
        { name: messagesPath, methods: { POST: answered(messages.dialect) } },
        { name: modelsPath, methods: get(admitted("call", list)) },
        { name: "/healthz", methods: get(health), always: true },
        { name: "/readyz", methods: get(readiness), always: true }
      ].map((route): readonly [string, Route] => [route.name, route])
    )
    const model: Route = { name: `${modelsPath}/{id}`, methods: get(admitted("call", one)) }

    const routeOf = (path: string): Route | undefined =>
      routes.get(path) ?? (path.startsWith(`${modelsPath}/`) ? model : undefined)

    const respond = (request: Request, route: Route | undefined, id: string) => {
      if (route === undefined) return Effect.fail(noRoute)
      const method = route.methods[request.method]
      if (method === undefined) return Effect.fail(noMethod(route))
      return shutdown.begun() && route.always !== true ? Effect.fail(draining) : method(request, id)
    }

    return Effect.gen(function* () {
      const request = yield* HttpServerRequest.HttpServerRequest
      const id = yield* requestId
      const path = pathOf(request)
      const route = routeOf(path)
      const tell = (failure: problem.Failure) =>
        Effect.map(failed(services, id, failure), (told) => refusal(dialectOf(path, request), id, told))
      yield* shutdown.track
      return yield* Effect.catchAllCause(respond(request, route, id), (cause) =>
        Either.match(Cause.failureOrCause(cause), {
          onLeft: tell,
          onRight: (rest) =>
            Cause.isInterruptedOnly(rest) ? Effect.failCause(rest) : Effect.flatMap(defect(rest, id), tell)
        })
      )
    }).pipe(Effect.interruptible)
  })
