/** Attempts as a ledger gets them, and what it keeps of them. */
import { AIProvider, type AIResult, AITask, EngineError, type SpendLedger, TokenUsage, Usd } from "arc-saga"
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"

export const provider = AIProvider.unsafeMake

export const task = (options: Partial<AITask.Options> = {}): AITask.AITask =>
  Either.getOrThrow(AITask.make({ prompt: "the secret of the prompt", id: "task-1", ...options }))

export const attempt = (fields: Partial<AIResult.Attempt> = {}): AIResult.Attempt => ({
  provider: provider("claude"),
  model: "claude-1",
  outcome: "succeeded",
  error: Option.none(),
  usage: TokenUsage.make({ inputTokens: 100, outputTokens: 20 }),
  cost: Option.some(Usd.fromPico(1_234_567_890_123n)),
  startedAt: 1000,
  durationMs: 250.5,
  firstTokenMs: Option.some(12.25),
  ...fields
})

export const failedAttempt = (fields: Partial<AIResult.Attempt> = {}): AIResult.Attempt =>
  attempt({
    outcome: "failed",
    error: Option.some(
      new EngineError.TransientError({
        provider: provider("claude"),
        reason: "server",
        description: "the secret of the answer"
      })
    ),
    usage: TokenUsage.none,
    cost: Option.some(Usd.zero),
    firstTokenMs: Option.none(),
    ...fields
  })

export const rowsOf = (ledger: SpendLedger.Service, filter?: SpendLedger.Filter) =>
  Effect.map(Stream.runCollect(ledger.rows(filter)), Chunk.toReadonlyArray)

/** A group in brief, to compare some of it. */
export const brief = (group: SpendLedger.Group) => [
  Option.getOrNull(group.name),
  group.attempts,
  Usd.toDecimal(group.cost)
]
