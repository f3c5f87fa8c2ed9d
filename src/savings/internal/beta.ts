import type { PCGRandom } from "effect/Utils"

/** A number of the standard normal distribution, by Box and Muller. */
const normal = (random: PCGRandom): number =>
  Math.sqrt(-2 * Math.log(1 - random.number())) * Math.cos(2 * Math.PI * random.number())

/** A number of the gamma distribution, by Marsaglia and Tsang. */
const gamma = (shape: number, random: PCGRandom): number => {
  // Below 1 the method doesn't hold: a draw of the next shape is scaled down.
  if (shape < 1) return gamma(shape + 1, random) * (1 - random.number()) ** (1 / shape)
  const d = shape - 1 / 3
  const c = 1 / Math.sqrt(9 * d)
  for (;;) {
    const x = normal(random)
    const v = (1 + c * x) ** 3
    if (v > 0 && Math.log(1 - random.number()) < 0.5 * x * x + d - d * v + d * Math.log(v)) return d * v
  }
}

/** The least that a shape may be: a distribution of less is a single point. */
const least = 1e-3

/** A number of the beta distribution: how good may be what was good so often, and bad so often. */
export const beta = (good: number, bad: number, random: PCGRandom): number => {
  const one = gamma(Math.max(good, least), random)
  const other = gamma(Math.max(bad, least), random)
  return one + other === 0 ? 0.5 : one / (one + other)
}
