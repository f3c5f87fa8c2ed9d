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
import * as ConfigFile from "./ConfigFile.js"
import * as Configuration from "./Configuration.js"
import * as Flags from "./Flags.js"
import * as Listener from "./Listener.js"
import { UsageError } from "./Report.js"
import * as Note from "./Note.js"
import { muted, StandardStreams } from "./StandardStreams.js"
import { unshared } from "./Unshared.js"
import * as Workers from "./Workers.js"
import type { Side } from "./Workers/worker.js"

interface Given {
  readonly port: number
  readonly host: string
  readonly config: Option.Option<string>
}

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

/** What learns by itself in one process would replace the model of that one alone. */
const checkShared = (
  configuration: Configuration.Configuration
): Effect.Effect<Configuration.Configuration, ConfigFile.ConfigurationError> =>
  Option.exists(configuration.learn, ({ retrain }) => retrain !== undefined)
    ? new ConfigFile.ConfigurationError({
        file: configuration.origin,
        field: "learn.retrain",
        reason:
          "Expected none with several workers, which would have models of their own, actual one. Train by `arc-saga train`, and have the gateway take its configuration anew"
      })
    : Effect.succeed(configuration)

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
    const { onReload } = yield* Listener.Listener
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

/** A gateway that listens. */
const gatewayOf = (given: Given, worker: (Workers.Place & Pick<Side, "metrics">) | undefined) =>
  Effect.gen(function* () {
    const streams = yield* StandardStreams
    const { client, instance, listen } = yield* Listener.Listener
    // What only a server needs is read when one starts.
    const [Generation, Reload] = yield* Effect.promise(() =>
      Promise.all([import("./Generation.js"), import("./Reload.js")])
    )
    const clients = yield* Layer.build(client)
    const load = (before?: Configuration.Configuration) =>
      Chosen.loadAll(given.config, before?.providers).pipe(
        Effect.provide(clients),
        Effect.flatMap(worker === undefined ? Effect.succeed : checkShared)
      )
    /** What another worker tells as well. */
    const told = worker?.tells === false ? muted(streams) : streams
    const configuration = yield* Effect.provideService(load(), StandardStreams, told)
    // Refused before anything listens where others reach it.
    const isOwn = given.host === "localhost" || Gateway.isLoopback(given.host)
    const isProtected =
      (configuration.gateway.keys ?? []).length > 0 || configuration.issuedKeys !== undefined
    if (!isOwn && !isProtected) {
      return yield* new Gateway.UnprotectedGatewayError({ hostname: given.host })
    }
    if (configuration.simulated) yield* told.writeError(`${Configuration.simulatedNotice}\n`)

    const ground = yield* Generation.ground(
      configuration,
      worker === undefined ? instance : `${instance}, worker ${worker.number} of ${worker.count}`,
      worker?.metrics
    )
    // All of it is there before it listens: until then a connection is refused, and never left without an answer.
    const scope = yield* Scope.fork(yield* Effect.scope, ExecutionStrategy.sequential)
    const first = yield* Scope.extend(Generation.make(ground, configuration), scope)
    // Of tasks of which the model can't promise what the file asks for, nothing is saved.
    const notes = [...unshared(configuration, worker?.count), ...first.withheld]
    yield* Effect.provideService(Note.tell(notes), StandardStreams, told)
    const listening = yield* Layer.build(listen({ host: given.host, port: worker?.port ?? given.port }))
    const gateway = yield* Gateway.make(
      Effect.as(
        Effect.addFinalizer(() => Scope.close(scope, Exit.void)),
        first.composition
      )
    ).pipe(Effect.provide(ground.shared), Effect.provide(listening))
    const address = yield* Effect.provide(HttpServer.addressFormattedWith(Effect.succeed), listening)
    return { address, gateway, reload: Reload.make(gateway, ground, first, load) }
  })

/** Serves by itself. */
const alone = (given: Given, watched: Option.Option<string>) =>
  Effect.gen(function* () {
    const streams = yield* StandardStreams
    const changed = yield* changes(watched)
    const { address, reload } = yield* gatewayOf(given, undefined)
    yield* streams.writeError(Listener.announcement(address))
    return yield* Effect.forever(
      Effect.zipRight(
        changed,
        Effect.flatMap(reload, ({ told }) => Note.tell(told))
      )
    )
  })

/** Serves beside others, as the primary says. */
const beside = (given: Given, own: Workers.Own) =>
  Effect.gen(function* () {
    const streams = yield* StandardStreams
    const { make } = yield* Effect.promise(() => import("./Workers/worker.js"))
    const side = yield* make(own)
    const context = yield* Effect.context<Effect.Effect.Context<ReturnType<typeof gatewayOf>>>()
    const serve = Effect.gen(function* () {
      const { address, gateway, reload } = yield* gatewayOf(given, { ...own, metrics: side.metrics })
      yield* side.ready({
        address,
        metrics: gateway.metrics,
        refuse: gateway.refuse,
        reload: (quiet) =>
          Effect.flatMap(reload, ({ refused = "", told }) => Effect.as(Note.tell(told), refused)).pipe(
            Effect.provideService(StandardStreams, quiet ? muted(streams) : streams),
            Effect.provide(context)
          )
      })
      return yield* Effect.never
    })
    return yield* Effect.raceFirst(Effect.scoped(serve), side.hear)
  })

/** The command. */
export const command = Command.make("serve", options, (given) =>
  Effect.gen(function* () {
    const { own } = yield* Workers.Workers
    const watched = yield* check(given)
    if (own !== undefined) return yield* beside(given, own)
    if (given.workers === 1) return yield* alone(given, watched)
    const { run } = yield* Effect.promise(() => import("./Workers/primary.js"))
    return yield* run({ at: given, count: given.workers, changed: yield* changes(watched) })
  }).pipe(Effect.scoped)
).pipe(Command.withDescription("Serve the providers to programs that speak OpenAI's or Anthropic's API"))
