import type { AIProvider } from "../../AIProvider.js"
import type { Trial } from "./guarantees.js"
import { type Estimate, predict, type Predictor } from "./predictor.js"
import { playedBy } from "./recorded.js"
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

/** A task before those who choose one provider by prediction alone. */
export const choiceTrial = ({ features, outcome }: Seen, predictor: Predictor, best: AIProvider): Trial => {
  const { estimates, family } = predict(predictor, features)
  return {
    family,
    group: outcome.group,
    best: playedBy(outcome, best),
    routed: (worth) => playedBy(outcome, choose(estimates, worth).provider)
  }
}
