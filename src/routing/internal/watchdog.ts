import type * as Clock from "effect/Clock"
import type * as Runtime from "effect/Runtime"
import type { AIProvider } from "../../AIProvider.js"
import * as EngineError from "../../EngineError.js"
import * as timer from "../../internal/timer.js"

/** The time limits of one attempt: `Infinity` where there is none. */
export interface Bounds {
  /** The instant at which the call as a whole has to be done. */
  readonly deadline: number
  readonly firstTokenMs: number
  readonly idleMs: number
  readonly attemptMs: number
  /** Whether no other engine could follow now: then only the deadline ends the attempt. */
  readonly isLast: () => boolean
}

/** Milliseconds after which it is looked at again whether another engine could follow, at the earliest. */
const recheckMs = 1000

/** A limit of an attempt, and when it is reached. */
interface Limit {
  readonly at: number
  readonly phase: EngineError.TimeoutError["phase"]
  readonly ms: number
}

const describe = ({ ms, phase }: Limit): string => {
  switch (phase) {
    case "first-token":
      return `no content within ${ms} ms`
    case "idle":
      return `no further content within ${ms} ms`
    default:
      return `not done ${ms} ms after the attempt began, which is all that it may take`
  }
}

/** Keeps all time limits of one attempt with one timer. */
export class Watchdog {
  private working = false
  /** Since when the engine has been asked for more; `Infinity` while it isn't asked. */
  private waitingSince = Number.POSITIVE_INFINITY
  private expired: EngineError.TimeoutError | undefined = undefined
  private onExpiry: (error: EngineError.TimeoutError) => void = () => {}
  private cancel: (() => void) | undefined = undefined

  constructor(
    private readonly clock: Clock.Clock,
    private readonly provider: AIProvider,
    private readonly startedAt: number,
    private bounds: Bounds
  ) {}

  /** The engine is asked for more: the idle limit counts from now, which is given back. */
  onRequest(): number {
    return (this.waitingSince = this.clock.unsafeCurrentTimeMillis())
  }

  /** The engine isn't asked for more: the idle limit rests. */
  onReply(): void {
    this.waitingSince = Number.POSITIVE_INFINITY
  }

  /** The provider is at work: the idle limit holds in place of the first token's. Whether that is new. */
  onFirstToken(): boolean {
    const isFirst = !this.working
    this.working = true
    return isFirst
  }

  setBounds(bounds: Bounds): void {
    this.bounds = bounds
    this.stop()
  }

  stop(): void {
    this.cancel?.()
    this.cancel = undefined
  }

  /** Calls back once a limit is reached. A timer that runs already stays. */
  start(runtime: Runtime.Runtime<never>, onExpiry: (error: EngineError.TimeoutError) => void): void {
    this.onExpiry = onExpiry
    if (this.cancel === undefined) this.sleep(runtime)
  }

  /** The error of a limit that is reached. */
  check(): EngineError.TimeoutError | undefined {
    const due = this.due()
    if (due === undefined) return this.expired
    return (this.expired ??= new EngineError.TimeoutError(
      { provider: this.provider, phase: due.phase, description: describe(due) },
      EngineError.unchecked
    ))
  }

  private sleep(runtime: Runtime.Runtime<never>): void {
    const now = this.clock.unsafeCurrentTimeMillis()
    const { deadline, firstTokenMs, idleMs } = this.bounds
    const { at } = this.limit()
    // Limits move while the timer sleeps, never by less than the shortest of them.
    const shortest = Math.min(idleMs, firstTokenMs)
    // One that was reached and didn't hold, because no other engine could follow, is looked at again.
    const again = at > now ? Math.min(at - now, shortest) : Math.max(shortest, recheckMs)
    const wait = Math.min(deadline - now, again)
    if (!Number.isFinite(wait)) return
    this.cancel = timer.after(this.clock, runtime, wait, () => {
      if (this.due() === undefined) return this.sleep(runtime)
      // On a busy machine timers are looked at before the sockets that were waiting, too: after a turn of the
      // event loop what has come in time is taken.
      this.cancel = timer.after(this.clock, runtime, 0, () => {
        const expired = this.check()
        if (expired === undefined) this.sleep(runtime)
        else this.onExpiry(expired)
      })
    })
  }

  /** The next of the attempt's own limits. */
  private limit(): Limit {
    const { attemptMs, firstTokenMs, idleMs } = this.bounds
    const next: Limit = this.working
      ? { at: this.waitingSince + idleMs, phase: "idle", ms: idleMs }
      : { at: this.startedAt + firstTokenMs, phase: "first-token", ms: firstTokenMs }
    const end = this.startedAt + attemptMs
    return end <= next.at ? { at: end, phase: "total", ms: attemptMs } : next
  }

  /** The limit that is reached. */
  private due(): Limit | undefined {
    const now = this.clock.unsafeCurrentTimeMillis()
    // What is left of times that aren't whole may be too little to sleep.
    const isReached = (at: number): boolean => at - now < 0.001
    const { deadline, isLast } = this.bounds
    const limit = this.limit()
    if (limit.at < deadline && isReached(limit.at) && !isLast()) return limit
    return isReached(deadline) ? { at: deadline, phase: "total", ms: deadline - this.startedAt } : undefined
  }
}
