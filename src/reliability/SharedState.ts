/**
 * Whether the state that processes share can be reached: what a health check and a page show of it.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"

/**
 * How the state that processes share can be reached.
 *
 * @since 0.1.0
 * @category models
 */
export interface Service {
  /**
   * Since when it can't be reached, in milliseconds of the Clock, so that this process goes by its own state alone;
   * undefined while it can.
   */
  readonly unsafeAwaySince: () => number | undefined
}

/**
 * How the state that processes share can be reached. Absent where nothing is shared.
 *
 * @since 0.1.0
 * @category tags
 */
export class SharedState extends Context.Tag("arc-saga/SharedState")<SharedState, Service>() {}
