import type { Kind } from "../failure.js"
import { codes } from "./codes.js"
import type { Row } from "./row.js"
import { words } from "./words.js"

/** Every failure that servers tell of in a way of their own. */
export const rows: ReadonlyArray<Row> = [...codes, ...words]

/** The names of the families of errors, which say less than a status does. */
export const types: ReadonlyMap<string, Kind> = new Map<string, Kind>([
  // https://docs.claude.com/en/api/errors
  ["authentication_error", "authentication"],
  ["permission_error", "authentication"],
  ["request_too_large", "input"],
  ["invalid_request_error", "input"],
  ["not_found_error", "model"],
  ["rate_limit_error", "rate"],
  ["timeout_error", "timeout"],
  ["overloaded_error", "overloaded"],
  ["api_error", "server"],
  // https://platform.openai.com/docs/guides/error-codes
  ["server_error", "server"],
  ["invalid_prompt", "input"],
  // https://github.com/cline/cline/issues/9085 (Mistral)
  ["rate_limited", "rate"],
  // https://cloud.google.com/apis/design/errors
  ["unauthenticated", "authentication"],
  ["permission_denied", "authentication"],
  ["invalid_argument", "input"],
  ["not_found", "model"],
  ["deadline_exceeded", "timeout"],
  ["unavailable", "overloaded"],
  ["internal", "server"]
])
