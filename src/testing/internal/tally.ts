import * as Option from "effect/Option"
import type * as AIResult from "../../AIResult.js"
import { quantile } from "../../internal/samples.js"
import * as Price from "../../Price.js"
import type * as ScriptedEngine from "../ScriptedEngine.js"
import type { Outage } from "../Simulation/Options.js"
import type * as Report from "../Simulation/Report.js"
import * as totals from "../../spend/totals.js"
import * as TokenUsage from "../../TokenUsage.js"
import * as Usd from "../../Usd.js"

interface Entry extends totals.Summand {
  readonly error: Option.Option<{ readonly _tag: string }>
}

/** Counts by name. */
export class Counter {
  private readonly counts = new Map<string, number>()

  add(name: string): void {
    this.counts.set(name, (this.counts.get(name) ?? 0) + 1)
  }

  /** In alphabetical order. */
  get byName(): Report.Counts {
    return Object.fromEntries([...this.counts].toSorted(([left], [right]) => (left < right ? -1 : 1)))
  }
}

/** Adds attempts up, each as it ends: nothing of them is kept. */
export class Tally {
  private sum = totals.nothing
  private readonly outcomes = new Counter()
  private readonly errors = new Counter()

  add(entry: Entry): void {
    this.sum = totals.add(this.sum, totals.of(entry))
    this.outcomes.add(entry.outcome)
    if (Option.isSome(entry.error)) this.errors.add(entry.error.value._tag)
  }

  get totals(): Report.Totals {
    const { attempts, cost, estimated, unpriced, usage } = this.sum
    return {
      attempts,
      outcomes: this.outcomes.byName,
      errors: this.errors.byName,
      inputTokens: usage.inputTokens,
      outputTokens: usage.outputTokens,
      cacheReadTokens: usage.cacheReadTokens,
      cacheWriteTokens: usage.cacheWriteTokens,
      estimated,
      costUsd: Usd.toDecimal(cost),
      unpriced
    }
  }
}

/** What a provider writes down of its own calls, at its own price. */
export class ProviderRecord {
  private readonly tally = new Tally()
  private duringOutages = 0
  private readonly backAt: Array<number | undefined> = []

  constructor(
    private readonly price: Option.Option<Price.Price>,
    private readonly outages: ReadonlyArray<typeof Outage.Type>
  ) {}

  add(call: ScriptedEngine.Call): void {
    const usage = Option.getOrElse(call.usage, () => TokenUsage.none)
    this.tally.add({
      outcome: call.outcome,
      error: call.error,
      usage,
      cost: Option.map(this.price, (known) => Price.cost(known, usage))
    })
    for (const [index, { fromMs, toMs }] of this.outages.entries()) {
      if (call.startedAt >= fromMs && call.startedAt < toMs) this.duringOutages += 1
      if (call.startedAt >= toMs && call.outcome === "succeeded") {
        this.backAt[index] = Math.min(this.backAt[index] ?? Number.POSITIVE_INFINITY, call.startedAt)
      }
    }
  }

  get report(): Pick<Report.ProviderReport, "record" | "duringOutages" | "recoveredAfterMs"> {
    return {
      record: this.tally.totals,
      duringOutages: this.duringOutages,
      recoveredAfterMs: this.outages.map(({ toMs }, index) => {
        const backAt = this.backAt[index]
        return backAt === undefined ? null : backAt - toMs
      })
    }
  }
}

/** The attempts of one task that were made on top: again at the same provider, or beside another. */
export const extraOf = (
  attempts: ReadonlyArray<AIResult.Attempt>
): Pick<Report.Report, "retries" | "hedges"> => {
  const providers = new Set<string>()
  let retries = 0
  let hedges = 0
  let busyUntil = Number.NEGATIVE_INFINITY
  for (const { durationMs, provider, startedAt } of attempts.toSorted(
    (left, right) => left.startedAt - right.startedAt
  )) {
    if (providers.has(provider)) retries += 1
    else if (startedAt < busyUntil) hedges += 1
    providers.add(provider)
    busyUntil = Math.max(busyUntil, startedAt + durationMs)
  }
  return { retries, hedges }
}

export const latencyOf = (values: ReadonlyArray<number>): Report.Latency | null => {
  const sorted = Float64Array.from(values).toSorted()
  return Option.getOrNull(
    Option.all({ p50: quantile(sorted, 0.5), p99: quantile(sorted, 0.99), max: quantile(sorted, 1) })
  )
}
