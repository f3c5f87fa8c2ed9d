import * as DateTime from "effect/DateTime"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as numbers from "../../internal/numbers.js"
import * as sizes from "../../internal/sizes.js"
import { OwnBudget } from "../../spend/OwnBudgets.js"
import { Delivery } from "./delivery.js"

/** A name that databases, logs and terminals can hold. */
export const Name = Schema.String.pipe(
  Schema.filter((text) => /^[^\p{Cc}]{1,256}$/u.test(text), {
    description: "a name of 1 to 256 characters, none of them a control character"
  })
)

const names = Schema.NonEmptyArray(Schema.NonEmptyString)

/** What a key allows, wherever it is kept. */
export const grants = {
  /** On whose behalf its calls are; without it a call may name any user. */
  user: Schema.optional(Schema.NonEmptyString.pipe(sizes.bounded("user"))),
  /** The team that it belongs to, whose budgets its calls fall under. */
  team: Schema.optional(Name),
  /**
   * The providers that its calls may be answered by, each by its id or by its model's name; `*` stands for any
   * text. Any when absent.
   */
  models: Schema.optional(names),
  /** The names of the strategies and services that its calls may choose by, `auto` for the gateway's own; any when absent. */
  strategies: Schema.optional(names),
  /** The most calls in a minute. */
  requestsPerMinute: Schema.optional(numbers.count("calls in a minute")),
  /** The most tokens in a minute, read and written ones together. */
  tokensPerMinute: Schema.optional(numbers.count("tokens in a minute")),
  /** The most calls at a time. */
  concurrent: Schema.optional(numbers.count("calls at a time")),
  /** How streams of its calls are delivered that don't say: `streamed` or `buffered`. */
  delivery: Schema.optional(Delivery),
  /** Whether it opens the page and the metrics, which tell of all calls; false when absent. */
  observe: Schema.optional(Schema.Boolean),
  /** Whether it issues, changes and revokes keys over HTTP, of which one may be such a key; false when absent. */
  admin: Schema.optional(Schema.Boolean)
}

/** An instant in milliseconds of the Clock, written as a date. */
export const Instant = Schema.transform(
  Schema.Union(Schema.String, Schema.Number),
  Schema.Number.pipe(
    Schema.filter(Number.isFinite, {
      description: "an instant (a date such as 2026-12-31T12:00:00Z, or milliseconds since 1970)"
    })
  ),
  {
    strict: true,
    decode: (said) =>
      typeof said === "number"
        ? said
        : Option.match(DateTime.make(said), { onNone: () => Number.NaN, onSome: DateTime.toEpochMillis }),
    encode: (ms) => DateTime.formatIso(DateTime.unsafeMake(ms))
  }
)

/** What may be spent, in accounts that differ by their period and their unit. */
export const Budgets = Schema.Array(OwnBudget).pipe(
  Schema.filter((budgets) => {
    const accounts = budgets.map(({ period, usd }) => `${usd === undefined ? "tokens" : "USD"} a ${period}`)
    const index = accounts.findIndex((account, index) => accounts.indexOf(account) < index)
    return index === -1
      ? undefined
      : { path: [index], message: `Expected one budget in ${accounts[index]}, actual two` }
  })
)
