/** What a run of tasks came to, per provider. */
import * as Option from "effect/Option"
import * as AIResult from "../AIResult.js"
import type { ResultLine } from "../batch/ResultLine.js"
import { quantile } from "../internal/samples.js"
import * as totals from "../spend/totals.js"
import * as Usd from "../Usd.js"
import * as Format from "./Format.js"

interface Row {
  answered: number
  failures: number
  fallbacks: number
  /** All attempts. */
  sum: totals.Totals
  /** The attempts that were given up and may be charged all the same. */
  inVain: totals.Totals
  /** Milliseconds of each answer. */
  readonly latencies: Array<number>
}

/** The counts so far. They are changed in place: a run has one fiber that records. */
export interface Tally {
  /** Tasks that were answered. */
  answered: number
  /** Tasks that failed. */
  failed: number
  /** Lines without a task. */
  bad: number
  readonly rows: Map<string, Row>
  /** The fields that were left out, with the number of tasks that had them. */
  readonly dropped: Map<string, number>
  /** What choosing cheaper providers saved, by the provider that would have been asked otherwise. */
  readonly saved: Map<string, Usd.Usd>
}

/** A tally of nothing. */
export const make = (): Tally => ({
  answered: 0,
  failed: 0,
  bad: 0,
  rows: new Map(),
  dropped: new Map(),
  saved: new Map()
})

const emptyRow = (): Row => ({
  answered: 0,
  failures: 0,
  fallbacks: 0,
  sum: totals.nothing,
  inVain: totals.nothing,
  latencies: []
})

const rowOf = (tally: Tally, provider: string): Row => {
  const row = tally.rows.get(provider) ?? emptyRow()
  tally.rows.set(provider, row)
  return row
}

const recordAttempts = (tally: Tally, attempts: ReadonlyArray<AIResult.Attempt>): void => {
  for (const attempt of attempts) {
    const row = rowOf(tally, attempt.provider)
    const sum = totals.of(attempt)
    row.sum = totals.add(row.sum, sum)
    if (AIResult.isPaidInVain(attempt)) row.inVain = totals.add(row.inVain, sum)
    if (AIResult.isFailure(attempt)) row.failures += 1
    if (attempt.outcome === "succeeded") row.latencies.push(attempt.durationMs)
  }
}

/** Counts a result. */
export const record = (tally: Tally, line: ResultLine): void => {
  if ("result" in line) {
    const { result } = line
    tally.answered += 1
    recordAttempts(tally, result.attempts)
    const row = rowOf(tally, result.provider)
    row.answered += 1
    for (const field of result.dropped ?? []) tally.dropped.set(field, (tally.dropped.get(field) ?? 0) + 1)
    const [first] = result.attempts
    if (first !== undefined && first.provider !== result.provider) row.fallbacks += 1
    const saved = Option.getOrUndefined(AIResult.saved(result))
    if (result.baseline !== undefined && saved !== undefined) {
      const { provider } = result.baseline
      tally.saved.set(provider, Usd.add(tally.saved.get(provider) ?? Usd.zero, saved))
    }
    return
  }
  const { error, taskId } = line
  if (taskId === null) {
    tally.bad += 1
    return
  }
  tally.failed += 1
  recordAttempts(tally, error.attempts)
  // An error that doesn't list its attempts had one.
  if (error.attempts.length === 0 && error.provider !== undefined) rowOf(tally, error.provider).failures += 1
}

/** What was left out, in words; undefined where nothing was. */
export const dropped = (tally: Tally): string | undefined =>
  tally.dropped.size === 0
    ? undefined
    : `Not sent: ${Array.from(tally.dropped, ([field, n]) => `${field} of ${Format.count(n, "task")}`).join(", ")}. The warnings of their results say why`

/** What was saved, in words; empty where nothing was to be saved. */
export const saved = (tally: Tally): ReadonlyArray<string> =>
  Array.from(tally.saved, ([baseline, amount]) => Format.saved(amount, baseline))

/** How many tasks came to what, in words. */
export const counts = (tally: Tally): string =>
  [
    `${Format.count(tally.answered, "task")} answered`,
    `${tally.failed} failed`,
    Format.count(tally.bad, "bad line"),
    ...saved(tally)
  ].join(", ")

const columns = (rows: ReadonlyArray<Row>): ReadonlyArray<Format.Column> => [
  { title: "provider", align: "left" },
  { title: "tasks", align: "right" },
  { title: "failures", align: "right" },
  { title: "fallbacks", align: "right" },
  ...Format.totalsColumns(rows.map(({ sum }) => sum)),
  { title: "p50", align: "right" },
  { title: "p99", align: "right" },
  { title: "given up", align: "right", shown: rows.some(({ inVain }) => inVain.attempts > 0) }
]

const inVain = (sum: totals.Totals): string =>
  sum.attempts === 0 ? "0" : `${sum.attempts}: ${Format.costs(sum)}`

const percentiles = ({ latencies }: Row): ReadonlyArray<string> => {
  const sorted = Float64Array.from(latencies).toSorted()
  return [0.5, 0.99].map((share) =>
    Option.match(quantile(sorted, share), { onNone: () => "-", onSome: Format.duration })
  )
}

const cells = (provider: string, row: Row): ReadonlyArray<string> => [
  provider,
  String(row.answered),
  String(row.failures),
  String(row.fallbacks),
  ...Format.totals(row.sum),
  ...percentiles(row),
  inVain(row.inVain)
]

/**
 * The table: for each provider the tasks that it answered, its failed attempts, the tasks that it took
 * over from another, tokens and cost of all its attempts, the latency of its answers, and, where there are
 * any, the part of the cost that providers billed, and attempts that were given up with what of it is theirs.
 */
export const table = (tally: Tally): string => {
  const rows = Array.from(tally.rows).toSorted(([left], [right]) => (left < right ? -1 : 1))
  return Format.table(
    columns(rows.map(([, row]) => row)),
    rows.map(([provider, row]) => cells(provider, row))
  )
}
