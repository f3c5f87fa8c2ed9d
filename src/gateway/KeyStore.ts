/**
 * Where keys are kept that are issued while the gateway runs: in memory, or in a database that several processes
 * share. A key is shown once, when it is issued or rotated; what is kept of it is its hash. Every change is written
 * down with who made it and what was there before, and that is never changed.
 *
 * A key is 256 bits of the system's randomness. Nothing shorter is ever hashed here, so a plain SHA-256 keeps it: there
 * is no dictionary to try, and a slow hash would cost every call and guard nothing more.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as keyChanges from "./internal/keyChanges.js"
import type { Service } from "./internal/keyModel.js"
import * as keyRecords from "./internal/keyRecords.js"

export {
  type AuditFilter,
  Change,
  type Changed,
  type ChangeError,
  type Changes,
  type Issued,
  Key,
  KeyChangeError,
  KeyStoreError,
  type Secret,
  type Service,
  Settings,
  statusOf,
  Team
} from "./internal/keyModel.js"

/**
 * Keeps keys.
 *
 * @since 0.1.0
 * @category tags
 */
export class KeyStore extends Context.Tag("arc-saga/gateway/KeyStore")<KeyStore, Service>() {}

/**
 * Keeps keys in memory: of this process alone, and gone with it.
 *
 * @since 0.1.0
 * @category constructors
 */
export const makeMemory: Effect.Effect<Service> = Effect.sync(() => keyChanges.make(keyRecords.memory()))

/**
 * Keeps keys in memory: see {@link makeMemory}.
 *
 * @since 0.1.0
 * @category layers
 */
export const layerMemory: Layer.Layer<KeyStore> = Layer.effect(KeyStore, makeMemory)
