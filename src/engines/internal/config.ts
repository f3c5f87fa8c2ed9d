import * as Config from "effect/Config"
import type { ConfigError } from "effect/ConfigError"
import * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"
import type * as Redacted from "effect/Redacted"
import { type Configured, unwrap } from "../../internal/options.js"
import type { ReasoningEngine } from "../../ReasoningEngine.js"
import * as Registry from "../../ReasoningEngineRegistry.js"

/** Key, base URL and model of an API as Config has them by its prefix. */
export const ofApi = (
  prefix: string,
  defaultBaseUrl: string
): Config.Config<{
  readonly apiKey: Redacted.Redacted
  readonly baseUrl: string
  readonly model: string
}> =>
  Config.all({
    apiKey: Config.redacted(`${prefix}_API_KEY`),
    baseUrl: Config.withDefault(Config.string(`${prefix}_BASE_URL`), defaultBaseUrl),
    model: Config.string(`${prefix}_MODEL`)
  })

/** Registers the engine that is made of options from Config. */
export const layer =
  <O extends object, E, R>(make: (options: O) => Effect.Effect<ReasoningEngine, E, R>) =>
  (
    options: Configured<O>
  ): Layer.Layer<
    never,
    ConfigError | E | Registry.DuplicateEngineError,
    R | Registry.ReasoningEngineRegistry
  > =>
    Registry.layerRegister(Effect.flatMap(unwrap(options), make))
