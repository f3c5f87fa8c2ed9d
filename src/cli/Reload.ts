/** Has a gateway answer by another configuration, without a restart. */
import type * as FileSystem from "@effect/platform/FileSystem"
import * as Effect from "effect/Effect"
import type { StandardStreams } from "./StandardStreams.js"
import type * as Gateway from "../gateway/Gateway.js"
import { ConfigurationError } from "./ConfigFile.js"
import type * as Configuration from "./Configuration.js"
import * as Generation from "./Generation.js"
import * as Identity from "./Identity.js"

/** Where the accounts and the limits are that calls under way are counted in. */
const lasting = ["ledger", "redis"] as const

/** Fails where something is another that a process has for as long as it runs. */
const checkLasting = (
  before: Configuration.Configuration,
  next: Configuration.Configuration
): Effect.Effect<void, ConfigurationError> => {
  const field = lasting.find((name) => !Identity.equal(before[name], next[name]))
  return field === undefined
    ? Effect.void
    : new ConfigurationError({
        file: next.origin,
        field,
        reason:
          "Expected the one that the gateway was started with, since another takes a restart, actual another"
      })
}

/** The providers whose engines are others, and what they are now. */
const changesOf = (before: Configuration.Configuration, next: Configuration.Configuration) => {
  const engines = ({ providers }: Configuration.Configuration) =>
    new Map(
      providers.flatMap(({ id, status }) => (status._tag === "Ready" ? [[id, status.engine] as const] : []))
    )
  const [were, are] = [engines(before), engines(next)]
  return Array.from(new Set([...were.keys(), ...are.keys()]), (id) => ({
    id,
    is: !were.has(id) ? "new" : !are.has(id) ? "gone" : were.get(id) === are.get(id) ? undefined : "another"
  })).filter(({ is }) => is !== undefined)
}

/** What became of a reload. */
export interface Outcome {
  /** Why it changed nothing, where it didn't. */
  readonly refused: string | undefined
  /** What became of it, in words. */
  readonly told: ReadonlyArray<string>
}

/**
 * Makes what has a gateway answer by what is configured then. Calls under way go on with what they began with. What
 * can't be used changes nothing.
 */
export const make = <E extends { readonly message: string }, R>(
  gateway: Gateway.Service,
  ground: Generation.Ground,
  first: Generation.Generation,
  load: (before: Configuration.Configuration) => Effect.Effect<Configuration.Configuration, E, R>
): Effect.Effect<Outcome, never, R | FileSystem.FileSystem | StandardStreams> => {
  let current = first
  const again = Effect.gen(function* () {
    const before = current
    const configuration = yield* load(before.configuration)
    yield* checkLasting(before.configuration, configuration)
    const made = Effect.map(Generation.make(ground, configuration, before), (next) => {
      current = next
      return next.composition
    })
    yield* gateway.replace(made).pipe(Effect.onError(() => Effect.sync(() => void (current = before))))
    yield* before.retire
    const changed = changesOf(before.configuration, configuration)
    // What opened a circuit may be just what was changed, and what was stated was stated to another key.
    yield* Effect.forEach(
      changed,
      ({ id }) => Effect.zipRight(current.breaker.service.reset(id), current.rateLimits.reset(id)),
      { discard: true }
    )
    const told = changed.map(({ id, is }) => `${id} is ${is}`).join(", ")
    const { withheld } = current
    return {
      refused: undefined,
      told: [
        `the configuration ${yield* configuration.hash} is in use: ${told === "" ? "the providers are the same" : told}`,
        ...withheld
      ]
    }
  })
  return again.pipe(
    Effect.catchAll(({ message }) => Effect.fail(message)),
    Effect.catchAllDefect((defect) => Effect.fail(String(defect))),
    Effect.catchAll((reason) =>
      Effect.as(gateway.refuse(reason), {
        refused: reason,
        told: [`the configuration stays as it was: ${reason}`]
      })
    )
  )
}
