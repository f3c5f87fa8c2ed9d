/**
 * Percentiles of any number of latencies in constant memory: buckets 1 % wide, each with the mean of what
 * fell into it.
 *
 * @since 0.1.0
 */

interface Bucket {
  readonly count: number
  readonly sum: number
}

/**
 * Latencies counted so far.
 *
 * @since 0.1.0
 * @category models
 */
export interface Latencies {
  readonly buckets: Map<number, Bucket>
  count: number
}

/**
 * No latencies.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (): Latencies => ({ buckets: new Map(), count: 0 })

const bucketOf = (ms: number): number => Math.round(Math.log1p(ms) / Math.log(1.01))

/**
 * Counts a latency in milliseconds, 0 or more.
 *
 * @since 0.1.0
 * @category combinators
 */
export const record = (latencies: Latencies, ms: number): void => {
  const key = bucketOf(ms)
  const bucket = latencies.buckets.get(key) ?? { count: 0, sum: 0 }
  latencies.buckets.set(key, { count: bucket.count + 1, sum: bucket.sum + ms })
  latencies.count += 1
}

/**
 * The latency that a share of all doesn't exceed, within 1 %; NaN when there is none.
 *
 * @since 0.1.0
 * @category getters
 */
export const percentile = (latencies: Latencies, share: number): number => {
  let remaining = Math.ceil(share * latencies.count)
  const buckets = Array.from(latencies.buckets).toSorted(([left], [right]) => left - right)
  for (const [, { count, sum }] of buckets) {
    remaining -= count
    if (remaining <= 0) return sum / count
  }
  return Number.NaN
}
