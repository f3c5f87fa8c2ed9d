/** Attempts as budgets see them. */
import { type AIResult, AITask, type AttemptGuard, type Budgets, Price, ReasoningEngine, Usd } from "arc-saga"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import { attempt, provider } from "./ledger.js"

/** A dollar for each million tokens read, a hundred for each million written. */
export const price: Price.Price = Either.getOrThrow(Price.make({ input: 1, output: 100 }))

export const engine = (options: Partial<ReasoningEngine.Options> = {}) =>
  ReasoningEngine.fromEffect({
    provider: provider("claude"),
    price,
    ...options,
    answer: () => Effect.succeed({ text: "" })
  })

export const asked = (
  options: Partial<AITask.Options> = {},
  more: Partial<AttemptGuard.AdmissionRequest> = {}
): AttemptGuard.AdmissionRequest => ({
  engine: engine(),
  task: Either.getOrThrow(AITask.make({ prompt: "Hi", id: "task-1", ...options })),
  prefill: undefined,
  deadline: Number.MAX_SAFE_INTEGER,
  ...more
})

/** An attempt that cost so many dollars. */
export const costing = (dollars: number, fields: Partial<AIResult.Attempt> = {}): AIResult.Attempt =>
  attempt({ cost: Option.some(Usd.fromNumber(dollars)), ...fields })

/** How the only budget stands. */
export const statusOf = (budgets: Budgets.Service, of?: Budgets.Subject) =>
  Effect.flatMap(budgets.status(of), ([status]) =>
    status === undefined ? Effect.dieMessage("no budget applies") : Effect.succeed(status)
  )
