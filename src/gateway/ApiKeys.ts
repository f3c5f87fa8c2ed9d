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
import type * as Scope from "effect/Scope"
import * as numbers from "../internal/numbers.js"
import { InvalidArgumentError } from "../InvalidArgument.js"
import * as validation from "../internal/validation.js"
import { OwnBudgets } from "../spend/OwnBudgets.js"
import { grants } from "./internal/keyGrants.js"
import * as keySecret from "./internal/keySecret.js"
import { type KeysUnavailableError, make as makeManaged, type ManagedKeys } from "./internal/managedKeys.js"
import { KeyStore } from "./KeyStore.js"

export { KeysUnavailableError } from "./internal/managedKeys.js"

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
  ...grants
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
  /** The key that was presented, if it is known and taken now. Fails where that can't be found out. */
  readonly find: (presented: Redacted.Redacted) => Effect.Effect<Option.Option<ApiKey>, KeysUnavailableError>
}

/**
 * Knows the keys. {@link layerStore} is one that has them in a database.
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
export const hash: (key: Redacted.Redacted) => Effect.Effect<string> = keySecret.hash

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

/**
 * Knows what several know. A key that is known twice is the first's.
 *
 * @since 0.1.0
 * @category combinators
 */
export const all = (services: ReadonlyArray<Service>): Service => ({
  protect: services.some(({ protect }) => protect),
  find: (presented) =>
    Effect.gen(function* () {
      for (const { find } of services) {
        const found = yield* find(presented)
        if (Option.isSome(found)) return found
      }
      return Option.none()
    })
})

/**
 * For how long what was read of a store is believed.
 *
 * @since 0.1.0
 * @category schemas
 */
export const StoreSettings = Schema.Struct({
  /** Milliseconds after which the store is looked at again by the next call, 1 to 1,000; 1,000 when absent. */
  refreshMs: numbers.withDefault(
    numbers.number("milliseconds from 1 to 1000", (n) => n >= 1 && n <= 1000),
    1000
  ),
  /**
   * Milliseconds, 0 or more, for which keys that are known are taken while the store can't be read, from the last time
   * that it could; 10,000 when absent. After that no key of it is taken, and 0 waits for no longer than `refreshMs`.
   */
  graceMs: numbers.withDefault(numbers.from0("milliseconds"), 10_000)
})

/**
 * For how long what was read of a store is believed.
 *
 * @since 0.1.0
 * @category models
 */
export interface StoreOptions extends Schema.Schema.Encoded<typeof StoreSettings> {}

const decodeStore = validation.decoder("ApiKeys", StoreSettings)

const managed = (
  options: StoreOptions
): Effect.Effect<ManagedKeys, InvalidArgumentError, KeyStore | Scope.Scope> =>
  Effect.flatMap(KeyStore, (store) =>
    Effect.flatMap(decodeStore(options), (settings) => makeManaged(store, settings))
  )

/** A key as calls are let in by it. Its own budgets are asked for where money is spent. */
const taken = ({ find }: ManagedKeys): Service => ({
  protect: true,
  find: (presented) =>
    Effect.map(
      find(presented),
      Option.map(
        ({ key: { budgets: _budgets, createdAt: _at, expiresAt: _until, secrets: _s, ...key }, sha256 }) => ({
          ...key,
          sha256
        })
      )
    )
})

/**
 * Knows the keys of the store of the context, and what they and their teams may spend. Whatever changes there holds in
 * every process within `refreshMs`: what was read is looked up, and what has changed since is read by the first call
 * after that time. A key that was issued is taken at once.
 *
 * @since 0.1.0
 * @category layers
 */
export const layerStore = (
  options: StoreOptions = {}
): Layer.Layer<ApiKeys | OwnBudgets, InvalidArgumentError, KeyStore> =>
  Layer.scopedContext(
    Effect.map(managed(options), (keys) =>
      Context.make(ApiKeys, taken(keys)).pipe(Context.add(OwnBudgets, keys.budgets))
    )
  )
