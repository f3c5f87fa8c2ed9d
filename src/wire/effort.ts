import type * as AITask from "../AITask.js"

/**
 * Tokens that an effort lets a model think, for wires that bound thinking by tokens. No vendor documents a
 * translation; these lie between those of LiteLLM and CLIProxyAPI, at the sizes that Anthropic's documentation
 * of extended thinking uses.
 */
const budgets = { minimal: 1024, low: 2048, medium: 8192, high: 16_384, xhigh: 32_768, max: 63_999 } as const

/** The tokens that a task lets the model think; undefined where it says neither effort nor tokens. */
export const budgetOf = ({ budgetTokens, effort }: AITask.Reasoning): number | undefined =>
  budgetTokens ?? (effort === undefined ? undefined : effort === "none" ? 0 : budgets[effort])

/** The least effort that lets the model think so many tokens. */
const ofBudget = (tokens: number): AITask.Effort =>
  tokens <= budgets.minimal
    ? "minimal"
    : tokens <= budgets.low
      ? "low"
      : tokens <= budgets.medium
        ? "medium"
        : tokens <= budgets.high
          ? "high"
          : tokens <= budgets.xhigh
            ? "xhigh"
            : "max"

/** The effort of a task, by its tokens where it says those only. */
export const of = ({ budgetTokens, effort }: AITask.Reasoning): AITask.Effort | undefined =>
  effort ?? (budgetTokens === undefined ? undefined : ofBudget(budgetTokens))
