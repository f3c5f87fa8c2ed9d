import type * as HttpApp from "@effect/platform/HttpApp"
import * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Exit from "effect/Exit"
import type * as Scope from "effect/Scope"
import * as ids from "../../internal/ids.js"
import type * as call from "./call.js"
import type * as metrics from "./metrics.js"
import type * as problem from "./problem.js"
import { RejectedRequest } from "./rejection.js"
import * as route from "./route.js"
import * as routes from "./routes.js"
import { defect, failed, refusal } from "./serving.js"

const noRoute = new RejectedRequest({
  reason: "no-route",
  description:
    "There is nothing at this path. There are /v1/chat/completions, /v1/messages, /v1/responses, /v1/embeddings, /v1/feedback, /v1/models, /v1/keys, /v1/teams, /v1/audit, /healthz, /readyz, /metrics and /"
})

const noMethod = ({ methods }: route.Route): RejectedRequest => {
  const allow = Object.keys(methods).join(", ")
  return new RejectedRequest({
    reason: "no-method",
    description: `This path has no such method. It has ${allow}`,
    allow
  })
}

/** Codex asks so first, and at once over HTTP where it is told this. */
const noWebSocket = new RejectedRequest({
  reason: "no-websocket",
  description: "There are no websockets here. Ask by HTTP"
})

const draining = new RejectedRequest({
  reason: "draining",
  description: "The gateway shuts down and takes no more requests. Ask again",
  retryAfterMs: 1000
})

/** Where the client went away before there was a response. */
const clientClosed = 499

export { responses, text as metrics } from "./metrics.js"

/** The gateway as an HTTP application: every request gets an id, a response, and a place in the counts. */
export const make = (
  setup: call.Setup,
  responses: metrics.Responses
): Effect.Effect<HttpApp.Default<never, Scope.Scope>> =>
  Effect.gen(function* () {
    const { services } = setup
    const { shutdown } = services
    const routeOf = yield* routes.make(setup)

    const respond = (
      request: route.Request,
      found: route.Route | undefined,
      id: string
    ): Effect.Effect<route.Response, problem.Failure, Scope.Scope> => {
      if (found === undefined) return Effect.fail(noRoute)
      const method = Object.hasOwn(found.methods, request.method) ? found.methods[request.method] : undefined
      if (method === undefined) {
        const isUpgrade = request.headers["upgrade"]?.toLowerCase() === "websocket"
        return Effect.fail(isUpgrade ? noWebSocket : noMethod(found))
      }
      return shutdown.begun() && !found.always ? Effect.fail(draining) : method(request, id)
    }

    return Effect.gen(function* () {
      const request = yield* HttpServerRequest.HttpServerRequest
      const id = yield* ids.request
      const found = routeOf(route.pathOf(request))
      const name = found?.name ?? "other"
      const tell = (failure: problem.Failure) =>
        Effect.map(failed(services, id, failure), (told) => refusal(routes.dialectOf(request), id, told))
      yield* shutdown.track
      return yield* respond(request, found, id).pipe(
        Effect.catchAllCause((cause) =>
          Either.match(Cause.failureOrCause(cause), {
            onLeft: tell,
            onRight: (rest) =>
              Cause.isInterruptedOnly(rest) ? Effect.failCause(rest) : Effect.flatMap(defect(rest, id), tell)
          })
        ),
        Effect.map((response) =>
          found?.isSecret === true
            ? HttpServerResponse.setHeader(response, "cache-control", "no-store")
            : response
        ),
        Effect.onExit((exit) =>
          Effect.sync(() => responses.count(name, Exit.isSuccess(exit) ? exit.value.status : clientClosed))
        )
      )
    }).pipe(Effect.interruptible)
  })
