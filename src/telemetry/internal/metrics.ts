import * as Metric from "effect/Metric"
import * as MetricBoundaries from "effect/MetricBoundaries"
import * as MetricLabel from "effect/MetricLabel"
import * as Option from "effect/Option"
import type * as AIProvider from "../../AIProvider.js"
import type * as AIResult from "../../AIResult.js"
import type * as CircuitBreaker from "../../reliability/CircuitBreaker.js"
import type { ReasoningEngine } from "../../ReasoningEngine.js"
import * as Usd from "../../Usd.js"
import { errorType, isCounted, type operationOf } from "./names.js"

const powers = (first: number, factor: number, count: number) =>
  MetricBoundaries.fromIterable(Array.from({ length: count }, (_, power) => first * factor ** power))

/** In the boundaries that the conventions give: 10 ms to 82 s. */
const seconds = powers(0.01, 2, 14)

const histogram = (name: string, unit: string, boundaries: MetricBoundaries.MetricBoundaries, what: string) =>
  Metric.tagged(Metric.histogram(name, boundaries, what), "unit", unit)

const tokenUsage = histogram(
  "gen_ai.client.token.usage",
  "{token}",
  powers(1, 4, 14),
  "Tokens of an attempt, as its provider counted them"
)

const operationDuration = histogram(
  "gen_ai.client.operation.duration",
  "s",
  seconds,
  "How long an attempt took"
)

const timeToFirstChunk = histogram(
  "gen_ai.client.operation.time_to_first_chunk",
  "s",
  seconds,
  "How long the first content of a streamed attempt took"
)

const taskDuration = histogram("arc_saga.task.duration", "s", seconds, "How long a task took as a whole")

/** 10 µs to 0.3 s. */
const taskOverhead = histogram(
  "arc_saga.task.overhead",
  "s",
  powers(0.00001, 2, 16),
  "How long a task took besides its attempts and waits"
)

const cost = Metric.tagged(
  Metric.counter("arc_saga.cost", {
    description: "What attempts cost, where it is known",
    incremental: true
  }),
  "unit",
  "USD"
)

const fallbacks = Metric.counter("arc_saga.fallbacks", {
  description: "Attempts at another provider than the one that failed before",
  incremental: true
})

const circuit = Metric.gauge("arc_saga.circuit", {
  description: "How a provider's circuit stands: 0 closed, 1 half-open, 2 open"
})

type Labels = ReadonlyArray<MetricLabel.MetricLabel>

/** Labels have few values: configured ones, and names of errors. What a provider says is none. */
const labels = (values: Readonly<Record<string, string>>): Labels =>
  Object.entries(values).map(([key, value]) => MetricLabel.make(key, value))

export const engineLabels = (
  { model, provider }: ReasoningEngine,
  vendor: string,
  operation: ReturnType<typeof operationOf>
): Labels =>
  labels({
    "gen_ai.operation.name": operation,
    "gen_ai.provider.name": vendor,
    "gen_ai.request.model": model,
    "arc_saga.provider": provider
  })

const errorLabel = (error: Option.Option<{ readonly _tag: string }>): Labels =>
  Option.match(error, { onNone: () => [], onSome: (found) => labels({ "error.type": errorType(found) }) })

const [input, output] = [labels({ "gen_ai.token.type": "input" }), labels({ "gen_ai.token.type": "output" })]

/** An attempt has ended. */
export const attempt = (
  record: AIResult.Attempt,
  ofEngine: Labels,
  durationSeconds: number,
  streamed: boolean
): void => {
  operationDuration.unsafeUpdate(durationSeconds, [...ofEngine, ...errorLabel(record.error)])
  if (streamed && Option.isSome(record.firstTokenMs)) {
    timeToFirstChunk.unsafeUpdate(record.firstTokenMs.value / 1000, ofEngine)
  }
  if (isCounted(record.usage)) {
    tokenUsage.unsafeUpdate(record.usage.inputTokens, [...ofEngine, ...input])
    tokenUsage.unsafeUpdate(record.usage.outputTokens, [...ofEngine, ...output])
  }
  if (Option.isSome(record.cost)) cost.unsafeUpdate(Usd.toNumber(record.cost.value), ofEngine)
}

/** An attempt begins at another provider than the one that failed. */
export const fallback = (from: AIProvider.AIProvider, to: AIProvider.AIProvider): void =>
  fallbacks.unsafeUpdate(1, labels({ "arc_saga.fallback.from": from, "arc_saga.provider": to }))

/** A task has ended. */
export const task = (
  error: Option.Option<{ readonly _tag: string }>,
  durationSeconds: number,
  overheadSeconds: number
): void => {
  taskDuration.unsafeUpdate(durationSeconds, errorLabel(error))
  taskOverhead.unsafeUpdate(overheadSeconds, [])
}

const states = { closed: 0, "half-open": 1, open: 2 } as const

/** How a circuit stands now. */
export const circuitState = (provider: AIProvider.AIProvider, state: CircuitBreaker.State): void =>
  circuit.unsafeUpdate(states[state._tag], labels({ "arc_saga.provider": provider }))
