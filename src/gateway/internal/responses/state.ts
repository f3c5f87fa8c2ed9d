import * as Either from "effect/Either"
import * as Encoding from "effect/Encoding"
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import * as Schema from "effect/Schema"
import { parse } from "../../../wire/decoding.js"
import * as Wire from "../../../Wire.js"
import type { Json } from "../reading.js"

/**
 * A thought of another wire's model is given to callers of Responses as one of theirs. What its maker wants back
 * stands where they keep encrypted content, which they send back with the next turn.
 */
const prefix = "saga:"

const decode = Schema.decodeUnknownOption(Wire.State)

/** A state as encrypted content; also where there is none, so that the thought is known again. */
export const seal = (state: Wire.State | undefined): string =>
  prefix + (state === undefined ? "" : Encoding.encodeBase64Url(JSON.stringify(state)))

/** Whether an item is a thought of another wire's model: it means nothing to providers of this one. */
export const isSealed = (item: unknown): boolean =>
  Predicate.isRecord(item) &&
  item["type"] === "reasoning" &&
  typeof item["encrypted_content"] === "string" &&
  item["encrypted_content"].startsWith(prefix)

/** What the maker of a thought wants back; undefined where it has nothing to be given back. */
export const of = (item: Json): Wire.State | undefined => {
  const { encrypted_content: content } = item
  if (typeof content !== "string" || !content.startsWith(prefix)) return { wire: "responses", value: item }
  const json = Either.getOrElse(Encoding.decodeBase64UrlString(content.slice(prefix.length)), () => "")
  return Option.getOrUndefined(Option.flatMap(parse(json), decode))
}
