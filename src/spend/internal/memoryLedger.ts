import * as DateTime from "effect/DateTime"
import * as Option from "effect/Option"
import * as totals from "../totals.js"
import type { By, Filter, Group, Row } from "./row.js"

export const dayMs = 86_400_000

/** The day of UTC that an instant is in. */
export const dayOf = (instant: number): string => DateTime.formatIsoDateUtc(DateTime.unsafeMake(instant))

/** What a row and a total of rows have in common. */
interface Named {
  readonly provider: string
  readonly model: string
  readonly userId: Option.Option<string>
  readonly keyId: Option.Option<string>
  readonly team?: string | undefined
  /** Rows alone say these: there are too many of them for totals. */
  readonly session?: string | undefined
  readonly agent?: string | undefined
  readonly startedAt: number
}

/** The total of the folded rows of one day, provider, user, key, team and model. */
interface Total extends Named {
  readonly sum: totals.Totals
}

const nameOf: Readonly<Record<By, (of: Named) => Option.Option<string>>> = {
  provider: ({ provider }) => Option.some(provider),
  user: ({ userId }) => userId,
  key: ({ keyId }) => keyId,
  team: ({ team }) => Option.fromNullable(team),
  session: ({ session }) => Option.fromNullable(session),
  agent: ({ agent }) => Option.fromNullable(agent),
  model: ({ model }) => Option.some(model),
  day: ({ startedAt }) => Option.some(dayOf(startedAt))
}

const is = (wanted: string | undefined, actual: Option.Option<string>): boolean =>
  wanted === undefined || Option.contains(actual, wanted)

const passes = (filter: Filter, of: Named, taskId: Option.Option<string>): boolean =>
  of.startedAt >= (filter.since ?? Number.NEGATIVE_INFINITY) &&
  of.startedAt < (filter.until ?? Number.POSITIVE_INFINITY) &&
  (filter.provider === undefined || filter.provider === of.provider) &&
  is(filter.userId, of.userId) &&
  is(filter.keyId, of.keyId) &&
  (filter.team === undefined || filter.team === of.team) &&
  is(filter.taskId, taskId) &&
  (filter.session === undefined || filter.session === of.session)

/** Groups in the order of their names; the one without a name first, as both databases have it. */
export const byName = (left: Group, right: Group): number => {
  const [one, other] = [Option.getOrElse(left.name, () => ""), Option.getOrElse(right.name, () => "")]
  return one < other ? -1 : one > other ? 1 : 0
}

const keyOf = ({ keyId, model, provider, startedAt, team, userId }: Named): string =>
  JSON.stringify([startedAt, provider, model, userId, keyId, team])

/** Rows in memory: the newest one by one, the older ones as totals. */
export class MemoryLedger {
  private recent: Array<Row> = []
  /** How many of the recent ones have been folded already. */
  private folded = 0
  private readonly folds = new Map<string, Total>()

  constructor(
    private readonly capacity: number,
    private readonly maxTotals = 100_000
  ) {}

  add(row: Row): void {
    this.recent.push(row)
    if (this.recent.length - this.folded <= this.capacity) return
    const oldest = this.recent[this.folded]
    if (oldest === undefined) return
    this.fold(oldest)
    this.folded++
    // Moving what is left costs as much as it frees, so it is done once for many.
    if (this.folded * 4 > this.capacity) {
      this.recent = this.recent.slice(this.folded)
      this.folded = 0
    }
  }

  rows(filter: Filter): ReadonlyArray<Row> {
    return this.recent
      .slice(this.folded)
      .filter((row) => passes(filter, row, Option.some(row.taskId)))
      .toSorted((left, right) => left.startedAt - right.startedAt)
  }

  summary(options: Filter & { readonly by: By }): ReadonlyArray<Group> {
    const groups = new Map<string | undefined, Group>()
    const count = (of: Named, sum: totals.Totals): void => {
      const name = nameOf[options.by](of)
      const key = Option.getOrUndefined(name)
      groups.set(key, { name, ...totals.add(groups.get(key) ?? totals.nothing, sum) })
    }
    for (const total of this.folds.values()) {
      if (passes(options, total, Option.none())) count(total, total.sum)
    }
    for (const row of this.rows(options)) count(row, totals.of(row))
    return Array.from(groups.values()).toSorted(byName)
  }

  private fold(row: Row): void {
    const startedAt = Math.floor(row.startedAt / dayMs) * dayMs
    const named: Named = { ...row, startedAt }
    // Providers, models and days are few; users and keys are as many as callers name.
    const of =
      this.folds.has(keyOf(named)) || this.folds.size < this.maxTotals
        ? named
        : { ...named, userId: Option.none(), keyId: Option.none(), team: undefined }
    const { keyId, model, provider, team, userId } = of
    const sum = totals.add(this.folds.get(keyOf(of))?.sum ?? totals.nothing, totals.of(row))
    this.folds.set(keyOf(of), { provider, model, userId, keyId, team, startedAt, sum })
  }
}
