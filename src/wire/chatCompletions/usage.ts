import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import type * as ReasoningEngine from "../../ReasoningEngine.js"
import * as usage from "../usage.js"
import type { Chunk } from "./wire.js"

/** The parts of what was read and written that totals may leave out. */
interface Parts {
  readonly input: number
  readonly output: number
  readonly cached: number
  readonly reasoning: number
}

/**
 * Sums that total and parts are reconciled with. Reasoning is part of what was written, but not at xAI and Gemini;
 * cached tokens are part of what was read, but not where Anthropic's counts were passed on.
 */
const reconciled = (
  total: number | undefined,
  { cached, input, output, reasoning }: Parts
): Pick<usage.Reading, "input" | "output" | "reasoning" | "doubtful"> => {
  const beside = (total ?? 0) - input - output
  if (total === undefined || total === 0) {
    // More reasoning than was written with it can't be part of that.
    return { input, output: reasoning > output ? output + reasoning : output, reasoning, doubtful: false }
  }
  if (beside <= 0) return { input, output, reasoning, doubtful: beside < 0 }
  // Of what is written beside it, Gemini tells nothing but the total.
  if (reasoning === 0 && beside !== cached) {
    return { input, output: output + beside, reasoning: beside, doubtful: false }
  }
  if (beside === reasoning) return { input, output: output + reasoning, reasoning, doubtful: false }
  if (beside === cached) return { input: input + cached, output, reasoning, doubtful: false }
  if (beside === reasoning + cached) {
    return { input: input + cached, output: output + reasoning, reasoning, doubtful: false }
  }
  // Nothing explains it: it is counted as what costs more.
  return { input, output: output + beside, reasoning, doubtful: true }
}

/** The fields of a record, those in camel case by this wire's names. */
const fieldsOf = (value: unknown): Readonly<Record<string, unknown>> => {
  const fields = usage.fieldsOf(value)
  const renamed = Object.entries(fields).flatMap(([camel, each]) => {
    const name = camel.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)
    return name === camel || fields[name] ? [] : [[name, each]]
  })
  return { ...fields, ...Object.fromEntries(renamed) }
}

/** What Gemini says in its own names: thoughts aren't part of what was written, unlike reasoning. */
const gemini = (
  fields: Readonly<Record<string, unknown>>,
  total: number | undefined
): Pick<Partial<Parts>, "input" | "output"> => {
  const candidates = usage.count(fields["candidates_token_count"])
  const thoughts = usage.count(fields["thoughts_token_count"])
  const prompt = usage.count(fields["prompt_token_count"])
  return {
    ...(prompt === undefined
      ? {}
      : { input: prompt + (usage.count(fields["tool_use_prompt_token_count"]) ?? 0) }),
    ...(candidates === undefined && thoughts === undefined
      ? {}
      : { output: (candidates ?? 0) + (total ? 0 : (thoughts ?? 0)) })
  }
}

/**
 * What was read beside cached tokens that Anthropic's names count: there they are no part of it. Passed on as part of
 * a Chat Completions usage they may be one; they aren't where they are more than that, or where nothing says so.
 */
const besideCached = (
  fields: Readonly<Record<string, unknown>>,
  input: number,
  total: number | undefined
): number => {
  const cached =
    (usage.count(fields["cache_read_input_tokens"]) ?? 0) +
    (usage.count(fields["cache_creation_input_tokens"]) ?? 0)
  const isAnthropic = !total && fields["prompt_tokens"] === undefined
  return cached > input || isAnthropic ? cached : 0
}

/** A usage in any of the names that servers have for its counts. */
const read = (value: unknown): usage.Reading => {
  const fields = fieldsOf(value)
  const prompt = fieldsOf(
    fields["prompt_tokens_details"] ??
      fields["prompt_token_details"] ??
      fields["input_tokens_details"] ??
      fields["input_token_details"]
  )
  const completion = fieldsOf(
    fields["completion_tokens_details"] ?? fields["output_tokens_details"] ?? fields["output_token_details"]
  )
  const hit = usage.count(fields["prompt_cache_hit_tokens"])
  const miss = usage.count(fields["prompt_cache_miss_tokens"])
  const total = usage.first(fields["total_tokens"], fields["total_token_count"])
  const native = gemini(fields, total)
  const output = usage.first(
    fields["completion_tokens"],
    fields["output_tokens"],
    fields["eval_count"],
    native.output
  )
  const prompted = usage.first(
    fields["prompt_tokens"],
    fields["input_tokens"],
    fields["prompt_eval_count"],
    native.input,
    hit === undefined || miss === undefined ? undefined : hit + miss
  )
  // Nothing was read of no request: the total says how much it was.
  const input = prompted === 0 && (total ?? 0) > (output ?? 0) ? undefined : prompted
  const reasoning = usage.first(
    completion["reasoning_tokens"],
    fields["reasoning_tokens"],
    fields["thoughts_token_count"]
  )
  const cacheRead = usage.first(
    prompt["cached_tokens"],
    prompt["cache_read_tokens"],
    hit,
    fields["cached_tokens"],
    fields["cached_input_tokens"],
    fields["cached_content_token_count"],
    fields["num_cached_tokens"],
    fields["cache_read_input_tokens"]
  )
  const cacheWrite = usage.first(
    prompt["cache_write_tokens"],
    prompt["cache_creation_tokens"],
    fields["cache_creation_input_tokens"]
  )
  const rest = { cacheRead, cacheWrite, cost: usage.costOf(fields) }
  if (input !== undefined && output !== undefined) {
    const beside = besideCached(fields, input, total)
    const cached = beside === 0 ? (cacheRead ?? 0) + (cacheWrite ?? 0) : 0
    return {
      ...rest,
      ...reconciled(total, { input: input + beside, output, cached, reasoning: reasoning ?? 0 })
    }
  }
  // Of two counts and their sum the one that is missing follows.
  const missing = total === undefined ? undefined : usage.count(total - (input ?? output ?? total + 1))
  return {
    ...rest,
    input: input ?? (output === undefined ? undefined : missing),
    output: output ?? (input === undefined ? undefined : missing),
    reasoning,
    doubtful: true
  }
}

/** What one answer used, from all that its chunks say of it. */
export class Meter {
  private told: usage.Reading | undefined = undefined
  private changed = false

  /** Whether the model wrote something, by the server's count. */
  get wrote(): boolean {
    return (this.told?.output ?? 0) > 0
  }

  /** Reads what a chunk says of usage, wherever it stands. */
  read(chunk: Chunk): void {
    const own = chunk.choices?.map((choice) => choice.usage) ?? []
    // Nearly every chunk of a stream has none: a look is cheaper than reading nothing.
    const { usage: plain, usageMetadata, usage_metadata, x_groq } = chunk
    const told = [...own, x_groq, usageMetadata, usage_metadata, plain]
    if (told.every(Predicate.isNullable)) return
    const readings = [...own, usage.fieldsOf(x_groq)["usage"], usageMetadata, usage_metadata, plain]
      .map(read)
      .filter(usage.isTold)
    if (readings.length === 0) return
    this.told = readings.reduce(usage.merge, this.told ?? { doubtful: false })
    this.changed = true
  }

  /** What has been used so far, where that isn't known yet. */
  take(): Option.Option<ReasoningEngine.UsageEvent> {
    const { changed, told } = this
    this.changed = false
    return changed && told !== undefined ? Option.some(usage.toEvent(told)) : Option.none()
  }
}
