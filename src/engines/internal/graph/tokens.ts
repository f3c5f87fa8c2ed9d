import type * as AIProvider from "../../../AIProvider.js"
import type { AccessTokenError } from "../../../auth/AccessTokens.js"
import { TokenStoreError } from "../../../auth/TokenStore.js"
import * as EngineError from "../../../EngineError.js"
import * as httpError from "../../../wire/httpError.js"

const short = httpError.redactor([], () => [])

/** A user's missing token as an error of the provider. */
export const toEngineError = (
  provider: AIProvider.AIProvider,
  error: AccessTokenError
): EngineError.EngineError => {
  const description = (advice: string): string => short(`${advice}: ${error.description}`)
  switch (error._tag) {
    case "SignInRequiredError":
      return new EngineError.AuthenticationError({
        provider,
        userId: error.userId,
        description: description("sign in (arc-saga login copilot, or EntraId.signIn)"),
        cause: error
      })
    case "SignInSettingError":
      return new EngineError.AuthenticationError({
        provider,
        description: description(`an administrator has to check ${error.setting}`),
        cause: error
      })
    case "TokenStoreError": {
      const { reason, userId } = error
      const owner = userId === undefined ? {} : { userId }
      return new EngineError.AuthenticationError({
        provider,
        ...owner,
        description: description(`the stored sign-in can't be used (${reason})`),
        // Without the cause below, which may hold parts of the record.
        cause: new TokenStoreError({ ...owner, reason, description: error.description })
      })
    }
    case "SignInUnavailableError": {
      const { reason, retryAfterMs, status } = error
      const common = {
        provider,
        description: description("the identity provider can't be asked"),
        ...(status === undefined ? {} : { status }),
        ...(retryAfterMs === undefined ? {} : { retryAfterMs })
      }
      return reason === "limited"
        ? new EngineError.RateLimitError(common)
        : new EngineError.TransientError({ ...common, reason })
    }
  }
}
