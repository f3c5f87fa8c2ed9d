import type { EngineError } from "../EngineError.js"
import type * as TokenUsage from "../TokenUsage.js"

/** An answer that its model refused to give, or a filter ended, as far as it came. */
export interface Refusal {
  /** The model's words, or its provider's. */
  readonly words: string
  readonly text: string
  readonly model: string
  readonly usage: TokenUsage.TokenUsage
}

/** Apart from the errors: their fields are logged and stored, and a refusal may repeat what was asked. */
const said = new WeakMap<object, string>()
const refusals = new WeakMap<object, Refusal>()

/** The error of a refusal, which remembers its words. */
export const keep = <E extends EngineError>(error: E, words: string): E => {
  said.set(error, words)
  return error
}

/** Remembers of an attempt that ended in an error what of its answer there is, where that was a refusal. */
export const note = (error: EngineError, answer: Omit<Refusal, "words">): void => {
  const words = said.get(error)
  if (words !== undefined) refusals.set(error, { ...answer, words })
}

/** The refusal that an error was; undefined where it was none. */
export const of = (error: object): Refusal | undefined => refusals.get(error)
