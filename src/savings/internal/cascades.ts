import * as Arr from "effect/Array"
import type { AIProvider } from "../../AIProvider.js"
import type { CrossFit, Fit } from "./crossfit.js"
import { learn, type Said, type Weights, weigh } from "./evidence.js"
import { mostIn, type Shown, show, showWhole, type Trial, worths } from "./guarantees.js"
import { type Estimate, estimateOf, predict, type Prediction } from "./predictor.js"
import { answerOf, costOf, mean, meanCost, playedBy, qualityOf } from "./recorded.js"
import type { Seen } from "./train.js"

/** Who is asked next, and what the answers are evidence of then. */
export interface Stage extends Weights {
  readonly provider: AIProvider
}

/** A cascade as it was learned. */
export interface Cascade {
  readonly stages: Arr.NonEmptyReadonlyArray<Stage>
  /** Whose answer is taken when none was accepted. */
  readonly last: AIProvider
  readonly shown: Shown
}

type Learned = Omit<Cascade, "shown">

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

/** Learns what the answers of some providers in turn are evidence of; of the same providers once. */
const stagesBy = (
  rows: ReadonlyArray<Seen & Prediction>,
  last: AIProvider
): ((order: Order) => Cascade["stages"]) => {
  const known = new Map<string, Weights>()
  const weightsOf = (asked: ReadonlyArray<AIProvider>): Weights => {
    const records = rows.map(({ estimates, outcome }) => ({
      said: asked.map((provider) => ({
        provider,
        answer: answerOf(outcome, provider),
        quality: qualityOf(outcome, provider),
        score: estimateOf(estimates, provider).score
      })),
      last: { score: estimateOf(estimates, last).score, quality: qualityOf(outcome, last) }
    }))
    return learn(records, asked.length)
  }
  return (order) =>
    Arr.map(order, (provider, index) => {
      const asked = order.slice(0, index + 1)
      const weights = known.get(asked.join()) ?? weightsOf(asked)
      known.set(asked.join(), weights)
      return { provider, ...weights }
    })
}

/** Plays a cascade once for every worth on a recorded task. */
const play = (learned: Learned, { outcome }: Seen, { estimates, family }: Prediction): Trial => {
  const last = estimateOf(estimates, learned.last)
  const best = playedBy(outcome, learned.last)
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
    const quality = qualityOf(outcome, verdict.said.provider)
    return [{ from: verdict.gain / last.costUsd, played: { quality, costUsd: spent } }]
  })
  const escalated = { quality: best.quality, costUsd: spent + best.costUsd }
  return {
    family,
    group: outcome.group,
    best,
    routed: (worth) => steps.find(({ from }) => from <= worth)?.played ?? escalated
  }
}

/** What a cascade is learned for. */
interface Options {
  readonly last: AIProvider
  /** The share of the last provider's quality that it is to keep. */
  readonly keep: number
}

/**
 * Learns, of the cascades in front of a provider, the one that costs least while it as likely as not keeps a
 * share of that provider's quality; undefined when no answers were recorded that could be compared. All
 * outcomes have an answer of every provider.
 */
const learnCascade = ({ predictor, unseen }: Fit, { keep, last }: Options): Learned | undefined => {
  const outcomes = unseen.map(({ outcome }) => outcome)
  const lastCost = meanCost(outcomes, last)
  const cheap = predictor.judges
    .map(({ provider }) => ({ provider, cost: meanCost(outcomes, provider) }))
    .filter(
      ({ cost, provider }) =>
        cost < lastCost / 2 && outcomes.some((outcome) => answerOf(outcome, provider) !== "")
    )
    .toSorted((left, right) => left.cost - right.cost)
    .slice(0, mostAsked)

  const stagesOf = stagesBy(unseen, last)
  const candidates = orders(cheap.map(({ provider }) => provider)).map((order) => {
    const learned: Learned = { stages: stagesOf(order), last }
    const trials = unseen.map((row) => play(learned, row, row))
    const worth = mostIn(showWhole(trials, worths(lastCost), 0.5), keep)
    // What must not be traded isn't asked for: the last answers alone.
    const costs = trials.map(({ best, routed }) => (worth === undefined ? best : routed(worth)).costUsd)
    return { learned, cost: mean(costs) }
  })
  return candidates.toSorted((left, right) => left.cost - right.cost).at(0)?.learned
}

/** Learns a cascade of all outcomes, and shows by the folds what such a cascade keeps. */
export const trainCascade = (
  { folds, whole }: CrossFit,
  tried: ReadonlyArray<number>,
  options: Options & { readonly confidence: number }
): Cascade | undefined => {
  const learned = learnCascade(whole, options)
  if (learned === undefined) return undefined
  const trials = folds.flatMap(({ fit, held }) => {
    const cascade = learnCascade(fit, options)
    return held.map((row) => {
      const prediction = predict(fit.predictor, row.features)
      if (cascade !== undefined) return play(cascade, row, prediction)
      const best = playedBy(row.outcome, options.last)
      return { family: prediction.family, group: row.outcome.group, best, routed: () => best }
    })
  })
  return { ...learned, shown: show(trials, tried, options.confidence) }
}
