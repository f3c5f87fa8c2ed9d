import * as Either from "effect/Either"
import * as ParseResult from "effect/ParseResult"
import * as Schema from "effect/Schema"
import { InvalidArgumentError } from "../InvalidArgument.js"

/** Fields that hold a user's words: an error may say their kind, never their text. */
const confidential = /^(prompt|systemPrompt|messages|metadata)\b/

const render = (path: ReadonlyArray<PropertyKey>): string =>
  path.reduce<string>(
    (field, key) =>
      typeof key === "number" ? `${field}[${key}]` : field === "" ? String(key) : `${field}.${String(key)}`,
    ""
  )

/** Turns the first issue of a failed decoding into an error that names the field and the value. */
export const toInvalidArgument = (subject: string, error: ParseResult.ParseError): InvalidArgumentError => {
  const issues = ParseResult.ArrayFormatter.formatErrorSync(error)
  // Of a failed union the deepest issue is the branch that the caller meant.
  const issue = issues.reduce((best, next) => (next.path.length > best.path.length ? next : best))
  const field = render(issue.path)
  const reason = confidential.test(field)
    ? issue.message.replace(/, actual (?!""|undefined|null)[\s\S]*$/, "")
    : issue.message
  return new InvalidArgumentError({ subject, field, reason })
}

/** A decoder made once: values that pass are trusted from here on. */
export const decoder = <A, I>(
  subject: string,
  schema: Schema.Schema<A, I>
): ((input: unknown) => Either.Either<A, InvalidArgumentError>) => {
  const decode = Schema.decodeUnknownEither(schema, { onExcessProperty: "error" })
  return (input) => Either.mapLeft(decode(input), (error) => toInvalidArgument(subject, error))
}
