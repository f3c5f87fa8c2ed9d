/**
 * A provider that answers by itself, from a seed: for trying things out without a key and without a
 * network. Every answer says that it is simulated.
 *
 * What an attempt does derives from the seed, the provider and the prompt, never from what happened
 * before: the same task gets the same answer, or the same failure, however many run at once.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Random from "effect/Random"
import * as Schema from "effect/Schema"
import * as numbers from "../internal/numbers.js"
import * as AIProvider from "../AIProvider.js"
import * as AITask from "../AITask.js"
import * as EngineError from "../EngineError.js"
import type { InvalidArgumentError } from "../InvalidArgument.js"
import * as validation from "../internal/validation.js"
import * as Price from "../Price.js"
import * as ReasoningEngine from "../ReasoningEngine.js"
import * as Registry from "../ReasoningEngineRegistry.js"
import * as TokenUsage from "../TokenUsage.js"

/**
 * The name of a model that has none.
 *
 * @since 0.1.0
 * @category defaults
 */
export const defaultModel = "simulated"

/**
 * What a simulated provider is like.
 *
 * @since 0.1.0
 * @category schemas
 */
export const Options = Schema.Struct({
  provider: AIProvider.AIProvider,
  /** The model's name; {@link defaultModel} when absent. */
  model: Schema.optional(Schema.NonEmptyString),
  /** What answers and failures are drawn from; 1 when absent. */
  seed: Schema.optional(Schema.Int),
  /** What it charges; unknown when absent. */
  price: Schema.optional(Price.Options),
  /** Milliseconds before the first token, or before a failure, from 0; 200 when absent. */
  firstTokenMs: Schema.optional(numbers.upTo("milliseconds", 3_600_000)),
  /** How fast it writes, above 0; 60 when absent. */
  tokensPerSecond: Schema.optional(numbers.above0("tokens per second")),
  /** The share of tasks that fail with a TransientError (`overloaded`), 0 to 1; 0 when absent. */
  errorRate: Schema.optional(numbers.upTo("a share", 1))
})

/**
 * What a simulated provider is like.
 *
 * @since 0.1.0
 * @category models
 */
export interface Options extends Schema.Schema.Encoded<typeof Options> {}

const decode = validation.decoder("Simulated", Options)

const charactersPerToken = 4
const wordsPerChunk = 3

const closings = [
  "A real model would go on from here; this one only shows how an answer arrives.",
  "Nothing was sent anywhere: the words, the pace and the price are made up.",
  "Configure a provider, and the same command gets a real answer."
] as const

const excerpt = (text: string): string => {
  const characters = Array.from(text.trim().replaceAll(/\s+/g, " "))
  return characters.length <= 80 ? characters.join("") : `${characters.slice(0, 79).join("")}…`
}

const answerOf = (provider: AIProvider.AIProvider, asked: string, closing: string): string =>
  `This is a simulated answer of ${provider}: no model was asked. You asked: “${excerpt(asked)}” ${closing}`

/** As much of a text as so many tokens hold, never half a character. */
const truncate = (text: string, tokens: number): string =>
  text.slice(0, tokens * charactersPerToken).replace(/[\uD800-\uDBFF]$/, "")

/** Where the chunks after the first begin: at every third word. */
const chunkStarts = (text: string): ReadonlyArray<number> =>
  Array.from(text.matchAll(/\S+/g), ({ index }) => index).filter(
    (_, word) => word > 0 && word % wordsPerChunk === 0
  )

const fromDecoded = (options: typeof Options.Type, price?: Price.Price): ReasoningEngine.ReasoningEngine => {
  const { provider } = options
  const model = options.model ?? defaultModel
  const seed = options.seed ?? 1
  const firstTokenMs = options.firstTokenMs ?? 200
  const msPerToken = 1000 / (options.tokensPerSecond ?? 60)
  const errorRate = options.errorRate ?? 0

  const attempt = (task: AITask.AITask): Effect.Effect<ReasoningEngine.Pull> => {
    const asked = AITask.promptText(task)
    const random = Random.make(`${seed}\n${provider}\n${asked}`)
    return Effect.zipWith(random.next, Random.choice(closings), (luck, closing) => {
      const whole = answerOf(provider, asked, closing)
      const text = task.maxTokens === undefined ? whole : truncate(whole, task.maxTokens)
      const starts = chunkStarts(text)
      const end = [
        ReasoningEngine.usage(
          TokenUsage.make({
            inputTokens: TokenUsage.estimateTokens(AITask.inputCharacters(task)),
            outputTokens: TokenUsage.estimateTokens(text.length)
          })
        ),
        ReasoningEngine.finish(text.length < whole.length ? "length" : "stop", model)
      ]
      let next = 0
      return Effect.suspend(() => {
        const index = next++
        const chunk = text.slice(starts[index - 1] ?? 0, starts[index] ?? text.length)
        const events = [ReasoningEngine.textDelta(chunk), ...(index < starts.length ? [] : end)]
        if (index > 0) {
          return Effect.delay(Effect.succeed(events), TokenUsage.estimateTokens(chunk.length) * msPerToken)
        }
        return Effect.delay(
          luck < errorRate
            ? new EngineError.TransientError({
                provider,
                reason: "overloaded",
                description: "a simulated failure"
              })
            : Effect.succeed(events),
          firstTokenMs
        )
      })
    }).pipe(Effect.withRandom(random))
  }

  return ReasoningEngine.make({
    provider,
    model,
    capabilities: { tools: false, jsonSchema: false },
    ...(price === undefined ? {} : { price }),
    attempt: ({ task }) => attempt(task)
  })
}

/**
 * Makes a simulated provider, or fails with an InvalidArgumentError that names the field and the value.
 *
 * @since 0.1.0
 * @category constructors
 * @example
 * ```ts
 * import { Simulated } from "arc-saga/engines"
 *
 * export const slow = Simulated.make({ provider: "slow", firstTokenMs: 2000, errorRate: 0.1 })
 * ```
 */
export const make = (
  options: Options
): Effect.Effect<ReasoningEngine.ReasoningEngine, InvalidArgumentError> =>
  Effect.gen(function* () {
    const decoded = yield* decode(options)
    const price = decoded.price === undefined ? undefined : yield* Price.make(decoded.price)
    return fromDecoded(decoded, price)
  })

/**
 * Registers a simulated provider for as long as the Layer lives.
 *
 * @since 0.1.0
 * @category layers
 */
export const layer = (
  options: Options
): Layer.Layer<
  never,
  InvalidArgumentError | Registry.DuplicateEngineError,
  Registry.ReasoningEngineRegistry
> => Registry.layerRegister(make(options))
