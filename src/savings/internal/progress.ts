import * as Option from "effect/Option"
import * as Struct from "effect/Struct"
import type { AIProvider } from "../../AIProvider.js"
import type { AIResult, Attempt } from "../../AIResult.js"
import type { ContextLengthError } from "../../EngineError.js"
import { reasoningDelta } from "../../ReasoningEngine.js"
import { AllProvidersFailedError } from "../../routing/ProviderRouter.js"
import { type StreamEvent, StreamInterruptedError } from "../../StreamEvent.js"
import * as TokenUsage from "../../TokenUsage.js"
import * as Usd from "../../Usd.js"
import * as totals from "../../spend/totals.js"
import { trusted } from "../../internal/validation.js"

/** The result of one provider of a cascade. */
export interface StepResult {
  readonly provider: AIProvider
  readonly answer: Option.Option<AIResult>
  readonly attempts: ReadonlyArray<Attempt>
  /** When it was asked. */
  readonly askedAt: number
}

/** A cascade on its way. */
export interface Progress {
  readonly startedAt: number
  /** The instant at which the call as a whole has to be done. */
  readonly deadline: number
  readonly steps: ReadonlyArray<StepResult>
}

export const answered = (provider: AIProvider, result: AIResult, askedAt: number): StepResult => ({
  provider,
  answer: Option.some(result),
  attempts: result.attempts,
  askedAt
})

export const failed = (
  provider: AIProvider,
  attempts: ReadonlyArray<Attempt>,
  askedAt: number
): StepResult => ({
  provider,
  answer: Option.none(),
  attempts,
  askedAt
})

/** The attempt of a provider that refused to begin. */
export const refused = (error: ContextLengthError, startedAt: number, endedAt: number): Attempt => ({
  provider: error.provider,
  model: "",
  outcome: "failed",
  error: Option.some(error),
  usage: TokenUsage.none,
  cost: Option.some(Usd.zero),
  startedAt,
  durationMs: endedAt - startedAt,
  firstTokenMs: Option.none()
})

export const answersOf = (steps: ReadonlyArray<StepResult>): ReadonlyArray<AIResult> =>
  steps.flatMap(({ answer }) => Option.toArray(answer))

/** The attempts of all steps; those of answers that weren't accepted are discarded. */
const attemptsBut = (steps: ReadonlyArray<StepResult>, accepted?: StepResult): ReadonlyArray<Attempt> =>
  steps.flatMap((each) =>
    each.attempts.map((attempt): Attempt =>
      attempt.outcome === "succeeded" && each !== accepted ? { ...attempt, outcome: "discarded" } : attempt
    )
  )

const inOrder = (attempts: ReadonlyArray<Attempt>): ReadonlyArray<Attempt> =>
  attempts.toSorted((left, right) => left.startedAt - right.startedAt)

/** The result of the whole cascade, of the result of the call that answered. */
const whole = (
  progress: Progress,
  answer: AIResult,
  attempts: ReadonlyArray<Attempt>,
  askedAt: number,
  now: number
): AIResult => ({
  ...Struct.omit(answer, "costSource"),
  attempts: inOrder(attempts),
  ...totals.costOf(attempts),
  durationMs: now - progress.startedAt,
  firstTokenMs: Option.map(answer.firstTokenMs, (ms) => askedAt - progress.startedAt + ms)
})

/** An answer, and the step that gave it. */
export interface StepAnswer {
  readonly step: StepResult
  readonly answer: AIResult
}

/** The step that gave an answer; none where no step did. */
export const answerOf = (progress: Progress, answer: AIResult): Option.Option<StepAnswer> =>
  Option.map(
    Option.fromNullable(progress.steps.find(({ provider }) => provider === answer.provider)),
    (step) => ({
      step,
      answer
    })
  )

/** An answer of a cheap provider that was accepted. */
export const accept = (progress: Progress, { answer, step }: StepAnswer, now: number): AIResult =>
  whole(progress, answer, attemptsBut(progress.steps, step), step.askedAt, now)

/** The answer of the last provider. */
export const escalate = (progress: Progress, answer: AIResult, askedAt: number): AIResult =>
  whole(
    progress,
    answer,
    [...attemptsBut(progress.steps), ...answer.attempts],
    askedAt,
    askedAt + answer.durationMs
  )

/** An event of the last provider's call as one of the whole cascade. */
export const escalated = (progress: Progress, event: StreamEvent, askedAt: number): StreamEvent => {
  switch (event._tag) {
    case "Started":
      return { ...event, attempts: attemptsBut(progress.steps).length + event.attempts }
    case "Completed":
      return { ...event, result: escalate(progress, event.result, askedAt) }
    default:
      return event
  }
}

/** The error of the last provider's call, with the attempts that were made before. */
export const allFailed = (progress: Progress, error: AllProvidersFailedError): AllProvidersFailedError =>
  new AllProvidersFailedError(
    {
      primary: error.primary,
      attempts: [...inOrder(attemptsBut(progress.steps)), ...error.attempts],
      refusals: error.refusals
    },
    trusted
  )

/** The same for an answer that broke off. */
export const interrupted = (progress: Progress, error: StreamInterruptedError): StreamInterruptedError =>
  new StreamInterruptedError(
    {
      provider: error.provider,
      partialText: error.partialText,
      cause: error.cause,
      attempts: [...inOrder(attemptsBut(progress.steps)), ...error.attempts]
    },
    trusted
  )

/** An accepted answer as a stream delivers it: in one piece. */
export const eventsOf = (result: AIResult): ReadonlyArray<StreamEvent> => [
  {
    _tag: "Started",
    provider: result.provider,
    model: result.model,
    attempts: result.attempts.length,
    ...(result.dropped === undefined ? {} : { dropped: result.dropped })
  },
  ...(result.reasoning ?? []).map(({ state, text }) => reasoningDelta(text, state)),
  ...(result.text === "" ? [] : [{ _tag: "TextDelta", text: result.text } as const]),
  ...result.toolCalls.map((call) => ({ _tag: "ToolCall", call }) as const),
  { _tag: "Completed", result }
]
