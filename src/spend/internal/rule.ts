import * as DateTime from "effect/DateTime"
import * as Hash from "effect/Hash"
import type { Budget } from "./budget.js"
import type { Account } from "./account.js"
import * as Usd from "../../Usd.js"

/** A budget, ready to be applied. */
export interface Rule {
  readonly name: string
  readonly scope: Budget["scope"]
  readonly subject: string | undefined
  readonly unit: "usd" | "tokens"
  /** The account of a subject (empty for the overall one) in the period that an instant is in. */
  readonly accountOf: (subject: string, now: number) => Account
}

interface Span {
  readonly startsAt: number
  readonly endsAt: number
}

const spanOf = (period: Budget["period"], now: number): Span => {
  const start = DateTime.startOf(DateTime.unsafeMake(now), period)
  return {
    startsAt: DateTime.toEpochMillis(start),
    endsAt: DateTime.toEpochMillis(DateTime.add(start, period === "day" ? { days: 1 } : { months: 1 }))
  }
}

const longest = 200

/** Databases don't take keys of any length; what is too long is cut, and told from others by its hashes. */
const keyOf = (subject: string): string =>
  subject.length <= longest
    ? subject
    : `${subject.slice(0, longest)}… ${subject.length} ${Hash.string(subject)} ${Hash.string(subject.slice(longest))}`

/** `account` tells its accounts from those of budgets with another name. */
export const ruleOf = (
  { name, period, scope, subject, tokens, usd }: Budget,
  account: string = name
): Rule => {
  const unit = usd === undefined ? "tokens" : "usd"
  const limit = usd === undefined ? BigInt(tokens ?? 0) : Usd.fromNumber(usd).pico
  let span: Span = { startsAt: 0, endsAt: 0 }
  return {
    name,
    scope,
    subject,
    unit,
    accountOf: (subject, now) => {
      // The calendar is asked once a period.
      if (now < span.startsAt || now >= span.endsAt) span = spanOf(period, now)
      const { endsAt, startsAt } = span
      return { id: JSON.stringify([account, scope, unit, period, startsAt, keyOf(subject)]), limit, endsAt }
    }
  }
}

/** An amount in USD or tokens, for people. */
export const inUnit = ({ unit }: Rule, amount: bigint): number =>
  unit === "usd" ? Usd.toNumber(Usd.fromPico(amount)) : Number(amount)
