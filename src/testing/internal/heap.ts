/** A priority queue. */
export interface Heap<A> {
  readonly push: (value: A) => void
  /** Takes the first; undefined when there is none. */
  readonly pop: () => A | undefined
}

/** An empty priority queue: what comes before all others by `before` is first. */
export const make = <A>(before: (left: A, right: A) => boolean): Heap<A> => {
  const values: Array<A> = []

  /** Swaps two neighbours that stand the wrong way round. */
  const swapped = (upper: number, lower: number): boolean => {
    const above = values[upper]
    const below = values[lower]
    if (above === undefined || below === undefined || !before(below, above)) return false
    values[upper] = below
    values[lower] = above
    return true
  }

  const firstChild = (of: number): number => {
    const left = values[2 * of + 1]
    const right = values[2 * of + 2]
    return left !== undefined && right !== undefined && before(right, left) ? 2 * of + 2 : 2 * of + 1
  }

  return {
    push: (value) => {
      let at = values.push(value) - 1
      for (let parent = (at - 1) >> 1; swapped(parent, at); parent = (at - 1) >> 1) at = parent
    },
    pop: () => {
      const first = values[0]
      const last = values.pop()
      if (last === undefined || values.length === 0) return first
      values[0] = last
      let at = 0
      for (let child = firstChild(at); swapped(at, child); child = firstChild(at)) at = child
      return first
    }
  }
}
