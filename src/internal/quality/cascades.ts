import type { AIProvider } from "../../AIProvider.js"
import { answered, type Outcome } from "../../Outcomes.js"
import { learn, type Record, type Said, type Stage, weigh } from "./evidence.js"
import { type Estimate, predict, type Prediction, type Predictor } from "./predictor.js"
import { find, type Thresholds, worthOf } from "./thresholds.js"
import { complete, type Seen, unseenScores } from "./train.js"

/** A cascade as it was learned: whom to ask in turn, and what their answers are evidence of. */
export interface Cascade {
  /** Whose answers have to be accepted, in the order in which they are asked. */
  readonly asks: readonly [AIProvider, ...ReadonlyArray<AIProvider>]
  /** Whose answer is taken when none was. */
  readonly last: AIProvider
  /** What is known after each was asked. */
  readonly stages: ReadonlyArray<Stage>
  readonly thresholds: Thresholds
}

type Learned = Omit<Cascade, "thresholds">

/** A task before a cascade: what is expected of the providers, and what they say when they are asked. */
export interface Before {
  readonly estimates: ReadonlyArray<Estimate>
  readonly ask: (provider: AIProvider) => string
}

const estimateOf = (estimates: ReadonlyArray<Estimate>, provider: AIProvider): Estimate | undefined =>
  estimates.find((estimate) => estimate.provider === provider)

/**
 * Whose answer is taken after these stages when a dollar is worth so much: an answer is accepted when what
 * the last provider would better isn't worth what it costs. Undefined when none is accepted.
 */
export const acceptedAt = (
  stage: Stage,
  said: ReadonlyArray<Said>,
  last: Estimate,
  worth: number
): number | undefined => {
  const verdict = weigh(stage, said, last.score)
  return verdict !== undefined && verdict.gain <= worth * last.costUsd ? verdict.index : undefined
}

/** Whose answer a cascade takes; asks no more providers than it needs. */
export const run = (
  { asks, last, stages }: Learned,
  { ask, estimates }: Before,
  worth: number
): AIProvider => {
  const final = estimateOf(estimates, last)
  const said: Array<Said> = []
  for (const [index, provider] of asks.entries()) {
    const stage = stages[index]
    if (stage === undefined || final === undefined) return last
    said.push({ answer: ask(provider), score: estimateOf(estimates, provider)?.score ?? 0 })
    const accepted = acceptedAt(stage, said, final, worth)
    if (accepted !== undefined) return asks[accepted] ?? last
  }
  return last
}

const answerOf = (outcome: Outcome, provider: AIProvider): string => answered(outcome, provider)?.answer ?? ""
const qualityOf = (outcome: Outcome, provider: AIProvider): number =>
  answered(outcome, provider)?.quality ?? 0
const costOf = (outcome: Outcome, provider: AIProvider): number => answered(outcome, provider)?.costUsd ?? 0

const mean = (numbers: ReadonlyArray<number>): number =>
  numbers.reduce((sum, n) => sum + n, 0) / Math.max(1, numbers.length)

/** Whom it may pay to ask before the last: by rising cost, and no more than this many. */
const mostAsked = 3

/** Every order of asking some of the cheap providers by rising cost. */
const orders = (
  cheap: ReadonlyArray<AIProvider>
): ReadonlyArray<readonly [AIProvider, ...ReadonlyArray<AIProvider>]> => {
  const [first, ...rest] = cheap
  if (first === undefined) return []
  const others = orders(rest)
  return [[first], ...others.map((order) => [first, ...order] as const), ...others]
}

/** Learns what the answers of some providers in turn are evidence of. */
const learnStages = (
  rows: ReadonlyArray<Seen>,
  scores: ReadonlyArray<ReadonlyMap<AIProvider, number>>,
  asks: Cascade["asks"],
  last: AIProvider
): ReadonlyArray<Stage> =>
  asks.map((_, index) =>
    learn(
      rows.map(({ outcome }, row): Record => {
        const scoreOf = (provider: AIProvider) => scores[row]?.get(provider) ?? 0
        return {
          said: asks.slice(0, index + 1).map((provider) => ({
            answer: answerOf(outcome, provider),
            quality: qualityOf(outcome, provider),
            score: scoreOf(provider)
          })),
          last: { score: scoreOf(last), quality: qualityOf(outcome, last) }
        }
      })
    )
  )

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
 * Plays a cascade once for every worth. Quality is half what was recorded and half what the evidence says:
 * one answer is right or wrong, and with few of them that alone is too rough to choose a threshold by.
 */
const play = (learned: Learned, { outcome }: Seen, { estimates, family }: Prediction): Game => {
  const last = estimateOf(estimates, learned.last)
  const best = qualityOf(outcome, learned.last)
  const said: Array<Said> = []
  let spent = 0
  const steps = learned.stages.flatMap((stage, index) => {
    const provider = learned.asks[index] ?? learned.last
    spent += costOf(outcome, provider)
    said.push({ answer: answerOf(outcome, provider), score: estimateOf(estimates, provider)?.score ?? 0 })
    const verdict = last === undefined ? undefined : weigh(stage, said, last.score)
    if (last === undefined || verdict === undefined) return []
    const recorded = qualityOf(outcome, learned.asks[verdict.index] ?? learned.last)
    return [{ worth: verdict.gain / last.costUsd, quality: (recorded + best - verdict.gain) / 2, spent }]
  })
  return { family, best, steps, spentOnAll: spent + costOf(outcome, learned.last) }
}

const stepOf = ({ steps }: Game, worth: number): Game["steps"][number] | undefined =>
  steps.find((step) => step.worth <= worth)

/**
 * Learns the cascade in front of a provider that costs least on the outcomes that were held back while it
 * keeps a share of that provider's quality; undefined when no answers were recorded that could be compared.
 */
export const trainCascade = (
  train: ReadonlyArray<Seen>,
  validation: ReadonlyArray<Seen>,
  predictor: Predictor,
  options: { readonly last: AIProvider; readonly keep: number; readonly seed: number }
): Cascade | undefined => {
  const { keep, last, seed } = options
  const providers = predictor.judges.map(({ provider }) => provider)
  const rows = complete(train, providers)
  const held = complete(validation, providers)
  const meanCost = (provider: AIProvider) => mean(rows.map(({ outcome }) => costOf(outcome, provider)))
  const cheap = providers
    .filter(
      (provider) =>
        meanCost(provider) < meanCost(last) / 2 &&
        rows.some(({ outcome }) => answerOf(outcome, provider) !== "")
    )
    .toSorted((left, right) => meanCost(left) - meanCost(right))
    .slice(0, mostAsked)
  const scores = unseenScores(rows, predictor, seed)

  const candidates = orders(cheap).map((asks) => {
    const learned: Learned = { asks, last, stages: learnStages(rows, scores, asks, last) }
    const games = held.map((row) => play(learned, row, predict(predictor, row.features)))
    const thresholds = find(
      games.map((game) => ({
        family: game.family,
        best: game.best,
        quality: (worth) => stepOf(game, worth)?.quality ?? game.best
      })),
      meanCost(last)
    )
    const cost = mean(
      games.map((game) => {
        const worth = worthOf(thresholds, keep, game.family)
        // What must not be traded isn't asked for: the last answers alone.
        if (worth === undefined) return meanCost(last)
        return stepOf(game, worth)?.spent ?? game.spentOnAll
      })
    )
    return { cascade: { ...learned, thresholds }, cost }
  })
  return candidates.reduce<(typeof candidates)[number] | undefined>(
    (best, next) => (best === undefined || next.cost < best.cost ? next : best),
    undefined
  )?.cascade
}
