interface Kept {
  readonly value: string
  /** In milliseconds of the Clock. */
  readonly until: number
}

const sizeOf = (key: string, value: string): number => 2 * (key.length + value.length)

/** Texts for a time, by keys: beyond its bounds those go that haven't been read for the longest. */
export class MemoryAnswers {
  /** The one that has been read last is the last. */
  private readonly kept = new Map<string, Kept>()
  private bytes = 0

  constructor(
    private readonly maxEntries: number,
    private readonly maxBytes: number
  ) {}

  get(key: string, now: number): string | undefined {
    const found = this.kept.get(key)
    if (found === undefined) return undefined
    this.remove(key, found)
    if (now >= found.until) return undefined
    this.add(key, found)
    return found.value
  }

  set(key: string, value: string, until: number): void {
    const before = this.kept.get(key)
    if (before !== undefined) this.remove(key, before)
    // One that is larger than all that may be kept would only drive out the others.
    if (sizeOf(key, value) > this.maxBytes) return
    this.add(key, { value, until })
    for (const [oldest, entry] of this.kept) {
      if (this.kept.size <= this.maxEntries && this.bytes <= this.maxBytes) return
      this.remove(oldest, entry)
    }
  }

  private add(key: string, entry: Kept): void {
    this.kept.set(key, entry)
    this.bytes += sizeOf(key, entry.value)
  }

  private remove(key: string, entry: Kept): void {
    this.kept.delete(key)
    this.bytes -= sizeOf(key, entry.value)
  }
}
