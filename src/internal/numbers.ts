import * as Schema from "effect/Schema"

/** A number that passes, and what an error says was expected. */
export const number = (description: string, passes: (n: number) => boolean) =>
  Schema.Number.pipe(Schema.filter(passes, { description }))

export const count = (what: string) =>
  number(`${what} (a whole number above 0)`, (n) => Number.isSafeInteger(n) && n > 0)

export const countFrom0 = (what: string) =>
  number(`${what} (a whole number from 0)`, (n) => Number.isSafeInteger(n) && n >= 0)

export const above0 = (what: string) =>
  number(`${what} (a number above 0)`, (n) => n > 0 && Number.isFinite(n))

export const from0 = (what: string) =>
  number(`${what} (a number from 0)`, (n) => n >= 0 && Number.isFinite(n))

export const upTo = (what: string, maximum: number) =>
  number(`${what} (a number from 0 to ${maximum})`, (n) => n >= 0 && n <= maximum)

export const tokens = count("a number of tokens")

export const millis = above0("milliseconds")

/** What a timer can wait. */
export const timeoutMs = number(
  "milliseconds above 0 (at most 2147483647)",
  (n) => n > 0 && n <= 2_147_483_647
)

/** What it is when it isn't given. */
export const withDefault = <A, I>(schema: Schema.Schema<A, I>, value: NoInfer<A>) =>
  Schema.optionalWith(schema, { default: () => value })
