/**
 * A sum over the last `windowMs`, kept in slots that leave it whole. It reaches back one slot further than
 * the window, so that no stretch of time as long as the window holds more than the sum says.
 */
export class SlidingSum {
  private readonly slotMs: number
  private readonly slots: Float64Array
  private sum = 0
  /** The number of the youngest slot, counted from the beginning of time. */
  private head = Number.NEGATIVE_INFINITY

  constructor(windowMs: number, slots = 10) {
    this.slotMs = windowMs / slots
    this.slots = new Float64Array(slots + 1)
  }

  /** Adds to the slot of an instant; what is older than the window is gone already. */
  add(now: number, amount: number, at: number = now): void {
    this.advance(now)
    const slot = Math.floor(at / this.slotMs)
    if (slot <= this.head - this.slots.length) return
    const index = this.indexOf(slot)
    this.slots[index] = (this.slots[index] ?? 0) + amount
    this.sum += amount
  }

  total(now: number): number {
    this.advance(now)
    return this.sum
  }

  /** The first instant from `now` at which the sum is at most `most`, if nothing is added. */
  atMost(now: number, most: number): number {
    let left = this.total(now)
    if (left <= most) return now
    for (let slot = this.head - this.slots.length + 1; slot <= this.head; slot++) {
      left -= this.slots[this.indexOf(slot)] ?? 0
      if (left <= most) return Math.ceil((slot + this.slots.length) * this.slotMs)
    }
    return Number.POSITIVE_INFINITY
  }

  clear(): void {
    this.slots.fill(0)
    this.sum = 0
  }

  private indexOf(slot: number): number {
    return ((slot % this.slots.length) + this.slots.length) % this.slots.length
  }

  private advance(now: number): void {
    const slot = Math.floor(now / this.slotMs)
    if (slot <= this.head) return
    if (slot - this.head >= this.slots.length) {
      this.slots.fill(0)
      this.sum = 0
    } else {
      for (let old = this.head + 1; old <= slot; old++) {
        this.sum -= this.slots[this.indexOf(old)] ?? 0
        this.slots[this.indexOf(old)] = 0
      }
    }
    this.head = slot
  }
}
