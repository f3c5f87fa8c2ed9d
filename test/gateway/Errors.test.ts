import { assert, describe, it } from "@effect/vitest"
import { AIProvider, EngineError } from "arc-saga"
import { Behaviour } from "arc-saga/testing"
import * as Effect from "effect/Effect"
import { post, start } from "./harness.js"

const { Claude, Gpt4 } = AIProvider
const { fail } = Behaviour

interface Row {
  readonly status: number
  readonly code: string
  readonly openai: string
  readonly anthropic: string
  /** Seconds. */
  readonly retryAfter?: string
}

const chat = { model: "claude", messages: [{ role: "user", content: "Hello" }] }

/** How both dialects tell of the same failure. */
const told = (
  behaviour: Behaviour.Behaviour,
  headers: Readonly<Record<string, string>>,
  fallback?: Behaviour.Behaviour
) =>
  Effect.gen(function* () {
    const { url } = yield* start({
      engines: [
        { provider: Claude, script: [behaviour] },
        ...(fallback === undefined ? [] : [{ provider: Gpt4, script: [fallback] as const }])
      ],
      policy: { rules: { TransientError: { _tag: "fail-over" }, RateLimitError: { _tag: "fail-over" } } }
    })
    const openai = yield* post(`${url}/v1/chat/completions`, chat, headers)
    const anthropic = yield* post(`${url}/v1/messages`, { ...chat, max_tokens: 9 }, headers)
    assert.strictEqual(openai.status, anthropic.status)
    assert.strictEqual(openai.headers.get("retry-after"), anthropic.headers.get("retry-after"))
    const { error } = JSON.parse(openai.text)
    const retryAfter = openai.headers.get("retry-after")
    // Only where a provider said when, and it is soon, so that retries don't multiply with the router's.
    const soon = retryAfter !== null && Number(retryAfter) <= 60
    assert.strictEqual(openai.headers.get("x-should-retry"), String(soon))
    assert.include(error.message, "claude")
    const row: Row = {
      status: openai.status,
      code: error.code,
      openai: error.type,
      anthropic: JSON.parse(anthropic.text).error.type,
      ...(retryAfter === null ? {} : { retryAfter })
    }
    return row
  })

const alone = { "x-saga-fallback": "off" }

const invalid = { status: 400, openai: "invalid_request_error", anthropic: "invalid_request_error" }
const upstream = { status: 502, openai: "server_error", anthropic: "api_error" }
const unavailable = { status: 503, openai: "server_error", anthropic: "overloaded_error" }
const timeout = { status: 504, openai: "server_error", anthropic: "timeout_error" }
const limited = { status: 429, openai: "rate_limit_error", anthropic: "rate_limit_error" }

const rows: ReadonlyArray<readonly [string, Behaviour.Failure, Row]> = [
  [
    "AuthenticationError",
    { _tag: "AuthenticationError" },
    { ...upstream, code: "provider_authentication_failed" }
  ],
  [
    "AuthenticationError of a user",
    (provider) => new EngineError.AuthenticationError({ provider, description: "no licence", userId: "ann" }),
    { status: 403, openai: "permission_error", anthropic: "permission_error", code: "user_not_signed_in" }
  ],
  ["InputValidationError", { _tag: "InputValidationError" }, { ...invalid, code: "rejected_by_provider" }],
  ["ContextLengthError", { _tag: "ContextLengthError" }, { ...invalid, code: "context_length_exceeded" }],
  ["ContentPolicyError", { _tag: "ContentPolicyError" }, { ...invalid, code: "content_policy_violation" }],
  [
    "QuotaExhaustedError",
    { _tag: "QuotaExhaustedError" },
    { ...limited, openai: "insufficient_quota", code: "insufficient_quota" }
  ],
  ["ModelNotFoundError", { _tag: "ModelNotFoundError" }, { ...upstream, code: "provider_model_not_found" }],
  [
    "RateLimitError",
    { _tag: "RateLimitError", retryAfterMs: 61_500 },
    { ...limited, code: "rate_limit_exceeded", retryAfter: "62" }
  ],
  [
    "TimeoutError",
    { _tag: "TimeoutError", phase: "first-token" },
    { ...timeout, code: "timeout_first_token" }
  ]
]

describe("an error of a provider that is asked alone", () => {
  it.scopedLive.each(rows)("%s keeps its meaning for both kinds of clients", ([, failure, expected]) =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* told(fail(failure), alone), expected)
    })
  )

  const reasons = [
    ["overloaded", unavailable, "provider_overloaded"],
    ["network", upstream, "provider_network"],
    ["server", upstream, "provider_server"],
    ["malformed", upstream, "provider_malformed"],
    ["circuit-open", unavailable, "provider_circuit_open"]
  ] as const

  it.scopedLive.each(reasons)("TransientError (%s) keeps its meaning", ([reason, kind, code]) =>
    Effect.gen(function* () {
      const row = yield* told(fail({ _tag: "TransientError", reason }), alone)
      assert.deepStrictEqual(row, { ...kind, code })
    })
  )
})

describe("the failure of all providers", () => {
  it.scopedLive("has the status of the primary's, and the shortest wait that one of them asked for", () =>
    Effect.gen(function* () {
      const primary = fail({ _tag: "RateLimitError", retryAfterMs: 90_000 })
      const fallback = fail({ _tag: "RateLimitError", retryAfterMs: 30_000 })
      assert.deepStrictEqual(yield* told(primary, {}, fallback), {
        ...limited,
        code: "all_providers_failed",
        retryAfter: "30"
      })
      const timedOut = yield* told(fail({ _tag: "TimeoutError" }), {}, fail({ _tag: "QuotaExhaustedError" }))
      assert.deepStrictEqual(timedOut, { ...timeout, code: "all_providers_failed" })
    })
  )

  it.scopedLive("says how many attempts there were", () =>
    Effect.gen(function* () {
      const { url } = yield* start({
        engines: [
          { provider: Claude, script: [fail({ _tag: "QuotaExhaustedError" })] },
          { provider: Gpt4, script: [fail({ _tag: "QuotaExhaustedError" })] }
        ]
      })
      const reply = yield* post(`${url}/v1/chat/completions`, chat)
      assert.strictEqual(reply.headers.get("x-saga-attempts"), "2")
    })
  )
})

describe("a call that nobody is asked for", () => {
  it.scopedLive("because nobody can be chosen is one for later", () =>
    Effect.gen(function* () {
      const { url } = yield* start({
        engines: [{ provider: Claude, script: [Behaviour.answer({ text: "Hi" })] }],
        providers: [{ provider: "claude", available: false }]
      })
      const reply = yield* post(`${url}/v1/chat/completions`, { ...chat, model: "saga/auto" })
      assert.strictEqual(reply.status, 503)
      assert.strictEqual(JSON.parse(reply.text).error.code, "no_available_provider")
    })
  )
})
