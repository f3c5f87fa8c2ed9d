/**
 * Which provider keeps what: answers that a next call goes on from (`previous_response_id`), conversations, containers,
 * files. A call that names such a thing is for the provider that keeps it, and for no other: not for another one of the
 * same wire, nor for another member of a pool.
 *
 * A router remembers the ids that answers state, and those that calls name which were answered. In memory by default,
 * so each process knows its own; a store that several processes share is another Layer of the same service.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Either from "effect/Either"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import { ofNow } from "../internal/now.js"
import * as AIProvider from "../AIProvider.js"
import * as numbers from "../internal/numbers.js"
import * as validation from "../internal/validation.js"
import type { InvalidArgumentError } from "../InvalidArgument.js"

/**
 * Who keeps something.
 *
 * @since 0.1.0
 * @category schemas
 */
export const Owner = Schema.Struct({
  provider: AIProvider.AIProvider,
  /** Which member of it, where it is a pool. */
  member: Schema.optional(Schema.String)
})

/**
 * Who keeps something.
 *
 * @since 0.1.0
 * @category models
 */
export interface Owner extends Schema.Schema.Type<typeof Owner> {}

/**
 * A call names what one provider keeps, and that one can't be asked. No other was.
 *
 * @since 0.1.0
 * @category errors
 */
export class StateUnavailableError extends Schema.TaggedError<StateUnavailableError>(
  "arc-saga/StateUnavailableError"
)("StateUnavailableError", {
  /** The field that names it (`previous_response_id`, `file_id`). */
  field: Schema.String,
  /** Its id, in its first 128 characters. */
  id: Schema.String,
  /**
   * `unknown`: several could keep it, and none is known to. `gone`: the provider or the member that keeps it isn't
   * there any more. `unavailable`: the provider mustn't be asked, now or by this task. `apart`: the call names what several keep.
   * `unspoken`: no provider speaks the wire that it is of.
   */
  reason: Schema.Literal("unknown", "gone", "unavailable", "apart", "unspoken"),
  /** Who keeps it, where that is known; else who could. */
  owners: Schema.Array(Owner)
}) {
  override get message(): string {
    const names = Array.from(
      new Set(
        this.owners.map(({ member, provider }) =>
          member === undefined ? provider : `${provider} (member ${member})`
        )
      )
    ).join(", ")
    const what = `${this.field} ${JSON.stringify(this.id)}`
    switch (this.reason) {
      case "unknown":
        return `${what} not found: it isn't known which of ${names} keeps it, and another than that one mustn't be asked. Ask that provider by its name, or send all of the conversation`
      case "gone":
        return `${what} not found: ${names}, which keeps it, isn't there any more. Send all of the conversation`
      case "unavailable":
        return `${what} is kept by ${names}, which mustn't be asked now. Ask again later, or send all of the conversation`
      case "apart":
        return `${what} and other things that the call names are kept by several: ${names}. Name only what one of them keeps`
      case "unspoken":
        return `${what} not found: no provider speaks the wire that it is of`
    }
  }
}

/**
 * Remembers who keeps what. It never fails: a store that can't be reached knows nothing, and says so in its log.
 *
 * @since 0.1.0
 * @category models
 */
export interface Service {
  /** Who keeps what has these ids: each once, those that are known. */
  readonly get: (ids: ReadonlyArray<string>) => Effect.Effect<ReadonlyArray<Owner>>
  /** Remembers who keeps what has these ids. */
  readonly put: (ids: ReadonlyArray<string>, owner: Owner) => Effect.Effect<void>
}

/**
 * Remembers who keeps what. Optional: a router that finds none in its context remembers in memory.
 *
 * @since 0.1.0
 * @category tags
 */
export class StateOwners extends Context.Tag("arc-saga/StateOwners")<StateOwners, Service>() {}

/**
 * How much is remembered.
 *
 * @since 0.1.0
 * @category schemas
 */
export const Settings = Schema.Struct({
  /** The ids that are remembered, those that were used last; 100,000 when absent (some 20 MB). */
  capacity: numbers.withDefault(numbers.count("a number of ids"), 100_000),
  /** For how many milliseconds without a call an id is remembered; 30 days when absent, as OpenAI keeps answers. */
  keptMs: numbers.withDefault(numbers.millis, 2_592_000_000)
})

/**
 * How much is remembered.
 *
 * @since 0.1.0
 * @category models
 */
export interface Options extends Schema.Schema.Encoded<typeof Settings> {}

/**
 * Settings, checked.
 *
 * @since 0.1.0
 * @category constructors
 */
export const decode: (options: unknown) => Either.Either<typeof Settings.Type, InvalidArgumentError> =
  validation.decoder("StateOwners", Settings)

/**
 * The owners, each once.
 *
 * @since 0.1.0
 * @category getters
 */
export const distinct = (owners: ReadonlyArray<Owner>): ReadonlyArray<Owner> =>
  owners.filter(
    ({ member, provider }, index) =>
      owners.findIndex((other) => other.provider === provider && other.member === member) === index
  )

/**
 * Remembers in memory: for this process alone, and gone with it. Fails with an InvalidArgumentError when a number is
 * out of range.
 *
 * @since 0.1.0
 * @category constructors
 */
export const makeMemory = (options: Options = {}): Effect.Effect<Service, InvalidArgumentError> =>
  Effect.map(decode(options), ({ capacity, keptMs }) => {
    // In the order of their last use.
    const kept = new Map<string, { readonly owner: Owner; readonly usedAt: number }>()
    return {
      get: (ids) =>
        ofNow((now) =>
          distinct(
            ids.flatMap((id) => {
              const found = kept.get(id)
              return found === undefined || now - found.usedAt > keptMs ? [] : [found.owner]
            })
          )
        ),
      put: (ids, owner) =>
        ofNow((now) => {
          for (const id of ids) {
            kept.delete(id)
            kept.set(id, { owner, usedAt: now })
          }
          for (const [id, { usedAt }] of kept) {
            if (kept.size <= capacity && now - usedAt <= keptMs) return
            kept.delete(id)
          }
        })
    }
  })

/**
 * Remembers in memory: see {@link makeMemory}.
 *
 * @since 0.1.0
 * @category layers
 */
export const layerMemory = (options: Options = {}): Layer.Layer<StateOwners, InvalidArgumentError> =>
  Layer.effect(StateOwners, makeMemory(options))
