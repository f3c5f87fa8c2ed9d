/** What the table keeps of a result: all but its place, so that one statement can say the same of many tasks. */
import type { ParseError } from "effect/ParseResult"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { ResultLine } from "../ResultLine.js"

const encodeLine = Schema.encodeSync(ResultLine)
const decodeLine = Schema.decodeUnknown(ResultLine)
const decodeJson = Schema.decode(Schema.parseJson(Schema.Object))

/** A result without its place. */
export const encode = (line: ResultLine): string => {
  const encoded = encodeLine(line)
  return JSON.stringify("result" in encoded ? { result: encoded.result } : { error: encoded.error })
}

/** The result of a task that was never answered. */
const encodeError = (tag: string, message: string): string =>
  JSON.stringify({ error: { tag, message, attempts: [] } })

export const cancelled = encodeError(
  "CancelledError",
  "The batch was cancelled before this task had an answer"
)

export const abandoned = encodeError(
  "AbandonedError",
  "Every worker that began this task ended without a result. Look what it does to them, and submit it by itself"
)

/** A result as its table has it. */
export interface Row {
  readonly line: number
  readonly input: string
  readonly task_id: string | null
  readonly taken_over: number
  readonly outcome: string
}

/** The result of a row. */
export const decode = (row: Row): Effect.Effect<ResultLine, ParseError> =>
  Effect.flatMap(decodeJson(row.outcome), (outcome) =>
    decodeLine({
      line: row.line,
      input: row.input,
      ...(row.taken_over === 0 ? {} : { takenOver: row.taken_over }),
      taskId: row.task_id,
      ...outcome
    })
  )
