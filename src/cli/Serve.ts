/** `serve`: the gateway, until it is stopped. */
import * as Command from "@effect/cli/Command"
import * as Options from "@effect/cli/Options"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Queue from "effect/Queue"
import * as Configuration from "./Configuration.js"
import * as Flags from "./Flags.js"
import { Listener } from "./Listener.js"
import { UsageError } from "./Report.js"
import type { Given } from "./Serving.js"
import { Workers } from "./Workers.js"

const options = {
  port: Flags.number("port", "The port to listen at; 0 for any that is free (4000)").pipe(
    Options.withDefault(4000)
  ),
  host: Options.text("host").pipe(
    Options.withPseudoName("HOST"),
    Options.withDescription(
      "The address to listen at; any but this machine's own needs API keys (127.0.0.1)"
    ),
    Options.withDefault("127.0.0.1")
  ),
  config: Flags.config,
  workers: Flags.whole(
    "workers",
    "How many processes serve at the port together; one when it isn't given",
    64
  ).pipe(Options.withDefault(1)),
  watch: Options.boolean("watch").pipe(
    Options.withDescription("Take the configuration file anew when it changes, as on SIGHUP")
  )
}

/** The port, and whether there is a file to watch. */
const check = (given: Given & { readonly watch: boolean }) =>
  Effect.gen(function* () {
    if (!Number.isInteger(given.port) || given.port < 0 || given.port > 65_535) {
      return yield* new UsageError({
        reason: `--port: Expected a port (a whole number from 0 to 65535), actual ${given.port}`
      })
    }
    const file = given.watch ? yield* Configuration.fileOf(given.config) : Option.none()
    if (given.watch && Option.isNone(file)) {
      return yield* new UsageError({
        reason: "--watch: Expected a configuration file (--config or ARC_SAGA_CONFIG), actual none"
      })
    }
    return file
  })

/** Waits until the configuration is to be taken anew: what comes while it starts is heard, too. */
const changes = (watched: Option.Option<string>) =>
  Effect.gen(function* () {
    const { onReload } = yield* Listener
    const asked = yield* Queue.sliding<void>(1)
    yield* onReload(() => Queue.unsafeOffer(asked, undefined))
    if (Option.isSome(watched)) {
      const { changed } = yield* Effect.promise(() => import("./Watch.js"))
      yield* Effect.forkScoped(
        Effect.forever(Effect.zipRight(yield* changed(watched.value), Queue.offer(asked, undefined)))
      )
    }
    return Queue.take(asked)
  })

/** The command. */
export const command = Command.make("serve", options, (given) =>
  Effect.gen(function* () {
    const { own } = yield* Workers
    const watched = yield* check(given)
    // What only a server needs is read when one starts, and what answers calls not by one that has others do so.
    if (own === undefined && given.workers > 1) {
      const changed = yield* changes(watched)
      const { run } = yield* Effect.promise(() => import("./Workers/primary.js"))
      return yield* run({ at: given, count: given.workers, changed })
    }
    const { alone, beside } = yield* Effect.promise(() => import("./Serving.js"))
    return yield* own === undefined ? alone(given, yield* changes(watched)) : beside(given, own)
  }).pipe(Effect.scoped)
).pipe(Command.withDescription("Serve the providers to programs that speak OpenAI's or Anthropic's API"))
