/**
 * What is learned of routing, as the gateway's page and `/status.json` show it: the model in use and what it promises,
 * what learning has asked and kept, what became of the last training, and how often agents that were stuck got the
 * strongest provider.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"

/**
 * What a model promises for some kinds of tasks.
 *
 * @since 0.1.0
 * @category models
 */
export interface Promised {
  /** By choosing a provider for each task, or by a learned cascade. */
  readonly by: "prediction" | "cascade"
  /** The share of the best provider's quality that is asked for, 0 to 1. */
  readonly keep: number
  /** The kinds that are promised together. */
  readonly families: ReadonlyArray<string>
  /** By how many outcomes that was tested. */
  readonly tasks: number
  /** Whether it is kept; the best provider answers where it can't be promised. */
  readonly isKept: boolean
}

/**
 * A model in use.
 *
 * @since 0.1.0
 * @category models
 */
export interface Model {
  readonly file: string
  /** When the file was written, in milliseconds since 1970; undefined where that isn't known. */
  readonly writtenAt: number | undefined
  /** The provider that is the best on the whole. */
  readonly best: string
  /** How sure its promises are, 0 to 1. */
  readonly confidence: number
  /** The independent outcomes that they were tested by. */
  readonly tasks: number
  readonly promises: ReadonlyArray<Promised>
}

/**
 * How often a model was trained anew.
 *
 * @since 0.1.0
 * @category models
 */
export interface Trainings {
  readonly count: number
  /** When the last one ended, in milliseconds since 1970, with what, and why in words; absent before that. */
  readonly last?: { readonly at: number; readonly outcome: string; readonly reason: string } | undefined
}

/**
 * What is learned.
 *
 * @since 0.1.0
 * @category models
 */
export interface Snapshot {
  readonly model?: Model | undefined
  /** How often each ending of learning was, and USD of its budget in the period of now; absent where nothing learns. */
  readonly learning?:
    | {
        readonly counts: Readonly<Record<string, number>>
        readonly spentUsd: number | undefined
        readonly usd: number
        readonly period: "day" | "month"
      }
    | undefined
  /** The trainings so far and what became of the last one; absent where nothing is trained anew. */
  readonly training?: Trainings | undefined
  /** Tasks of agents that were stuck, by why; absent where that isn't looked at. */
  readonly escalation?: Readonly<Record<string, number>> | undefined
}

/**
 * What is learned.
 *
 * @since 0.1.0
 * @category models
 */
export interface Service {
  /** What is so now. */
  readonly snapshot: Effect.Effect<Snapshot>
}

/**
 * What is learned. Absent where there is nothing to show.
 *
 * @since 0.1.0
 * @category tags
 */
export class Learned extends Context.Tag("arc-saga/gateway/Learned")<Learned, Service>() {}
