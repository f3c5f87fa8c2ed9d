/**
 * What providers have cached of sessions, in Redis: whichever process a call goes to, it knows what those before it
 * have left. While Redis is away nothing is known, and sessions are as new.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import type { InvalidArgumentError } from "../InvalidArgument.js"
import * as numbers from "../internal/numbers.js"
import * as validation from "../internal/validation.js"
import * as AnswerCache from "../routing/AnswerCache.js"
import * as SessionStore from "../routing/SessionStore.js"
import { Connection } from "./Connection.js"
import * as script from "./internal/script.js"

/**
 * How long sessions are kept.
 *
 * @since 0.1.0
 * @category schemas
 */
export const Settings = Schema.Struct({
  /** For how many milliseconds without a call a session is kept; a day when absent. */
  idleMs: numbers.withDefault(numbers.millis, 86_400_000)
})

/**
 * How long sessions are kept.
 *
 * @since 0.1.0
 * @category models
 */
export interface Options extends Schema.Schema.Encoded<typeof Settings> {}

const decode = validation.decoder("Redis", Settings)

const get = `return redis.call('HVALS', KEYS[1])`

const put = `
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
return redis.call('PEXPIRE', KEYS[1], ARGV[3])
`

const Kept = Schema.parseJson(SessionStore.Entry)
const encode = Schema.encodeSync(Kept)
const decodeAll = Schema.decodeUnknownOption(Schema.Array(Kept))

/**
 * Keeps sessions in the Redis of the context. Fails with an InvalidArgumentError when a setting is out of range.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (
  options: Options = {}
): Effect.Effect<SessionStore.Service, InvalidArgumentError, Connection> =>
  Effect.gen(function* () {
    const { idleMs } = yield* decode(options)
    const connection = yield* Connection
    const [reads, writes] = [yield* script.make(get), yield* script.make(put)]
    const keysOf = (session: string): Effect.Effect<ReadonlyArray<string>> =>
      Effect.map(AnswerCache.hashOf(session), (hash) => [connection.key("session", hash)])
    return {
      get: (session) =>
        Effect.map(
          Effect.flatMap(keysOf(session), (keys) => connection.run({ script: reads, keys, args: [] })),
          (found) => Option.getOrElse(Option.flatMap(found, decodeAll), () => [])
        ),
      put: (session, entry) =>
        Effect.map(keysOf(session), (keys) =>
          connection.unsafeSend({
            script: writes,
            keys,
            args: [entry.provider, encode(entry), Math.ceil(idleMs)]
          })
        )
    }
  })

/**
 * Keeps sessions in the Redis of the context: see {@link make}.
 *
 * @since 0.1.0
 * @category layers
 */
export const layer = (
  options: Options = {}
): Layer.Layer<SessionStore.SessionStore, InvalidArgumentError, Connection> =>
  Layer.effect(SessionStore.SessionStore, make(options))
