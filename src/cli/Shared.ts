/** Where several processes share their state. Loaded when that is configured. */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as LogLevel from "effect/LogLevel"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import { told } from "../internal/told.js"
import * as RedisShared from "../redis/Shared.js"
import * as ConfigFile from "./ConfigFile.js"
import * as Environment from "./Environment.js"
import * as Ledger from "./Ledger.js"

/** A Redis that is configured. */
export interface Redis {
  readonly url: Redacted.Redacted
  readonly share?: number | undefined
  readonly prefix?: string | undefined
  readonly timeoutMs?: number | undefined
}

/** The Redis of a file, whose address may be in the environment. */
export const redisOf = (
  file: string,
  { url, urlEnv = "", ...others }: NonNullable<ConfigFile.ConfigFile["redis"]>
): Effect.Effect<Redis, ConfigFile.ConfigurationError> =>
  Effect.gen(function* () {
    if (url !== undefined) return { ...others, url }
    const inEnvironment = yield* Environment.variable(urlEnv)
    if (Option.isSome(inEnvironment) && ConfigFile.isRedisUrl(Redacted.value(inEnvironment.value))) {
      return { ...others, url: inEnvironment.value }
    }
    const but = Option.isSome(inEnvironment) ? "which holds something else" : "which isn't set"
    return yield* new ConfigFile.ConfigurationError({
      file,
      field: "redis.urlEnv",
      reason: `Expected an environment variable that is set to a redis or rediss URL, actual ${told(urlEnv)}, ${but}`
    })
  })

/**
 * What is shared in a Redis. That it is away, and back, is told even where nothing else is logged.
 */
export const layer = (redis: Redis): Layer.Layer<Layer.Layer.Success<ReturnType<typeof RedisShared.layer>>> =>
  // The numbers were checked when the file was read.
  Layer.orDie(RedisShared.layer(redis)).pipe(Ledger.areTold(LogLevel.Info))
