import * as Option from "effect/Option"
import * as Struct from "effect/Struct"
import type { AIProvider } from "../../AIProvider.js"
import type { AIResult, Attempt } from "../../AIResult.js"
import type { ContextLengthError } from "../../EngineError.js"
import { AllProvidersFailedError } from "../../routing/ProviderRouter.js"
import { type StreamEvent, StreamInterruptedError } from "../../StreamEvent.js"
import * as TokenUsage from "../../TokenUsage.js"
import * as Usd from "../../Usd.js"
import * as totals from "../../spend/totals.js"
import { trusted } from "../../internal/validation.js"

/** What came of asking one provider of a cascade. */
export interface Asked {
  readonly provider: AIProvider
  readonly answer: Option.Option<AIResult>
  readonly attempts: ReadonlyArray<Attempt>
  /** When it was asked. */
  readonly askedAt: number
}

/** A cascade on its way. */
export interface SoFar {
  readonly startedAt: number
  /** The instant at which the call as a whole has to be done. */
  readonly deadline: number
  readonly asked: ReadonlyArray<Asked>
}

export const answered = (provider: AIProvider, result: AIResult, askedAt: number): Asked => ({
  provider,
  answer: Option.some(result),
  attempts: result.attempts,
  askedAt
})

export const failed = (provider: AIProvider, attempts: ReadonlyArray<Attempt>, askedAt: number): Asked => ({
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

export const answersOf = (asked: ReadonlyArray<Asked>): ReadonlyArray<AIResult> =>
  asked.flatMap(({ answer }) => Option.toArray(answer))

/** The attempts of everybody but one, whose answers weren't needed. */
const attemptsBut = (asked: ReadonlyArray<Asked>, accepted?: Asked): ReadonlyArray<Attempt> =>
  asked.flatMap((each) =>
    each.attempts.map((attempt): Attempt =>
      attempt.outcome === "succeeded" && each !== accepted ? { ...attempt, outcome: "discarded" } : attempt
    )
  )

const inOrder = (attempts: ReadonlyArray<Attempt>): ReadonlyArray<Attempt> =>
  attempts.toSorted((left, right) => left.startedAt - right.startedAt)

/** The result of the whole cascade, of the result of the call that answered. */
const whole = (
  so: SoFar,
  answer: AIResult,
  attempts: ReadonlyArray<Attempt>,
  askedAt: number,
  now: number
): AIResult => ({
  ...Struct.omit(answer, "costSource"),
  attempts: inOrder(attempts),
  ...totals.costOf(attempts),
  durationMs: now - so.startedAt,
  firstTokenMs: Option.map(answer.firstTokenMs, (ms) => askedAt - so.startedAt + ms)
})

/** An answer, and whose it is. */
export interface Answered {
  readonly asked: Asked
  readonly answer: AIResult
}

/** Whose an answer is; none when nobody who was asked gave it. */
export const answerOf = (so: SoFar, answer: AIResult): Option.Option<Answered> =>
  Option.map(Option.fromNullable(so.asked.find(({ provider }) => provider === answer.provider)), (asked) => ({
    asked,
    answer
  }))

/** An answer of a cheap provider that was accepted. */
export const accept = (so: SoFar, { answer, asked }: Answered, now: number): AIResult =>
  whole(so, answer, attemptsBut(so.asked, asked), asked.askedAt, now)

/** The answer of the last provider. */
export const escalate = (so: SoFar, answer: AIResult, askedAt: number): AIResult =>
  whole(so, answer, [...attemptsBut(so.asked), ...answer.attempts], askedAt, askedAt + answer.durationMs)

/** An event of the last provider's call as one of the whole cascade. */
export const escalated = (so: SoFar, event: StreamEvent, askedAt: number): StreamEvent => {
  switch (event._tag) {
    case "Started":
      return { ...event, attempts: attemptsBut(so.asked).length + event.attempts }
    case "Completed":
      return { ...event, result: escalate(so, event.result, askedAt) }
    default:
      return event
  }
}

/** The error of the last provider's call, with the attempts that were made before. */
export const allFailed = (so: SoFar, error: AllProvidersFailedError): AllProvidersFailedError =>
  new AllProvidersFailedError(
    {
      primary: error.primary,
      attempts: [...inOrder(attemptsBut(so.asked)), ...error.attempts],
      refusals: error.refusals
    },
    trusted
  )

/** The same for an answer that broke off. */
export const interrupted = (so: SoFar, error: StreamInterruptedError): StreamInterruptedError =>
  new StreamInterruptedError(
    {
      provider: error.provider,
      partialText: error.partialText,
      cause: error.cause,
      attempts: [...inOrder(attemptsBut(so.asked)), ...error.attempts]
    },
    trusted
  )

/** An accepted answer as a stream delivers it: in one piece. */
export const eventsOf = (result: AIResult): ReadonlyArray<StreamEvent> => [
  { _tag: "Started", provider: result.provider, model: result.model, attempts: result.attempts.length },
  ...(result.text === "" ? [] : [{ _tag: "TextDelta", text: result.text } as const]),
  ...result.toolCalls.map((call) => ({ _tag: "ToolCall", call }) as const),
  { _tag: "Completed", result }
]
