import { byStatus, type Failure, type Kind, kindOfStatus } from "../failure.js"

const byType = new Map<string, Kind>([
  ["authentication_error", "authentication"],
  ["permission_error", "authentication"],
  ["billing_error", "quota"],
  ["request_too_large", "input"],
  ["invalid_request_error", "input"],
  ["not_found_error", "model"],
  ["rate_limit_error", "rate"],
  ["timeout_error", "timeout"],
  ["overloaded_error", "overloaded"],
  ["api_error", "server"]
])

/** The second is that of a prompt which fits, with no room left for the answer that was asked for. */
const overflow = /prompt is too long|exceeds? (the )?(context limit|context window)/i

const spent = /reached your specified\b.*\busage limits|credit balance is too low/is

/** A limit of spending is told as a limit of rate; only its code says that waiting is no use. */
const spentCode = /^(?:\w+_)?(?:spend_limit|usage_limit|credit_balance|quota)(?:_\w+)?$/

/** What a failure is: what it says of limits decides, then its status, then its type. */
export const kindOf = (failure: Failure): Kind => {
  const { code, message, status, type } = failure
  if (status === 0 || status === 400) {
    if (overflow.test(message)) return "context"
    if (spent.test(message)) return "quota"
  }
  if (spentCode.test(code) || spentCode.test(type)) return "quota"
  return byStatus.get(status) ?? byType.get(type) ?? kindOfStatus(status)
}
