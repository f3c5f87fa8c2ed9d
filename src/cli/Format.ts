/** Numbers and tables for people. */
import * as DateTime from "effect/DateTime"
import * as Option from "effect/Option"
import * as Either from "effect/Either"
import { parse } from "../internal/duration.js"
import type { Totals } from "../spend/SpendLedger.js"
import type * as TokenUsage from "../TokenUsage.js"
import * as Usd from "../Usd.js"

/** A duration in milliseconds: `85 ms`, `1.24 s`, `2 m 05 s`. */
export const duration = (ms: number): string => {
  if (ms < 999.5) return `${Math.round(ms)} ms`
  if (ms < 59_995) return `${(ms / 1000).toFixed(2)} s`
  const seconds = Math.round(ms / 1000)
  return `${Math.floor(seconds / 60)} m ${String(seconds % 60).padStart(2, "0")} s`
}

/** An instant in milliseconds of the Clock: `2026-11-22 15:04 UTC`. */
export const instant = (ms: number): string =>
  `${DateTime.formatIso(DateTime.unsafeMake(ms)).slice(0, 16).replace("T", " ")} UTC`

/** A cost in USD; one of estimated tokens is marked with `~`. */
export const cost = (amount: Option.Option<Usd.Usd>, estimated = false): string =>
  Option.match(amount, {
    onNone: () => "cost unknown",
    onSome: (known) => `${estimated && known.pico > 0n ? "~" : ""}${Usd.format(known)}`
  })

/** What attempts cost as far as it is known, and whether it is for all of them. */
export const costs = ({ cost: known, unpriced, usage }: Totals): string => {
  if (unpriced === 0) return cost(Option.some(known), usage.estimated)
  return known.pico === 0n ? "unknown" : `${Usd.format(known)} + unknown`
}

/**
 * The cells of attempts in a table: tokens in, tokens out, cost, the part of the cost that providers billed, and what
 * their caches saved.
 */
export const totals = (sum: Totals): ReadonlyArray<string> => {
  const mark = sum.usage.estimated ? "~" : ""
  return [
    `${mark}${sum.usage.inputTokens}`,
    `${mark}${sum.usage.outputTokens}`,
    costs(sum),
    Usd.format(sum.billed),
    Usd.format(sum.cacheSaved)
  ]
}

/** The columns of {@link totals}. What providers billed, and what caches saved, is shown where there is some. */
export const totalsColumns = (sums: ReadonlyArray<Totals>): ReadonlyArray<Column> => [
  { title: "tokens in", align: "right" },
  { title: "tokens out", align: "right" },
  { title: "cost", align: "right" },
  { title: "billed", align: "right", shown: sums.some(({ billed }) => billed.pico > 0n) },
  { title: "cache saved", align: "right", shown: sums.some(({ cacheSaved }) => cacheSaved.pico !== 0n) }
]

/** The tokens of an attempt; estimated ones are marked with `~`. */
export const tokens = (usage: TokenUsage.TokenUsage): string => {
  const mark = usage.estimated ? "~" : ""
  return `${mark}${usage.inputTokens} in + ${mark}${usage.outputTokens} out tokens`
}

/** What choosing cheaper providers saved against another one, or cost more than that. */
export const saved = (amount: Usd.Usd, baseline: string): string =>
  amount.pico < 0n
    ? `${Usd.format(Usd.fromPico(-amount.pico))} more than ${baseline} alone`
    : `saved ${Usd.format(amount)} against ${baseline}`

/** A number and its noun: `1 attempt`, `2 attempts`. */
export const count = (n: number, noun: string): string => `${n} ${noun}${n === 1 ? "" : "s"}`

/** A column of a table. */
export interface Column {
  readonly title: string
  readonly align: "left" | "right"
  /** Whether it is part of the table; it is when absent. */
  readonly shown?: boolean | undefined
}

/** A table of the columns that are shown, as wide as their widest cell. */
export const table = (columns: ReadonlyArray<Column>, rows: ReadonlyArray<ReadonlyArray<string>>): string => {
  const cells = [columns.map(({ title }) => title), ...rows]
  const sized = columns.flatMap(({ align, shown = true }, index) =>
    shown ? [{ align, index, width: Math.max(...cells.map((row) => (row[index] ?? "").length)) }] : []
  )
  return cells
    .map((row) =>
      sized
        .map(({ align, index, width }) => {
          const cell = row[index] ?? ""
          return align === "right" ? cell.padStart(width) : cell.padEnd(width)
        })
        .join("  ")
        .trimEnd()
    )
    .join("\n")
}

const controls = /\p{Cc}+/gu

/** A text on one line, without characters that a terminal would obey: what servers say is shown, not run. */
export const plain = (text: string): string => text.replaceAll(controls, " ")

/** The milliseconds of a duration such as `500ms`, `30s`, `1.5m`, `1h` or `7d`, or the expected form. */
export const parseDuration: (input: string) => Either.Either<number, string> = parse

/** The number that a text says, or the expected form. */
export const parseNumber = (input: string): Either.Either<number, string> =>
  input.trim() !== "" && Number.isFinite(Number(input))
    ? Either.right(Number(input))
    : Either.left("a number")
