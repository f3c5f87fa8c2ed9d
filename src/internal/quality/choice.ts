import type { AIProvider } from "../../AIProvider.js"
import { answered } from "../../Outcomes.js"
import { type Estimate, predict, type Predictor } from "./predictor.js"
import { find, type Thresholds } from "./thresholds.js"
import { complete, type Seen } from "./train.js"

/** Who serves best when a dollar is worth so much; the first of equals. */
export const choose = (estimates: ReadonlyArray<Estimate>, worth: number): Estimate | undefined =>
  estimates.reduce<Estimate | undefined>(
    (best, next) =>
      best === undefined || next.quality - worth * next.costUsd > best.quality - worth * best.costUsd
        ? next
        : best,
    undefined
  )

/** Finds how much a dollar may be worth for those who choose one provider by prediction alone. */
export const trainChoice = (
  validation: ReadonlyArray<Seen>,
  predictor: Predictor,
  best: AIProvider
): Thresholds => {
  const held = complete(
    validation,
    predictor.judges.map(({ provider }) => provider)
  )
  const of = ({ outcome }: Seen, provider: AIProvider) => answered(outcome, provider)
  const meanCost =
    held.reduce((sum, row) => sum + (of(row, best)?.costUsd ?? 0), 0) / Math.max(1, held.length)
  return find(
    held.map((row) => {
      const { estimates, family } = predict(predictor, row.features)
      return {
        family,
        best: of(row, best)?.quality ?? 0,
        quality: (worth) => of(row, choose(estimates, worth)?.provider ?? best)?.quality ?? 0
      }
    }),
    meanCost
  )
}
