import * as Option from "effect/Option"
import type * as ReasoningEngine from "../../ReasoningEngine.js"
import * as usage from "../usage.js"

/** What one answer used, from all that its events say of it. */
export class Meter {
  private readonly counts: Record<string, number | undefined> = {}
  private cost: ReturnType<typeof usage.costOf> = undefined
  private changed = false
  /** Whether what was written has been counted to its end: at the beginning it is a guess. */
  private final = false

  /** Whether the model wrote something, by the server's count. */
  get wrote(): boolean {
    return (this.counts["output_tokens"] ?? 0) > 0
  }

  /** Takes counts, which are cumulative: later ones hold, but for a zero. `final` where the answer is written. */
  read(value: unknown, final: boolean): void {
    const fields = usage.fieldsOf(value)
    const counts = { ...fields, ...usage.fieldsOf(fields["cache_creation"]) }
    for (const [name, each] of Object.entries(counts)) {
      this.counts[name] = usage.later(this.counts[name], usage.count(each))
    }
    this.cost = usage.costOf(fields) ?? this.cost
    this.final ||= final && (usage.count(fields["output_tokens"]) ?? 0) > 0
    this.changed ||= Object.keys(fields).length > 0
  }

  /** What has been used so far, where that isn't known yet. */
  take(): Option.Option<ReasoningEngine.UsageEvent> {
    if (!this.changed) return Option.none()
    this.changed = false
    const reading = this.reading(false)
    return usage.isTold(reading) ? Option.some(usage.toEvent(reading)) : Option.none()
  }

  /** What was used in all, at the end of the answer. */
  end(): Option.Option<ReasoningEngine.UsageEvent> {
    const reading = this.reading(!this.final)
    this.changed ||= !this.final && usage.isTold(reading)
    if (!this.changed) return Option.none()
    this.changed = false
    return usage.isTold(reading) ? Option.some(usage.toEvent(reading)) : Option.none()
  }

  private reading(doubtful: boolean): usage.Reading {
    const {
      cache_creation_input_tokens: written = 0,
      cache_read_input_tokens: cacheRead = 0,
      ephemeral_1h_input_tokens: cacheWrite1h = 0,
      ephemeral_5m_input_tokens: written5m = 0,
      input_tokens: plain,
      output_tokens: output
    } = this.counts
    // The total may be newer than its parts.
    const cacheWrite = written > 0 ? written : written5m + cacheWrite1h
    const cached = cacheRead + cacheWrite
    return {
      // Without its plain part what was read isn't known, only that it is more than what was cached.
      input: plain === undefined ? undefined : plain + cached,
      output,
      cacheRead,
      cacheWrite,
      cacheWrite1h: Math.min(cacheWrite1h, cacheWrite),
      cost: this.cost,
      doubtful
    }
  }
}
