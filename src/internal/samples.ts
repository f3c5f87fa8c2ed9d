import * as Option from "effect/Option"

/** The value that a share of all is at most, by nearest rank; none of nothing. */
export const quantile = (sorted: ArrayLike<number>, share: number): Option.Option<number> =>
  Option.fromNullable(sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)])

/** The latest samples of the last `windowMs`: a ring, and its sorted values until it changes. */
export class Samples {
  private readonly values: Float64Array
  private readonly times: Float64Array
  /** Where the oldest is, and how many there are. */
  private start = 0
  private size = 0
  private sum = 0
  private sorted: Float64Array | undefined = undefined

  constructor(
    private readonly capacity: number,
    private readonly windowMs: number
  ) {
    this.values = new Float64Array(capacity)
    this.times = new Float64Array(capacity)
  }

  add(now: number, value: number): void {
    if (this.size === this.capacity) this.drop()
    const index = (this.start + this.size) % this.capacity
    this.values[index] = value
    this.times[index] = now
    this.size += 1
    this.sum += value
    this.sorted = undefined
  }

  /** Drops the samples of an instant or later. */
  dropSince(instant: number): void {
    const last = () => (this.start + this.size - 1) % this.capacity
    while (this.size > 0 && (this.times[last()] ?? 0) >= instant) {
      this.sum -= this.values[last()] ?? 0
      this.size -= 1
      this.sorted = undefined
    }
    if (this.size === 0) this.sum = 0
  }

  count(now: number): number {
    this.forget(now)
    return this.size
  }

  mean(now: number): Option.Option<number> {
    this.forget(now)
    return this.size === 0 ? Option.none() : Option.some(this.sum / this.size)
  }

  quantile(now: number, share: number): Option.Option<number> {
    this.forget(now)
    this.sorted ??= this.current().toSorted()
    return quantile(this.sorted, share)
  }

  private current(): Float64Array {
    const end = this.start + this.size
    const copy = new Float64Array(this.size)
    copy.set(this.values.subarray(this.start, Math.min(end, this.capacity)))
    if (end > this.capacity)
      copy.set(this.values.subarray(0, end - this.capacity), this.capacity - this.start)
    return copy
  }

  private forget(now: number): void {
    while (this.size > 0 && (this.times[this.start] ?? now) <= now - this.windowMs) this.drop()
  }

  private drop(): void {
    this.sum -= this.values[this.start] ?? 0
    this.start = (this.start + 1) % this.capacity
    this.size -= 1
    this.sorted = undefined
    // What is left of a sum of fractions that are all gone is an error of rounding.
    if (this.size === 0) this.sum = 0
  }
}
