import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type { AIProvider } from "../../AIProvider.js"
import type { AIResult } from "../../AIResult.js"
import type * as AITask from "../../AITask.js"
import type { InvalidArgumentError } from "../../InvalidArgument.js"
import { optional } from "../../internal/optional.js"
import { ReasoningEngineRegistry } from "../../ReasoningEngineRegistry.js"
import * as CircuitBreaker from "../../reliability/CircuitBreaker.js"
import * as Hedging from "../../reliability/Hedging.js"
import * as RateLimits from "../../reliability/RateLimits.js"
import * as RetryBudget from "../../reliability/RetryBudget.js"
import * as ProviderRouter from "../../routing/ProviderRouter.js"
import * as RoutingPolicy from "../../routing/RoutingPolicy.js"
import * as Budgets from "../../spend/Budgets.js"
import * as BudgetStore from "../../spend/BudgetStore.js"

/** Asks providers behind the calls of the program. */
export interface Background {
  /** Whether a provider has neither room nor health to spare: calls of the program go first. */
  readonly yields: (provider: AIProvider, now: number) => boolean
  /** USD that were spent of the budget in the period of now; none where its store can't say. */
  readonly spentUsd: Effect.Effect<Option.Option<number>>
  /** Asks one provider, once, on a budget of its own. */
  readonly ask: (
    task: AITask.AITask,
    provider: AIProvider
  ) => Effect.Effect<AIResult, ProviderRouter.SoleRouteError | Yielded>
}

/** The provider has neither room nor health to spare. */
export interface Yielded {
  readonly _tag: "Yielded"
}

const yielded: Yielded = { _tag: "Yielded" }

/** What may be spent. */
export interface Options {
  readonly usd: number
  readonly period: "day" | "month"
  readonly policy: RoutingPolicy.Options | undefined
}

const fail: RoutingPolicy.Reaction = { _tag: "fail" }

/** No error is worth a second call. */
const once: RoutingPolicy.Rules = {
  AuthenticationError: fail,
  InputValidationError: fail,
  ContentPolicyError: fail,
  ContextLengthError: fail,
  QuotaExhaustedError: fail,
  ModelNotFoundError: fail,
  RateLimitError: fail,
  TransientError: fail,
  TimeoutError: fail
}

/** Runs without the services that spend or save calls of the program. */
const without =
  (keys: ReadonlyArray<string>) =>
  <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
    Effect.mapInputContext(effect, (context: Context.Context<R>) =>
      // What is left out is optional: no type asks for it.
      Context.unsafeMake<R>(new Map(Array.from(context.unsafeMap).filter(([key]) => !keys.includes(key))))
    )

/** The name of the budget of learning, among those of the store. */
const budget = "learning (in the background)"

export const make = (
  options: Options
): Effect.Effect<Background, InvalidArgumentError, ReasoningEngineRegistry> =>
  Effect.gen(function* () {
    const breaker = yield* optional(CircuitBreaker.CircuitBreaker)
    const limits = yield* optional(RateLimits.RateLimits)
    const store = (yield* optional(BudgetStore.BudgetStore)) ?? (yield* BudgetStore.makeMemory)
    const budgets = yield* Budgets.make({
      budgets: [{ name: budget, scope: "overall", period: options.period, usd: options.usd }]
    }).pipe(Effect.provideService(BudgetStore.BudgetStore, store))
    const router = yield* ProviderRouter.make({ ...options.policy, rules: once }).pipe(
      // The budgets of the program are for its own calls.
      Effect.provideService(Budgets.Budgets, budgets),
      without([Hedging.Hedging.key, RetryBudget.RetryBudget.key])
    )

    const yields: Background["yields"] = (provider, now) =>
      (breaker !== undefined && breaker.unsafeState(provider, now)._tag !== "closed") ||
      (limits !== undefined && limits.unsafeReadyAt(provider, now) > now)

    return {
      yields,
      spentUsd: Effect.map(Effect.option(budgets.status()), (all) =>
        Option.flatMapNullable(all, ([own]) => own?.spent)
      ),
      ask: (task, provider) =>
        Effect.flatMap(Clock.currentTimeMillis, (now): ReturnType<Background["ask"]> =>
          yields(provider, now)
            ? Effect.fail(yielded)
            : router.complete(task, { primary: provider, useFallback: false })
        )
    }
  })
