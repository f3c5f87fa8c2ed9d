import { byStatus, type Failure, type Kind, kindOfStatus } from "../failure.js"
import type { Row } from "./row.js"
import { rows, types } from "./table.js"

/**
 * What stands between quotation marks is what the server cites, of the request for instance, and not what it says
 * itself. Names are short, and are kept, and so is the message of an error that is quoted whole; an apostrophe within
 * a word opens nothing.
 */
const cited = /(?<!\bmessage["']?:\s?)(?<=^|[\s([{:=,])(["'`])(?:(?!\1).){25,}?\1(?=$|[\s)\]},.;:!?])/gs

/** Statuses under which words are looked at where a row doesn't say: a rejected request, or none within a stream. */
const rejected: ReadonlyArray<number> = [0, 400, 413, 422]

const isOneOf =
  (names: NonNullable<Row["codes"]>) =>
  (code: string): boolean =>
    names instanceof RegExp ? names.test(code) : names.includes(code)

const matches =
  (codes: ReadonlyArray<string>, words: string, status: number) =>
  (row: Row): boolean => {
    const statuses = row.statuses ?? (row.codes === undefined ? rejected : undefined)
    return (
      statuses?.includes(status) !== false &&
      (row.codes === undefined || codes.some(isOneOf(row.codes))) &&
      row.words?.test(words) !== false
    )
  }

/** Within an error's status a type of the other family isn't believed: a server that failed rejected nothing. */
const fits = (kind: Kind, status: number): boolean =>
  status < 500 || kind === "overloaded" || kind === "server" || kind === "timeout" || kind === "rate"

/** What a failure is: its code decides, then what it says, then its status, then its type. */
export const kindOf = ({ code, message, status, type }: Failure): Kind => {
  const codes = [code, type].map((name) => name.toLowerCase()).filter((name) => name !== "")
  const found = rows.find(matches(codes, message.replaceAll(cited, ""), status))
  if (found !== undefined) return found.kind
  const plain = byStatus.get(status)
  if (plain !== undefined) return plain
  const typed = codes.flatMap((name) => types.get(name) ?? []).filter((kind) => fits(kind, status))
  // That a request is invalid says least.
  return typed.find((kind) => kind !== "input") ?? typed[0] ?? kindOfStatus(status)
}
