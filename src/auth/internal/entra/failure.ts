import * as AccessTokens from "../../AccessTokens.js"
import * as http from "../../../wire/http.js"

/** What the identity provider said of a request that it doesn't grant. */
export interface Refusal {
  /** The `error` of its answer; empty when the answer has none. */
  readonly code: string
  /** What it says of it, fit to be part of an error. */
  readonly description: string
  readonly status: number
  readonly retryAfterMs: number | undefined
}

/** The user signs in again, or signs in otherwise. */
const signInCodes = new Set([
  "access_denied",
  "authorization_declined",
  "bad_verification_code",
  "consent_required",
  "expired_token",
  "interaction_required",
  "invalid_grant",
  "login_required"
])

/** The setting that an administrator changes. */
const settings = new Map([
  ["invalid_client", "clientSecret"],
  ["invalid_request", "tenantId"],
  ["invalid_resource", "scopes"],
  ["invalid_scope", "scopes"],
  ["unauthorized_client", "clientId"]
])

const transient = new Map<string, AccessTokens.SignInUnavailableError["reason"]>([
  ["server_error", "server"],
  ["temporarily_unavailable", "overloaded"]
])

const reasonOfStatus = (status: number): AccessTokens.SignInUnavailableError["reason"] => {
  if (status === limited) return "limited"
  if (status === 503) return "overloaded"
  return status >= 500 || status === 408 ? "server" : "malformed"
}

/** Why a request brought nothing: it didn't get through, or it was refused. */
export type Failure = AccessTokens.SignInUnavailableError | Refusal

const limited = 429

/** The error of a failure; a refusal is told by its code where it has one. */
export const toError = (
  userId: string,
  failure: Failure
):
  | AccessTokens.SignInRequiredError
  | AccessTokens.SignInSettingError
  | AccessTokens.SignInUnavailableError => {
  if ("_tag" in failure) return failure
  const { retryAfterMs, status } = failure
  const code = status === limited ? "" : failure.code
  const description = failure.description || code || `it answers with status ${status}`
  if (signInCodes.has(code)) return new AccessTokens.SignInRequiredError({ userId, description, code })
  const reason = transient.get(code)
  if (code !== "" && reason === undefined) {
    const setting = settings.get(code) ?? "clientId, tenantId and scopes"
    return new AccessTokens.SignInSettingError({ setting, description, code })
  }
  // There is no token endpoint at this address.
  if (status === 404 || http.isRedirect(status)) {
    return new AccessTokens.SignInSettingError({ setting: "baseUrl", description })
  }
  return new AccessTokens.SignInUnavailableError({
    reason: reason ?? reasonOfStatus(status),
    description,
    status,
    ...(retryAfterMs === undefined ? {} : { retryAfterMs })
  })
}
