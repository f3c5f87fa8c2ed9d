import * as Schema from "effect/Schema"
import { endOfString } from "./jsonText.js"

/**
 * How much of each thing a caller may choose, as the vendors bound it: the largest bound among them, so that
 * what one of them takes isn't refused here. Docs and tests read this table.
 */
export const sizes = {
  depth: { most: 100, of: "levels of lists and objects" },
  keys: { most: 5000, of: "keys of one object" },
  values: { most: 100_000, of: "values in all" },
  embedded: { most: 310_000, of: "values of a call of embeddings, tokens among them" },
  messages: { most: 10_000, of: "messages" },
  parts: { most: 1000, of: "parts or tool calls of one message" },
  tools: { most: 1024, of: "tools" },
  stop: { most: 16, of: "texts that end the answer" },
  user: { most: 256, of: "characters of a user's id" },
  metadata: { most: 16, of: "pairs of metadata" },
  metadataKey: { most: 64, of: "characters of a key of metadata" },
  metadataValue: { most: 512, of: "characters of a value of metadata" }
} as const

/** Something that has a size. */
export type Name = keyof typeof sizes

/** Why something is too large; undefined where it isn't. */
export const excess = (name: Name, size: number): string | undefined => {
  const { most, of } = sizes[name]
  return size <= most ? undefined : `Expected at most ${most} ${of}, actual ${size}`
}

/** A list or a text that is no longer than its size allows. */
export const bounded =
  (name: Name) =>
  <A extends { readonly length: number }, I>(schema: Schema.Schema<A, I>) =>
    schema.pipe(Schema.filter(({ length }) => excess(name, length)))

/** Labels of a caller's own. */
export const Metadata = Schema.Record({ key: Schema.String, value: Schema.String }).pipe(
  Schema.filter((metadata) => {
    const pairs = Object.entries(metadata)
    const many = excess("metadata", pairs.length)
    if (many !== undefined) return many
    for (const [key, value] of pairs) {
      const message = excess("metadataKey", key.length) ?? excess("metadataValue", value.length)
      if (message !== undefined) return { path: [key], message }
    }
    return undefined
  })
)

const quote = 34

/** What of a JSON text is too large. */
export interface TooLarge {
  /** The field of the outermost object that it is in; empty where it is none. */
  readonly field: string
  readonly reason: string
}

/**
 * What of a JSON text is too large: it is read before it is parsed, so that one that would take seconds to
 * decode, or overflow the stack of what writes it again, costs no more than a look at each character. Of a text
 * that isn't JSON it says anything: the parser says the rest.
 */
export const tooLarge = (text: string, bound: "values" | "embedded" = "values"): TooLarge | undefined => {
  /** How many commas each open list or object has had. */
  const commas: Array<number> = []
  const isObject: Array<boolean> = []
  let values = 1
  let field = ""
  let atKey = false
  const fault = (reason: string | undefined): TooLarge | undefined =>
    reason === undefined ? undefined : { field, reason }
  for (let at = 0; at < text.length; at++) {
    let found: TooLarge | undefined = undefined
    switch (text.charCodeAt(at)) {
      case quote: {
        const end = endOfString(text, at)
        if (atKey && commas.length === 1) field = text.slice(at + 1, Math.min(end, at + 65))
        atKey = false
        at = end
        break
      }
      case 0x7b: // {
      case 0x5b: // [
        isObject.push(text.charCodeAt(at) === 0x7b)
        atKey = isObject.at(-1) === true
        commas.push(0)
        values++
        found = fault(excess("depth", commas.length))
        break
      case 0x7d: // }
      case 0x5d: // ]
        commas.pop()
        isObject.pop()
        break
      case 0x2c: {
        // ,
        const last = commas.length - 1
        const count = (commas[last] ?? 0) + 1
        commas[last] = count
        values++
        atKey = isObject[last] === true
        if (atKey) found = fault(excess("keys", count + 1))
        break
      }
    }
    found ??= values > sizes[bound].most ? fault(excess(bound, values)) : undefined
    if (found !== undefined) return found
  }
  return undefined
}

/** The arguments of a tool's call as a model wrote them: text that is JSON somewhere else. */
export const Arguments = Schema.String.pipe(Schema.filter((text) => tooLarge(text)?.reason))
