import { SlidingSum } from "./slidingSum.js"

/** Keeps extra attempts within a ratio of the calls of a sliding window. */
export class RatioLimiter {
  private readonly calls: SlidingSum
  private readonly taken: SlidingSum

  constructor(
    private readonly ratio: number,
    private readonly minimum: number,
    windowMs: number
  ) {
    this.calls = new SlidingSum(windowMs)
    this.taken = new SlidingSum(windowMs)
  }

  /** A call has begun. */
  call(now: number): void {
    this.calls.add(now, 1)
  }

  /** Takes one extra attempt, if there is one left. */
  take(now: number): boolean {
    const allowed = Math.max(this.minimum, this.ratio * this.calls.total(now))
    if (this.taken.total(now) + 1 > allowed) return false
    this.taken.add(now, 1)
    return true
  }
}
