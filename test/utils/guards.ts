import {
  AIProvider,
  type AIResult,
  AITask,
  type AttemptGuard,
  type EngineError,
  LiveMetrics,
  TokenUsage
} from "arc-saga"
import { Behaviour } from "arc-saga/testing"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as ReasoningEngine from "../../src/ReasoningEngine.js"

const silent = (provider: AIProvider.AIProvider) =>
  ReasoningEngine.make({ provider, attempt: () => Effect.never })

/** An attempt that is about to be made. */
export const asked = (
  options: Partial<AITask.Options> = {},
  provider: AIProvider.AIProvider = AIProvider.Claude
): Effect.Effect<AttemptGuard.AdmissionRequest> =>
  Effect.map(Effect.orDie(AITask.make({ id: "t", prompt: "ask", ...options })), (task) => ({
    engine: silent(provider),
    task,
    prefill: undefined,
    deadline: Number.POSITIVE_INFINITY
  }))

/** How an attempt ended: well, unless it is said otherwise. */
export const record = (
  error?: Behaviour.ErrorData | EngineError.EngineError,
  fields: Partial<AIResult.Attempt> = {}
): AIResult.Attempt => ({
  provider: AIProvider.Claude,
  model: "claude",
  outcome: error === undefined ? "succeeded" : "failed",
  error:
    error === undefined
      ? Option.none()
      : Option.some("provider" in error ? error : Behaviour.toError(error, AIProvider.Claude)),
  usage: TokenUsage.none,
  cost: Option.none(),
  startedAt: 0,
  durationMs: 1000,
  firstTokenMs: Option.none(),
  ...fields
})

/** What has been measured of Claude: first contents after 100 ms. */
export const measured = Layer.effect(
  LiveMetrics.LiveMetrics,
  Effect.gen(function* () {
    const live = yield* LiveMetrics.make({ enough: 1 })
    const task = yield* Effect.orDie(AITask.make({ prompt: "Hi" }))
    yield* live.observe(record(undefined, { firstTokenMs: Option.some(100) }), task)
    return live
  })
)

/** Asks a guard, and ends the attempt at once if it is let in: what it was refused with. */
export const ends = (
  guard: AttemptGuard.Service,
  attempt: AIResult.Attempt,
  options: Partial<AITask.Options> = {}
): Effect.Effect<AttemptGuard.Refusal | undefined> =>
  Effect.flatMap(asked(options), (about) =>
    Effect.matchEffect(guard.admit(about), {
      onFailure: (refusal) => Effect.succeed<AttemptGuard.Refusal | undefined>(refusal),
      onSuccess: (lease) => Effect.as(lease.settle(attempt), undefined)
    })
  )
