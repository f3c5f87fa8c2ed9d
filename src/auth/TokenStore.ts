/**
 * Keeps users' tokens, encrypted (AES-256-GCM): a record for each user, which only the store's key opens,
 * and only for that user. Whatever else is found in a record's place is a TokenStoreError, never a user who
 * isn't signed in.
 *
 * Records are kept in a `KeyValueStore`, or in a directory that several processes may share. Who is signed
 * in isn't listed: a record doesn't say whose it is, and an index beside the records would be one more
 * thing that two processes write at once.
 *
 * @since 0.1.0
 */
import type { PlatformError } from "@effect/platform/Error"
import type * as FileSystem from "@effect/platform/FileSystem"
import * as KeyValueStore from "@effect/platform/KeyValueStore"
import type * as Path from "@effect/platform/Path"
import type { ConfigError } from "effect/ConfigError"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Option from "effect/Option"
import type * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import { type Configured, unwrap } from "../internal/options.js"
import * as directory from "./internal/tokenStore/directory.js"
import * as fault from "./internal/tokenStore/fault.js"
import * as key from "./internal/tokenStore/key.js"
import * as record from "./internal/tokenStore/record.js"
import type { Tokens } from "./internal/tokenStore/tokens.js"

export type { Tokens } from "./internal/tokenStore/tokens.js"

/**
 * A record that can't be read or written.
 *
 * @since 0.1.0
 * @category errors
 */
export class TokenStoreError extends Schema.TaggedError<TokenStoreError>("arc-saga/TokenStoreError")(
  "TokenStoreError",
  {
    /** The user whose record it is; absent when it is the store as a whole. */
    userId: Schema.optional(Schema.String),
    /**
     * `damaged`: torn or truncated; `rejected`: not encrypted with this key for this user, or changed since;
     * `unreadable`: the place where it is kept fails; `key`: the key can't be used.
     */
    reason: fault.Reason,
    description: Schema.String,
    cause: Schema.optional(Schema.Defect)
  }
) {
  override get message(): string {
    const whose = this.userId === undefined ? "" : ` of ${JSON.stringify(this.userId)}`
    return `The stored sign-in${whose} can't be used (${this.reason}): ${this.description}`
  }
}

/**
 * Keeps users' tokens.
 *
 * @since 0.1.0
 * @category models
 */
export interface Service {
  /** None for a user without a record: one that can't be read is an error. */
  readonly get: (userId: string) => Effect.Effect<Option.Option<Tokens>, TokenStoreError>
  /** Replaces the user's record as a whole; the last one who writes wins. */
  readonly set: (userId: string, tokens: Tokens) => Effect.Effect<void, TokenStoreError>
  readonly remove: (userId: string) => Effect.Effect<void, TokenStoreError>
}

/**
 * @since 0.1.0
 * @category tags
 */
export class TokenStore extends Context.Tag("arc-saga/TokenStore")<TokenStore, Service>() {}

/**
 * What records are encrypted with.
 *
 * @since 0.1.0
 * @category models
 */
export interface Options {
  /** 32 bytes in base64: `openssl rand -base64 32`. */
  readonly key: Redacted.Redacted
}

/**
 * Which directory holds the records.
 *
 * @since 0.1.0
 * @category models
 */
export interface DirectoryOptions {
  /** Made when it isn't there, for its owner alone. Several processes may share it. */
  readonly directory: string
  /** As in {@link Options}; when absent, that of the file `key` in the directory, which is made when needed. */
  readonly key?: Redacted.Redacted | undefined
}

const errorOf =
  (userId?: string) =>
  (found: fault.Fault): TokenStoreError =>
    new TokenStoreError({ ...found, ...(userId === undefined ? {} : { userId }) })

const unreadable = (cause: PlatformError): fault.Fault => ({
  reason: "unreadable",
  description: "the place where it is kept fails",
  cause
})

const makeIn = (place: directory.Place, options: Options): Effect.Effect<Service, TokenStoreError> =>
  Effect.gen(function* () {
    const secret = yield* Effect.mapError(key.parse(options.key), errorOf())
    return {
      get: (userId) =>
        Effect.flatMap(record.nameOf(userId), (name) =>
          Effect.mapError(place.getUint8Array(name), unreadable)
        ).pipe(
          Effect.flatMap(Effect.transposeMapOption((bytes) => record.open(secret, userId, bytes))),
          Effect.mapError(errorOf(userId))
        ),
      set: (userId, tokens) =>
        Effect.zip(record.nameOf(userId), record.seal(secret, userId, tokens)).pipe(
          Effect.flatMap(([name, bytes]) => Effect.mapError(place.set(name, bytes), unreadable)),
          Effect.mapError(errorOf(userId))
        ),
      remove: (userId) =>
        Effect.flatMap(record.nameOf(userId), (name) => Effect.mapError(place.remove(name), unreadable)).pipe(
          Effect.mapError(errorOf(userId))
        )
    }
  })

/**
 * Makes a store in a KeyValueStore, whose keys are hashes of the users' ids. Fails with a TokenStoreError
 * (`key`) when the key isn't one.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (
  options: Options
): Effect.Effect<Service, TokenStoreError, KeyValueStore.KeyValueStore> =>
  Effect.flatMap(KeyValueStore.KeyValueStore, (place) => makeIn(place, options))

/**
 * Makes a store in a directory. A record is replaced as a whole or not at all, whenever its process ends.
 * The key file is made once however many processes begin at the same time, for its owner alone (mode 0600);
 * one that others have access to isn't used. Without it, its records can't be read any more.
 *
 * @since 0.1.0
 * @category constructors
 */
export const makeDirectory = (
  options: DirectoryOptions
): Effect.Effect<Service, TokenStoreError, FileSystem.FileSystem | Path.Path> =>
  Effect.gen(function* () {
    const opened = yield* Effect.mapError(directory.open(options.directory), (cause) =>
      errorOf()({ reason: "unreadable", description: `${options.directory} can't be used`, cause })
    )
    return yield* makeIn(opened.place, {
      key: options.key ?? (yield* Effect.mapError(opened.key, errorOf()))
    })
  })

/**
 * A store in a KeyValueStore.
 *
 * @since 0.1.0
 * @category layers
 */
export const layer = (
  options: Options
): Layer.Layer<TokenStore, TokenStoreError, KeyValueStore.KeyValueStore> =>
  Layer.effect(TokenStore, make(options))

/**
 * A store in memory, with a key of its own: what it keeps ends with it.
 *
 * @since 0.1.0
 * @category layers
 */
export const layerMemory: Layer.Layer<TokenStore> = Layer.provide(
  Layer.effect(TokenStore, Effect.orDie(Effect.flatMap(key.generate, (made) => make({ key: made })))),
  KeyValueStore.layerMemory
)

/**
 * A store in a directory.
 *
 * @since 0.1.0
 * @category layers
 * @example
 * ```ts
 * import { NodeContext } from "@effect/platform-node"
 * import { TokenStore } from "arc-saga/auth"
 * import { Layer } from "effect"
 *
 * export const store = Layer.provide(
 *   TokenStore.layerDirectory({ directory: "/var/lib/my-backend/tokens" }),
 *   NodeContext.layer
 * )
 * ```
 */
export const layerDirectory = (
  options: DirectoryOptions
): Layer.Layer<TokenStore, TokenStoreError, FileSystem.FileSystem | Path.Path> =>
  Layer.effect(TokenStore, makeDirectory(options))

/**
 * A store in a directory, whose options come from Config.
 *
 * @since 0.1.0
 * @category layers
 * @example
 * ```ts
 * import { TokenStore } from "arc-saga/auth"
 * import { Config } from "effect"
 *
 * export const store = TokenStore.layerDirectoryConfig({
 *   directory: Config.string("TOKEN_DIRECTORY"),
 *   key: Config.redacted("TOKEN_KEY")
 * })
 * ```
 */
export const layerDirectoryConfig = (
  options: Configured<DirectoryOptions>
): Layer.Layer<TokenStore, ConfigError | TokenStoreError, FileSystem.FileSystem | Path.Path> =>
  Layer.effect(TokenStore, Effect.flatMap(unwrap(options), makeDirectory))
