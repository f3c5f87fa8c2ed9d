import * as Data from "effect/Data"

/** Why the gateway doesn't take a request. */
export type Reason =
  /** No key, or one that isn't known. */
  | "unauthorized"
  /** The key doesn't allow it, or the request comes from another web page. */
  | "forbidden"
  /** The key doesn't allow what `model` names, or the strategy. */
  | "model-not-allowed"
  | "strategy-not-allowed"
  /** The keys can't be read. */
  | "keys-unavailable"
  | "malformed"
  /** A parameter that the gateway can't honour. */
  | "unsupported"
  /** The body isn't JSON by its own account. */
  | "media"
  | "too-large"
  | "too-slow"
  /** It holds more of something than is taken. */
  | "too-many"
  | "no-route"
  | "no-method"
  | "no-websocket"
  | "no-model"
  /** There is nothing that keeps feedback or learns from it. */
  | "no-feedback"
  /** No keys are issued here. */
  | "no-keys"
  | "no-team"
  /** A key would shut itself out. */
  | "own-key"
  /** A key of the configuration has the id. */
  | "configured-key"
  /** The key has reached one of its limits. */
  | "limited"
  /** The gateway shuts down. */
  | "draining"
  /** A bug. */
  | "defect"

/** The gateway doesn't take a request; no provider was asked. */
export class RejectedRequest extends Data.TaggedError("RejectedRequest")<{
  readonly reason: Reason
  /** What is wrong, and what to do. */
  readonly description: string
  /** The field or header. */
  readonly param?: string | undefined
  /** Milliseconds to wait, where waiting helps. */
  readonly retryAfterMs?: number | undefined
  /** The methods that the route has. */
  readonly allow?: string | undefined
  /** How the route takes a key, where one is missing. */
  readonly challenge?: "Basic" | "Bearer" | undefined
}> {
  override get message(): string {
    return this.description
  }
}
