import type * as AIResult from "../../AIResult.js"

/** What is kept of an attempt. */
interface Sample {
  readonly endedAt: number
  readonly ms: number
  readonly ok: boolean
}

/** What the last attempts at a provider were like. */
export interface Summary {
  /** The attempts that it is made of. */
  readonly attempts: number
  /** The share that succeeded, 0 to 1; absent where there were none. */
  readonly successRate?: number
  /** Milliseconds that half of those that succeeded took at most; absent where there were none. */
  readonly p50Ms?: number
  /** Milliseconds that 99 % of those that succeeded took at most. */
  readonly p99Ms?: number
}

const capacity = 512
const spanMs = 900_000

/** The last attempts at a provider: at most 512 of the last 15 minutes. */
export class Window {
  private readonly samples: Array<Sample> = []
  private next = 0

  add(attempt: AIResult.Attempt): void {
    // Who goes away, or takes another's answer, says nothing of the provider.
    if (attempt.outcome === "interrupted" || attempt.outcome === "discarded") return
    this.samples[this.next] = {
      endedAt: attempt.startedAt + attempt.durationMs,
      ms: attempt.durationMs,
      ok: attempt.outcome === "succeeded"
    }
    this.next = (this.next + 1) % capacity
  }

  summary(now: number): Summary {
    const recent = this.samples.filter(({ endedAt }) => endedAt > now - spanMs)
    if (recent.length === 0) return { attempts: 0 }
    const times = recent
      .filter(({ ok }) => ok)
      .map(({ ms }) => ms)
      .toSorted((left, right) => left - right)
    const quantile = (share: number) => times[Math.max(0, Math.ceil(share * times.length) - 1)]
    const [p50Ms, p99Ms] = [quantile(0.5), quantile(0.99)]
    return {
      attempts: recent.length,
      successRate: times.length / recent.length,
      ...(p50Ms === undefined || p99Ms === undefined ? {} : { p50Ms, p99Ms })
    }
  }
}
