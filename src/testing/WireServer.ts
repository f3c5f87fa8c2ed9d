/**
 * Servers of scripted replies, for testing engines over real HTTP. What a server says is a function of the
 * request, down to the pieces in which its bytes leave and to how the connection ends.
 *
 * `arc-saga/testing/WireServer/Node` has the implementation for Node.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"

/**
 * A request as it came.
 *
 * @since 0.1.0
 * @category models
 */
export interface Request {
  readonly method: string
  /** With its query. */
  readonly path: string
  /** By their names in lower case. */
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

/**
 * What becomes of a connection when the body has been sent: the reply ends as it should (`end`), the
 * connection breaks (`reset`), or nothing more comes (`hang`).
 *
 * @since 0.1.0
 * @category models
 */
export type Ending = "end" | "reset" | "hang"

/**
 * What a server replies.
 *
 * @since 0.1.0
 * @category models
 */
export interface Reply {
  readonly status: number
  readonly headers?: Readonly<Record<string, string>> | undefined
  /** Its pieces, each sent apart from the others. */
  readonly body: ReadonlyArray<string | Uint8Array>
  /** `end` when absent. */
  readonly ending?: Ending | undefined
}

/**
 * A server that runs.
 *
 * @since 0.1.0
 * @category models
 */
export interface Server {
  /** Its address, without a slash at the end. */
  readonly url: string
  /** The requests so far, in their order. */
  readonly requests: Effect.Effect<ReadonlyArray<Request>>
  /** Waits until a reply hangs. */
  readonly hanging: Effect.Effect<void>
  /** Waits until the client has closed the connection of a reply that hangs. */
  readonly closed: Effect.Effect<void>
}

/**
 * Starts servers.
 *
 * @since 0.1.0
 * @category models
 */
export interface Service {
  /** Starts a server on a free port of the loopback interface; it runs until the scope closes. */
  readonly serve: (reply: (request: Request) => Reply) => Effect.Effect<Server, never, Scope.Scope>
}

/**
 * Starts servers.
 *
 * @since 0.1.0
 * @category tags
 */
export class WireServer extends Context.Tag("arc-saga/testing/WireServer")<WireServer, Service>() {}
