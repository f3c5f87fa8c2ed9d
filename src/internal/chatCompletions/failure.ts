import { type Failure, type Kind, kindOfStatus } from "../failure.js"

/** Codes (or types) that say more than the status does. */
const byCode = new Map<string, Kind>([
  ["insufficient_quota", "quota"],
  ["credit_balance_exhausted", "quota"],
  ["organization_spend_limit_exceeded", "quota"],
  ["project_spend_limit_exceeded", "quota"],
  ["organization_usage_limit_exceeded", "quota"],
  ["rate_limit_exceeded", "rate"],
  ["slow_down", "rate"],
  ["server_is_overloaded", "overloaded"],
  ["capacity_exceeded", "overloaded"],
  ["context_length_exceeded", "context"],
  ["exceed_context_size_error", "context"],
  ["content_filter", "policy"],
  ["content_policy_violation", "policy"],
  ["model_not_found", "model"],
  ["invalid_api_key", "authentication"]
])

const overflow = /maximum context length/i

/** What a failure is: its code decides, then what it says, then its status. */
export const kindOf = (failure: Failure): Kind =>
  byCode.get(failure.code) ??
  byCode.get(failure.type) ??
  (overflow.test(failure.message) ? "context" : kindOfStatus(failure.status))
