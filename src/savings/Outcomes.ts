/**
 * What several providers answered to the same prompts, how good each answer was and what it cost: what a
 * quality model is trained on and routing is measured by.
 *
 * @since 0.1.0
 */
import type * as Either from "effect/Either"
import * as Schema from "effect/Schema"
import * as numbers from "../internal/numbers.js"
import * as AIProvider from "../AIProvider.js"
import type { AITask } from "../AITask.js"
import type * as InvalidArgument from "../InvalidArgument.js"
import { bucketCount, formSize } from "./internal/features.js"
import { share } from "../internal/hash.js"
import { ofAgent } from "./internal/steps.js"
import * as validation from "../internal/validation.js"

/**
 * What came of asking one provider.
 *
 * @since 0.1.0
 * @category schemas
 */
export const Answered = Schema.Struct({
  /** How good the answer was, 0 to 1. */
  quality: numbers.upTo("a quality", 1),
  /** What it cost, in USD. */
  costUsd: numbers.from0("USD"),
  /** The tokens that it wrote; from them the cost at other prices is predicted. */
  outputTokens: Schema.optional(numbers.countFrom0("a number of tokens")),
  /** The answer in the form in which answers are compared; empty when there is none to compare. */
  answer: Schema.optional(Schema.String)
})

/**
 * What came of asking one provider.
 *
 * @since 0.1.0
 * @category models
 */
export interface Answered extends Schema.Schema.Type<typeof Answered> {}

/**
 * What a model learns of a task, in place of its prompt: hashes of its words and pairs of words, without their order,
 * and a few numbers of its form. The text can't be read from it; who guesses a word can see whether it may occur.
 *
 * @since 0.1.0
 * @category schemas
 */
export const Features = Schema.Struct({
  words: Schema.Array(
    numbers.number(
      `a hash (a whole number from 0 to ${bucketCount - 1})`,
      (n) => Number.isInteger(n) && n >= 0 && n < bucketCount
    )
  ),
  form: Schema.Array(Schema.Number.pipe(Schema.finite())).pipe(
    Schema.filter((form) => form.length === formSize, {
      description: `a list of ${formSize} numbers (outcomes of another release have others)`
    })
  )
})

/**
 * What a model learns of a task, in place of its prompt.
 *
 * @since 0.1.0
 * @category models
 */
export interface Features extends Schema.Schema.Type<typeof Features> {}

/**
 * Where an agent stands whose step a prompt is: what a model learns of it besides.
 *
 * @since 0.1.0
 * @category schemas
 */
export const Step = Schema.Struct({
  /** The steps since the last question. */
  depth: numbers.countFrom0("a number of steps"),
  /** The failed steps at the end, one after the other. */
  failures: numbers.countFrom0("a number of steps"),
  /** The failed ones of the last six steps. */
  failed: numbers.countFrom0("a number of steps"),
  /** How often the calls of the last step were made before, within the last six steps. */
  repeats: numbers.countFrom0("a number of steps"),
  /** The characters of the whole conversation. */
  characters: numbers.countFrom0("a number of characters"),
  /** Whether one of several agents of the session asks. */
  isSubagent: Schema.Boolean
})

/**
 * Where an agent stands whose step a prompt is.
 *
 * @since 0.1.0
 * @category models
 */
export interface Step extends Schema.Schema.Type<typeof Step> {}

/**
 * Where the agent stands whose step a task is; undefined of a task without tools, which is no agent's.
 *
 * @since 0.1.0
 * @category getters
 */
export const stepOf: (task: AITask) => Step | undefined = ofAgent

/**
 * One prompt and what came of asking for it.
 *
 * @since 0.1.0
 * @category schemas
 */
export const Outcome = Schema.Struct({
  id: Schema.NonEmptyString,
  /** The kind of task: qualities are kept within each kind. */
  family: Schema.NonEmptyString,
  subject: Schema.optional(Schema.String),
  /** The same for prompts that nearly repeat each other: they belong to one part of a split. */
  group: Schema.NonEmptyString,
  /** The prompt, or what is learned of it; where there are both, `features` count. */
  prompt: Schema.optional(Schema.String),
  features: Schema.optional(Features),
  /** Where the agent stood whose step it is; absent of a prompt that is no agent's. */
  step: Schema.optional(Step),
  outcomes: Schema.Record({ key: AIProvider.AIProvider, value: Answered })
}).pipe(
  Schema.filter(({ features, prompt }) =>
    prompt === undefined && features === undefined
      ? { path: ["prompt"], message: "Expected a prompt or features, actual neither" }
      : undefined
  )
)

/**
 * One prompt and what came of asking for it.
 *
 * @since 0.1.0
 * @category models
 */
export interface Outcome extends Schema.Schema.Type<typeof Outcome> {}

/**
 * Decodes an outcome from JSON, or says what is wrong with it.
 *
 * @since 0.1.0
 * @category constructors
 */
export const decodeUnknown: (input: unknown) => Either.Either<Outcome, InvalidArgument.InvalidArgumentError> =
  validation.decoder("Outcome", Outcome)

/**
 * What came of asking a provider; undefined when it wasn't asked.
 *
 * @since 0.1.0
 * @category getters
 */
export const answered = (outcome: Outcome, provider: AIProvider.AIProvider): Answered | undefined =>
  Object.hasOwn(outcome.outcomes, provider) ? outcome.outcomes[provider] : undefined

/**
 * The providers of the outcomes, in the order in which they first occur.
 *
 * @since 0.1.0
 * @category getters
 */
export const providers = (outcomes: ReadonlyArray<Outcome>): ReadonlyArray<AIProvider.AIProvider> =>
  Array.from(new Set(outcomes.flatMap((outcome) => Object.keys(outcome.outcomes)))).map((id) =>
    // The schema has made each key a provider.
    AIProvider.unsafeMake(id)
  )

/**
 * The parts of a split: models are trained on the first two, figures taken from the third. Policies that
 * can't be trained on other outcomes by turns choose on the second what they have learned of the first.
 *
 * @since 0.1.0
 * @category models
 */
export interface Parts {
  readonly train: ReadonlyArray<Outcome>
  readonly validation: ReadonlyArray<Outcome>
  readonly test: ReadonlyArray<Outcome>
}

/**
 * The salts of the splits: fixed, so that figures can be compared.
 *
 * @since 0.1.0
 * @category defaults
 */
export const salts: ReadonlyArray<string> = Array.from({ length: 20 }, (_, index) => `s${index}`)

/**
 * Splits outcomes 60 : 20 : 20 by a hash of salt and group: the same salt gives the same parts, and no
 * group is in two of them.
 *
 * @since 0.1.0
 * @category combinators
 */
export const split = (outcomes: ReadonlyArray<Outcome>, salt: string): Parts => {
  const placed = outcomes.map((outcome) => ({ outcome, at: share(`${salt}/${outcome.group}`) }))
  const between = (from: number, to: number): ReadonlyArray<Outcome> =>
    placed.filter(({ at }) => at >= from && at < to).map(({ outcome }) => outcome)
  return { train: between(0, 0.6), validation: between(0.6, 0.8), test: between(0.8, 1) }
}
