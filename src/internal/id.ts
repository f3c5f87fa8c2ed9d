import * as Effect from "effect/Effect"
import * as Random from "effect/Random"

const hex = (n: number, digits: number): string => n.toString(16).padStart(digits, "0").slice(-digits)

/** 16, 32 and 32 bits. */
const parts = Effect.all([
  Random.nextIntBetween(0, 2 ** 16),
  Random.nextIntBetween(0, 2 ** 32),
  Random.nextIntBetween(0, 2 ** 32)
])

/**
 * An id of 128 bits: 48 of an instant in milliseconds and 80 of chance. Random has only so many seeds, and
 * two processes with the same one mustn't give the same ids; and a database likes its keys in order.
 */
export const make = (at: number): Effect.Effect<string> =>
  Effect.map(
    parts,
    ([few, more, most]) => `${hex(Math.floor(at), 12)}${hex(few, 4)}${hex(more, 8)}${hex(most, 8)}`
  )
