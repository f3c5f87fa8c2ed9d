/**
 * The part of JSON Schema that answers are checked against. What isn't checked is passed: a value that fits its
 * schema has no fault, whatever else the schema says, and one with a fault doesn't fit it.
 */
import * as Predicate from "effect/Predicate"

type Json = Readonly<Record<string, unknown>>

const types: Readonly<Record<string, (value: unknown) => boolean>> = {
  null: (value) => value === null,
  boolean: Predicate.isBoolean,
  number: Predicate.isNumber,
  integer: Number.isInteger,
  string: Predicate.isString,
  array: Array.isArray,
  object: (value) => Predicate.isRecord(value)
}

const isSchema = (value: unknown): boolean => typeof value === "boolean" || Predicate.isRecord(value)
const isCount = (value: unknown): boolean => Number.isInteger(value) && Number(value) >= 0
const isTypes = (value: unknown): boolean =>
  [value].flat().every((type) => typeof type === "string" && Object.hasOwn(types, type))
const isListOf =
  (passes: (value: unknown) => boolean) =>
  (value: unknown): boolean =>
    Array.isArray(value) && value.every(passes)
const isRecordOf =
  (passes: (value: unknown) => boolean) =>
  (value: unknown): boolean =>
    Predicate.isRecord(value) && Object.values(value).every(passes)

/** What each keyword that is checked, or that others are known by, has to be. */
const keywords: Readonly<Record<string, readonly [what: string, is: (value: unknown) => boolean]>> = {
  type: [`one of ${Object.keys(types).join(", ")}, or a list of these`, isTypes],
  enum: ["a list", Array.isArray],
  const: ["a value", () => true],
  $ref: ["a text", Predicate.isString],
  $schema: ["a text", Predicate.isString],
  $defs: ["an object of schemas", isRecordOf(isSchema)],
  definitions: ["an object of schemas", isRecordOf(isSchema)],
  properties: ["an object of schemas", isRecordOf(isSchema)],
  patternProperties: ["an object of schemas", isRecordOf(isSchema)],
  required: ["a list of names", isListOf(Predicate.isString)],
  additionalProperties: ["a schema", isSchema],
  items: ["a schema", (value) => isSchema(value) || isListOf(isSchema)(value)],
  prefixItems: ["a list of schemas", isListOf(isSchema)],
  allOf: ["a list of schemas", isListOf(isSchema)],
  anyOf: ["a list of schemas", isListOf(isSchema)],
  oneOf: ["a list of schemas", isListOf(isSchema)],
  minimum: ["a number", Predicate.isNumber],
  maximum: ["a number", Predicate.isNumber],
  exclusiveMinimum: ["a number", Predicate.isNumber],
  exclusiveMaximum: ["a number", Predicate.isNumber],
  minLength: ["a whole number from 0", isCount],
  maxLength: ["a whole number from 0", isCount],
  minItems: ["a whole number from 0", isCount],
  maxItems: ["a whole number from 0", isCount]
}

/** Keywords that have schemas: by name, in a list, or one. */
const holders = {
  named: ["$defs", "definitions", "properties", "patternProperties"],
  listed: ["items", "prefixItems", "allOf", "anyOf", "oneOf", "additionalProperties"]
}

/** The schemas directly within a schema, and where. */
const within = (schema: Json): ReadonlyArray<readonly [string, unknown]> => [
  ...holders.named.flatMap((keyword) =>
    Object.entries(schema[keyword] ?? {}).map(([name, inner]) => [`${keyword}.${name}`, inner] as const)
  ),
  ...holders.listed.flatMap((keyword) => [schema[keyword]].flat().map((inner) => [keyword, inner] as const))
]

const wrongKeyword = (schema: Json, path: string): string | undefined => {
  for (const [keyword, [what, is]] of Object.entries(keywords)) {
    if (Object.hasOwn(schema, keyword) && !is(schema[keyword])) return `${path}${keyword}: Expected ${what}`
  }
  for (const [where, inner] of within(schema)) {
    const wrong = Predicate.isRecord(inner) ? wrongKeyword(inner, `${path}${where}.`) : undefined
    if (wrong !== undefined) return wrong
  }
  return undefined
}

/** Why an object is no JSON Schema that says anything; undefined where it is one. */
export const problem = (schema: Json): string | undefined =>
  Object.keys(keywords).some((keyword) => Object.hasOwn(schema, keyword))
    ? wrongKeyword(schema, "")
    : "Expected a JSON Schema, actual an object without type, properties or another of its keywords"

/** The most faults that are told at once, and the most steps and levels that are gone. */
const most = { faults: 8, steps: 100_000, levels: 200 }

const kindOf = (value: unknown): string =>
  value === null ? "null" : Array.isArray(value) ? "array" : typeof value

/** Whether two JSON values are the same, keys in any order. */
const isSame = (left: unknown, right: unknown): boolean => {
  if (Array.isArray(left) || Array.isArray(right)) {
    return (
      Array.isArray(left) &&
      Array.isArray(right) &&
      left.length === right.length &&
      left.every((value, index) => isSame(value, right[index]))
    )
  }
  if (!Predicate.isRecord(left) || !Predicate.isRecord(right)) return left === right
  const keys = Object.keys(left)
  return (
    keys.length === Object.keys(right).length &&
    keys.every((key) => Object.hasOwn(right, key) && isSame(left[key], right[key]))
  )
}

const said = (value: unknown): string => JSON.stringify(value).slice(0, 200)

/** The schema that a reference within the same document leads to. */
const resolve = (root: Json, ref: string): unknown => {
  if (!ref.startsWith("#")) return true
  let at: unknown = root
  for (const key of ref.split("/").slice(1)) {
    const name = decoded(key).replaceAll("~1", "/").replaceAll("~0", "~")
    if (Array.isArray(at)) at = at[Number(name)]
    else if (Predicate.isRecord(at) && Object.hasOwn(at, name)) at = at[name]
    else return true
  }
  return at
}

const decoded = (text: string): string => {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

/** What of a JSON value doesn't fit a schema, in words that begin with the place; at most eight. */
export const faults = (root: Json, value: unknown): ReadonlyArray<string> => {
  let steps = 0
  const check = (schema: unknown, at: unknown, path: string, level: number): ReadonlyArray<string> => {
    if (schema === false) return [`${path}: Expected nothing, actual ${kindOf(at)}`]
    if (!Predicate.isRecord(schema) || level > most.levels || ++steps > most.steps) return []
    // Older drafts have nothing count beside a reference.
    if (typeof schema["$ref"] === "string") return check(resolve(root, schema["$ref"]), at, path, level + 1)
    const found: Array<string> = []
    const inside = (inner: unknown, of: unknown, where: string): void => {
      found.push(...check(inner, of, where, level + 1))
    }
    const expect = (isSo: boolean, what: string, actual = kindOf(at)): void => {
      if (!isSo) found.push(`${path}: Expected ${what}, actual ${actual}`)
    }
    const bound = (keyword: string, what: string, actual: number, fits: (limit: number) => boolean): void => {
      const limit = schema[keyword]
      if (typeof limit === "number") expect(fits(limit), `${what} ${limit}`, String(actual))
    }

    const { type } = schema
    if (type !== undefined && isTypes(type)) {
      const named = [type].flat().map(String)
      expect(
        named.some((one) => types[one]?.(at) === true),
        named.join(" or ")
      )
      // What else is said of a value is of its type.
      if (found.length > 0) return found
    }
    if (Array.isArray(schema["enum"])) {
      expect(
        schema["enum"].some((one) => isSame(one, at)),
        `one of ${said(schema["enum"])}`,
        said(at)
      )
    }
    if ("const" in schema) expect(isSame(schema["const"], at), said(schema["const"]), said(at))
    for (const inner of listOf(schema["allOf"])) inside(inner, at, path)
    // Of `oneOf` more than one might seem to fit, since not everything is checked.
    for (const alternatives of [listOf(schema["anyOf"]), listOf(schema["oneOf"])]) {
      const tried = alternatives.map((inner) => check(inner, at, path, level + 1))
      if (tried.length === 0 || tried.some((each) => each.length === 0)) continue
      const [only = []] = tried
      if (tried.length === 1) found.push(...only)
      else
        found.push(`${path}: Expected one of ${tried.length} forms, actual none: ${tried.flat().join("; ")}`)
    }
    if (typeof at === "number") {
      bound("minimum", "at least", at, (limit) => at >= limit)
      bound("maximum", "at most", at, (limit) => at <= limit)
      bound("exclusiveMinimum", "more than", at, (limit) => at > limit)
      bound("exclusiveMaximum", "less than", at, (limit) => at < limit)
    } else if (typeof at === "string") {
      const { length } = Array.from(at)
      bound("minLength", "a length of at least", length, (limit) => length >= limit)
      bound("maxLength", "a length of at most", length, (limit) => length <= limit)
    } else if (Array.isArray(at)) {
      bound("minItems", "a length of at least", at.length, (limit) => at.length >= limit)
      bound("maxItems", "a length of at most", at.length, (limit) => at.length <= limit)
      const first = listOf(Array.isArray(schema["items"]) ? schema["items"] : schema["prefixItems"])
      // A list of schemas says nothing of what follows.
      at.forEach((item, index) =>
        inside(index < first.length ? first[index] : schema["items"], item, `${path}[${index}]`)
      )
    } else if (Predicate.isRecord(at)) {
      const properties = Predicate.isRecord(schema["properties"]) ? schema["properties"] : {}
      const { additionalProperties } = schema
      for (const name of listOf(schema["required"])) {
        if (typeof name === "string" && !Object.hasOwn(at, name)) found.push(`${path}.${name} is missing`)
      }
      for (const [name, item] of Object.entries(at)) {
        const where = `${path}.${name}`
        if (Object.hasOwn(properties, name)) inside(properties[name], item, where)
        else if (additionalProperties === false && !("patternProperties" in schema)) {
          found.push(
            `${where} isn't allowed: the schema knows ${Object.keys(properties).join(", ") || "none"}`
          )
        } else if (!("patternProperties" in schema)) inside(additionalProperties, item, where)
      }
    }
    return found
  }
  return check(root, value, "$", 0).slice(0, most.faults)
}

const listOf = (value: unknown): ReadonlyArray<unknown> => (Array.isArray(value) ? value : [])
