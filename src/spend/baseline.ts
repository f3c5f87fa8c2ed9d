import * as Option from "effect/Option"
import type { AIProvider } from "../AIProvider.js"
import type { AIResult } from "../AIResult.js"
import * as Price from "../Price.js"
import type { ReasoningEngine } from "../ReasoningEngine.js"

/** The answer, and what its tokens cost at the provider that would have been asked if nothing were to be saved. */
export const withBaseline = (
  result: AIResult,
  provider: AIProvider,
  engines: ReadonlyArray<ReasoningEngine>
): AIResult => ({
  ...result,
  baseline: {
    provider,
    cost: Option.map(
      Option.flatMap(
        Option.fromNullable(engines.find((engine) => engine.provider === provider)),
        ({ price }) => price
      ),
      (price) => Price.cost(price, result.usage)
    )
  }
})
