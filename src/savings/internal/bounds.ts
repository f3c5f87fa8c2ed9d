/**
 * Tests that hold for any number of outcomes: how likely it is at most that outcomes look as good as these do
 * although less than a share of the best provider's quality is kept.
 */

import { sum } from "./recorded.js"

/** The quality that routing led to on a task, and that of the best provider on the same task. */
export interface Pair {
  readonly quality: number
  readonly best: number
}

/** What pairs of right and wrong answers come to. */
export interface Counts {
  readonly tasks: number
  /** Tasks on which the best provider was right. */
  readonly good: number
  /** Tasks on which routing was right and the best provider wasn't. */
  readonly helps: number
  /** Tasks on which the best provider was right and routing wasn't. */
  readonly harms: number
}

const logFactorials = [0]

const logFactorial = (n: number): number => {
  for (let next = logFactorials.length; next <= n; next++) {
    logFactorials.push((logFactorials[next - 1] ?? 0) + Math.log(next))
  }
  return logFactorials[n] ?? 0
}

/** The chance of just so many of `n` where each has the chance `p`, above 0 and below 1. */
const binomial = (p: number): ((n: number, count: number) => number) => {
  const [yes, no] = [Math.log(p), Math.log1p(-p)]
  return (n, count) =>
    count < 0 || count > n
      ? 0
      : Math.exp(
          logFactorial(n) - logFactorial(count) - logFactorial(n - count) + count * yes + (n - count) * no
        )
}

/** The chance of `from` or more of `n` where each has the chance `p`. */
export const binomialTail = (n: number, p: number, from: number): number => {
  if (from <= 0) return 1
  if (from > n || p <= 0) return 0
  if (p >= 1) return 1
  // The smaller side is added up: the other is what it lacks to 1.
  if (from < n * p) return 1 - binomialTail(n, 1 - p, n - from + 1)
  let chance = binomial(p)(n, from)
  let total = 0
  for (let count = from; count <= n && chance > 1e-16 * total; count++) {
    total += chance
    chance *= ((n - count) / (count + 1)) * (p / (1 - p))
  }
  return Math.min(1, total)
}

/** The chance that at least is behind `count` of `n`, but for `error` (Clopper and Pearson 1934). */
export const atLeast = (n: number, count: number, error: number): number => {
  if (count <= 0) return 0
  let [low, high] = [0, count / n]
  for (let step = 0; step < 40; step++) {
    const middle = (low + high) / 2
    if (binomialTail(n, middle, count) <= error) low = middle
    else high = middle
  }
  return low
}

/**
 * What may go wrong in bounding what isn't tested itself: how often the best provider is right, and how often
 * two answers differ in quality. It is part of every p-value, and so far below what may go wrong in all.
 */
const nuisanceOf = (error: number): number => Math.min(1e-3, error / 50)

/** What may go wrong where it isn't said. */
const usualError = 0.1

/** So many steps lie between the rates of differing answers that are tried: closer to the least, where few differ. */
const steps = 8

/**
 * The chance of a statistic as high as `seen` where answers differ at a `rate`, and by `loss` more often for
 * the worse than for the better.
 */
const chanceOf = (tasks: number, rate: number, loss: number, seen: number, deviations: number): number => {
  const slack = tasks * loss
  /** The fewest helps among so many differences with which the statistic is as high. */
  const fewest = (differing: number): number =>
    // Where nothing differs and nothing may be lost, nothing is seen.
    differing + slack === 0
      ? 1
      : Math.ceil((differing - slack + seen * Math.sqrt(differing + slack)) / 2 - 1e-9)
  const help = Math.max((1 - loss / rate) / 2, 1e-12)
  const [differs, helped] = [binomial(rate), binomial(help)]
  const reach = deviations * Math.sqrt(tasks * rate) + 10
  const last = Math.min(tasks, Math.ceil(tasks * rate + reach))
  let differing = Math.max(0, Math.floor(tasks * rate - reach))
  let helps = fewest(differing)
  let tail = binomialTail(differing, help, helps)
  let [total, looked] = [0, 0]
  for (;;) {
    const weight = differs(tasks, differing)
    looked += weight
    total += weight * Math.min(1, Math.max(0, tail))
    if (differing === last) break
    // One more that differs, and then one more help that it takes: the tail is never added up anew.
    tail += help * helped(differing, helps - 1)
    differing += 1
    for (const next = fewest(differing); helps < next; helps++) tail -= helped(differing, helps)
  }
  // The rest counts against.
  return total + Math.max(0, 1 - looked)
}

/**
 * The exact p-value of "less than a share `keep` is kept": an unconditional test of non-inferiority of paired
 * proportions. The best provider is right at least as often as Clopper and Pearson's bound says, so that at
 * most a `loss` may be more harms than helps; at that edge the chance of the statistic is computed for the
 * rates of differing answers that aren't ruled out, and the highest counts (Berger and Boos 1994). The
 * statistic grows with each help and falls with each harm, so that no hypothesis inside the edge has a higher
 * chance (Barnard's convexity). `error` is what may go wrong in all of the tests that this one is of.
 */
export const pairedPValue = (
  { good, harms, helps, tasks }: Counts,
  error = usualError
): ((keep: number) => number) => {
  const nuisance = nuisanceOf(error)
  // What lies further out counts against: it has to be less than what the test is of.
  const deviations = Math.max(4.5, 0.7 + Math.sqrt(-2 * Math.log(nuisance)))
  const differing = harms + helps
  const fewestGood = atLeast(tasks, good, nuisance / 2)
  const mostDiffering = 1 - atLeast(tasks, tasks - differing, nuisance / 2)
  return (keep) => {
    const loss = (1 - keep) * fewestGood
    const advantage = helps - harms + tasks * loss
    if (advantage <= 0) return 1
    const seen = advantage / Math.sqrt(differing + tasks * loss)
    const low = Math.max(loss, 1e-9)
    const high = Math.min(1 - 1e-9, Math.max(low, mostDiffering))
    let highest = 0
    for (let step = 0; step <= steps; step++) {
      highest = Math.max(
        highest,
        chanceOf(tasks, low + (high - low) * (step / steps) ** 2, loss, seen, deviations)
      )
    }
    return Math.min(1, highest + nuisance)
  }
}

/**
 * A p-value of the same for qualities between 0 and 1, by betting (Waudby-Smith and Ramdas 2024): a capital
 * that is staked on quality being kept, task by task and never more than there is, grows to 1/p with a chance
 * of p at most when it isn't kept (Ville). The stake is what suits the spread so far and a test at `level`.
 */
export const bettingPValue = (pairs: ReadonlyArray<Pair>, keep: number, level: number): number => {
  const most = 0.75 / Math.max(keep, 1e-9)
  const worth = 2 * Math.log(1 / level)
  let [squares, count, log, highest] = [0.25, 1, 0, 0]
  for (const { best, quality } of pairs) {
    const gain = quality - keep * best
    log += Math.log1p(Math.min(most, Math.sqrt((worth * count) / (pairs.length * squares))) * gain)
    highest = Math.max(highest, log)
    squares += gain * gain
    count += 1
  }
  return Math.exp(-highest)
}

const isBinary = (quality: number): boolean => quality === 0 || quality === 1

/**
 * The p-value of "less than a share is kept", for a test at a level: exact where answers are right or wrong,
 * by betting where they are something between. No bound for all bounded numbers is as tight as the exact one:
 * betting needs 1.7 times as large a margin at a level of 10 %, and Hoeffding's and Bentkus' see the range of
 * the differences alone and not that most of them are 0.
 */
export const pValueOf = (
  pairs: ReadonlyArray<Pair>,
  error = usualError
): ((keep: number, level: number) => number) => {
  if (!pairs.every(({ best, quality }) => isBinary(best) && isBinary(quality))) {
    return (keep, level) => bettingPValue(pairs, keep, level)
  }
  return pairedPValue(
    {
      tasks: pairs.length,
      good: sum(pairs.map(({ best }) => best)),
      helps: pairs.filter(({ best, quality }) => quality > best).length,
      harms: pairs.filter(({ best, quality }) => quality < best).length
    },
    error
  )
}
