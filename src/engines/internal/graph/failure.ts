import { byStatus, type Failure, type Kind, kindOfStatus } from "../../../wire/failure.js"
import * as shared from "../../../wire/failure/kindOf.js"

/** Graph's codes, in small letters: services differ in how they write them. */
const byCode = new Map<string, Kind>([
  ["invalidauthenticationtoken", "authentication"],
  ["unauthenticated", "authentication"],
  ["unauthorized", "authentication"],
  ["accessdenied", "authentication"],
  ["authorization_requestdenied", "authentication"],
  ["forbidden", "authentication"],
  ["badrequest", "input"],
  ["invalidrequest", "input"],
  ["toomanyrequests", "rate"],
  ["activitylimitreached", "rate"],
  ["serviceunavailable", "overloaded"],
  ["servicenotavailable", "overloaded"],
  ["gatewaytimeout", "timeout"],
  ["timeout", "timeout"]
])

/** A failure of a service behind Graph, whose status is only in the words of a 500. */
const wrapped = /\bStatus\s*=\s*([45]\d\d)\b/i

/** What a failure is: a wrapped status decides, then its own, then its code. */
export const kindOf = (failure: Failure): Kind => {
  const { code, message, status } = failure
  const within = status === 0 || status >= 500 ? wrapped.exec(message)?.[1] : undefined
  if (within !== undefined) return kindOfStatus(Number(within))
  return byStatus.get(status) ?? byCode.get(code.toLowerCase()) ?? shared.kindOf(failure)
}

/** A conversation that has just been made and isn't there: the next one may be. */
export const kindInConversation = (failure: Failure): Kind =>
  failure.status === 404 || failure.status === 410 ? "server" : kindOf(failure)
