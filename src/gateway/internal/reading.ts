import * as Predicate from "effect/Predicate"
import * as Schema from "effect/Schema"
import * as AITask from "../../AITask.js"
import type { InvalidArgumentError } from "../../InvalidArgument.js"
import * as sizes from "../../internal/sizes.js"
import * as validation from "../../internal/validation.js"

export type Json = Readonly<Record<string, unknown>>

/** What a value is, for an error: never what it says, since it may be a prompt. */
const kindOf = (value: unknown): string => {
  if (Predicate.isNullable(value) || value === "") return value === "" ? '""' : String(value)
  if (typeof value === "string") return `a text of length ${value.length}`
  if (Array.isArray(value)) return "a list"
  return typeof value === "object" ? "an object" : `a ${typeof value}`
}

const isImageUrl = /^(https?:|data:image\/)/

const isToolName = Schema.is(AITask.Tool.fields.name)

/** Reads a body once, and takes note of all that can't be used, each by its field. */
export class Reading {
  private readonly faults: Array<{ readonly field: string; readonly reason: string }> = []
  private readonly words = new Set<string>()

  fault(field: string, reason: string): undefined {
    this.faults.push({ field, reason })
    return undefined
  }

  expected(field: string, what: string, value: unknown): undefined {
    return this.fault(field, `Expected ${what}, actual ${kindOf(value)}`)
  }

  /** A word of next year, in place of those that are expected, is for providers of its wire; what is none can't be used. */
  unknownWord(field: string, what: string, value: unknown): undefined {
    if (typeof value !== "string" || value === "") return this.expected(field, what, value)
    this.words.add(field.replaceAll(/\[\d+\]/g, "[]"))
    return undefined
  }

  /** The fields with words that aren't known. */
  get unknownWords(): ReadonlyArray<string> {
    return Array.from(this.words)
  }

  /** Everything that is wrong: the first by its field, the others beside it. */
  get error(): InvalidArgumentError | undefined {
    const [first, ...others] = this.faults
    return first && validation.errorOf("", first, others)
  }

  record(value: unknown, field: string): Json | undefined {
    return Predicate.isRecord(value) ? value : this.expected(field, "an object", value)
  }

  text(value: unknown, field: string): string | undefined {
    return typeof value === "string" ? value : this.expected(field, "a text", value)
  }

  name(value: unknown, field: string): string | undefined {
    return typeof value === "string" && value !== ""
      ? value
      : this.expected(field, "a text that isn't empty", value)
  }

  list(value: unknown, field: string, size: sizes.Name): ReadonlyArray<unknown> | undefined {
    if (!Array.isArray(value)) return this.expected(field, "a list", value)
    const excess = sizes.excess(size, value.length)
    return excess === undefined ? value : this.fault(field, excess)
  }

  /** The elements of a list that can be used. */
  each<A>(
    value: unknown,
    field: string,
    size: sizes.Name,
    read: (element: unknown, field: string, index: number) => A | undefined
  ): ReadonlyArray<A> | undefined {
    const list = this.list(value, field, size)
    if (list === undefined) return undefined
    const made: Array<A> = []
    for (let index = 0; index < list.length; index++) {
      const one = read(list[index], `${field}[${index}]`, index)
      if (one !== undefined) made.push(one)
    }
    return made
  }

  /** An image as every wire has it; an address of another kind is what its own wire alone knows. */
  imageUrl<A>(value: unknown, field: string, image: (url: string) => A, native: () => A): A | undefined {
    const url = this.name(value, field)
    return url === undefined ? undefined : isImageUrl.test(url) ? image(url) : native()
  }

  toolName(value: unknown, field: string): string | undefined {
    return isToolName(value)
      ? value
      : this.expected(field, "a tool name (letters, digits, _ and -, 1 to 128)", value)
  }

  /** The arguments of a call of a tool: JSON within the body, whose own size is looked at. */
  arguments(value: string, field: string): string {
    const large = sizes.tooLarge(value)
    if (large !== undefined) this.fault(field, large.reason)
    return value
  }
}

/** Texts as the task has them: one is a text by itself. */
export const contentOf = <P extends AITask.Part>(parts: ReadonlyArray<P>): string | ReadonlyArray<P> => {
  const [first, second] = parts
  if (first === undefined) return ""
  return second === undefined && first.type === "text" && Object.keys(first).length === 2 ? first.text : parts
}

/** Instructions, and what of them is no text: it has its place in a message of the user's. */
export const instructed = (
  content: string | ReadonlyArray<Exclude<AITask.Part, AITask.ReasoningPart>>
): ReadonlyArray<AITask.Message> => {
  const parts = typeof content === "string" ? [{ type: "text", text: content } as const] : content
  const messages: Array<AITask.Message> = []
  const [text, ...texts] = parts
    .filter((part) => part.type === "text")
    .filter((part) => part.text.trim() !== "")
  const [first, ...others] = parts.filter((part) => part.type !== "text")
  if (text !== undefined) {
    messages.push({ role: "system", content: texts.length === 0 ? text.text : [text, ...texts] })
  }
  if (first !== undefined) messages.push({ role: "user", content: [first, ...others] })
  return messages
}
