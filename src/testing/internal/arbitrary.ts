import * as Arr from "effect/Array"
import * as FastCheck from "effect/FastCheck"

/** Records have a prototype, as literals do. */
export const ownFields = { noNullPrototype: true } as const

/** A record each field of which may be absent. */
export const optional = <T>(model: { [K in keyof T]: FastCheck.Arbitrary<T[K]> }): FastCheck.Arbitrary<
  Partial<T>
> => FastCheck.record(model, { ...ownFields, requiredKeys: [] })

/** One to so many; any of them may go when it shrinks. */
export const nonEmpty = <A>(
  item: FastCheck.Arbitrary<A>,
  maxLength: number
): FastCheck.Arbitrary<Arr.NonEmptyReadonlyArray<A>> =>
  FastCheck.array(item, { minLength: 1, maxLength }).filter((items) => Arr.isNonEmptyArray(items))

/** A short identifier. */
export const word: FastCheck.Arbitrary<string> = FastCheck.string({
  unit: FastCheck.constantFrom(..."abcdefghijklmnopqrstuvwxyz0123456789_-"),
  minLength: 1,
  maxLength: 12
})

/** Any text that isn't blank, of any script. */
export const anyText: FastCheck.Arbitrary<string> = FastCheck.string({
  unit: "grapheme",
  minLength: 1,
  maxLength: 60
}).filter((text) => text.trim() !== "")
