import * as Option from "effect/Option"
import * as AITask from "../../AITask.js"
import type * as Price from "../../Price.js"
import * as Usd from "../../Usd.js"
import * as asItCame from "./asItCame.js"

/** What an attempt may use and cost at most. */
export interface WorstCase {
  readonly inputTokens: number
  readonly outputTokens: number
  /** None when the price isn't known. */
  readonly cost: Option.Option<Usd.Usd>
}

const encoder = new TextEncoder()

/** No tokenizer makes more tokens of a text than it has bytes: a token stands for one byte at least. */
const bytes = (text: string): number => encoder.encode(text).length

/**
 * Providers show the model a schema in a form of their own, indented at worst, and the arguments of a call
 * escaped: twice the bytes of plain JSON.
 */
const jsonBytes = (value: unknown): number => 2 * bytes(JSON.stringify(value) ?? "")

/** What marks the role and the ends of a message: vendors count 3 to 7 tokens. */
const perMessage = 16

/** What begins the answer, and what a vendor says to the model before the conversation. */
const perRequest = 256

/** The instructions that come with tools or a response format: Anthropic counts up to 800 tokens. */
const perFeature = 1024

/**
 * An image: gpt-4o-mini counts 2,833 tokens and 5,667 for each of at most 8 tiles, the most of what vendors
 * publish.
 */
const perImage = 50_000

/** A document that only its address is known of: as much as the largest windows hold. */
const perAddress = 1_000_000

/** A part besides its text. Of a document each page is read as text and as an image: four times its bytes. */
const partTokens = (part: AITask.Part): number => {
  switch (part.type) {
    case "text":
      return 0
    case "image":
      return perImage
    case "document":
      return part.url.startsWith("data:") ? perImage + 4 * bytes(part.url) : perAddress
    case "audio":
    case "reasoning":
    case "native":
      return jsonBytes(part)
  }
}

const messageTokens = (message: AITask.Message): number => {
  const others = AITask.parts(message).reduce((sum, part) => sum + partTokens(part), 0)
  const called = message.role === "assistant" ? jsonBytes(message.toolCalls ?? []) : 0
  const answered = message.role === "tool" ? bytes(message.toolCallId) : 0
  return perMessage + bytes(AITask.messageText(message)) + others + called + answered
}

/** The most tokens that can be read of a task: of what it says, or of the call as it came, where that has more. */
export const inputTokens = (task: AITask.AITask, prefill: string | undefined): number => {
  const begun = prefill === undefined ? 0 : perMessage + bytes(prefill)
  const features = [task.tools, task.nativeTools, task.responseFormat].filter((each) => each !== undefined)
  const overhead = perRequest + perFeature * features.length + perMessage * task.messages.length + begun
  const whole = asItCame.inputTokens({ bytes, image: perImage, address: perAddress }, task)
  return Math.max(seen(task, prefill), whole === 0 ? 0 : overhead + whole)
}

const seen = (task: AITask.AITask, prefill: string | undefined): number => {
  const { messages, nativeTools, responseFormat, systemPrompt, tools } = task
  return (
    perRequest +
    messages.reduce((sum, message) => sum + messageTokens(message), 0) +
    (systemPrompt === undefined ? 0 : perMessage + bytes(systemPrompt)) +
    (prefill === undefined ? 0 : perMessage + bytes(prefill)) +
    (tools === undefined ? 0 : perFeature + jsonBytes(tools)) +
    (nativeTools === undefined ? 0 : perFeature + jsonBytes(nativeTools)) +
    (responseFormat === undefined ? 0 : perFeature + jsonBytes(responseFormat))
  )
}

const dearest = (amounts: ReadonlyArray<Usd.Usd>): bigint =>
  amounts.reduce((most, { pico }) => (pico > most ? pico : most), 0n)

/** The dearest that so many tokens can be: all input at the highest rate for input of all tiers in reach. */
export const cost = (price: Price.Price, inputTokens: number, outputTokens: number): Usd.Usd => {
  const rates = [price, ...price.tiers.filter(({ above }) => inputTokens > above)]
  const input = dearest(
    rates.flatMap(({ cacheRead, cacheWrite, cacheWrite1h, input }) => [
      input,
      cacheRead,
      cacheWrite,
      cacheWrite1h
    ])
  )
  return Usd.fromPico(
    BigInt(inputTokens) * input + BigInt(outputTokens) * dearest(rates.map(({ output }) => output))
  )
}

/** What an attempt at a task may use and cost at most when an answer has no more than `outputTokens`. */
export const worstCase = (
  task: AITask.AITask,
  prefill: string | undefined,
  outputTokens: number,
  price: Option.Option<Price.Price>
): WorstCase => {
  const read = inputTokens(task, prefill)
  const written = outputTokens * asItCame.answers(task)
  return {
    inputTokens: read,
    outputTokens: written,
    cost: asItCame.hasOtherPrice(task)
      ? Option.none()
      : Option.map(price, (price) => cost(price, read, written))
  }
}
