/** The Redis that shared state is tested on, where REDIS_URL is set. */
import type { LimitStore } from "arc-saga"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { randomUUID } from "node:crypto"
import * as Connection from "../../src/redis/Connection.js"
import * as circuits from "../../src/redis/internal/circuits.js"
import * as limits from "../../src/redis/internal/limits.js"

const { REDIS_URL = "" } = process.env

export const urls: ReadonlyArray<string> = REDIS_URL === "" ? [] : [REDIS_URL]

/** Nothing listens at the port of discarded data. */
export const nowhere = "redis://127.0.0.1:9"

/** A prefix that no other test has. */
export const prefix = (): string => `test-${randomUUID()}:`

/** Scripts go by the clock of the test. */
const time = (now: number): string => String(now)

/** In virtual time an answer is never late. */
const connected = (url: string, prefixed: string) =>
  Effect.orDie(Connection.make({ url, prefix: prefixed, timeoutMs: 1e9 }))

/** The limits of a process by the clock of the test. */
export const limitsOf = (
  url: string,
  prefixed: string,
  settings: Partial<limits.Settings> = {}
): Effect.Effect<LimitStore.Service, never, Scope.Scope> =>
  Effect.flatMap(connected(url, prefixed), (connection) =>
    Effect.provideService(
      limits.make({ share: 0.5, leaseMs: 10_000, ...settings }, time),
      Connection.Connection,
      connection
    )
  )

/** The circuits of a process by the clock of the test. */
export const circuitsOf = (
  url: string,
  prefixed: string
): Effect.Effect<circuits.Circuits, never, Scope.Scope> =>
  Effect.flatMap(connected(url, prefixed), (connection) =>
    Effect.provideService(circuits.make({ refreshMs: 250 }, time), Connection.Connection, connection)
  )
