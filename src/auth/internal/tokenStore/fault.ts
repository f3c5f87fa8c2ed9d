import * as Schema from "effect/Schema"

/** What kind of fault it is, as the store's error says. */
export const Reason = Schema.Literal("damaged", "rejected", "unreadable", "key")

/** What is wrong with a store or one of its records; the store makes its error of it. */
export interface Fault {
  readonly reason: typeof Reason.Type
  readonly description: string
  readonly cause?: unknown | undefined
}
