import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as AIProvider from "../../src/AIProvider.js"
import * as AccessTokens from "../../src/auth/AccessTokens.js"
import { TokenStoreError } from "../../src/auth/TokenStore.js"
import * as Copilot from "../../src/engines/Copilot.js"
import * as EngineError from "../../src/EngineError.js"
import * as attempts from "../utils/attempts.js"
import { streaming, task } from "../utils/chatCompletions.js"
import { engine, failure, prompt, tokens } from "../utils/graph.js"
import * as GraphServer from "../utils/GraphServer.js"
import * as RawServer from "../utils/RawServer.js"

const { compact, error, json, sse } = GraphServer

const licence = "Failed to serve the request. Status = 403 (Forbidden): the user has no licence."

const rows: ReadonlyArray<readonly [number, unknown, string, object?]> = [
  [403, error("Forbidden", "The user has no licence."), "AuthenticationError", { userId: "ann" }],
  [500, error("InternalServerError", licence), "AuthenticationError", { userId: "ann" }],
  [502, error("UnknownError", "Status=401"), "AuthenticationError", { userId: "ann" }],
  [400, error("BadRequest", "message.text is too long"), "InputValidationError"],
  [400, error("constructor", "Status = 500"), "InputValidationError"],
  [413, error("RequestEntityTooLarge"), "InputValidationError"],
  [500, error("InternalServerError", "Status = 400"), "InputValidationError"],
  [402, error("PaymentRequired"), "QuotaExhaustedError"],
  [429, error("TooManyRequests"), "RateLimitError"],
  [429, "too many", "RateLimitError"],
  [500, error("InternalServerError", "Status = 429"), "RateLimitError"],
  [503, error("ServiceUnavailable"), "TransientError", { reason: "overloaded" }],
  [500, error("serviceNotAvailable"), "TransientError", { reason: "overloaded" }],
  [500, error("InternalServerError"), "TransientError", { reason: "server" }],
  [500, error("InternalServerError", "Status = 502"), "TransientError", { reason: "server" }],
  [502, "<html>Bad gateway</html>", "TransientError", { reason: "server" }],
  [409, error("Conflict"), "TransientError", { reason: "server" }],
  [408, error("RequestTimeout"), "TimeoutError", { phase: "first-token" }],
  [504, error("GatewayTimeout"), "TimeoutError", { phase: "first-token" }]
]

describe.concurrent("Copilot errors", () => {
  it.live("follow the table, for the conversation and for the chat in it", () =>
    Effect.gen(function* () {
      for (const [status, body, tag, more] of rows) {
        const reply = [json(status, body)]
        for (const [script, requestId] of [
          [{ conversations: reply }, "req-0"],
          [{ chats: reply }, "req-1"]
        ] as const) {
          const failed = yield* failure(script)
          const expected = { _tag: tag, provider: "copilot_chat", status, requestId, ...more }
          assert.deepInclude(attempts.fields(failed), expected, `${status} ${JSON.stringify(body)}`)
        }
      }
    }).pipe(Effect.provide(NodeHttpClient.layerUndici))
  )

  it.live("of a user's own say so: they are nobody else's", () =>
    Effect.gen(function* () {
      const failed = yield* failure({ chats: [json(403, error("Forbidden", "No licence"))] })
      assert.isTrue(EngineError.belongsToUser(failed))
      assert.strictEqual(
        failed.message,
        'copilot_chat can\'t be asked for "ann" (403): No licence [request req-1]. ' +
          "Check this user's sign-in and licence; other users aren't touched"
      )
      const bob = yield* failure({ chats: [json(403, error("Forbidden"))] }, { userId: "bob" })
      assert.deepInclude(attempts.fields(bob), { userId: "bob" })
    }).pipe(Effect.provide(NodeHttpClient.layerUndici))
  )

  it.live("tell a path that Graph doesn't have from a conversation that isn't there yet", () =>
    Effect.gen(function* () {
      const path = yield* failure({ conversations: [json(404, error("ResourceNotFound"))] })
      assert.strictEqual(path._tag, "ModelNotFoundError")
      for (const status of [404, 410]) {
        const gone = yield* failure({ chats: [json(status, error("NotFound"))] })
        assert.deepInclude(attempts.fields(gone), { _tag: "TransientError", reason: "server", status })
      }
    }).pipe(Effect.provide(NodeHttpClient.layerUndici))
  )

  it.live("say when to come back, in milliseconds", () =>
    Effect.gen(function* () {
      for (const [headers, expected] of [
        [{ "retry-after": "7" }, 7000],
        [{ "retry-after": "Wed, 01 Jan 2020 00:00:00 GMT" }, undefined],
        [{}, undefined]
      ] as const) {
        const limited = yield* failure({ chats: [json(429, error("TooManyRequests"), headers)] })
        assert.strictEqual(limited._tag === "RateLimitError" ? limited.retryAfterMs : Number.NaN, expected)
      }
    }).pipe(Effect.provide(NodeHttpClient.layerUndici))
  )

  it.live("are malformed where a conversation has no id, or no conversation was made", () =>
    Effect.gen(function* () {
      for (const reply of [
        json(201, { status: "active" }),
        json(201, { id: "" }),
        { ...json(200, ""), steps: [RawServer.send("<html>"), RawServer.end] }
      ]) {
        const failed = yield* failure({ conversations: [reply] })
        assert.deepInclude(attempts.fields(failed), {
          _tag: "TransientError",
          reason: "malformed",
          description: "what was created isn't a conversation with an id"
        })
      }
    }).pipe(Effect.provide(NodeHttpClient.layerUndici))
  )

  it.live("bear the name of the provider that they are of", () =>
    Effect.gen(function* () {
      const provider = AIProvider.unsafeMake("copilot_chat/b")
      for (const script of [
        { conversations: [json(403, error("Forbidden"))] },
        { chats: [sse("")] },
        { chats: [GraphServer.stream(RawServer.reset)] }
      ]) {
        const failed = yield* failure(script, {}, { provider })
        assert.strictEqual(failed.provider, provider)
      }
    }).pipe(Effect.provide(NodeHttpClient.layerUndici))
  )
})

describe.concurrent("Copilot errors within an answer", () => {
  it.live("are decided by their code, or by a status that they wrap", () =>
    Effect.gen(function* () {
      for (const [body, expected] of [
        [error("TooManyRequests"), { _tag: "RateLimitError", retryAfterMs: 3000 }],
        [error("activityLimitReached"), { _tag: "RateLimitError" }],
        [error("ServiceUnavailable"), { _tag: "TransientError", reason: "overloaded" }],
        [error("generalException"), { _tag: "TransientError", reason: "server" }],
        [error("Forbidden"), { _tag: "AuthenticationError", userId: "ann" }],
        [error("InvalidAuthenticationToken"), { _tag: "AuthenticationError", userId: "ann" }],
        [error("badRequest"), { _tag: "InputValidationError" }],
        [error("timeout"), { _tag: "TimeoutError", phase: "first-token" }],
        [error("UnknownError", licence), { _tag: "AuthenticationError", userId: "ann" }],
        [{ error: "broken" }, { _tag: "TransientError", reason: "server", description: "broken" }]
      ] as const) {
        const headers = { "retry-after": "3" }
        const text = compact(GraphServer.conversation(prompt, undefined)) + compact(body)
        for (const reply of [sse(text), json(200, body)]) {
          const failed = yield* failure({
            chats: [{ ...reply, headers: { ...reply.headers, ...headers } }]
          })
          assert.deepInclude(attempts.fields(failed), { ...expected, requestId: "req-1" }, text)
        }
      }
    }).pipe(Effect.provide(NodeHttpClient.layerUndici))
  )

  it.live("may be named as such instead", () =>
    Effect.gen(function* () {
      for (const data of [JSON.stringify(error("ServiceUnavailable", "busy")), "busy"]) {
        const failed = yield* failure({ chats: [sse(`event: error\ndata: ${data}\n\n`)] })
        assert.deepInclude(attempts.fields(failed), { _tag: "TransientError", description: "busy" })
      }
    }).pipe(Effect.provide(NodeHttpClient.layerUndici))
  )

  it.live("come after what was delivered before them", () =>
    Effect.gen(function* () {
      const text = GraphServer.snapshots(prompt, "Hel") + compact(error("timeout"))
      const server = yield* GraphServer.make({ chats: [sse(text)] })
      const made = yield* engine(server.url)
      const pull = yield* made.attempt({ task: yield* streaming, mode: "streaming" })
      assert.strictEqual(attempts.text(yield* pull), "Hel")
      const failed = yield* Effect.flip(pull)
      assert.deepInclude(attempts.fields(failed), { _tag: "TimeoutError", phase: "idle" })
    }).pipe(Effect.scoped, Effect.provide(NodeHttpClient.layerUndici))
  )

  it.live("are of its content policy where the service ends the conversation", () =>
    Effect.gen(function* () {
      for (const answer of [undefined, "Sorry"]) {
        const ended = GraphServer.conversation(prompt, answer, "disengagedForRai")
        for (const reply of [sse(GraphServer.pretty(ended)), json(200, ended)]) {
          const failed = yield* failure({ chats: [reply] })
          assert.deepInclude(attempts.fields(failed), {
            _tag: "ContentPolicyError",
            description: "the service ended the conversation (disengagedForRai)"
          })
        }
      }
    }).pipe(Effect.provide(NodeHttpClient.layerUndici))
  )
})

describe.concurrent("Copilot without a token", () => {
  const cause = new Error("the record read {refresh_token: s3cret}")
  const denied = (why: AccessTokens.AccessTokenError) =>
    Effect.scoped(
      Effect.gen(function* () {
        const server = yield* GraphServer.make({ accepts: () => false })
        const never = yield* engine(server.url, {}, { get: () => Effect.fail(why) })
        const first = yield* Effect.flip(attempts.events(never, yield* task()))
        assert.strictEqual(server.requests.length, 0)
        const later = yield* engine(server.url, {}, { renew: () => Effect.fail(why) })
        assert.deepStrictEqual(
          attempts.fields(yield* Effect.flip(attempts.events(later, yield* task()))),
          attempts.fields(first)
        )
        assert.strictEqual(server.requests.length, 1)
        return first
      })
    )

  it.live("fails as the service of the tokens does, and says what to do", () =>
    Effect.gen(function* () {
      for (const [why, expected] of [
        [
          new AccessTokens.SignInRequiredError({
            userId: "ann",
            description: "no sign-in yet",
            code: "invalid_grant"
          }),
          {
            _tag: "AuthenticationError",
            userId: "ann",
            description: "sign in (arc-saga login copilot, or EntraId.signIn): no sign-in yet"
          }
        ],
        [
          new TokenStoreError({ userId: "ann", reason: "damaged", description: "torn", cause }),
          {
            _tag: "AuthenticationError",
            userId: "ann",
            description: "the stored sign-in can't be used (damaged): torn"
          }
        ],
        [
          new AccessTokens.SignInUnavailableError({
            reason: "limited",
            description: "slow down",
            status: 429,
            retryAfterMs: 5000,
            cause
          }),
          {
            _tag: "RateLimitError",
            status: 429,
            retryAfterMs: 5000,
            description: "the identity provider can't be asked: slow down"
          }
        ],
        [
          new AccessTokens.SignInUnavailableError({
            reason: "overloaded",
            description: "busy",
            retryAfterMs: 2000
          }),
          {
            _tag: "TransientError",
            reason: "overloaded",
            retryAfterMs: 2000,
            description: "the identity provider can't be asked: busy"
          }
        ],
        [
          new AccessTokens.SignInUnavailableError({ reason: "limited", description: "slow down" }),
          { _tag: "RateLimitError", description: "the identity provider can't be asked: slow down" }
        ],
        [
          new AccessTokens.SignInUnavailableError({ reason: "network", description: "reset", cause }),
          {
            _tag: "TransientError",
            reason: "network",
            description: "the identity provider can't be asked: reset"
          }
        ]
      ] as const) {
        const failed = yield* denied(why)
        assert.deepInclude(attempts.fields(failed), { provider: "copilot_chat", ...expected })
        assert.notInclude(JSON.stringify(failed) + String(failed.cause), "s3cret")
      }
    }).pipe(Effect.provide(NodeHttpClient.layerUndici))
  )

  it.live(
    "fails for everybody where an administrator has to act, or the store as a whole is out of use",
    () =>
      Effect.gen(function* () {
        for (const [why, description] of [
          [
            new AccessTokens.SignInSettingError({ setting: "clientSecret", description: "it has expired" }),
            "an administrator has to check clientSecret: it has expired"
          ],
          [
            new TokenStoreError({ reason: "key", description: "too short" }),
            "the stored sign-in can't be used (key): too short"
          ]
        ] as const) {
          const failed = yield* denied(why)
          assert.deepInclude(attempts.fields(failed), { _tag: "AuthenticationError", description })
          assert.isFalse(EngineError.belongsToUser(failed))
        }
      }).pipe(Effect.provide(NodeHttpClient.layerUndici))
  )

  it.live("asks nobody where no user is named, and says what to set", () =>
    Effect.gen(function* () {
      const server = yield* GraphServer.make()
      const made = yield* Effect.provideService(
        Copilot.make({ baseUrl: server.url }),
        AccessTokens.AccessTokens,
        tokens
      )
      const failed = yield* Effect.flip(attempts.events(made, yield* task()))
      assert.deepInclude(attempts.fields(failed), {
        _tag: "AuthenticationError",
        description: "no user to ask for: set the task's userId, or the engine's option user"
      })
      assert.isFalse(EngineError.belongsToUser(failed))
      assert.strictEqual(server.requests.length, 0)
    }).pipe(Effect.scoped, Effect.provide(NodeHttpClient.layerUndici))
  )
})
