/** What is configured, with the provider and the model that the command line chooses. */
import type * as FileSystem from "@effect/platform/FileSystem"
import type * as HttpClient from "@effect/platform/HttpClient"
import type * as Path from "@effect/platform/Path"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import * as AIProvider from "../AIProvider.js"
import type { InvalidArgumentError } from "../InvalidArgument.js"
import { EngineNotRegisteredError } from "../ReasoningEngineRegistry.js"
import type { StrategyName } from "./ConfigFile.js"
import * as Configuration from "./Configuration.js"
import type * as Configured from "./ConfiguredProvider.js"
import { UsageError } from "./Report.js"

/** What is configured, and who is asked first, if that is chosen. */
export interface Chosen extends Configuration.Configuration {
  readonly chosen: AIProvider.AIProvider | undefined
}

/** Fails when all that is configured is away. */
const usable = (
  configuration: Configuration.Configuration
): Effect.Effect<Configuration.Configuration, UsageError> =>
  Option.match(Configuration.whyNobody(configuration), {
    onNone: () => Effect.succeed(configuration),
    onSome: (reason) => new UsageError({ reason })
  })

/** Fails where the strategy that is named has to be set up by the file, and isn't. */
const checkStrategy = (
  { learning }: Configuration.Configuration,
  named: Option.Option<StrategyName>
): Effect.Effect<void, UsageError> => {
  const name = Option.getOrUndefined(named)
  const isThere =
    (name !== "savings" && name !== "cascade") ||
    Option.exists(learning, (settings) => settings[name] !== undefined)
  return isThere
    ? Effect.void
    : new UsageError({
        reason: `--strategy: Expected a strategy that the configuration file sets up, actual ${name}`
      })
}

/**
 * Loads the configuration of a server, whose calls name their providers themselves. Fails when all that is configured
 * is away. What is made of the same as something before keeps its state.
 */
export const loadAll = (
  config: Option.Option<string>,
  before: ReadonlyArray<Configured.Provider> = []
): Effect.Effect<
  Configuration.Configuration,
  Configuration.LoadError | UsageError,
  FileSystem.FileSystem | HttpClient.HttpClient | Path.Path | Scope.Scope
> => Effect.flatMap(Configuration.load(config, undefined, before), usable)

/**
 * Loads the configuration for the flags `--config`, `--strategy`, `--provider` and `--model`. Fails when the
 * provider can't be asked, when there is a model without a provider, or when the strategy isn't set up.
 */
export const load = (flags: {
  readonly config: Option.Option<string>
  readonly provider: Option.Option<string>
  readonly model: Option.Option<string>
  readonly strategy: Option.Option<StrategyName>
}): Effect.Effect<
  Chosen,
  Configuration.LoadError | EngineNotRegisteredError | InvalidArgumentError | UsageError,
  FileSystem.FileSystem | HttpClient.HttpClient | Path.Path | Scope.Scope
> =>
  Effect.gen(function* () {
    const { config, model, provider } = flags
    if (Option.isNone(provider)) {
      if (Option.isSome(model)) {
        return yield* new UsageError({
          reason: "--model: Expected its provider, too (--provider ID), actual none"
        })
      }
      const configuration = yield* loadAll(config)
      yield* checkStrategy(configuration, flags.strategy)
      return { ...configuration, chosen: undefined }
    }
    const chosen = yield* AIProvider.make(provider.value)
    const configuration = yield* Configuration.load(config, (id, configured) =>
      id === chosen ? Option.getOrElse(model, () => configured) : configured
    )
    yield* checkStrategy(configuration, flags.strategy)
    const asked = configuration.providers.find(({ id }) => id === chosen)
    if (asked === undefined) {
      const ready = configuration.providers.filter(({ status }) => status._tag === "Ready")
      return yield* new EngineNotRegisteredError({ provider: chosen, registered: ready.map(({ id }) => id) })
    }
    if (asked.status._tag === "Off") {
      return yield* new UsageError({ reason: `--provider: ${chosen} can't be asked: ${asked.status.why}` })
    }
    // Not every provider is asked for a model by name.
    if (Option.isSome(model) && asked.model === undefined) {
      return yield* new UsageError({ reason: `--model: ${chosen} has no models to choose from` })
    }
    return { ...configuration, chosen }
  })
