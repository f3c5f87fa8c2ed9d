import * as Either from "effect/Either"
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import type * as ParseResult from "effect/ParseResult"
import * as Schema from "effect/Schema"
import * as AST from "effect/SchemaAST"
import { InvalidArgumentError } from "./invalidArgument.js"
import { sizes } from "./sizes.js"
import { looksLikeKey } from "./told.js"

const isRecord = (value: object): value is Record<string, unknown> => {
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === Object.prototype || prototype === null
}

/** The input without what is undefined, at every depth. */
const withoutUndefined = (input: unknown): unknown => {
  if (typeof input !== "object" || input === null) return input
  if (Array.isArray(input)) return input.map(withoutUndefined)
  if (!isRecord(input)) return input
  return Object.fromEntries(
    Object.entries(input).flatMap(([key, value]) =>
      value === undefined ? [] : [[key, withoutUndefined(value)]]
    )
  )
}

/** What a look at an input finds that decoding it has to know. */
type Found = "nothing" | "undefined" | "too deep"

/** Looks at everything in an input once, and makes nothing: no more than so many levels of it. */
const look = (input: unknown, levels: number): Found => {
  if (input === undefined) return "undefined"
  if (typeof input !== "object" || input === null) return "nothing"
  const isList = Array.isArray(input)
  if (!isList && !isRecord(input)) return "nothing"
  if (levels === 0) return "too deep"
  let found: Found = "nothing"
  const values: ReadonlyArray<unknown> = isList ? input : Object.values(input)
  for (const value of values) {
    const inside = look(value, levels - 1)
    if (inside === "too deep") return inside
    if (inside === "undefined") found = inside
  }
  return found
}

/** Names the field that is nested too deeply. */
const tooDeep = (subject: string, input: unknown): InvalidArgumentError => {
  const isDeep = ([, value]: readonly [string, unknown]) => look(value, sizes.depth.most - 1) === "too deep"
  return new InvalidArgumentError({
    subject,
    field: render(
      Object.entries(input ?? {})
        .filter(isDeep)
        .slice(0, 1)
        .map(([key]) => key)
    ),
    reason: `Expected at most ${sizes.depth.most} ${sizes.depth.of}, actual more`
  })
}

type Path = ReadonlyArray<PropertyKey>

/** What is wrong at one place; `tell` says the value there, or only its kind. */
interface Fault {
  readonly path: Path
  readonly reason: (tell: (value: unknown) => string) => string
  /** Whether the kind of value was right, and a rule of its own says what isn't. */
  readonly ruled?: boolean | undefined
}

/** Fields that hold a user's words: an error may say their kind, never their text. */
const confidential = /^(prompt|systemPrompt|messages|metadata)\b/

const kindOf = (value: unknown): string => {
  if (value === null || value === undefined || value === "") return value === "" ? '""' : String(value)
  if (typeof value === "string") return `a text of length ${value.length}`
  if (Array.isArray(value)) return "a list"
  return typeof value === "object" ? "an object" : `a ${typeof value}`
}

/** Only what can be a name is repeated: a prompt or a key in the wrong place is longer than that. */
const isName = (text: string): boolean => /^[!-~]{1,32}$/.test(text) && !looksLikeKey(text)

const valueOf = (value: unknown): string =>
  typeof value === "number" || typeof value === "boolean"
    ? String(value)
    : typeof value === "string" && isName(value)
      ? JSON.stringify(value)
      : kindOf(value)

const keyOf = (key: PropertyKey): string => {
  const name = String(key)
  return isName(name) ? name : `(a name of length ${name.length})`
}

const render = (path: Path): string =>
  path.reduce<string>(
    (field, key) =>
      typeof key === "number" ? `${field}[${key}]` : field === "" ? keyOf(key) : `${field}.${keyOf(key)}`,
    ""
  )

/** What an input may be: what is undefined is taken out before it is decoded. */
const membersOf = ({ types }: AST.Union): ReadonlyArray<AST.AST> =>
  types.filter((type) => !AST.isUndefinedKeyword(type))

/** A rule that says by itself what is wrong doesn't change what is expected. */
const ruledOf = (ast: AST.AST): AST.AST =>
  AST.isRefinement(ast) && Option.isNone(AST.getDescriptionAnnotation(ast)) ? ast.from : ast

const isStructure = (given: AST.AST): boolean => {
  const ast = ruledOf(given)
  return AST.isUnion(ast)
    ? membersOf(ast).every(isStructure)
    : ast === JsonObject.ast || AST.isTypeLiteral(ast) || AST.isTupleType(ast)
}

/** The expected form, for a person: the fields of an object aren't listed. */
const describe = (given: AST.AST): string => {
  const ast = ruledOf(given)
  if (AST.isUnion(ast)) return Array.from(new Set(membersOf(ast).map(describe))).join(" or ")
  return Option.getOrElse(AST.getDescriptionAnnotation(ast), () =>
    isStructure(ast) ? (AST.isTupleType(ast) ? "a list" : "an object") : String(ast)
  )
}

const unexpected = (ast: AST.AST, path: Path, actual: unknown): Fault => ({
  path,
  // Where an object or a list is expected, whatever came instead may be all that the caller has.
  reason: (tell) => `Expected ${describe(ast)}, actual ${isStructure(ast) ? kindOf(actual) : tell(actual)}`
})

/** The first thing that is wrong; of a failed union, what the branch found that got further. */
const faultOf = (issue: ParseResult.ParseIssue, path: Path): Fault => {
  switch (issue._tag) {
    case "Pointer":
      return faultOf(issue.issue, path.concat(issue.path))
    case "Composite": {
      const inner = [issue.issues]
        .flat()
        .filter((each) => each._tag !== "Type" || !AST.isUndefinedKeyword(each.ast))
        .map((each) => faultOf(each, path))
      // What may be absent has one branch besides.
      const [only] = inner
      if (only !== undefined && AST.isUnion(issue.ast) && membersOf(issue.ast).length === 1) return only
      // Where no branch got further, the whole says more than its first branch.
      return (
        inner.find((fault) => fault.path.length > path.length) ??
        inner.find(({ ruled }) => ruled === true) ??
        unexpected(issue.ast, path, issue.actual)
      )
    }
    case "Refinement":
    case "Transformation":
      return faultOf(issue.issue, path)
    case "Missing":
      return { path, reason: () => "is missing" }
    case "Unexpected":
      // The message lists the names that are known.
      return { path, reason: () => String(issue.message) }
    default: {
      const { message } = issue
      return message === undefined
        ? unexpected(issue.ast, path, issue.actual)
        : { path, reason: () => message, ruled: true }
    }
  }
}

/** What is wrong, each at its place. */
const faultsOf = (issue: ParseResult.ParseIssue, path: Path): ReadonlyArray<Fault> => {
  switch (issue._tag) {
    case "Pointer":
      return faultsOf(issue.issue, path.concat(issue.path))
    case "Refinement":
    case "Transformation":
      return faultsOf(issue.issue, path)
    case "Composite": {
      const { ast } = issue
      if (!AST.isUnion(ast)) return [issue.issues].flat().flatMap((each) => faultsOf(each, path))
      // What may be absent has one branch besides, and of several branches only the one that was meant is told.
      const inner = [issue.issues]
        .flat()
        .filter((each) => each._tag !== "Type" || !AST.isUndefinedKeyword(each.ast))
      return membersOf(ast).length === 1
        ? inner.flatMap((each) => faultsOf(each, path))
        : [faultOf(issue, path)]
    }
    default:
      return [faultOf(issue, path)]
  }
}

/** One error of what is wrong: the first by its field, and up to nine others beside it. */
export const errorOf = (
  subject: string,
  first: { readonly field: string; readonly reason: string },
  others: ReadonlyArray<{ readonly field: string; readonly reason: string }>
): InvalidArgumentError =>
  new InvalidArgumentError({
    subject,
    field: first.field,
    reason: [first.reason, ...others.slice(0, 9).map(({ field, reason }) => `${field}: ${reason}`)].join("; ")
  })

const told = ({ path, reason }: Fault) => {
  const field = render(path)
  return { field, reason: reason(confidential.test(field) ? kindOf : valueOf) }
}

/** Turns what is wrong with an input into an error that names the field and the value. */
const toInvalidArgument = (
  subject: string,
  { issue }: ParseResult.ParseError,
  errors: Errors
): InvalidArgumentError => {
  const [first = faultOf(issue, []), ...others] = errors === "all" ? faultsOf(issue, []) : []
  return errorOf(subject, told(first), others.map(told))
}

/** Whether an error tells of the first thing that is wrong, or of all. */
type Errors = "first" | "all"

/** A function that is made when it is first called: building the parsers of all schemas takes a third of a start. */
export const onFirstUse = <A, B>(make: () => (input: A) => B): ((input: A) => B) => {
  let made: ((input: A) => B) | undefined
  return (input) => (made ??= make())(input)
}

/**
 * A decoder made once: values that pass are trusted from here on, hold nothing that is undefined, and are never
 * nested so deeply that what walks through them runs out of stack.
 */
export const decoder = <A, I>(
  subject: string,
  schema: Schema.Schema<A, I>,
  errors: Errors = "first"
): ((input: unknown) => Either.Either<A, InvalidArgumentError>) => {
  const decode = onFirstUse(() => Schema.decodeUnknownEither(schema, { onExcessProperty: "error", errors }))
  return (input) => {
    const found = look(input, sizes.depth.most)
    if (found === "too deep") return Either.left(tooDeep(subject, input))
    return Either.mapLeft(decode(found === "undefined" ? withoutUndefined(input) : input), (error) =>
      toInvalidArgument(subject, error, errors)
    )
  }
}

/**
 * Refuses fields that there aren't, as a {@link decoder} does, where options are checked by hand; of `names` the keys
 * alone matter, and the compiler asks for each of them. What is undefined is absent.
 */
export const known =
  <A extends object>(subject: string, names: { readonly [K in keyof A]-?: unknown }, ...path: Path) =>
  (options: { readonly [K in keyof A]?: A[K] | undefined }): Either.Either<void, InvalidArgumentError> => {
    const strange = Object.entries(options).find(
      ([name, value]) => value !== undefined && !Object.hasOwn(names, name)
    )
    if (strange === undefined) return Either.void
    const there = Object.keys(names).map((name) => JSON.stringify(name))
    const reason = `is unexpected, expected: ${there.join(" | ")}`
    return Either.left(new InvalidArgumentError({ subject, field: render([...path, strange[0]]), reason }))
  }

/**
 * Some JSON object that is passed on as it is. A record would have each of its keys decoded and be copied, which
 * takes milliseconds for a thousand keys.
 */
export const JsonObject: Schema.Schema<{ readonly [key: string]: unknown }> = Schema.declare(
  (input): input is { readonly [key: string]: unknown } => Predicate.isRecord(input),
  { description: "an object" }
)

/** For values whose fields have just been made by code that the compiler has checked. */
export const trusted = { disableValidation: true } as const
