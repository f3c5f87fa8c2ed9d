import type * as Arr from "effect/Array"
import type { AIProvider } from "../../AIProvider.js"
import { learn, type Said, type Weights, weigh } from "./evidence.js"
import { type Estimate, estimateOf, predict, type Prediction, type Predictor } from "./predictor.js"
import { answerOf, costOf, mean, meanCost, qualityOf } from "./recorded.js"
import { find, type Thresholds, worthOf } from "./thresholds.js"
import { type Seen, unseen } from "./train.js"

/** Who is asked next, and what the answers are evidence of then. */
export interface Stage extends Weights {
  readonly provider: AIProvider
}

/** A cascade as it was learned. */
export interface Cascade {
  readonly stages: Arr.NonEmptyReadonlyArray<Stage>
  /** Whose answer is taken when none was accepted. */
  readonly last: AIProvider
  readonly thresholds: Thresholds
}

type Learned = Omit<Cascade, "thresholds">

/** A task before a cascade: what is expected of the providers, and what they say when they are asked. */
export interface Before {
  readonly estimates: ReadonlyArray<Estimate>
  readonly ask: (provider: AIProvider) => string
}

/**
 * Whose answer is accepted when a dollar is worth so much: that which speaks most for itself, when what the
 * last provider would better isn't worth what it costs. Undefined when none is.
 */
export const acceptedAt = (
  stage: Stage,
  said: ReadonlyArray<Said>,
  last: Estimate,
  worth: number
): AIProvider | undefined => {
  const verdict = weigh(stage, said, last.score)
  return verdict !== undefined && verdict.gain <= worth * last.costUsd ? verdict.said.provider : undefined
}

/** Whose answer a cascade takes; asks no more providers than it needs. */
export const run = ({ last, stages }: Learned, { ask, estimates }: Before, worth: number): AIProvider => {
  const said: Array<Said> = []
  for (const stage of stages) {
    const { provider } = stage
    said.push({ provider, answer: ask(provider), score: estimateOf(estimates, provider).score })
    const accepted = acceptedAt(stage, said, estimateOf(estimates, last), worth)
    if (accepted !== undefined) return accepted
  }
  return last
}

/** The providers that may pay off before the last: by rising cost, and no more than this many. */
const mostAsked = 3

type Order = Arr.NonEmptyReadonlyArray<AIProvider>

/** Every order of asking some of the cheap providers by rising cost. */
const orders = ([first, ...rest]: ReadonlyArray<AIProvider>): ReadonlyArray<Order> => {
  if (first === undefined) return []
  const others = orders(rest)
  return [[first], ...others.map((order): Order => [first, ...order]), ...others]
}

/** Learns what the answers of some providers in turn are evidence of. */
const learnStages = (
  rows: ReadonlyArray<Seen & Prediction>,
  [first, ...others]: Order,
  last: AIProvider
): Cascade["stages"] => {
  const stageOf = (asked: ReadonlyArray<AIProvider>, provider: AIProvider): Stage => ({
    provider,
    ...learn(
      rows.map(({ estimates, outcome }) => ({
        said: asked.map((each) => ({
          provider: each,
          answer: answerOf(outcome, each),
          quality: qualityOf(outcome, each),
          score: estimateOf(estimates, each).score
        })),
        last: { score: estimateOf(estimates, last).score, quality: qualityOf(outcome, last) }
      })),
      asked.length
    )
  })
  return [
    stageOf([first], first),
    ...others.map((provider, index) => stageOf([first, ...others.slice(0, index + 1)], provider))
  ]
}

/** What a cascade does on a recorded task. */
interface Game {
  readonly family: string
  readonly best: number
  /** What each stage accepts and from which worth of a dollar on. */
  readonly steps: ReadonlyArray<{
    readonly worth: number
    readonly quality: number
    readonly spent: number
  }>
  readonly spentOnAll: number
}

/**
 * Plays a cascade once for every worth. Quality is half the recorded one and half the evidence's:
 * one answer is right or wrong, and with few of them that alone is too rough to choose a threshold by.
 */
const play = (learned: Learned, { outcome }: Seen, { estimates, family }: Prediction): Game => {
  const last = estimateOf(estimates, learned.last)
  const best = qualityOf(outcome, learned.last)
  const said: Array<Said> = []
  let spent = 0
  const steps = learned.stages.flatMap((stage) => {
    const { provider } = stage
    spent += costOf(outcome, provider)
    said.push({
      provider,
      answer: answerOf(outcome, provider),
      score: estimateOf(estimates, provider).score
    })
    const verdict = weigh(stage, said, last.score)
    if (verdict === undefined) return []
    const recorded = qualityOf(outcome, verdict.said.provider)
    return [{ worth: verdict.gain / last.costUsd, quality: (recorded + best - verdict.gain) / 2, spent }]
  })
  return { family, best, steps, spentOnAll: spent + costOf(outcome, learned.last) }
}

const stepOf = ({ steps }: Game, worth: number): Game["steps"][number] | undefined =>
  steps.find((step) => step.worth <= worth)

/**
 * Learns, of the cascades in front of a provider, the one that costs least on the outcomes that were held
 * back while it keeps a share of that provider's quality; undefined when no answers were recorded that
 * could be compared. All outcomes have an answer of every provider.
 */
export const trainCascade = (
  train: ReadonlyArray<Seen>,
  held: ReadonlyArray<Seen>,
  predictor: Predictor,
  options: { readonly last: AIProvider; readonly keep: number; readonly seed: number }
): Cascade | undefined => {
  const { keep, last, seed } = options
  const outcomes = train.map(({ outcome }) => outcome)
  const lastCost = meanCost(outcomes, last)
  const cheap = predictor.judges
    .map(({ provider }) => ({ provider, cost: meanCost(outcomes, provider) }))
    .filter(
      ({ cost, provider }) =>
        cost < lastCost / 2 && outcomes.some((outcome) => answerOf(outcome, provider) !== "")
    )
    .toSorted((left, right) => left.cost - right.cost)
    .slice(0, mostAsked)
  const rows = unseen(train, predictor, seed)
  const predictions = held.map((row) => ({ row, prediction: predict(predictor, row.features) }))

  const candidates = orders(cheap.map(({ provider }) => provider)).map((order) => {
    const learned: Learned = { stages: learnStages(rows, order, last), last }
    const games = predictions.map(({ prediction, row }) => play(learned, row, prediction))
    const thresholds = find(
      games.map((game) => ({
        family: game.family,
        best: game.best,
        quality: (worth) => stepOf(game, worth)?.quality ?? game.best
      })),
      lastCost
    )
    const costs = games.map((game) => {
      const worth = worthOf(thresholds, keep, game.family)
      // What must not be traded isn't asked for: the last answers alone.
      if (worth === undefined) return lastCost
      return stepOf(game, worth)?.spent ?? game.spentOnAll
    })
    return { cascade: { ...learned, thresholds }, cost: mean(costs) }
  })
  return candidates.toSorted((left, right) => left.cost - right.cost).at(0)?.cascade
}
