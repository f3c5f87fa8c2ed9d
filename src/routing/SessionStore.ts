/**
 * Where sessions are kept: what the last call of a session at each provider says of the provider's cache.
 *
 * In memory by default, so each process learns by itself. A store that several processes share is another Layer
 * of the same service.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import { ofNow } from "../internal/now.js"
import * as AIProvider from "../AIProvider.js"
import * as numbers from "../internal/numbers.js"
import * as validation from "../internal/validation.js"
import type { InvalidArgumentError } from "../InvalidArgument.js"

const Count = Schema.NonNegativeInt

/**
 * What the last call of a session at a provider used: all that is known of the provider's cache. Numbers alone.
 *
 * @since 0.1.0
 * @category schemas
 */
export const Entry = Schema.Struct({
  provider: AIProvider.AIProvider,
  /** When the call began, in milliseconds of the Clock: from then on a cache counts its time. */
  startedAt: Schema.Number,
  /** The calls of the session that the provider has answered. */
  calls: Count,
  /** Whether the provider counted the tokens. Of estimates nothing is learned of a cache. */
  counted: Schema.Boolean,
  /** Whether the task marked what is to be cached. */
  marked: Schema.Boolean,
  /** The length of the task, in UTF-16 units. */
  characters: Count,
  /** All tokens that were read. */
  inputTokens: Count,
  /** Those that the session's first call at the provider read: what was added since is the difference. */
  firstTokens: Count,
  /** The tokens that were written, of all calls. */
  outputTokens: Count,
  /** Of the input: read from the cache. */
  readTokens: Count,
  /** Of the input: written to the cache. */
  writtenTokens: Count,
  /** The tokens in the cache that are kept for an hour from `startedAt`, rather than for minutes. */
  hourTokens: Count,
  /** Whether there was something to be read from the cache and nothing was: the provider caches nothing of it. */
  missed: Schema.Boolean
})

/**
 * What the last call of a session at a provider used.
 *
 * @since 0.1.0
 * @category models
 */
export interface Entry extends Schema.Schema.Type<typeof Entry> {}

/**
 * Keeps sessions. It never fails: a store that can't be reached knows nothing, and says so in its log.
 *
 * @since 0.1.0
 * @category models
 */
export interface Service {
  /** The entries of a session, one for each provider, in no order. */
  readonly get: (session: string) => Effect.Effect<ReadonlyArray<Entry>>
  /** Keeps an entry in place of the session's earlier one of the same provider; those of others stay. */
  readonly put: (session: string, entry: Entry) => Effect.Effect<void>
}

/**
 * Keeps sessions.
 *
 * @since 0.1.0
 * @category tags
 */
export class SessionStore extends Context.Tag("arc-saga/SessionStore")<SessionStore, Service>() {}

/**
 * How much is kept in memory.
 *
 * @since 0.1.0
 * @category schemas
 */
export const Settings = Schema.Struct({
  /** The sessions that are kept, those that were used last; 10,000 when absent (some 10 MB). */
  capacity: numbers.withDefault(numbers.count("a number of sessions"), 10_000),
  /** For how many milliseconds without a call a session is kept; a day when absent. */
  idleMs: numbers.withDefault(numbers.millis, 86_400_000)
})

/**
 * How much is kept in memory.
 *
 * @since 0.1.0
 * @category models
 */
export interface Options extends Schema.Schema.Encoded<typeof Settings> {}

const decode = validation.decoder("SessionStore", Settings)

interface Kept {
  readonly usedAt: number
  readonly entries: ReadonlyArray<Entry>
}

/**
 * Sessions in memory: of this process alone, and gone with it. Fails with an InvalidArgumentError when a number
 * is out of range.
 *
 * @since 0.1.0
 * @category constructors
 */
export const makeMemory = (options: Options = {}): Effect.Effect<Service, InvalidArgumentError> =>
  Effect.map(decode(options), ({ capacity, idleMs }) => {
    // In the order of their last calls.
    const sessions = new Map<string, Kept>()

    const entriesOf = (session: string, now: number): ReadonlyArray<Entry> => {
      const kept = sessions.get(session)
      return kept === undefined || now - kept.usedAt > idleMs ? [] : kept.entries
    }

    const shrink = (now: number): void => {
      for (const [session, { usedAt }] of sessions) {
        if (sessions.size <= capacity && now - usedAt <= idleMs) return
        sessions.delete(session)
      }
    }

    return {
      get: (session) => ofNow((now) => entriesOf(session, now)),
      put: (session, entry) =>
        ofNow((now) => {
          const others = entriesOf(session, now).filter(({ provider }) => provider !== entry.provider)
          sessions.delete(session)
          sessions.set(session, { usedAt: now, entries: [...others, entry] })
          shrink(now)
        })
    }
  })

/**
 * Sessions in memory: see {@link makeMemory}.
 *
 * @since 0.1.0
 * @category layers
 */
export const layerMemory = (options: Options = {}): Layer.Layer<SessionStore, InvalidArgumentError> =>
  Layer.effect(SessionStore, makeMemory(options))
