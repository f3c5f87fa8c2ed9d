/**
 * Which provider keeps what, in Redis: whichever process a call goes to, it knows who gave the answer that it goes on
 * from. What a process has seen itself it knows while Redis is away, too.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import type { InvalidArgumentError } from "../InvalidArgument.js"
import * as AnswerCache from "../routing/AnswerCache.js"
import * as StateOwners from "../routing/StateOwners.js"
import { Connection } from "./Connection.js"
import * as script from "./internal/script.js"

const get = `return redis.call('GET', KEYS[1])`

const put = `return redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])`

const Kept = Schema.parseJson(StateOwners.Owner)
const encode = Schema.encodeSync(Kept)
const decode = Schema.decodeUnknownOption(Kept)

/**
 * Remembers in the Redis of the context, and in memory. Fails with an InvalidArgumentError when a setting is out of
 * range.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (
  options: StateOwners.Options = {}
): Effect.Effect<StateOwners.Service, InvalidArgumentError, Connection> =>
  Effect.gen(function* () {
    const { keptMs } = yield* StateOwners.decode(options)
    const memory = yield* StateOwners.makeMemory(options)
    const connection = yield* Connection
    const [reads, writes] = [yield* script.make(get), yield* script.make(put)]
    const keysOf = (id: string): Effect.Effect<ReadonlyArray<string>> =>
      Effect.map(AnswerCache.hashOf(id), (hash) => [connection.key("state", hash)])
    const shared = (id: string): Effect.Effect<ReadonlyArray<StateOwners.Owner>> =>
      Effect.map(
        Effect.flatMap(keysOf(id), (keys) => connection.run({ script: reads, keys, args: [] })),
        (found) => Option.toArray(Option.flatMap(found, decode))
      )
    const each = (id: string): Effect.Effect<ReadonlyArray<StateOwners.Owner>> =>
      Effect.flatMap(memory.get([id]), (own) => (own.length > 0 ? Effect.succeed(own) : shared(id)))
    return {
      get: (ids) =>
        Effect.map(Effect.forEach(ids, each, { concurrency: "unbounded" }), (found) =>
          StateOwners.distinct(found.flat())
        ),
      put: (ids, owner) =>
        Effect.zipRight(
          memory.put(ids, owner),
          Effect.forEach(
            ids,
            (id) =>
              Effect.map(keysOf(id), (keys) =>
                connection.unsafeSend({ script: writes, keys, args: [encode(owner), Math.ceil(keptMs)] })
              ),
            { discard: true }
          )
        )
    }
  })

/**
 * Remembers in the Redis of the context: see {@link make}.
 *
 * @since 0.1.0
 * @category layers
 */
export const layer = (
  options: StateOwners.Options = {}
): Layer.Layer<StateOwners.StateOwners, InvalidArgumentError, Connection> =>
  Layer.effect(StateOwners.StateOwners, make(options))
