/**
 * When two answers are the same: each is brought into a form in which what doesn't matter is gone.
 *
 * @since 0.1.0
 */
import * as Option from "effect/Option"
import type { AIResult } from "../AIResult.js"

/**
 * When two answers are the same.
 *
 * @since 0.1.0
 * @category models
 */
export interface Comparison {
  readonly name: string
  /** The form in which texts are compared; empty when there is nothing in it to compare. */
  readonly normalize: (text: string) => string
}

/** Emphasis, fences and LaTeX around what is meant. */
const unwrapped = (text: string): string =>
  text
    .normalize("NFKC")
    .replaceAll(/\*\*|__|`+|\$(?=\S)|(?<=\S)\$/g, "")
    .replaceAll(/\\(?:text|mathrm|boxed|fbox)\{([^{}]*)\}/g, "$1")

/** What an answer says that it says it at last: behind its last announcement, or else all of it. */
const announced = (text: string): string =>
  text.replace(/^[\s\S]*(?:####|\b(?:final )?answer(?: is|:)|\\boxed(?=\{))/i, "")

/**
 * Short answers in words: case, punctuation around them, an announcement before them and an article don't
 * count.
 *
 * @since 0.1.0
 * @category comparisons
 */
export const shortAnswer: Comparison = {
  name: "short answer",
  normalize: (text) =>
    trimmed(announced(unwrapped(text)).toLowerCase().replaceAll(/\s+/g, " ")).replace(/^(?:an?|the) /, "")
}

const edge = /[\s\p{P}]/u

/** A text without white space and punctuation around it: an expression for its end would look from each place on. */
const trimmed = (text: string): string => {
  const characters = Array.from(text)
  const from = characters.findIndex((character) => !edge.test(character))
  return characters
    .slice(
      from === -1 ? characters.length : from,
      characters.findLastIndex((character) => !edge.test(character)) + 1
    )
    .join("")
}

/** A number as people write it: signs, separated thousands, decimals, an exponent. */
const numeral =
  /(?<![\w.])[-+\u2212]?(?:(?<!\d,)\d{1,3}(?:,\d{3})+|\d+)?(?:\.\d+|(?<=\d))(?:e[-+]?\d+)?(?!\w)/gi

const lastNumber = (text: string): Option.Option<number> => {
  const found = text.match(numeral)?.at(-1)
  if (found === undefined) return Option.none()
  const value = Number(found.replaceAll(",", "").replace("\u2212", "-"))
  return Number.isFinite(value) ? Option.some(value) : Option.none()
}

/**
 * Numbers: the last one of the sentence that announces the answer at last, or else the last one at all. `1,250.0`
 * is `1250`; units and currencies don't count.
 *
 * @since 0.1.0
 * @category comparisons
 */
export const number: Comparison = {
  name: "number",
  normalize: (text) => {
    const plain = unwrapped(text).replaceAll("$", "")
    // The sentence of the announcement: what is said about the answer afterwards isn't the answer.
    const [sentence = ""] = announced(plain)
      .trimStart()
      .split(/[.!?](?:\s|$)|\n/)
    return Option.match(
      Option.orElse(announced(plain) === plain ? Option.none() : lastNumber(sentence), () =>
        lastNumber(plain)
      ),
      // Zero has one form, whatever its sign.
      { onNone: () => "", onSome: (value) => String(value === 0 ? 0 : value) }
    )
  }
}

/**
 * One of several choices by its letter, A to J: alone, at the beginning (`B.`, `(B)`), or behind an
 * announcement.
 *
 * @since 0.1.0
 * @category comparisons
 */
export const choice: Comparison = {
  name: "choice",
  normalize: (text) => {
    const plain = unwrapped(text).trim()
    const said = announced(plain)
    // Without an announcement a text that begins with "A" or "I" is a sentence.
    const letter =
      said === plain
        ? /^\(?([A-J])(?:[.):]|$)/.exec(plain)
        : /^\s*(?:option |choice )?\(?([A-J])\b/i.exec(said)
    const [, found = ""] = letter ?? []
    return found.toUpperCase()
  }
}

/** The content of the only or last fenced block, or else all of it. */
const fenced = (text: string): string => {
  const parts = text.split("```")
  // Fences open and close by turns: what is behind an odd one is a block, whose first line names a language.
  for (let at = parts.length - (parts.length % 2 === 0 ? 3 : 2); at > 0; at -= 2) {
    const block = parts[at] ?? ""
    const line = block.indexOf("\n")
    if (line !== -1) return block.slice(line + 1)
  }
  return text
}

const canonical = (value: unknown): unknown => {
  if (Array.isArray(value)) return value.map(canonical)
  if (typeof value !== "object" || value === null) return value
  return Object.fromEntries(
    Object.entries(value)
      .toSorted(([left], [right]) => (left < right ? -1 : 1))
      .map(([key, inner]) => [key, canonical(inner)])
  )
}

const canonicalJson = Option.liftThrowable((text: string): string =>
  JSON.stringify(canonical(JSON.parse(text)))
)

/**
 * JSON, alone or in a fenced block: white space and the order of keys don't count. What isn't JSON is
 * nothing.
 *
 * @since 0.1.0
 * @category comparisons
 */
export const json: Comparison = {
  name: "JSON",
  normalize: (text) => Option.getOrElse(canonicalJson(fenced(text)), () => "")
}

/**
 * Code, alone or in a fenced block: line ends, trailing spaces and empty lines don't count. Indentation
 * does.
 *
 * @since 0.1.0
 * @category comparisons
 */
export const code: Comparison = {
  name: "code",
  normalize: (text) =>
    fenced(text)
      .split(/\r?\n/)
      .map((line) => line.trimEnd())
      .filter((line) => line !== "")
      .join("\n")
}

/**
 * The form of a whole answer: of its tool calls where it has some, and else of its text. An answer that was
 * cut short is nothing.
 *
 * @since 0.1.0
 * @category getters
 */
export const keyOf = (comparison: Comparison, answer: AIResult): string => {
  if (answer.finishReason === "length") return ""
  return answer.toolCalls.length === 0
    ? comparison.normalize(answer.text)
    : JSON.stringify(answer.toolCalls.map((call) => [call.name, json.normalize(call.arguments)]))
}
