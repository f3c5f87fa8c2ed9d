/**
 * All that is shared in Redis, in one Layer: rate limits, circuits, sessions, who keeps what, and answers that are
 * given again.
 *
 * @since 0.1.0
 */
import * as Layer from "effect/Layer"
import type { InvalidArgumentError } from "../InvalidArgument.js"
import type * as CircuitStore from "../reliability/CircuitStore.js"
import type * as LimitStore from "../reliability/LimitStore.js"
import type { SharedState } from "../reliability/SharedState.js"
import type { AnswerCache } from "../routing/AnswerCache.js"
import type { SessionStore } from "../routing/SessionStore.js"
import type * as StateOwners from "../routing/StateOwners.js"
import * as Answers from "./Answers.js"
import * as Circuits from "./Circuits.js"
import * as Connection from "./Connection.js"
import * as Limits from "./Limits.js"
import * as Sessions from "./Sessions.js"
import * as RedisStateOwners from "./StateOwners.js"

/**
 * What can be set of all of it.
 *
 * @since 0.1.0
 * @category models
 */
export interface Options
  extends Connection.Options, Limits.Options, Circuits.Options, Sessions.Options, Answers.Options {
  /** For how many milliseconds without a call it is remembered who keeps what; 30 days when absent. */
  readonly keptMs?: number | undefined
}

/**
 * Shares rate limits, circuits, sessions, who keeps what, and answers with all processes that have the same Redis and the same prefix. It doesn't fail
 * when Redis isn't there: each process goes on by its own share then.
 *
 * @since 0.1.0
 * @category layers
 * @example
 * ```ts
 * import { MultiLLMOrchestrator, Reliability } from "arc-saga"
 * import { Shared } from "arc-saga/redis"
 * import { Layer } from "effect"
 *
 * const Guards = Reliability.layerStore({
 *   rateLimits: { providers: { claude: { requestsPerMinute: 600 } } }
 * }).pipe(Layer.provide(Shared.layer({ url: "redis://localhost:6379", share: 1 / 4 })))
 *
 * // What remains is the registry with the engines.
 * export const Orchestrator = Layer.provide(MultiLLMOrchestrator.layerFor({}), Guards)
 * ```
 */
export const layer = ({
  idleMs,
  keptMs,
  leaseMs,
  maxCharacters,
  refreshMs,
  share,
  ...connection
}: Options = {}): Layer.Layer<
  | AnswerCache
  | CircuitStore.CircuitStore
  | LimitStore.LimitStore
  | SessionStore
  | StateOwners.StateOwners
  | SharedState,
  InvalidArgumentError
> =>
  Layer.mergeAll(
    Limits.layer({ share, leaseMs }),
    Circuits.layer({ refreshMs }),
    Sessions.layer({ idleMs }),
    RedisStateOwners.layer({ keptMs }),
    Answers.layer({ maxCharacters })
  ).pipe(Layer.provideMerge(Connection.layer(connection)))
