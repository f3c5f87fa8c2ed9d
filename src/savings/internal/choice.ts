import type { AIProvider } from "../../AIProvider.js"
import { type Estimate, predict, type Predictor } from "./predictor.js"
import { costOf, mean, qualityOf } from "./recorded.js"
import { find, type Thresholds } from "./thresholds.js"
import type { Seen } from "./train.js"

/** Who serves best when a dollar is worth so much; the first of equals. */
export const choose = <E extends Estimate>(
  [first, ...others]: readonly [E, ...ReadonlyArray<E>],
  worth: number
): E =>
  others.reduce(
    (best, next) => (next.quality - worth * next.costUsd > best.quality - worth * best.costUsd ? next : best),
    first
  )

/** Finds how much a dollar may be worth for those who choose one provider by prediction alone. */
export const trainChoice = (held: ReadonlyArray<Seen>, predictor: Predictor, best: AIProvider): Thresholds =>
  find(
    held.map(({ features, outcome }) => {
      const { estimates, family } = predict(predictor, features)
      return {
        family,
        best: qualityOf(outcome, best),
        quality: (worth) => qualityOf(outcome, choose(estimates, worth).provider)
      }
    }),
    mean(held.map(({ outcome }) => costOf(outcome, best)))
  )
