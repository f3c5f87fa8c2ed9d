/**
 * The contract of every engine as a list of laws: how a new engine proves itself. The laws ask it over real
 * HTTP, before servers that say what its provider would say.
 *
 * A law needs no test runner: it is an Effect that fails with a {@link ContractViolation}. It runs in real
 * time, whatever the Clock of the test.
 *
 * @since 0.1.0
 */
import type * as HttpClient from "@effect/platform/HttpClient"
import type * as Effect from "effect/Effect"
import * as answers from "./internal/contract/answers.js"
import * as connections from "./internal/contract/connections.js"
import * as failures from "./internal/contract/failures.js"
import * as secrets from "./internal/contract/secrets.js"
import type { Subject } from "./EngineContract/Subject.js"
import type { ContractViolation } from "./EngineContract/Violation.js"
import type { WireServer } from "./WireServer.js"

export type { Answer, Count, ErrorRow, Feature, Subject } from "./EngineContract/Subject.js"
export { ContractViolation } from "./EngineContract/Violation.js"

/**
 * One law of the contract.
 *
 * @since 0.1.0
 * @category models
 */
export interface Law<out E = never> {
  /** A sentence without its subject: the engine. */
  readonly name: string
  /** Succeeds when the engine obeys; ends within half a minute. */
  readonly check: Effect.Effect<void, ContractViolation | E, HttpClient.HttpClient | WireServer>
}

/**
 * All laws that apply to an engine: its text, usage, finish reasons and tool calls in both deliveries; each
 * row of its error table; cuts, interruption, redirects, bytes that come apart, a megabyte, fifty attempts at
 * once; one try for each attempt; and no secret in any error, log or span.
 *
 * @since 0.1.0
 * @category laws
 * @example
 * ```ts
 * import { FetchHttpClient } from "@effect/platform"
 * import { EngineContract } from "arc-saga/testing"
 * import * as NodeWireServer from "arc-saga/testing/WireServer/Node"
 * import { Console, Effect, Layer } from "effect"
 *
 * export const report = (subject: EngineContract.Subject) =>
 *   Effect.forEach(EngineContract.laws(subject), ({ check, name }) =>
 *     Effect.matchEffect(check, {
 *       onFailure: ({ message }) => Console.log(`✗ ${message}`),
 *       onSuccess: () => Console.log(`✓ ${name}`)
 *     })
 *   ).pipe(Effect.provide(Layer.merge(FetchHttpClient.layer, NodeWireServer.layer)))
 * ```
 */
export const laws = <E>(subject: Subject<E>): ReadonlyArray<Law<E>> => [
  ...answers.laws(subject),
  ...connections.laws(subject),
  ...failures.laws(subject),
  ...secrets.laws(subject)
]
