import * as Option from "effect/Option"
import type * as AIResult from "../AIResult.js"
import * as Price from "../Price.js"
import type * as ScriptedEngine from "../testing/ScriptedEngine.js"
import type * as Report from "../testing/Simulation/Report.js"
import * as TokenUsage from "../TokenUsage.js"
import * as Usd from "../Usd.js"

interface Entry {
  readonly outcome: string
  readonly error: Option.Option<{ readonly _tag: string }>
  readonly usage: TokenUsage.TokenUsage
  readonly cost: Option.Option<Usd.Usd>
}

/** Counts by name, in alphabetical order. */
export const count = (names: Iterable<string>): Report.Counts => {
  const counts = new Map<string, number>()
  for (const name of names) counts.set(name, (counts.get(name) ?? 0) + 1)
  return Object.fromEntries([...counts].toSorted(([left], [right]) => (left < right ? -1 : 1)))
}

const totals = (entries: ReadonlyArray<Entry>): Report.Totals => ({
  attempts: entries.length,
  outcomes: count(entries.map(({ outcome }) => outcome)),
  errors: count(entries.flatMap(({ error }) => Option.toArray(error).map(({ _tag }) => _tag))),
  inputTokens: entries.reduce((sum, { usage }) => sum + usage.inputTokens, 0),
  outputTokens: entries.reduce((sum, { usage }) => sum + usage.outputTokens, 0),
  estimated: entries.filter(({ usage }) => usage.estimated).length,
  costUsd: Usd.toDecimal(
    entries.flatMap(({ cost }) => Option.toArray(cost)).reduce((sum, cost) => Usd.add(sum, cost), Usd.zero)
  ),
  unpriced: entries.filter(({ cost }) => Option.isNone(cost)).length
})

/** The totals of what a router recorded. */
export const accountsOf = (attempts: ReadonlyArray<AIResult.Attempt>): Report.Totals => totals(attempts)

/** The totals of what an engine handed out, at its own price. */
export const booksOf = (
  calls: ReadonlyArray<ScriptedEngine.Call>,
  price: Option.Option<Price.Price>
): Report.Totals =>
  totals(
    calls.map((call) => {
      const usage = Option.getOrElse(call.usage, () => TokenUsage.none)
      return {
        outcome: call.outcome,
        error: call.error,
        usage,
        cost:
          usage.inputTokens + usage.outputTokens === 0
            ? Option.some(Usd.zero)
            : Option.map(price, (known) => Price.cost(known, usage))
      }
    })
  )

/** The value that a share of all is at most, by nearest rank. */
const quantile = (sorted: ReadonlyArray<number>, of: number): number =>
  sorted.slice(0, Math.ceil(sorted.length * of)).reduce((_, value) => value, 0)

export const latencyOf = (values: ReadonlyArray<number>): Report.Latency | null => {
  const sorted = values.toSorted((left, right) => left - right)
  return sorted.length === 0
    ? null
    : { p50: quantile(sorted, 0.5), p99: quantile(sorted, 0.99), max: quantile(sorted, 1) }
}
