/** Has a gateway answer by another configuration, without a restart. */
import * as FileSystem from "@effect/platform/FileSystem"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type * as Gateway from "../gateway/Gateway.js"
import { ConfigurationError } from "./ConfigFile.js"
import type * as Configuration from "./Configuration.js"
import * as Generation from "./Generation.js"
import * as Identity from "./Identity.js"
import * as Note from "./Note.js"
import type { StandardStreams } from "./StandardStreams.js"

/** Milliseconds between two looks at a file. */
const everyMs = 500

/**
 * Looks at a file from now on; the effect ends when it is another one than before. One that is being written, or that
 * isn't there while an editor puts another in its place, is waited for.
 */
export const watch = (file: string): Effect.Effect<Effect.Effect<void>, never, FileSystem.FileSystem> =>
  Effect.gen(function* () {
    const fs = yield* FileSystem.FileSystem
    const look = Effect.map(
      Effect.option(fs.stat(file)),
      Option.match({
        onNone: () => "",
        onSome: ({ ino, mtime, size }) =>
          [size, Option.getOrUndefined(ino), Option.getOrUndefined(mtime)?.getTime()].join(" ")
      })
    )
    let seen = yield* look
    let last = seen
    return Effect.delay(look, everyMs).pipe(
      Effect.map((now) => {
        const isStill = now === last && now !== "" && now !== seen
        last = now
        if (isStill) seen = now
        return isStill
      }),
      Effect.repeat({ until: (isStill) => isStill }),
      Effect.asVoid
    )
  })

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

/**
 * Makes what has a gateway answer by what is configured then, and tells what became of it. Calls under way go on with
 * what they began with. What can't be used changes nothing.
 */
export const make = <E extends { readonly message: string }, R>(
  gateway: Gateway.Service,
  ground: Generation.Ground,
  first: Generation.Generation,
  load: (before: Configuration.Configuration) => Effect.Effect<Configuration.Configuration, E, R>
): Effect.Effect<void, never, R | FileSystem.FileSystem | StandardStreams> => {
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
    return [
      `the configuration ${yield* configuration.hash} is in use: ${told === "" ? "the providers are the same" : told}`,
      ...withheld
    ]
  })
  return again.pipe(
    Effect.catchAll(({ message }) => Effect.fail(message)),
    Effect.catchAllDefect((defect) => Effect.fail(String(defect))),
    Effect.catchAll((reason) =>
      Effect.as(gateway.refuse(reason), [`the configuration stays as it was: ${reason}`])
    ),
    Effect.flatMap(Note.tell)
  )
}
