/**
 * Who may call the gateway: keys that are known by their hash alone, and what each of them allows.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import * as numbers from "../internal/numbers.js"
import { InvalidArgumentError } from "../InvalidArgument.js"
import { Delivery } from "./internal/delivery.js"
import * as sizes from "../internal/sizes.js"
import * as validation from "../internal/validation.js"

/**
 * A key, without the key itself.
 *
 * @since 0.1.0
 * @category schemas
 */
export const ApiKey = Schema.Struct({
  /** Names the key in accounts, budgets and logs. */
  id: Schema.NonEmptyString,
  /** The SHA-256 of the key, as 64 hexadecimal digits. */
  sha256: Schema.String.pipe(
    // What is there instead may be the key itself: it isn't repeated.
    Schema.filter(
      (text) =>
        /^[0-9a-f]{64}$/i.test(text) ||
        "Expected the SHA-256 of a key (64 hexadecimal digits), actual something else"
    )
  ),
  /** On whose behalf its calls are; without it a call may name any user. */
  user: Schema.optional(Schema.NonEmptyString.pipe(sizes.bounded("user"))),
  /** The most calls in a minute. */
  requestsPerMinute: Schema.optional(numbers.count("calls in a minute")),
  /** The most calls at a time. */
  concurrent: Schema.optional(numbers.count("calls at a time")),
  /** How streams of its calls are delivered that don't say: `streamed` or `buffered`. */
  delivery: Schema.optional(Delivery),
  /** Whether it opens the page and the metrics, which tell of all calls; false when absent. */
  observe: Schema.optional(Schema.Boolean)
})

/**
 * A key, without the key itself.
 *
 * @since 0.1.0
 * @category models
 */
export interface ApiKey extends Schema.Schema.Type<typeof ApiKey> {}

/**
 * Knows the keys.
 *
 * @since 0.1.0
 * @category models
 */
export interface Service {
  /** Whether there are any: a gateway without keys answers only its own machine. */
  readonly protect: boolean
  /** The key that was presented, if it is known. */
  readonly find: (presented: Redacted.Redacted) => Effect.Effect<Option.Option<ApiKey>>
}

/**
 * Knows the keys. Give one of your own to keep them in a database.
 *
 * @since 0.1.0
 * @category tags
 */
export class ApiKeys extends Context.Tag("arc-saga/gateway/ApiKeys")<ApiKeys, Service>() {}

/**
 * The SHA-256 of a key, as 64 hexadecimal digits: what is kept in place of it.
 *
 * @since 0.1.0
 * @category hashes
 */
export const hash = (key: Redacted.Redacted): Effect.Effect<string> =>
  Effect.map(
    Effect.promise(() => crypto.subtle.digest("SHA-256", new TextEncoder().encode(Redacted.value(key)))),
    (digest) => Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, "0")).join("")
  )

/** Compares texts of one length in a time that says nothing of where they differ. */
const equal = (left: string, right: string): boolean => {
  let difference = 0
  for (let index = 0; index < left.length; index++) {
    difference |= left.charCodeAt(index) ^ right.charCodeAt(index)
  }
  return difference === 0
}

const decode = validation.decoder("ApiKeys", Schema.Struct({ keys: Schema.Array(ApiKey) }))

/**
 * Knows the given keys. Fails with an InvalidArgumentError when one can't be used, or when two have the same
 * id or the same hash.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (keys: ReadonlyArray<ApiKey>): Effect.Effect<Service, InvalidArgumentError> =>
  Effect.gen(function* () {
    const decoded = yield* decode({ keys })
    const known = decoded.keys.map((key) => ({ ...key, sha256: key.sha256.toLowerCase() }))
    for (const [index, key] of known.entries()) {
      for (const field of ["id", "sha256"] as const) {
        if (known.findIndex((other) => other[field] === key[field]) !== index) {
          return yield* new InvalidArgumentError({
            subject: "ApiKeys",
            field: `keys[${index}].${field}`,
            reason: "Expected each key once, actual twice"
          })
        }
      }
    }
    return {
      protect: known.length > 0,
      find: (presented) =>
        Effect.map(hash(presented), (sha256) => {
          // All of them are compared, so that the time doesn't tell which one it was.
          let found = Option.none<ApiKey>()
          for (const key of known) if (equal(key.sha256, sha256)) found = Option.some(key)
          return found
        })
    }
  })

/**
 * Knows the given keys.
 *
 * @since 0.1.0
 * @category layers
 */
export const layer = (keys: ReadonlyArray<ApiKey>): Layer.Layer<ApiKeys, InvalidArgumentError> =>
  Layer.effect(ApiKeys, make(keys))
