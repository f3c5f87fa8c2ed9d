import { SlidingSum } from "./slidingSum.js"

/** When a circuit opens, and for how long. */
export interface Settings {
  /** Failures in a row. */
  readonly consecutiveFailures: number
  /** The share of failures among the last calls, of which there have to be `minimumCalls`. */
  readonly failureRate: number
  readonly minimumCalls: number
  readonly windowMs: number
  /** Milliseconds of the first wait; each failed probe doubles it, up to `maxOpenMs`. */
  readonly openMs: number
  readonly maxOpenMs: number
  /** Milliseconds for which a probe whose answer hasn't begun keeps others from probing. */
  readonly probeMs: number
}

/**
 * The attempt that tells whether a provider is back.
 *
 * @since 0.1.0
 * @category models
 */
export interface Probe {
  readonly id: string
  /** Until when it keeps others from probing. */
  readonly until: number
}

/**
 * An open circuit. Times are in milliseconds of the Clock.
 *
 * @since 0.1.0
 * @category models
 */
export interface Open {
  /** When it becomes half-open. */
  readonly until: number
  /** Milliseconds of the wait that led there; a probe that fails doubles it. */
  readonly waitMs: number
  /** The latest probe, if it hasn't ended. */
  readonly probe: Probe | undefined
}

/** One attempt that was let through. */
export interface Trial {
  readonly probe: boolean
  /** The id of its probe, where others know of it. */
  readonly probeId?: string | undefined
  /** Whether the provider has been seen to work. */
  worked: boolean
}

/**
 * Closed: every attempt passes. Open: none does, until a time. Half-open from then on: one passes, the probe,
 * and decides; if it stalls, another passes after a while, and the first probe that ends decides.
 *
 * Attempts end in another order than they began: of five hundred that begin at once the quick failures
 * come first. Failures count for as much as they outnumber those that began earlier and are still waited
 * for.
 */
export class Circuit {
  private readonly successes: SlidingSum
  private readonly failures: SlidingSum
  private consecutive = 0
  /** What is neither a success nor a failure yet, in the order in which it began. */
  private readonly waiting = new Set<Trial>()
  private open = false
  private until = 0
  private waitMs: number
  /** The latest probe, and until when it keeps others from probing. */
  private probe: Trial | undefined = undefined
  private probesUntil = Number.NEGATIVE_INFINITY

  constructor(private readonly settings: Settings) {
    this.successes = new SlidingSum(settings.windowMs)
    this.failures = new SlidingSum(settings.windowMs)
    this.waitMs = settings.openMs
  }

  get isOpen(): boolean {
    return this.open
  }

  /** When an open circuit becomes half-open, in milliseconds of the Clock; meaningless while it is closed. */
  get halfOpenAt(): number {
    return this.until
  }

  /** What is to be known elsewhere of an open circuit. */
  get wait(): Omit<Open, "probe"> {
    return { until: this.until, waitMs: this.waitMs }
  }

  /** Takes over what is known elsewhere. */
  adopt(known: Open | undefined): void {
    if (known === undefined) {
      if (this.open) this.close()
      return
    }
    this.open = true
    this.until = known.until
    this.waitMs = known.waitMs
    this.probesUntil = known.probe?.until ?? Number.NEGATIVE_INFINITY
    // Another process has taken over.
    if (this.probe?.probeId !== known.probe?.id) this.probe = undefined
  }

  /** Whether an attempt would be refused now. */
  refuses(now: number): boolean {
    return this.open && (now < this.until || now < this.probesUntil)
  }

  /** Lets an attempt through that isn't refused. */
  enter(now: number, probeId?: string): Trial {
    const trial: Trial = { probe: this.open, probeId, worked: false }
    if (trial.probe) {
      this.probe = trial
      this.probesUntil = now + this.settings.probeMs
    } else this.waiting.add(trial)
    return trial
  }

  /** The provider works: its answer has begun or is whole. Whether that closed the circuit. */
  succeed(trial: Trial, now: number): boolean {
    if (trial.worked) return false
    trial.worked = true
    this.waiting.delete(trial)
    if (trial.probe) {
      this.close()
      return true
    }
    // What began before the circuit opened says nothing of the time since.
    if (this.open) return false
    this.consecutive = 0
    this.successes.add(now, 1)
    return false
  }

  /** The provider failed, and may have said when to come back. Whether that opened the circuit. */
  fail(trial: Trial, now: number, retryAfterMs = 0): boolean {
    if (this.open) {
      this.waiting.delete(trial)
      // One that another took over from was counted out then.
      if (trial === this.probe) {
        this.waitMs = Math.min(2 * this.waitMs, this.settings.maxOpenMs)
        this.endProbe()
        this.until = now + this.waitMs
      }
      this.until = Math.max(this.until, now + retryAfterMs)
      return false
    }
    // An answer that began and was cut is one call, not two.
    if (trial.worked) this.successes.add(now, this.successes.total(now) > 0 ? -1 : 0)
    this.failures.add(now, 1)
    this.consecutive += 1
    const failed = this.failures.total(now)
    const earlier = this.earlierThan(trial, Math.max(this.consecutive, failed))
    this.waiting.delete(trial)
    const ended = failed + this.successes.total(now)
    const { consecutiveFailures, failureRate, minimumCalls } = this.settings
    const opens =
      (this.consecutive >= consecutiveFailures && this.consecutive > earlier) ||
      (ended >= minimumCalls && failed >= failureRate * ended && failed > earlier)
    if (!opens) return false
    this.open = true
    this.until = now + Math.max(this.waitMs, retryAfterMs)
    return true
  }

  /** The attempt ended and says nothing of the provider. */
  leave(trial: Trial): void {
    this.waiting.delete(trial)
    if (trial === this.probe) this.endProbe()
  }

  private endProbe(): void {
    this.probe = undefined
    this.probesUntil = Number.NEGATIVE_INFINITY
  }

  private close(): void {
    this.open = false
    this.endProbe()
    this.consecutive = 0
    this.waitMs = this.settings.openMs
    this.successes.clear()
    this.failures.clear()
  }

  /** How many began before and are waited for; counted no further than it matters. */
  private earlierThan(trial: Trial, most: number): number {
    let count = 0
    for (const other of this.waiting) {
      if (other === trial || count >= most) break
      count++
    }
    return count
  }
}
