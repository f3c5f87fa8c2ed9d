/**
 * Answers that are given again: where the same is asked once more by the same caller, within a time, no provider
 * is asked.
 *
 * It stands in front of a {@link TaskService.Service} and is one itself. Equal calls at the same time are asked
 * once. Kept is an answer whose provider has said that it is whole, and that ended by itself or with calls of
 * tools; no answer that was cut, bounded or refused. Nothing is kept of calls that don't ask for it.
 *
 * @since 0.1.0
 */
import * as KeyValueStore from "@effect/platform/KeyValueStore"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as LogLevel from "effect/LogLevel"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import { ofNow } from "../internal/now.js"
import type { InvalidArgumentError } from "../InvalidArgument.js"
import * as log from "../internal/log.js"
import * as numbers from "../internal/numbers.js"
import * as validation from "../internal/validation.js"
import type * as answered from "./internal/answered.js"
import { MemoryAnswers } from "./internal/memoryAnswers.js"
import * as TaskService from "./TaskService.js"

/**
 * Where answers are kept: texts by keys, which hold all that is asked and by whom, so that no two questions share
 * one; {@link hashOf} makes them short. It never fails: what can't be read isn't there, and what can't be kept is
 * lost, which its Layer tells.
 *
 * @since 0.1.0
 * @category models
 */
export interface Store extends answered.Store {}

/**
 * Where answers are kept.
 *
 * @since 0.1.0
 * @category tags
 */
export class AnswerCache extends Context.Tag("arc-saga/AnswerCache")<AnswerCache, Store>() {}

/**
 * Which calls are answered from the cache, and for how long.
 *
 * @since 0.1.0
 * @category schemas
 */
export const Settings = Schema.Struct({
  /** Milliseconds for which an answer is kept; an hour when absent. */
  ttlMs: numbers.withDefault(numbers.count("milliseconds"), 3_600_000),
  /** Whether calls use it that don't say (`always`), or those alone that ask for it (`asked`, when absent). */
  use: numbers.withDefault(Schema.Literal("always", "asked"), "asked"),
  /**
   * Whom an answer is given to: the same user with the same key (`caller`, when absent), or to all
   * (`everybody`), who can then find out by the time of an answer what others have asked.
   */
  share: numbers.withDefault(Schema.Literal("caller", "everybody"), "caller"),
  /**
   * What else an answer depends on: which providers and models there are, say. Where it changes nothing that was
   * kept before is found.
   */
  version: numbers.withDefault(Schema.String, "")
})

/**
 * Which calls are answered from the cache, and for how long.
 *
 * @since 0.1.0
 * @category models
 */
export interface Options extends Schema.Schema.Encoded<typeof Settings> {}

const decode = validation.decoder("AnswerCache", Settings)

/**
 * A service that answers from the cache where it can, and else as the given one does. What answers from the cache
 * is told to the SpendLedger and the AttemptObserver of the context as an attempt whose outcome is `cached`. Calls
 * under way are given up where the scope closes.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (
  service: TaskService.Service,
  options: Options = {}
): Effect.Effect<TaskService.Executing, InvalidArgumentError, AnswerCache | Scope.Scope> =>
  Effect.gen(function* () {
    const settings = yield* decode(options)
    // Most programs have none.
    const { make } = yield* Effect.promise(() => import("./internal/answered.js"))
    return yield* make(service, settings, yield* AnswerCache)
  })

/**
 * Puts a cache in front of the TaskService of the context, by the same tag.
 *
 * @since 0.1.0
 * @category layers
 * @example
 * ```ts
 * import { AnswerCache, MultiLLMOrchestrator } from "arc-saga"
 * import { Layer } from "effect"
 *
 * export const Tasks = AnswerCache.layer({ ttlMs: 60_000, use: "always" }).pipe(
 *   Layer.provide(AnswerCache.layerMemory()),
 *   Layer.provide(MultiLLMOrchestrator.layerFor({ providers: [{ provider: "claude" }, { provider: "gpt4" }] }))
 * )
 * ```
 */
export const layer = (
  options: Options = {}
): Layer.Layer<TaskService.TaskService, InvalidArgumentError, AnswerCache | TaskService.TaskService> =>
  Layer.scoped(
    TaskService.TaskService,
    Effect.flatMap(TaskService.TaskService, (service) => make(service, options))
  )

/**
 * How much is kept in memory.
 *
 * @since 0.1.0
 * @category schemas
 */
export const MemorySettings = Schema.Struct({
  /** The most answers; 10,000 when absent. */
  entries: numbers.withDefault(numbers.count("a number of answers"), 10_000),
  /** The most bytes, at two for each UTF-16 unit of questions and answers as JSON; 67,108,864 when absent. */
  bytes: numbers.withDefault(numbers.count("a number of bytes"), 64 * 1024 * 1024)
})

/**
 * How much is kept in memory.
 *
 * @since 0.1.0
 * @category models
 */
export interface MemoryOptions extends Schema.Schema.Encoded<typeof MemorySettings> {}

const decodeMemory = validation.decoder("AnswerCache", MemorySettings)

/**
 * Answers in memory: beyond its bounds those go that haven't been asked for the longest.
 *
 * @since 0.1.0
 * @category constructors
 */
export const makeMemory = (options: MemoryOptions = {}): Effect.Effect<Store, InvalidArgumentError> =>
  Effect.map(decodeMemory(options), ({ bytes, entries }) => {
    const kept = new MemoryAnswers(entries, bytes)
    return {
      get: (key) => ofNow((now) => Option.fromNullable(kept.get(key, now))),
      set: (key, value, ttlMs) => ofNow((now) => kept.set(key, value, now + ttlMs))
    }
  })

/**
 * Answers in memory: see {@link makeMemory}.
 *
 * @since 0.1.0
 * @category layers
 */
export const layerMemory = (options: MemoryOptions = {}): Layer.Layer<AnswerCache, InvalidArgumentError> =>
  Layer.effect(AnswerCache, makeMemory(options))

const encoder = new TextEncoder()

/**
 * The SHA-256 of a key as 64 hexadecimal digits, for stores that others read, or that want short keys.
 *
 * @since 0.1.0
 * @category conversions
 */
export const hashOf = (key: string): Effect.Effect<string> =>
  Effect.map(
    Effect.promise(() => crypto.subtle.digest("SHA-256", encoder.encode(key))),
    (digest) => Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, "0")).join("")
  )

const Record = Schema.parseJson(Schema.Struct({ until: Schema.Number, value: Schema.String }))
const encodeRecord = Schema.encodeSync(Record)
const decodeRecord = Schema.decodeUnknownOption(Record)

/**
 * Answers in a KeyValueStore, which bounds itself or doesn't: what is over is removed when it is asked for. A store
 * that fails is told in the log (`answer_cache_failed`).
 *
 * @since 0.1.0
 * @category layers
 */
export const layerKeyValueStore: Layer.Layer<AnswerCache, never, KeyValueStore.KeyValueStore> = Layer.effect(
  AnswerCache,
  Effect.map(KeyValueStore.KeyValueStore, (store) => {
    const failed =
      <A>(instead: A) =>
      ({ message }: { readonly message: string }): Effect.Effect<A> =>
        log.eventAs(LogLevel.Warning, "answer_cache_failed", () => ({ reason: message }), instead)
    return {
      get: (key) =>
        Effect.gen(function* () {
          const hash = yield* hashOf(key)
          const found = yield* store.get(hash)
          if (Option.isNone(found)) return found
          const record = decodeRecord(found.value)
          const now = yield* Clock.currentTimeMillis
          if (Option.isSome(record) && now < record.value.until) return Option.some(record.value.value)
          yield* store.remove(hash)
          return Option.none<string>()
        }).pipe(Effect.catchAll(failed(Option.none<string>()))),
      set: (key, value, ttlMs) =>
        Effect.gen(function* () {
          const until = (yield* Clock.currentTimeMillis) + ttlMs
          yield* store.set(yield* hashOf(key), encodeRecord({ until, value }))
        }).pipe(Effect.catchAll(failed(undefined)))
    }
  })
)
