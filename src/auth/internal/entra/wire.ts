import type * as HttpClient from "@effect/platform/HttpClient"
import * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as oauth from "oauth4webapi"
import * as AccessTokens from "../../AccessTokens.js"
import type * as TokenStore from "../../TokenStore.js"
import * as bodies from "../../../internal/bodies.js"
import * as http from "../../../wire/http.js"
import * as httpError from "../../../wire/httpError.js"
import * as waits from "../../../wire/waits.js"
import type { Failure, Refusal } from "./failure.js"

/** The application, as the identity provider knows it. */
export interface Application {
  readonly clientId: string
  readonly clientSecret: Redacted.Redacted | undefined
  readonly scopes: ReadonlyArray<string>
  readonly tokenUrl: string
  readonly deviceCodeUrl: string
}

/** A sign-in that a user completes elsewhere. */
export interface Device {
  readonly code: Redacted.Redacted
  readonly userCode: string
  readonly verificationUri: string
  readonly message: string | undefined
  readonly expiresInMs: number
  readonly intervalMs: number | undefined
}

/** The requests to the identity provider; each is sent once. */
export interface Wire {
  readonly device: Effect.Effect<Device, Failure>
  /** Asks whether the user has completed the sign-in. */
  readonly poll: (code: Redacted.Redacted) => Effect.Effect<TokenStore.Tokens, Failure>
  readonly refresh: (token: Redacted.Redacted) => Effect.Effect<TokenStore.Tokens, Failure>
}

/** Milliseconds that a request may take, its answer included: what waits for it has no other limit. */
const requestTimeoutMs = 30_000

type Fetch = (url: string, options: oauth.CustomFetchOptions<"POST", URLSearchParams>) => Promise<Response>

interface RequestOptions {
  readonly [oauth.customFetch]: Fetch
  readonly [oauth.allowInsecureRequests]: boolean
}

/** A request as the library makes it. */
type Send = (options: RequestOptions) => Promise<Response>

/** The request itself: the library makes it and reads the answer, our client carries both. */
const requestOf = (send: Send, isInsecure: boolean): Effect.Effect<HttpClientRequest.HttpClientRequest> =>
  Effect.async((resume) => {
    const take: Fetch = (url, { body, headers }) => {
      const form = body.toString()
      resume(
        Effect.succeed(
          HttpClientRequest.post(url).pipe(
            HttpClientRequest.setHeaders(headers),
            HttpClientRequest.bodyText(form, "application/x-www-form-urlencoded;charset=UTF-8")
          )
        )
      )
      // The library's own part ends here.
      return new Promise(() => {})
    }
    send({ [oauth.customFetch]: take, [oauth.allowInsecureRequests]: isInsecure }).catch((cause: unknown) =>
      resume(Effect.die(cause))
    )
  })

/** What the identity provider says before the ids that it says it with; our message goes on after it. */
const sentence = (description: string): string =>
  description
    .split(/[\r\n]|Trace ID:/, 1)
    .join("")
    .trimEnd()
    .replace(/\.$/, "")

const unavailable = (description: string): AccessTokens.SignInUnavailableError =>
  new AccessTokens.SignInUnavailableError({ reason: "network", description })

/** The requests of an application. */
export const make = (application: Application, httpClient: HttpClient.HttpClient): Wire => {
  const { clientId, clientSecret, deviceCodeUrl, scopes, tokenUrl } = application
  const client = http.scoped(httpClient, [])
  const server = {
    issuer: tokenUrl,
    token_endpoint: tokenUrl,
    device_authorization_endpoint: deviceCodeUrl
  }
  const scope = scopes.join(" ")
  const identity = { client_id: clientId }
  const secret = clientSecret === undefined ? undefined : Redacted.value(clientSecret)
  const authentication = secret === undefined ? oauth.None() : oauth.ClientSecretPost(secret)

  /** One request and its answer, in which the secrets don't show if it fails. */
  const exchange = <A>(
    send: Send,
    read: (response: Response) => Promise<A>,
    secrets: ReadonlyArray<string>
  ): Effect.Effect<A, Failure> => {
    const redact = httpError.redactor(secret === undefined ? secrets : [secret, ...secrets], () => [])
    return Effect.gen(function* () {
      const request = yield* requestOf(send, tokenUrl.startsWith("http:"))
      const response = yield* client.execute(request)
      return { response, text: yield* bodies.textOf(response) }
    }).pipe(
      Effect.mapError((error) => unavailable(httpError.networkReason(error, redact))),
      Effect.scoped,
      Effect.timeoutFail({
        duration: requestTimeoutMs,
        onTimeout: () => unavailable(`no answer within ${requestTimeoutMs} ms`)
      }),
      Effect.flatMap(({ response, text }) => {
        const { headers, status } = response
        const redirect = http.redirectOf(response, tokenUrl)
        return Effect.flatMap(Clock.currentTimeMillis, (now) =>
          Effect.tryPromise({
            // Of the headers just this one: an error is in the body, whatever a challenge says.
            try: () =>
              read(
                new Response(text === "" ? null : text, {
                  status,
                  headers: { "content-type": headers["content-type"] ?? "" }
                })
              ),
            catch: (cause): Refusal => ({
              ...(cause instanceof oauth.ResponseBodyError
                ? { code: redact(cause.error), description: redact(sentence(cause.error_description ?? "")) }
                : {
                    code: "",
                    description: redirect ?? (status === 200 ? "its answer isn't one of OAuth 2.0" : "")
                  }),
              status,
              retryAfterMs: waits.ofHeaders(headers, now)
            })
          })
        )
      })
    )
  }

  const tokens = (send: Send, secrets: ReadonlyArray<string>): Effect.Effect<TokenStore.Tokens, Failure> =>
    Effect.gen(function* () {
      const sentAt = yield* Clock.currentTimeMillis
      const answer = yield* exchange(
        send,
        (response) => oauth.processRefreshTokenResponse(server, identity, response),
        secrets
      )
      if (answer.expires_in === undefined) {
        return yield* new AccessTokens.SignInUnavailableError({
          reason: "malformed",
          description: "its answer doesn't say when the token ends"
        })
      }
      return {
        accessToken: Redacted.make(answer.access_token),
        expiresAt: sentAt + answer.expires_in * 1000,
        refreshToken: Option.map(Option.fromNullable(answer.refresh_token), Redacted.make),
        scopes: answer.scope?.split(" ") ?? scopes
      }
    })

  return {
    device: Effect.map(
      exchange(
        // Its facts know of no secret here.
        (options) => oauth.deviceAuthorizationRequest(server, identity, oauth.None(), { scope }, options),
        (response) => oauth.processDeviceAuthorizationResponse(server, identity, response),
        []
      ),
      (answer) => ({
        code: Redacted.make(answer.device_code),
        userCode: answer.user_code,
        verificationUri: answer.verification_uri,
        message: typeof answer["message"] === "string" ? answer["message"] : undefined,
        expiresInMs: answer.expires_in * 1000,
        intervalMs: answer.interval === undefined ? undefined : answer.interval * 1000
      })
    ),
    poll: (code) =>
      tokens(
        (options) =>
          oauth.deviceCodeGrantRequest(server, identity, authentication, Redacted.value(code), options),
        [Redacted.value(code)]
      ),
    refresh: (token) =>
      tokens(
        (options) =>
          oauth.refreshTokenGrantRequest(server, identity, authentication, Redacted.value(token), {
            ...options,
            additionalParameters: { scope }
          }),
        [Redacted.value(token)]
      )
  }
}
