/**
 * A backend's task service, as a configuration has it: the file that the command line takes (`arc-saga serve --config`)
 * or the same as a value. Both mean the same in both: providers of the environment (`ANTHROPIC_API_KEY`,
 * `OPENAI_API_KEY`, Copilot, an Ollama that is running) take part, a ledger of `ARC_SAGA_LEDGER` goes before that of
 * the file, and keys are read where `apiKeyEnv` says. What is `serve`'s alone (`gateway`, `issuedKeys`, `learn`) is
 * checked, and has no effect.
 *
 * What a configuration doesn't use isn't loaded. A ledger needs the package `@effect/sql`, with `libsql` (SQLite) or
 * `@effect/sql-pg` (PostgreSQL); `redis` needs `ioredis`, Copilot `oauth4webapi`, and list prices
 * `@pydantic/genai-prices`, without which prices that the file doesn't state are unknown.
 *
 * @since 0.1.0
 */
import type * as FileSystem from "@effect/platform/FileSystem"
import type * as HttpClient from "@effect/platform/HttpClient"
import type * as Path from "@effect/platform/Path"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Composition from "../cli/Composition.js"
import { ConfigurationError } from "../cli/ConfigFile.js"
import * as Configuration from "../cli/Configuration.js"
import type { FileError } from "../cli/StandardStreams.js"
import type { ReasoningEngineRegistry } from "../ReasoningEngineRegistry.js"
import type { TaskService } from "../routing/TaskService.js"

export { ConfigurationError } from "../cli/ConfigFile.js"
export { FileError } from "../cli/StandardStreams.js"

/**
 * Where a configuration is: in a file, by its path, or in a value that has what such a file has.
 *
 * @since 0.1.0
 * @category models
 */
export type Source = Configuration.Source

/**
 * Whether somebody can be asked. A command line may rehearse with simulated providers; a backend that does so because
 * a variable isn't set is broken.
 */
const checked = (
  configuration: Configuration.Configuration
): Effect.Effect<Configuration.Configuration, ConfigurationError> => {
  const why = configuration.simulated
    ? Option.some("Expected a provider that is configured, here or in the environment, actual none")
    : Configuration.whyNobody(configuration)
  return Option.match(why, {
    onNone: () => Effect.succeed(configuration),
    onSome: (reason) => new ConfigurationError({ file: configuration.origin, field: "providers", reason })
  })
}

/**
 * Provides what answers tasks over what is configured, and the engines that it asks. Circuits, rate limits, a retry
 * budget and live metrics are there as `serve` has them. The ledger (`SpendLedger`), the accounts of the budgets
 * (`BudgetStore`) and what was said of answers (`Feedback`) are in the Layer, too, where the configuration has them:
 * `Effect.serviceOption` finds them.
 *
 * Fails with a FileError when the file can't be read, and with a ConfigurationError that names the field when it can't
 * be used, when a package that it needs isn't installed, and when there is no provider to be asked: nothing is
 * simulated unless the configuration says so.
 *
 * @since 0.1.0
 * @category layers
 * @example
 * ```ts
 * import { NodeContext, NodeHttpClient } from "@effect/platform-node"
 * import { layerFromConfig } from "arc-saga/config"
 * import { Layer } from "effect"
 *
 * export const Tasks = layerFromConfig("arc-saga.json").pipe(
 *   Layer.provide([NodeContext.layer, NodeHttpClient.layerUndici])
 * )
 *
 * export const Rehearsal = layerFromConfig({ simulated: [{ id: "a" }, { id: "b", errorRate: 0.2 }] })
 * ```
 */
export const layerFromConfig = (
  source: Source
): Layer.Layer<
  TaskService | ReasoningEngineRegistry,
  ConfigurationError | FileError,
  FileSystem.FileSystem | HttpClient.HttpClient | Path.Path
> =>
  Layer.unwrapScoped(
    Effect.map(Effect.flatMap(Configuration.load(Option.some(source)), checked), (configuration) =>
      Composition.layer(configuration, Option.none(), Composition.guards(configuration))
    )
  )
