/** `serve`: the gateway, until it is stopped. */
import * as Command from "@effect/cli/Command"
import * as Options from "@effect/cli/Options"
import * as HttpServer from "@effect/platform/HttpServer"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import { AnswerObserver } from "../AnswerObserver.js"
import * as Activity from "../gateway/Activity.js"
import * as Gateway from "../gateway/Gateway.js"
import { TaskService } from "../routing/TaskService.js"
import * as Chosen from "./Chosen.js"
import * as Composition from "./Composition.js"
import * as Configuration from "./Configuration.js"
import * as Flags from "./Flags.js"
import * as Format from "./Format.js"
import * as Ledger from "./Ledger.js"
import { Listener, type ListenError } from "./Listener.js"
import { UsageError } from "./Report.js"
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
  config: Flags.config
}

/** Tells where the gateway is. */
const announced = Layer.effectDiscard(
  HttpServer.addressFormattedWith((address) =>
    Effect.flatMap(StandardStreams, (streams) =>
      streams.writeError(
        `Listening at ${address}. Base URL: ${address}/v1 (OpenAI), ${address} (Anthropic). What goes on: ${address}/\n`
      )
    )
  )
)

/** Tells what may not be as the file has it expected. */
const note = (lines: ReadonlyArray<string>) =>
  Effect.flatMap(StandardStreams, (streams) =>
    Effect.forEach(lines, (line) => streams.writeError(`Note: ${Format.plain(line)}\n`), { discard: true })
  )

/** What answers tasks, and learns from that where the file says so. */
const services = (configuration: Configuration.Configuration) =>
  Option.match(configuration.learn, {
    onNone: () => Composition.services(configuration, Option.none()),
    onSome: (learn) =>
      Effect.flatMap(
        Effect.promise(() => import("./Learn.js")),
        (made) => made.services(configuration, learn)
      )
  })

/**
 * The gateway over what is configured, with all that keeps its providers healthy and its spending bounded. All
 * of that is there before it listens: until then a connection is refused, and never left without an answer.
 */
const gateway = (
  configuration: Configuration.Configuration,
  listening: Layer.Layer<HttpServer.HttpServer, ListenError>
) => {
  const guards = Layer.merge(
    Composition.guards(configuration),
    Ledger.accounting(configuration.ledger, configuration.budgets)
  )
  const activity = Activity.layer.pipe(
    Layer.provideMerge(Layer.merge(guards, Composition.engines(configuration)))
  )
  return Layer.unwrapScoped(
    Effect.map(
      // Of tasks of which the model can't promise what the file asks for, nothing is saved.
      Effect.tap(services(configuration), ({ withheld }) => note(withheld)),
      ({ named, observer, tasks }) =>
        Layer.provideMerge(announced, Gateway.layer({ ...configuration.gateway, services: named })).pipe(
          Layer.provide(Layer.succeed(TaskService, tasks)),
          Layer.provide(
            Option.match(observer, {
              onNone: () => Layer.empty,
              onSome: (each) => Layer.succeed(AnswerObserver, each)
            })
          ),
          Layer.provide(listening)
        )
    )
  ).pipe(Layer.provide(activity))
}

/** The command. */
export const command = Command.make("serve", options, (given) =>
  Effect.gen(function* () {
    const streams = yield* StandardStreams
    const { client, listen } = yield* Listener
    if (!Number.isInteger(given.port) || given.port < 0 || given.port > 65_535) {
      return yield* new UsageError({
        reason: `--port: Expected a port (a whole number from 0 to 65535), actual ${given.port}`
      })
    }
    const configuration = yield* Effect.provide(
      Chosen.load({ ...given, provider: Option.none(), model: Option.none(), strategy: Option.none() }),
      yield* Layer.build(client)
    )
    // Refused before anything listens where others reach it.
    const isOwn = given.host === "localhost" || Gateway.isLoopback(given.host)
    if (!isOwn && (configuration.gateway.keys ?? []).length === 0) {
      return yield* new Gateway.UnprotectedGatewayError({ hostname: given.host })
    }
    if (configuration.simulated) yield* streams.writeError(`${Configuration.simulatedNotice}\n`)
    if (Option.isSome(configuration.redis)) {
      const { unshared } = yield* Effect.promise(() => import("./Shared.js"))
      yield* note(unshared(configuration.ledger, Option.isSome(configuration.budgets)))
    }
    return yield* Layer.launch(gateway(configuration, listen(given)))
  })
).pipe(Command.withDescription("Serve the providers to programs that speak OpenAI's or Anthropic's API"))
