/** What `serve` does once it is known what is to be served: loaded when it is. */
import * as HttpServer from "@effect/platform/HttpServer"
import * as Effect from "effect/Effect"
import * as ExecutionStrategy from "effect/ExecutionStrategy"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Scope from "effect/Scope"
import * as Gateway from "../gateway/Gateway.js"
import * as Chosen from "./Chosen.js"
import * as ConfigFile from "./ConfigFile.js"
import type * as Configuration from "./Configuration.js"
import { simulatedNotice } from "./Configuration.js"
import * as Generation from "./Generation.js"
import * as Listener from "./Listener.js"
import * as Note from "./Note.js"
import * as Reload from "./Reload.js"
import { muted, StandardStreams } from "./StandardStreams.js"
import { unshared } from "./Unshared.js"
import type * as Workers from "./Workers.js"
import type { Place } from "./Workers/messages.js"
import * as side from "./Workers/worker.js"

/** What is to be served, and where. */
export interface Given {
  readonly port: number
  readonly host: string
  readonly config: Option.Option<string>
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

/** A gateway that listens. */
const gatewayOf = (given: Given, worker: (Place & Pick<side.Side, "metrics">) | undefined) =>
  Effect.gen(function* () {
    const streams = yield* StandardStreams
    const { client, instance, listen } = yield* Listener.Listener
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
    if (configuration.simulated) yield* told.writeError(`${simulatedNotice}\n`)

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
export const alone = (given: Given, changed: Effect.Effect<void>) =>
  Effect.gen(function* () {
    const streams = yield* StandardStreams
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
export const beside = (given: Given, own: Workers.Own) =>
  Effect.gen(function* () {
    const streams = yield* StandardStreams
    const primary = yield* side.make(own)
    const context = yield* Effect.context<Effect.Effect.Context<ReturnType<typeof gatewayOf>>>()
    const serve = Effect.gen(function* () {
      const { address, gateway, reload } = yield* gatewayOf(given, { ...own, metrics: primary.metrics })
      yield* primary.ready({
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
    return yield* Effect.ensuring(Effect.raceFirst(Effect.scoped(serve), primary.hear), own.leave)
  })
