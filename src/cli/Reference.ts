/** Ids that a configuration refers to: each has to be one of those that there are. */

import { told } from "../internal/told.js"

/** A field that names something. */
export interface Reference {
  /** As a path: `chains.fast[0]`. */
  readonly field: string
  readonly id: string
  /** What it has to name: `a provider`. */
  readonly what: string
  readonly known: Iterable<string>
}

/** How many letters have to be put in, left out, replaced or swapped with the next to get from one to the other. */
const distance = (from: string, to: string): number => {
  let beforeLast: ReadonlyArray<number> = []
  let last: ReadonlyArray<number> = Array.from({ length: to.length + 1 }, (_, index) => index)
  for (let row = 1; row <= from.length; row++) {
    const current = [row]
    for (let column = 1; column <= to.length; column++) {
      const isSame = from[row - 1] === to[column - 1]
      const isSwapped = from[row - 1] === to[column - 2] && from[row - 2] === to[column - 1]
      current.push(
        Math.min(
          (last[column] ?? 0) + 1,
          (current[column - 1] ?? 0) + 1,
          (last[column - 1] ?? 0) + (isSame ? 0 : 1),
          isSwapped ? (beforeLast[column - 2] ?? 0) + 1 : Number.POSITIVE_INFINITY
        )
      )
    }
    beforeLast = last
    last = current
  }
  return last[to.length] ?? 0
}

/** The id that was most likely meant: of those that differ in a third of their letters at most, the nearest. */
const nearest = (id: string, known: ReadonlyArray<string>): string | undefined =>
  known
    .map((name) => ({ name, far: distance(id.toLowerCase(), name.toLowerCase()) }))
    .filter(({ far, name }) => far <= Math.max(1, Math.floor(name.length / 3)))
    .toSorted((left, right) => left.far - right.far)[0]?.name

/** What is wrong with a reference to something that isn't there; undefined where it is. */
export const faultOf = ({ id, known, what }: Reference): string | undefined => {
  const names = Array.from(new Set(known))
  if (names.includes(id)) return undefined
  const meant = nearest(id, names)
  const guess = meant === undefined ? "" : `. Did you mean ${meant}?`
  const there = names.length === 0 ? "there is none" : names.join(", ")
  return `Expected ${what} (${there}), actual ${told(id)}${guess}`
}
