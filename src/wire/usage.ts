import * as Predicate from "effect/Predicate"
import * as ReasoningEngine from "../ReasoningEngine.js"
import * as TokenUsage from "../TokenUsage.js"
import * as Usd from "../Usd.js"

/** What of a usage could be read; what makes no sense is absent, and discards nothing else. */
export interface Reading {
  /** All that was read, cached tokens included. */
  readonly input?: number | undefined
  /** All that was written, reasoning included. */
  readonly output?: number | undefined
  readonly cacheRead?: number | undefined
  readonly cacheWrite?: number | undefined
  readonly cacheWrite1h?: number | undefined
  readonly reasoning?: number | undefined
  /** What the provider bills. */
  readonly cost?: Usd.Usd | undefined
  /** Whether numbers contradict each other, and a plausible reading was taken. */
  readonly doubtful: boolean
}

/** Ten times the largest window that is sold: a request doesn't have more tokens. */
const mostTokens = 100_000_000

/** USD that one request may cost. */
const mostUsd = 10_000

const numberOf = (value: unknown): number =>
  typeof value === "string" && value.trim() !== "" ? Number(value) : typeof value === "number" ? value : NaN

/** A count of tokens, a number or one in letters; undefined for what can't be one. */
export const count = (value: unknown): number | undefined => {
  const counted = numberOf(value)
  return Number.isInteger(counted) && counted >= 0 && counted <= mostTokens ? counted : undefined
}

/** The first count that isn't zero: a zero beside it is only another name's default. */
export const first = (...values: ReadonlyArray<unknown>): number | undefined => {
  const counts = values.map(count).filter((each) => each !== undefined)
  return counts.find((each) => each > 0) ?? counts[0]
}

const usd = (value: unknown, perUsd = 1): Usd.Usd | undefined => {
  const amount = numberOf(value) / perUsd
  return amount >= 0 && amount <= mostUsd ? Usd.fromNumber(amount) : undefined
}

/** What a record is by its fields; nothing for what is none. */
export const fieldsOf = (value: unknown): Readonly<Record<string, unknown>> =>
  Predicate.isRecord(value) ? value : {}

/**
 * What a usage says that its request is billed with: OpenRouter's `cost`, to which the upstream's bill comes where
 * the key there is the caller's own, Perplexity's `cost.total_cost`, DeepInfra's `estimated_cost`, xAI's ticks.
 */
export const costOf = (usage: Readonly<Record<string, unknown>>): Usd.Usd | undefined => {
  const { cost, cost_details, cost_in_usd_ticks, estimated_cost, is_byok } = usage
  const upstream = is_byok === true ? usd(fieldsOf(cost_details)["upstream_inference_cost"]) : undefined
  const told =
    usd(cost) ?? usd(fieldsOf(cost)["total_cost"]) ?? usd(cost_in_usd_ticks, 1e10) ?? usd(estimated_cost)
  return told === undefined || upstream === undefined ? (told ?? upstream) : Usd.add(told, upstream)
}

/** A count that was told later, unless it is a zero that would erase an earlier one. */
export const later = (before: number | undefined, after: number | undefined): number | undefined =>
  after === undefined || after === 0 ? (before ?? after) : after

/** What two usages of one answer amount to: counts are cumulative, the later ones hold. */
export const merge = (before: Reading, after: Reading): Reading => ({
  input: later(before.input, after.input),
  output: later(before.output, after.output),
  cacheRead: later(before.cacheRead, after.cacheRead),
  cacheWrite: later(before.cacheWrite, after.cacheWrite),
  cacheWrite1h: later(before.cacheWrite1h, after.cacheWrite1h),
  reasoning: later(before.reasoning, after.reasoning),
  cost: after.cost === undefined || after.cost.pico === 0n ? (before.cost ?? after.cost) : after.cost,
  doubtful: after.doubtful || (before.doubtful && !((after.input ?? 0) > 0 && (after.output ?? 0) > 0))
})

/** Whether anything of use could be read. */
export const isTold = ({ cost, input, output }: Reading): boolean =>
  input !== undefined || output !== undefined || cost !== undefined

/**
 * The event of a reading: parts are never more than what they are parts of. It is estimated where input or output
 * is missing or where the provider's numbers contradict each other.
 */
export const toEvent = (reading: Reading): ReasoningEngine.UsageEvent => {
  const { cacheRead = 0, cacheWrite = 0, cacheWrite1h = 0, input = 0, output = 0, reasoning = 0 } = reading
  const cacheReadTokens = Math.min(cacheRead, input)
  const cacheWriteTokens = Math.min(cacheWrite, input - cacheReadTokens)
  const reasoningTokens = Math.min(reasoning, output)
  const isClamped =
    cacheReadTokens < cacheRead || cacheWriteTokens < cacheWrite || reasoningTokens < reasoning
  return ReasoningEngine.usage(
    TokenUsage.make({
      inputTokens: input,
      outputTokens: output,
      cacheReadTokens,
      cacheWriteTokens,
      cacheWrite1hTokens: Math.min(cacheWrite1h, cacheWriteTokens),
      reasoningTokens,
      estimated: reading.doubtful || isClamped || reading.input === undefined || reading.output === undefined
    }),
    reading.cost
  )
}
