/**
 * Answers that are given again, in Redis: of all processes that have the same Redis and the same prefix.
 *
 * While Redis is away nothing is found and nothing is kept: providers are asked. What it holds is bounded by the
 * times of the answers, and by Redis' own `maxmemory`.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import * as Schema from "effect/Schema"
import type { InvalidArgumentError } from "../InvalidArgument.js"
import * as numbers from "../internal/numbers.js"
import * as validation from "../internal/validation.js"
import * as AnswerCache from "../routing/AnswerCache.js"
import { Connection } from "./Connection.js"
import * as script from "./internal/script.js"

/**
 * What is kept.
 *
 * @since 0.1.0
 * @category schemas
 */
export const Settings = Schema.Struct({
  /** The most UTF-16 units of an answer as JSON; a longer one isn't kept, as Redis is to answer soon. 262,144 when absent. */
  maxCharacters: numbers.withDefault(numbers.count("characters"), 262_144)
})

/**
 * What is kept.
 *
 * @since 0.1.0
 * @category models
 */
export interface Options extends Schema.Schema.Encoded<typeof Settings> {}

const decode = validation.decoder("Redis", Settings)

const get = `return redis.call('GET', KEYS[1])`

const set = `return redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])`

/**
 * Keeps answers in the Redis of the context. Fails with an InvalidArgumentError when a setting is out of range.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (
  options: Options = {}
): Effect.Effect<AnswerCache.Store, InvalidArgumentError, Connection> =>
  Effect.gen(function* () {
    const { maxCharacters } = yield* decode(options)
    const connection = yield* Connection
    const [reads, writes] = [yield* script.make(get), yield* script.make(set)]
    const keysOf = (key: string): Effect.Effect<ReadonlyArray<string>> =>
      Effect.map(AnswerCache.hashOf(key), (hash) => [connection.key("answer", hash)])
    return {
      get: (key) =>
        Effect.map(
          Effect.flatMap(keysOf(key), (keys) => connection.run({ script: reads, keys, args: [] })),
          Option.filter(Predicate.isString)
        ),
      set: (key, value, ttlMs) =>
        value.length > maxCharacters
          ? Effect.void
          : Effect.map(keysOf(key), (keys) =>
              connection.unsafeSend({ script: writes, keys, args: [value, Math.ceil(ttlMs)] })
            )
    }
  })

/**
 * Keeps answers in the Redis of the context: see {@link make}.
 *
 * @since 0.1.0
 * @category layers
 */
export const layer = (
  options: Options = {}
): Layer.Layer<AnswerCache.AnswerCache, InvalidArgumentError, Connection> =>
  Layer.effect(AnswerCache.AnswerCache, make(options))
