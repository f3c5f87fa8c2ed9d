import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as AccessTokens from "../../AccessTokens.js"
import type * as TokenStore from "../../TokenStore.js"
import * as failure from "./failure.js"
import type { Prompt } from "./signIn.js"
import type * as wire from "./wire.js"

/** Milliseconds that a code is good for at most, whatever its answer says. */
const maxLifeMs = 900_000

/** Milliseconds between two polls where the answer doesn't say, and what `slow_down` adds to them. */
const defaultIntervalMs = 5000

/** Milliseconds between two polls at most, when they fail again and again. */
const maxBackoffMs = 60_000

/** Shows the user a code, and asks until the user has entered it. */
export const signIn = <E, R>(
  requests: wire.Wire,
  userId: string,
  show: (prompt: Prompt) => Effect.Effect<unknown, E, R>
): Effect.Effect<TokenStore.Tokens, AccessTokens.AccessTokenError | E, R> =>
  Effect.gen(function* () {
    const askedAt = yield* Clock.currentTimeMillis
    const device = yield* Effect.mapError(requests.device, (failed) => failure.toError(userId, failed))
    const { userCode, verificationUri } = device
    const expiresAt = askedAt + Math.min(device.expiresInMs, maxLifeMs)
    const message = device.message ?? `Open ${verificationUri} and enter the code ${userCode}`
    yield* show({ userCode, verificationUri, message, expiresAt })

    let intervalMs = device.intervalMs ?? defaultIntervalMs
    let waitMs = intervalMs
    let ended: AccessTokens.AccessTokenError = new AccessTokens.SignInRequiredError({
      userId,
      description: "the code wasn't entered in time",
      code: "expired_token"
    })
    const tooLate = ended
    while (true) {
      const leftMs = expiresAt - (yield* Clock.currentTimeMillis)
      yield* Effect.sleep(Math.min(waitMs, leftMs))
      if (waitMs >= leftMs) return yield* ended
      const answer = yield* Effect.either(requests.poll(device.code))
      if (answer._tag === "Right") return answer.right
      const failed = answer.left
      const code = "code" in failed ? failed.code : ""
      if (code === "authorization_pending" || code === "slow_down") {
        if (code === "slow_down") intervalMs += defaultIntervalMs
        waitMs = intervalMs
        ended = tooLate
        continue
      }
      const error = failure.toError(userId, failed)
      if (error._tag !== "SignInUnavailableError") return yield* error
      // The user can't know of a failing connection: it is asked again, ever less often.
      waitMs = Math.max(Math.min(2 * waitMs, maxBackoffMs), intervalMs, error.retryAfterMs ?? 0)
      ended = error
    }
  })
