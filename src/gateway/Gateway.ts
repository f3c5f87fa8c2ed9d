/**
 * A server that speaks OpenAI's Chat Completions and Anthropic's Messages, and has the orchestrator answer:
 * programs that know one of the two get selection, retries, fallback and accounts by another base URL.
 *
 * @since 0.1.0
 */
import * as HttpIncomingMessage from "@effect/platform/HttpIncomingMessage"
import * as HttpServer from "@effect/platform/HttpServer"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as LogLevel from "effect/LogLevel"
import * as Metric from "effect/Metric"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import * as log from "../internal/log.js"
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
import * as replaceable from "../internal/replaceable.js"
import * as validation from "../internal/validation.js"
import { Feedback } from "../spend/Feedback.js"
import * as LimitStore from "../reliability/LimitStore.js"
import { Learned } from "./Learned.js"
import { SharedState } from "../reliability/SharedState.js"
import type * as Registry from "../ReasoningEngineRegistry.js"
import { ReasoningEngineRegistry } from "../ReasoningEngineRegistry.js"
import type { Strategy } from "../routing/Strategy.js"
import * as TaskService from "../routing/TaskService.js"
import { unredirected } from "../wire/http.js"
import { Activity } from "./Activity.js"
import * as ApiKeys from "./ApiKeys.js"
import * as KeyStore from "./KeyStore.js"

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
  /** Names what it is set up with, as a hash does: `/readyz` and the page tell it, so that it must hold no secret. */
  readonly configuration?: string | undefined
  /** Names this process among those that serve together: the page tells it. */
  readonly instance?: string | undefined
  /**
   * Makes what `GET /metrics` answers, of this process's own: those of all, where several serve together. When absent
   * it is the process's own.
   */
  readonly metrics?: ((own: string) => Effect.Effect<string>) | undefined
}

/**
 * All that calls are answered with.
 *
 * @since 0.1.0
 * @category models
 */
export interface Composition extends Options {
  readonly tasks: TaskService.Service
  readonly registry: Registry.Service
  readonly activity: Activity["Type"]
  /** Knows keys that are taken beside those of the settings. */
  readonly apiKeys?: ApiKeys.Service | undefined
  /** Where admin keys issue, change and revoke keys over HTTP; nowhere when absent. */
  readonly keyStore?: KeyStore.Service | undefined
  /** What learns from what clients say of answers. */
  readonly observer?: AnswerObserver["Type"] | undefined
  /** What is learned, as the page shows it. */
  readonly learned?: Learned["Type"] | undefined
}

/**
 * A gateway that serves.
 *
 * @since 0.1.0
 * @category models
 */
export interface Service {
  /**
   * Has the calls from now on answered with another composition. Calls under way go on with what they began with, and
   * the scope of that closes with the last of them. Where the other can't be made, or isn't one to serve with,
   * nothing changes. Fails as {@link make} does.
   */
  readonly replace: <E, R>(
    composed: Effect.Effect<Composition, E, R>
  ) => Effect.Effect<void, E | InvalidArgumentError | UnprotectedGatewayError, Exclude<R, Scope.Scope>>
  /** Tells in the log, in the metrics and on the page why there isn't another composition, though there was to be. */
  readonly refuse: (reason: string) => Effect.Effect<void>
  /** The metrics of this process, as Prometheus reads them. */
  readonly metrics: Effect.Effect<string>
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

const reloads = Metric.counter("arc_saga.gateway.reloads", {
  description: "Configurations that were to be taken while the gateway serves, by what became of them.",
  incremental: true
})

const reloaded = (outcome: "applied" | "refused") =>
  Metric.increment(Metric.tagged(reloads, "outcome", outcome))

/**
 * Serves until the scope closes. Then it takes no more requests, waits for those under way, and ends what is left
 * after `drainMs`. Fails when a setting can't be used, or when there are no keys and other machines reach the server.
 *
 * Calls of keys are counted in the `LimitStore` of the context if there is one, and by this process alone otherwise.
 * What clients say of answers (`POST /v1/feedback`) goes to the `Feedback` of the context and to the observer, as far
 * as there are some.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = <E, R>(
  composed: Effect.Effect<Composition, E, R>
): Effect.Effect<
  Service,
  E | InvalidArgumentError | UnprotectedGatewayError,
  Exclude<R, Scope.Scope> | HttpServer.HttpServer | Scope.Scope
> =>
  Effect.gen(function* () {
    const server = yield* HttpServer.HttpServer
    const { address } = server
    const store = yield* optional(LimitStore.LimitStore)
    const count = store === undefined ? keyLimits.alone() : keyLimits.shared(store)
    const countTokens = keyLimits.tokens(store ?? (yield* LimitStore.makeMemory))
    const shared = yield* optional(SharedState)
    const feedback = yield* optional(Feedback)
    const stopping = yield* shutdown.make
    // What only a server needs is read when one starts.
    const app = yield* Effect.promise(() => import("./internal/app.js"))
    const responses = app.responses()
    let refused: { readonly at: number; readonly reason: string } | undefined

    const appOf = ({
      activity,
      apiKeys,
      configuration,
      instance,
      keyStore,
      learned,
      metrics = Effect.succeed,
      observer,
      registry,
      services = {},
      strategies = [],
      tasks,
      ...given
    }: Composition) =>
      Effect.gen(function* () {
        const settings = yield* decode(given)
        const listed = yield* ApiKeys.make(settings.keys ?? [])
        const keys = apiKeys === undefined ? listed : ApiKeys.all([listed, apiKeys])
        if (!keys.protect && address._tag === "TcpAddress" && !access.isLoopback(address.hostname)) {
          return yield* new UnprotectedGatewayError({ hostname: address.hostname })
        }
        const strategy = yield* tasks.strategy ?? Effect.succeed(undefined)
        const choices = models.choicesOf(strategies, [
          ...Object.entries(services),
          ...(strategy === undefined ? [] : [[strategy.name, tasks] as const])
        ])
        yield* models.checkNames("deliveries", Object.keys(settings.deliveries ?? {}), choices)
        yield* models.checkNames("models", Object.values(settings.models ?? {}), choices)
        const since = yield* Clock.currentTimeMillis
        const about = () => ({ configuration, instance, since, refused })
        const own = Effect.map(activity.snapshot, (snapshot) => app.metrics(snapshot, responses, about()))
        const made = yield* app.make(
          {
            services: { tasks, registry, activity, shutdown: stopping },
            keys,
            keyStore,
            configured: new Set((settings.keys ?? []).map(({ id }) => id)),
            count,
            countTokens,
            shared,
            learned,
            choices,
            judges: { store: feedback, observer },
            about,
            metrics: Effect.flatMap(own, metrics),
            aliases: settings.models ?? {},
            unsupported: settings.unsupported ?? "drop",
            keepAliveMs: settings.keepAliveMs ?? 15_000,
            delivery: { gateway: settings.delivery ?? "streamed", models: settings.deliveries ?? {} },
            limits: {
              maxBodyBytes: settings.maxBodyBytes ?? 20 * 1024 * 1024,
              bodyTimeoutMs: settings.bodyTimeoutMs ?? 30_000
            }
          },
          responses
        )
        return { app: made, drainMs: settings.drainMs ?? 30_000, configuration, own }
      })

    const current = yield* replaceable.make(Effect.flatMap(composed, appOf))
    const served = Effect.flatMap(current.scoped, (each) => each.app)
    // The gateway has a limit of its own for bodies.
    yield* HttpIncomingMessage.withMaxBodySize(tracing.onlyIfSeen(server.serve(served)), Option.none()).pipe(
      // For all requests at once, so that none has to have it provided.
      Effect.mapInputContext(unredirected<Scope.Scope>)
    )
    yield* Effect.addFinalizer(() => Effect.suspend(() => stopping.drain(current.unsafeGet().drainMs)))
    return {
      replace: (next) =>
        Effect.gen(function* () {
          yield* current.replace(Effect.flatMap(next, appOf))
          const { configuration } = current.unsafeGet()
          refused = undefined
          yield* reloaded("applied")
          yield* log.event(LogLevel.Info, "gateway_reloaded", () => ({
            configuration: configuration ?? "unnamed"
          }))
        }),
      refuse: (reason) =>
        Effect.gen(function* () {
          refused = { at: yield* Clock.currentTimeMillis, reason }
          yield* reloaded("refused")
          yield* log.event(LogLevel.Warning, "gateway_reload_refused", () => ({ reason }))
        }),
      metrics: current.use(({ own }) => own)
    }
  })

/**
 * Serves with the services of the context until the Layer's scope closes: see {@link make}. Where there are some, keys
 * of `ApiKeys` are taken beside those of the settings, admin keys change those of `KeyStore`, what clients say of answers
 * goes to the `AnswerObserver`, too, and the page shows what `Learned` says.
 *
 * @since 0.1.0
 * @category layers
 */
export const layer = (
  options: Options = {}
): Layer.Layer<
  never,
  InvalidArgumentError | UnprotectedGatewayError,
  HttpServer.HttpServer | TaskService.TaskService | ReasoningEngineRegistry | Activity
> =>
  Layer.scopedDiscard(
    make(
      Effect.all({
        tasks: TaskService.TaskService,
        registry: ReasoningEngineRegistry,
        activity: Activity,
        apiKeys: optional(ApiKeys.ApiKeys),
        keyStore: optional(KeyStore.KeyStore),
        observer: optional(AnswerObserver),
        learned: optional(Learned)
      }).pipe(Effect.map((services) => ({ ...options, ...services })))
    )
  )
