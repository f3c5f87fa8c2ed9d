/**
 * A server that speaks OpenAI's Chat Completions and Anthropic's Messages, and has the orchestrator answer:
 * programs that know one of the two get selection, retries, fallback and accounts by another base URL.
 *
 * @since 0.1.0
 */
import * as HttpIncomingMessage from "@effect/platform/HttpIncomingMessage"
import * as HttpServer from "@effect/platform/HttpServer"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as numbers from "../internal/numbers.js"
import type { InvalidArgumentError } from "../InvalidArgument.js"
import * as access from "./internal/access.js"
import { Delivery } from "./internal/delivery.js"
import * as keyLimits from "./internal/keyLimits.js"
import * as models from "./internal/models.js"
import * as shutdown from "./internal/shutdown.js"
import * as tracing from "./internal/tracing.js"
import { AnswerObserver } from "../AnswerObserver.js"
import { optional } from "../internal/optional.js"
import * as validation from "../internal/validation.js"
import { Feedback } from "../spend/Feedback.js"
import * as LimitStore from "../reliability/LimitStore.js"
import { SharedState } from "../reliability/SharedState.js"
import { ReasoningEngineRegistry } from "../ReasoningEngineRegistry.js"
import type { Strategy } from "../routing/Strategy.js"
import * as TaskService from "../routing/TaskService.js"
import { Activity } from "./Activity.js"
import * as ApiKeys from "./ApiKeys.js"

export { isLoopback } from "./internal/access.js"

/**
 * How the gateway serves.
 *
 * @since 0.1.0
 * @category schemas
 */
export const Settings = Schema.Struct({
  /** Who may call; without keys, only programs of the same machine. */
  keys: Schema.optional(Schema.Array(ApiKeys.ApiKey)),
  /**
   * How streams are delivered that don't say: as they are written (`streamed`, when absent), or held until
   * the answer is whole (`buffered`): then another provider takes over from one that breaks off midway. That
   * of the key goes before that of the model, that of the model before that of the strategy, and this is the
   * last.
   */
  delivery: Schema.optional(Delivery),
  /** The same by what `model` is, a provider or `saga/` and the name of a strategy. */
  deliveries: Schema.optional(Schema.Record({ key: Schema.String, value: Delivery })),
  /**
   * Other names for models: each is a name or a pattern (`*` is any text), and what is meant by it a provider,
   * or `saga/` and the name of a strategy. A provider's own model name works without.
   */
  models: Schema.optional(Schema.Record({ key: Schema.String, value: Schema.String })),
  /**
   * What becomes of a call with settings that the provider that is asked doesn't have, where nothing else is
   * asked for: they are left out, which `x-saga-dropped` tells (`drop`, when absent), or the call is refused.
   */
  unsupported: Schema.optional(Schema.Literal("drop", "refuse")),
  /** Milliseconds of silence before an answer, after which a stream begins with signs of life; 15,000 when absent. */
  keepAliveMs: Schema.optional(numbers.count("milliseconds")),
  /** The most bytes of a body; 20 MiB when absent. */
  maxBodyBytes: Schema.optional(numbers.count("a number of bytes")),
  /** Milliseconds that a body may take to come; 30,000 when absent. */
  bodyTimeoutMs: Schema.optional(numbers.count("milliseconds")),
  /** Milliseconds that calls under way get when the gateway shuts down; 30,000 when absent. */
  drainMs: Schema.optional(numbers.count("milliseconds"))
})

/**
 * How the gateway serves.
 *
 * @since 0.1.0
 * @category models
 */
export interface Settings extends Schema.Schema.Type<typeof Settings> {}

/**
 * What can be set.
 *
 * @since 0.1.0
 * @category models
 */
export interface Options extends Settings {
  /** Strategies that a call can name as `saga/<name>`, besides the usual ones. */
  readonly strategies?: ReadonlyArray<Strategy> | undefined
  /**
   * Services that a call can name as `saga/<name>`, in place of the one that answers the others: a cascade, say.
   * The names of strategies are taken.
   */
  readonly services?: Readonly<Record<string, TaskService.Service>> | undefined
}

/**
 * The server can be reached from other machines, and there are no keys: any client could spend what
 * the providers charge.
 *
 * @since 0.1.0
 * @category errors
 */
export class UnprotectedGatewayError extends Schema.TaggedError<UnprotectedGatewayError>(
  "arc-saga/gateway/UnprotectedGatewayError"
)("UnprotectedGatewayError", {
  /** The address that it listens at. */
  hostname: Schema.String
}) {
  override get message(): string {
    return `The gateway doesn't start: at ${this.hostname} other machines reach it, and it has no API keys. Configure keys, or listen at 127.0.0.1`
  }
}

const decode = validation.decoder("Gateway", Settings)

/**
 * Serves until the Layer's scope closes. Then it takes no more requests, waits for those under way, and ends
 * what is left after `drainMs`. Fails when a setting can't be used, or when there are no keys and other
 * machines reach the server.
 *
 * Keys are those of the settings, and beside them those of the `ApiKeys` service if there is one. Their calls are counted in the
 * `LimitStore` of the context if there is one, and by this process alone otherwise. What clients say of answers
 * (`POST /v1/feedback`) goes to the `Feedback` and the `AnswerObserver` of the context, as far as there are some.
 *
 * @since 0.1.0
 * @category layers
 */
export const layer = ({ services = {}, strategies = [], ...given }: Options = {}): Layer.Layer<
  never,
  InvalidArgumentError | UnprotectedGatewayError,
  HttpServer.HttpServer | TaskService.TaskService | ReasoningEngineRegistry | Activity
> =>
  Layer.scopedDiscard(
    Effect.gen(function* () {
      const settings = yield* decode(given)
      const own = yield* ApiKeys.make(settings.keys ?? [])
      const others = yield* optional(ApiKeys.ApiKeys)
      const keys = others === undefined ? own : ApiKeys.all([own, others])
      const server = yield* HttpServer.HttpServer
      const { address } = server
      if (!keys.protect && address._tag === "TcpAddress" && !access.isLoopback(address.hostname)) {
        return yield* new UnprotectedGatewayError({ hostname: address.hostname })
      }
      const tasks = yield* TaskService.TaskService
      const usual = yield* tasks.strategy ?? Effect.succeed(undefined)
      const choices = models.choicesOf(strategies, [
        ...Object.entries(services),
        ...(usual === undefined ? [] : [[usual.name, tasks] as const])
      ])
      yield* models.checkNames("deliveries", Object.keys(settings.deliveries ?? {}), choices)
      yield* models.checkNames("models", Object.values(settings.models ?? {}), choices)
      const stopping = yield* shutdown.make(settings.drainMs ?? 30_000)
      const store = yield* optional(LimitStore.LimitStore)
      // What only a server needs is read when one starts.
      const app = yield* Effect.promise(() => import("./internal/app.js"))
      const served = yield* app.make({
        services: {
          tasks,
          registry: yield* ReasoningEngineRegistry,
          activity: yield* Activity,
          shutdown: stopping
        },
        keys,
        count: store === undefined ? keyLimits.alone() : keyLimits.shared(store),
        countTokens: keyLimits.tokens(store ?? (yield* LimitStore.makeMemory)),
        shared: yield* optional(SharedState),
        choices,
        judges: { store: yield* optional(Feedback), observer: yield* optional(AnswerObserver) },
        aliases: settings.models ?? {},
        unsupported: settings.unsupported ?? "drop",
        keepAliveMs: settings.keepAliveMs ?? 15_000,
        delivery: { gateway: settings.delivery ?? "streamed", models: settings.deliveries ?? {} },
        limits: {
          maxBodyBytes: settings.maxBodyBytes ?? 20 * 1024 * 1024,
          bodyTimeoutMs: settings.bodyTimeoutMs ?? 30_000
        }
      })
      // The gateway has a limit of its own for bodies.
      yield* HttpIncomingMessage.withMaxBodySize(tracing.onlyIfSeen(server.serve(served)), Option.none())
      yield* Effect.addFinalizer(() => stopping.drain)
    })
  )
