import * as Predicate from "effect/Predicate"

const outside = /["{}[\]]/g
const inside = /["\\]/g

/** Finds where the JSON object or list ends that a text begins with, in whatever pieces the text comes. */
export class Scanner {
  private depth = 0
  private inString = false
  /** Whether the piece before ended in a backslash. */
  private escaped = false

  /** Takes the next piece: the index behind the end within it, or -1 where the value goes on. */
  feed(piece: string): number {
    let at = this.escaped && piece !== "" ? 1 : 0
    if (at === 1) this.escaped = false
    while (at < piece.length) {
      const next = this.inString ? inside : outside
      next.lastIndex = at
      const found = next.exec(piece)
      if (found === null) return -1
      at = found.index + 1
      switch (found[0]) {
        case '"':
          this.inString = !this.inString
          break
        case "\\":
          at++
          this.escaped = at > piece.length
          break
        case "{":
        case "[":
          this.depth++
          break
        default:
          this.depth--
          if (this.depth <= 0) return at
      }
    }
    return -1
  }
}

const quote = 34
const backslash = 92

/** Where a string ends that begins at an index: at its closing quote, or at the end of the text. */
export const endOfString = (text: string, from: number): number => {
  let at = from
  for (;;) {
    at = text.indexOf('"', at + 1)
    if (at === -1) return text.length
    let slashes = 0
    while (text.charCodeAt(at - 1 - slashes) === backslash) slashes++
    if (slashes % 2 === 0) return at
  }
}

/** Where the next thing begins that isn't white space. */
const skip = (text: string, from: number): number => {
  let at = from
  while (text.charCodeAt(at) <= 0x20) at++
  return at
}

const isEnd = (code: number): boolean => code <= 0x20 || code === 0x2c || code === 0x5d || code === 0x7d

/** The index behind the value that begins at an index. */
const behindValue = (text: string, from: number): number => {
  let depth = 0
  for (let at = from; at < text.length; at++) {
    switch (text.charCodeAt(at)) {
      case quote:
        at = endOfString(text, at)
        break
      case 0x7b: // {
      case 0x5b: // [
        depth++
        break
      case 0x7d: // }
      case 0x5d: // ]
        depth--
        break
      default:
        if (depth > 0) continue
        while (at + 1 < text.length && !isEnd(text.charCodeAt(at + 1))) at++
    }
    if (depth <= 0) return at + 1
  }
  return text.length
}

/** The name that a string says, from its opening to its closing quote. */
const nameOf = (text: string, from: number, to: number): string => {
  const name = text.slice(from + 1, to)
  return name.includes("\\") ? String(JSON.parse(`"${name}"`)) : name
}

/**
 * A JSON text in which no object has two members of one name: the last one is left, which is the one that parsers
 * here see. Servers whose parsers see the first one would otherwise be told something else than what was checked.
 */
export const unique = (text: string): string => {
  /** The members of each open object: where they begin, and the latest of each name. */
  const open: Array<{ readonly starts: Array<number>; readonly latest: Map<string, number> } | undefined> = []
  const twice: Array<readonly [from: number, to: number]> = []
  let atName = false
  for (let at = 0; at < text.length; at++) {
    switch (text.charCodeAt(at)) {
      case quote: {
        const end = endOfString(text, at)
        const members = atName ? open.at(-1) : undefined
        if (members !== undefined) {
          const { latest, starts } = members
          const name = nameOf(text, at, end)
          const earlier = latest.get(name)
          latest.set(name, starts.length)
          starts.push(at)
          if (earlier !== undefined) twice.push([starts[earlier] ?? at, starts[earlier + 1] ?? at])
        }
        atName = false
        at = end
        break
      }
      case 0x7b: // {
        open.push({ starts: [], latest: new Map() })
        atName = true
        break
      case 0x5b: // [
        open.push(undefined)
        break
      case 0x7d: // }
      case 0x5d: // ]
        open.pop()
        atName = false
        break
      case 0x2c: // ,
        atName = open.at(-1) !== undefined
    }
  }
  if (twice.length === 0) return text
  let left = ""
  let done = 0
  for (const [from, to] of twice.toSorted(([a], [b]) => a - b)) {
    // What is within one that goes, goes with it.
    if (from < done) continue
    left += text.slice(done, from)
    done = to
  }
  return left + text.slice(done)
}

type Json = Readonly<Record<string, unknown>>

/** What becomes of an element: it stays as it is written, it goes, or it has another value. */
type Fate = "stays" | "goes" | { readonly before: unknown; readonly after: unknown }

/** What becomes of the members of an object, by their names, and what is added behind them. */
const fatesOfMembers = (before: Json, after: Json) => ({
  fate: (_: number, name: string): Fate => {
    // By its own members alone: a body may call one `__proto__` or `constructor`.
    const [given, made] = [before[name], Object.hasOwn(after, name) ? after[name] : undefined]
    return Object.is(given, made) ? "stays" : made === undefined ? "goes" : { before: given, after: made }
  },
  added: Object.keys(after)
    .filter((name) => after[name] !== undefined && !Object.hasOwn(before, name))
    .map((name) => `${JSON.stringify(name)}:${JSON.stringify(after[name])}`)
})

/**
 * The same for a list. Where it has got shorter, some of its elements are left, in their order: none where it has
 * others as well, and is written anew.
 */
const fatesOfElements = (before: ReadonlyArray<unknown>, after: ReadonlyArray<unknown>) => {
  if (after.length < before.length) {
    let left = 0
    const fates = before.map((given): Fate => {
      if (left === after.length || !Object.is(given, after[left])) return "goes"
      left++
      return "stays"
    })
    return left < after.length
      ? undefined
      : { fate: (index: number): Fate => fates[index] ?? "goes", added: [] }
  }
  return {
    fate: (index: number): Fate => {
      const given = before[index]
      return Object.is(given, after[index]) ? "stays" : { before: given, after: after[index] }
    },
    added: after.slice(before.length).map((value) => JSON.stringify(value))
  }
}

/**
 * The JSON text of a value that was made from another one, whose text is given: what both have in common, the same
 * objects and equal values, stays as it is written. A list has other elements, more of them behind, or lacks some; one
 * that lacks some and has others is written anew.
 */
export const patched = (text: string, before: unknown, after: unknown): string => {
  if (before === after) return text
  let made = ""
  let done = 0
  const replace = (from: number, to: number, by: string): void => {
    made += text.slice(done, from) + by
    done = to
  }
  /** Patches the value that begins at an index: the index behind it. */
  const value = (from: number, before: unknown, after: unknown): number => {
    if (Array.isArray(before) && Array.isArray(after)) {
      const fates = fatesOfElements(before, after)
      if (fates !== undefined) return within(from, fates)
    } else if (Predicate.isRecord(before) && Predicate.isRecord(after)) {
      return within(from, fatesOfMembers(before, after))
    }
    const end = behindValue(text, from)
    replace(from, end, JSON.stringify(after))
    return end
  }
  const within = (
    from: number,
    {
      added,
      fate
    }: { readonly fate: (index: number, name: string) => Fate; readonly added: ReadonlyArray<string> }
  ): number => {
    const isObject = text.charCodeAt(from) === 0x7b
    let isAlone = true
    /** Behind the latest element. */
    let behind = from + 1
    let at = skip(text, behind)
    for (let index = 0; at < text.length && text.charCodeAt(at) !== (isObject ? 0x7d : 0x5d); index++) {
      const start = at
      let name = ""
      if (isObject) {
        const end = endOfString(text, at)
        name = nameOf(text, at, end)
        at = skip(text, skip(text, end + 1) + 1)
      }
      const what = fate(index, name)
      const end = typeof what === "string" ? behindValue(text, at) : value(at, what.before, what.after)
      at = skip(text, end)
      if (text.charCodeAt(at) === 0x2c) at = skip(text, at + 1)
      if (what !== "goes") isAlone = false
      else if (isAlone) replace(start, at, "")
      else replace(behind, end, "")
      behind = end
    }
    if (added.length > 0) {
      const place = isAlone ? at : behind
      replace(place, place, (isAlone ? "" : ",") + added.join(","))
    }
    return at + 1
  }
  value(skip(text, 0), before, after)
  return made + text.slice(done)
}
