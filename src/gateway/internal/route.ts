import type * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import type * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import type * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type * as problem from "./problem.js"

export type Request = HttpServerRequest.HttpServerRequest
export type Response = HttpServerResponse.HttpServerResponse

/** Answers a request, which has an id. */
export type Respond = (request: Request, id: string) => Effect.Effect<Response, problem.Failure, Scope.Scope>

/** What a path does, by method. */
export interface Route {
  readonly name: string
  readonly methods: Readonly<Record<string, Respond>>
  /** Whether it answers while the gateway shuts down. */
  readonly always: boolean
  /** Whether nothing between the gateway and its client may keep what it answers. */
  readonly isSecret: boolean
}

/** The route of a path; undefined where there is none. */
export type RouteOf = (path: string) => Route | undefined

/** The path of a request, whose target may be a whole address, without its query. */
export const pathOf = ({ url }: Request): string =>
  url.replace(/^https?:\/\/[^/?]*/i, "").replace(/\?.*$/s, "")

/** A route that is posted to. */
export const post = (name: string, respond: Respond): Route => ({
  name,
  methods: { POST: respond },
  always: false,
  isSecret: false
})

/** A route that is read. */
export const get = (name: string, respond: Respond, always = true): Route => ({
  name,
  methods: { GET: respond, HEAD: respond },
  always,
  isSecret: false
})
