import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as LogLevel from "effect/LogLevel"
import { withNow } from "../../internal/now.js"
import type * as AITask from "../../AITask.js"
import type * as Activity from "../Activity.js"
import type * as TaskService from "../../routing/TaskService.js"
import * as nativeError from "../../wire/nativeError.js"
import * as log from "../../internal/log.js"
import * as refusals from "../../wire/refusal.js"
import type { ChatRequest, Dialect, Identity, Told } from "./dialect.js"
import * as problem from "./problem.js"
import { RejectedRequest } from "./rejection.js"
import type { Shutdown } from "./shutdown.js"

/** The services that answer calls and observe them. */
export interface Services {
  readonly tasks: TaskService.Service
  readonly activity: Activity.Service
  readonly shutdown: Shutdown
}

/** A call whose request is decoded and whose target is resolved. */
export interface PreparedCall {
  readonly dialect: Dialect
  readonly identity: Identity
  readonly question: ChatRequest
  readonly task: AITask.AITask
  /** What answers it: that of the gateway, or one that it names. */
  readonly tasks: TaskService.Service
  readonly options: TaskService.ServeOptions
  /** The name of that by which its provider is chosen; undefined where the call names its provider. */
  readonly strategy: string | undefined
  readonly delivery: Activity.CallStart["delivery"]
  readonly keepAliveMs: number
}

/** What a call fails with before anything of its answer has been delivered. */
export type Failure = TaskService.TaskError | TaskService.SoleTaskError

/** The headers of a streamed answer. */
export const eventStream = {
  "cache-control": "no-cache",
  // A proxy that collects what it passes on would undo the streaming.
  "x-accel-buffering": "no"
}

/** A bug, told in the log, and to the client without its inside. */
export const defect = (cause: Cause.Cause<unknown>, id: string): Effect.Effect<RejectedRequest> =>
  log.eventAs(
    LogLevel.Error,
    "gateway_defect",
    () => ({ taskId: id, cause: Cause.pretty(cause) }),
    new RejectedRequest({
      reason: "defect",
      description: `The gateway has failed with a bug. Its log tells of it, by the request ${id}`
    })
  )

/** What a provider said of a failure over the wire of its caller. */
export const nativeOf = ({ wire }: Dialect, cause: object | undefined): nativeError.Native | undefined =>
  cause && nativeError.of(cause, wire)

/** The answer that a failure is where a model refused to give one. */
export const refusalOf = (cause: object | undefined): Told | undefined => {
  const said = cause && refusals.of(cause)
  if (said === undefined) return undefined
  const { words, ...answer } = said
  return { ...answer, toolCalls: [], finishReason: "other", refusal: words }
}

/** The error of a call, as its client wants it. */
export const refusal = (
  dialect: Dialect,
  id: string,
  told: problem.Problem
): HttpServerResponse.HttpServerResponse => {
  const headers = { ...problem.headersOf(told), [dialect.idHeader]: id }
  // Agents mend their requests by what their provider says of them: it is told as it came.
  const native = nativeOf(dialect, told.cause)
  if (native === undefined) {
    // All that could be repeated has been.
    const status = told.isProviders === true ? dialect.failedStatus : undefined
    return HttpServerResponse.unsafeJson(dialect.error(told, id), {
      status: status ?? told.kind.status,
      headers
    })
  }
  const { body, contentType, status } = native
  const isStream = status < 300 && contentType.includes("event-stream")
  return HttpServerResponse.text(body, {
    status,
    headers: { ...native.headers, ...headers, ...(isStream ? eventStream : {}) },
    contentType: contentType || "application/json"
  })
}

/** Writes down why a call has failed, and gives what its client is told. */
export const failed = (
  { activity }: Services,
  id: string,
  failure: problem.Failure
): Effect.Effect<problem.Problem> =>
  withNow((now) => {
    const told = problem.of(failure, now)
    return Effect.as(activity.end(id, { _tag: "Failed", code: told.code }), told)
  })
