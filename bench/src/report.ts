/** Tables for a terminal. */

export const print = (line = ""): void => {
  process.stdout.write(`${line}\n`)
}

export const number = (value: number): string =>
  value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2)

/** The first column is left-aligned, the others right. */
export const table = (head: ReadonlyArray<string>, rows: ReadonlyArray<ReadonlyArray<string>>): void => {
  const widths = head.map((title, column) =>
    Math.max(title.length, ...rows.map((row) => (row[column] ?? "").length))
  )
  const line = (row: ReadonlyArray<string>): string =>
    row
      .map((cell, column) =>
        column === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[column] ?? 0)
      )
      .join("  ")
      .trimEnd()
  print(line(head))
  print(widths.map((width) => "-".repeat(width)).join("  "))
  for (const row of rows) print(line(row))
}

export interface Verdict {
  readonly target: string
  readonly measured: string
  readonly met: boolean
}

export const verdicts = (all: ReadonlyArray<Verdict>): void => {
  table(
    ["target", "measured", ""],
    all.map(({ measured, met, target }) => [target, measured, met ? "met" : "MISSED"])
  )
}
