import * as Effect from "effect/Effect"
import * as Random from "effect/Random"

const hex = (n: number, digits: number): string => n.toString(16).padStart(digits, "0").slice(-digits)

/** 16, 32 and 32 bits. */
const parts = Effect.all([
  Random.nextIntBetween(0, 2 ** 16),
  Random.nextIntBetween(0, 2 ** 32),
  Random.nextIntBetween(0, 2 ** 32)
])

const short = (prefix: string): Effect.Effect<string> =>
  Effect.map(Random.next, (n) => `${prefix}-${Math.floor(n * Number.MAX_SAFE_INTEGER).toString(36)}`)

const madeUp = short("task")

/** A task's own id, or one made up from the Random of the fiber. */
export const ofTask = (task: { readonly id?: string | undefined }): Effect.Effect<string> =>
  task.id === undefined ? madeUp : Effect.succeed(task.id)

/** The id of a request. */
export const request: Effect.Effect<string> = short("req")

/**
 * The id of a row, of 128 bits: 48 of an instant in milliseconds and 80 of chance. Random has only so many seeds, and
 * two processes with the same one mustn't give the same ids; and a database likes its keys in order.
 */
export const row = (at: number): Effect.Effect<string> =>
  Effect.map(
    parts,
    ([few, more, most]) => `${hex(Math.floor(at), 12)}${hex(few, 4)}${hex(more, 8)}${hex(most, 8)}`
  )
