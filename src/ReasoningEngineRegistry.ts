/**
 * Which engines there are, by provider, in the order in which they were registered.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as LogLevel from "effect/LogLevel"
import * as Option from "effect/Option"
import * as Ref from "effect/Ref"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import * as AIProvider from "./AIProvider.js"
import * as log from "./internal/log.js"
import type { ReasoningEngine } from "./ReasoningEngine.js"

/**
 * A provider has an engine already. Unregister that one first, or give the new one another id.
 *
 * @since 0.1.0
 * @category errors
 */
export class DuplicateEngineError extends Schema.TaggedError<DuplicateEngineError>(
  "arc-saga/DuplicateEngineError"
)("DuplicateEngineError", { provider: AIProvider.AIProvider }) {
  override get message(): string {
    return `An engine is already registered for ${this.provider}. Unregister it first, or give the new one an id of its own`
  }
}

/**
 * There is no engine for a provider that was asked for by name.
 *
 * @since 0.1.0
 * @category errors
 */
export class EngineNotRegisteredError extends Schema.TaggedError<EngineNotRegisteredError>(
  "arc-saga/EngineNotRegisteredError"
)("EngineNotRegisteredError", {
  /** Who was asked for; absent where any provider would have done. */
  provider: Schema.optional(AIProvider.AIProvider),
  registered: Schema.Array(AIProvider.AIProvider)
}) {
  override get message(): string {
    const whom = this.provider === undefined ? "" : ` for ${this.provider}`
    const failed = `No engine is registered${whom}`
    return this.registered.length === 0
      ? `${failed}. Register one first`
      : `${failed}. Registered: ${this.registered.join(", ")}. Ask for one of these, or register one${whom}`
  }
}

/**
 * Keeps the engines.
 *
 * @since 0.1.0
 * @category models
 */
export interface Service {
  /** Adds an engine, or fails when its provider has one. */
  readonly register: (engine: ReasoningEngine) => Effect.Effect<void, DuplicateEngineError>
  /** Adds an engine for as long as the scope is open. */
  readonly registerScoped: (engine: ReasoningEngine) => Effect.Effect<void, DuplicateEngineError, Scope.Scope>
  /** The engine of a provider. */
  readonly get: (provider: AIProvider.AIProvider) => Effect.Effect<Option.Option<ReasoningEngine>>
  /** Removes an engine; whether there was one. Attempts under way go on. */
  readonly unregister: (provider: AIProvider.AIProvider) => Effect.Effect<boolean>
  /** All engines, in the order of their registration. */
  readonly list: Effect.Effect<ReadonlyArray<ReasoningEngine>>
  /** Removes all engines. */
  readonly clear: Effect.Effect<void>
}

/**
 * Keeps the engines.
 *
 * @since 0.1.0
 * @category tags
 */
export class ReasoningEngineRegistry extends Context.Tag("arc-saga/ReasoningEngineRegistry")<
  ReasoningEngineRegistry,
  Service
>() {}

type Engines = ReadonlyMap<AIProvider.AIProvider, ReasoningEngine>

const without = (engines: Engines, provider: AIProvider.AIProvider): Engines => {
  const rest = new Map(engines)
  rest.delete(provider)
  return rest
}

/**
 * Makes an empty registry.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make: Effect.Effect<Service> = Effect.map(Ref.make<Engines>(new Map()), (engines) => {
  const register: Service["register"] = (engine) =>
    Effect.flatMap(
      Ref.modify(engines, (known): readonly [boolean, Engines] =>
        known.has(engine.provider) ? [false, known] : [true, new Map(known).set(engine.provider, engine)]
      ),
      (added) =>
        added
          ? log.event(LogLevel.Debug, "engine_registered", () => ({ provider: engine.provider }))
          : new DuplicateEngineError({ provider: engine.provider })
    )

  const unregisterIf = (
    provider: AIProvider.AIProvider,
    predicate: (engine: ReasoningEngine) => boolean
  ): Effect.Effect<boolean> =>
    Effect.tap(
      Ref.modify(engines, (known): readonly [boolean, Engines] => {
        const engine = known.get(provider)
        return engine !== undefined && predicate(engine) ? [true, without(known, provider)] : [false, known]
      }),
      (removed) =>
        removed ? log.event(LogLevel.Debug, "engine_unregistered", () => ({ provider })) : Effect.void
    )

  return {
    register,
    registerScoped: (engine) =>
      Effect.asVoid(
        Effect.acquireRelease(register(engine), () =>
          // Another engine may have taken the place meanwhile: that one stays.
          unregisterIf(engine.provider, (registered) => registered === engine)
        )
      ),
    get: (provider) =>
      Effect.flatMap(Ref.get(engines), (known) => {
        const engine = Option.fromNullable(known.get(provider))
        const fields = () => ({ provider, found: Option.isSome(engine) })
        return log.eventAs(LogLevel.Debug, "engine_retrieved", fields, engine)
      }),
    unregister: (provider) => unregisterIf(provider, () => true),
    list: Effect.map(Ref.get(engines), (known) => Array.from(known.values())),
    clear: Effect.zipRight(
      Ref.set(engines, new Map()),
      log.event(LogLevel.Debug, "registry_cleared", () => ({}))
    )
  }
})

/**
 * An empty registry, for engines that register themselves by their own Layers.
 *
 * @since 0.1.0
 * @category layers
 */
export const layer: Layer.Layer<ReasoningEngineRegistry> = Layer.effect(ReasoningEngineRegistry, make)

/**
 * A registry of the given engines, in their order.
 *
 * @since 0.1.0
 * @category layers
 */
export const layerEngines = (
  engines: ReadonlyArray<ReasoningEngine>
): Layer.Layer<ReasoningEngineRegistry, DuplicateEngineError> =>
  Layer.effect(
    ReasoningEngineRegistry,
    Effect.tap(make, (registry) => Effect.forEach(engines, registry.register, { discard: true }))
  )

/**
 * Registers one more engine for as long as the Layer lives.
 *
 * @since 0.1.0
 * @category layers
 */
export const layerRegister = <E, R>(
  engine: Effect.Effect<ReasoningEngine, E, R>
): Layer.Layer<never, E | DuplicateEngineError, Exclude<R, Scope.Scope> | ReasoningEngineRegistry> =>
  Layer.scopedDiscard(
    Effect.flatMap(engine, (made) =>
      Effect.flatMap(ReasoningEngineRegistry, (registry) => registry.registerScoped(made))
    )
  )
