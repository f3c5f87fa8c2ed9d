/** `serve`: the gateway, until it is stopped. */
import * as Command from "@effect/cli/Command"
import * as Options from "@effect/cli/Options"
import * as HttpServer from "@effect/platform/HttpServer"
import * as Effect from "effect/Effect"
import * as ExecutionStrategy from "effect/ExecutionStrategy"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Queue from "effect/Queue"
import * as Scope from "effect/Scope"
import * as Gateway from "../gateway/Gateway.js"
import * as Chosen from "./Chosen.js"
import * as Configuration from "./Configuration.js"
import * as Flags from "./Flags.js"
import { Listener } from "./Listener.js"
import { UsageError } from "./Report.js"
import * as Note from "./Note.js"
import { StandardStreams } from "./StandardStreams.js"

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
  watch: Options.boolean("watch").pipe(
    Options.withDescription("Take the configuration file anew when it changes, as on SIGHUP")
  )
}

/** Tells where the gateway is. */
const announce = HttpServer.addressFormattedWith((address) =>
  Effect.flatMap(StandardStreams, (streams) =>
    streams.writeError(
      `Listening at ${address}. Base URL: ${address}/v1 (OpenAI), ${address} (Anthropic). What goes on: ${address}/\n`
    )
  )
)

/** The command. */
export const command = Command.make("serve", options, (given) =>
  Effect.gen(function* () {
    const streams = yield* StandardStreams
    const { client, instance, listen, onReload } = yield* Listener
    // What only a server needs is read when one starts.
    const [Generation, Reload] = yield* Effect.promise(() =>
      Promise.all([import("./Generation.js"), import("./Reload.js")])
    )
    if (!Number.isInteger(given.port) || given.port < 0 || given.port > 65_535) {
      return yield* new UsageError({
        reason: `--port: Expected a port (a whole number from 0 to 65535), actual ${given.port}`
      })
    }
    // What comes while it starts is heard, too.
    const asked = yield* Queue.sliding<void>(1)
    yield* onReload(() => Queue.unsafeOffer(asked, undefined))
    if (given.watch) {
      const file = yield* Configuration.fileOf(given.config)
      if (Option.isNone(file)) {
        return yield* new UsageError({
          reason: "--watch: Expected a configuration file (--config or ARC_SAGA_CONFIG), actual none"
        })
      }
      const changed = yield* Reload.watch(file.value)
      yield* Effect.forkScoped(Effect.forever(Effect.zipRight(changed, Queue.offer(asked, undefined))))
    }
    const clients = yield* Layer.build(client)
    const load = (before?: Configuration.Configuration) =>
      Effect.provide(Chosen.loadAll(given.config, before?.providers), clients)
    const configuration = yield* load()
    // Refused before anything listens where others reach it.
    const isOwn = given.host === "localhost" || Gateway.isLoopback(given.host)
    const isProtected =
      (configuration.gateway.keys ?? []).length > 0 || configuration.issuedKeys !== undefined
    if (!isOwn && !isProtected) {
      return yield* new Gateway.UnprotectedGatewayError({ hostname: given.host })
    }
    if (configuration.simulated) yield* streams.writeError(`${Configuration.simulatedNotice}\n`)
    if (Option.isSome(configuration.redis)) {
      const { unshared } = yield* Effect.promise(() => import("./Shared.js"))
      yield* Note.tell(unshared(configuration.ledger, Option.isSome(configuration.budgets)))
    }

    const ground = yield* Generation.ground(configuration, instance)
    // All of it is there before it listens: until then a connection is refused, and never left without an answer.
    const scope = yield* Scope.fork(yield* Effect.scope, ExecutionStrategy.sequential)
    const first = yield* Scope.extend(Generation.make(ground, configuration), scope)
    // Of tasks of which the model can't promise what the file asks for, nothing is saved.
    yield* Note.tell(first.withheld)
    const listening = yield* Layer.build(listen(given))
    const gateway = yield* Gateway.make(
      Effect.as(
        Effect.addFinalizer(() => Scope.close(scope, Exit.void)),
        first.composition
      )
    ).pipe(Effect.provide(ground.shared), Effect.provide(listening))
    yield* Effect.provide(announce, listening)
    const reload = Reload.make(gateway, ground, first, load)
    return yield* Effect.forever(Effect.zipRight(Queue.take(asked), reload))
  }).pipe(Effect.scoped)
).pipe(Command.withDescription("Serve the providers to programs that speak OpenAI's or Anthropic's API"))
