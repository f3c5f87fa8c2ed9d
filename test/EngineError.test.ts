import { assert, describe, it } from "@effect/vitest"
import * as Either from "effect/Either"
import * as FastCheck from "effect/FastCheck"
import * as Schema from "effect/Schema"
import * as AIProvider from "../src/AIProvider.js"
import * as EngineError from "../src/EngineError.js"

const known = { provider: AIProvider.Claude, description: "said so", status: 418, requestId: "req_1" }
const bare = { provider: AIProvider.Gpt4, description: "nothing more" }

/** Each error twice, with all that is known and with the least, and what it must tell. */
const errors: ReadonlyArray<readonly [EngineError.EngineError, message: string]> = [
  [
    new EngineError.AuthenticationError(known),
    "claude rejected the credentials (418): said so [request req_1]. Check the key or sign-in configured for claude"
  ],
  [
    new EngineError.AuthenticationError({ ...known, userId: "ada" }),
    "claude can't be asked for \"ada\" (418): said so [request req_1]. Check this user's sign-in and licence; other users aren't touched"
  ],
  [
    new EngineError.InputValidationError(known),
    "claude rejected the task (418): said so [request req_1]. Change the task; asking again gives the same answer"
  ],
  [
    new EngineError.ContextLengthError(known),
    "claude can't hold the task in its context window (418): said so [request req_1]. Shorten it or use a larger model"
  ],
  [
    new EngineError.ContentPolicyError(known),
    "claude refused by its content policy (418): said so [request req_1]. Change what is asked"
  ],
  [
    new EngineError.QuotaExhaustedError(known),
    "claude has no quota left (418): said so [request req_1]. Raise the limit or the credit of the claude account"
  ],
  [
    new EngineError.ModelNotFoundError(known),
    "claude doesn't have the model (418): said so [request req_1]. Check the model and base URL configured for claude"
  ],
  [
    new EngineError.RateLimitError({ ...known, retryAfterMs: 1500.2 }),
    "claude limits the rate of requests (418): said so [request req_1]. Retry after 1501 ms"
  ],
  [new EngineError.RateLimitError(bare), "gpt4 limits the rate of requests: nothing more. Retry later"],
  [
    new EngineError.TransientError({ ...known, reason: "overloaded" }),
    "claude failed (overloaded) (418): said so [request req_1]. Retry later or use another provider"
  ],
  [
    new EngineError.TransientError({ ...bare, reason: "network" }),
    "gpt4 failed (network): nothing more. Retry later or use another provider"
  ],
  [
    new EngineError.TimeoutError({ ...bare, phase: "first-token" }),
    "gpt4 took too long (first-token): nothing more. Raise the limit or use a faster provider"
  ]
]

const transient = ["RateLimitError", "TransientError", "TimeoutError"]

const encode = Schema.encodeSync(EngineError.EngineError)
const decode = Schema.decodeUnknownSync(EngineError.EngineError)

describe("EngineError", () => {
  it.each(errors)("says what failed, for whom and what to do: %s", (error, message) => {
    assert.strictEqual(error.message, message)
    assert.strictEqual(error.name, error._tag)
  })

  it.each(errors)("belongs to one of two families: %s", (error) => {
    assert.strictEqual(EngineError.isTransient(error), transient.includes(error._tag))
    assert.strictEqual(EngineError.isPermanent(error), !transient.includes(error._tag))
  })

  it.each(errors)("goes through JSON: %s", (error) => {
    const json: unknown = JSON.parse(JSON.stringify(encode(error)))
    const back = decode(json)
    assert.strictEqual(back._tag, error._tag)
    assert.strictEqual(back.message, error.message)
    assert.deepStrictEqual(encode(back), json)
  })

  it("has nine kinds", () => {
    assert.strictEqual(new Set(errors.map(([error]) => error._tag)).size, 9)
  })

  it("refuses what isn't an engine error", () => {
    const decoded = Schema.decodeUnknownEither(EngineError.EngineError)({ _tag: "OtherError", ...bare })
    assert.isTrue(Either.isLeft(decoded))
  })

  it("refuses a negative retry-after and a reason or phase that doesn't exist", () => {
    const wrong = [
      { _tag: "RateLimitError", retryAfterMs: -1 },
      { _tag: "TransientError", reason: "bad luck" },
      { _tag: "TimeoutError", phase: "late" },
      { _tag: "AuthenticationError", status: 400.5 }
    ]
    for (const fields of wrong) {
      assert.isTrue(
        Either.isLeft(Schema.decodeUnknownEither(EngineError.EngineError)({ ...bare, ...fields }))
      )
    }
  })

  it("keeps the cause, and of it only name and message as JSON", () => {
    const cause = Object.assign(new TypeError("socket closed"), {
      headers: { authorization: "Bearer s3cret" }
    })
    const error = new EngineError.TransientError({ ...bare, reason: "network", cause })
    assert.strictEqual(error.cause, cause)
    const json = encode(error)
    assert.deepStrictEqual(json.cause, { name: "TypeError", message: "socket closed" })
    const back = decode(json)
    assert.instanceOf(back.cause, Error)
    assert.strictEqual(String(back.cause), "TypeError: socket closed")
  })

  it.prop(
    "tells nothing of a cause or of fields that it doesn't have",
    [FastCheck.stringMatching(/^sk-[A-Za-z0-9]{20,40}$/), FastCheck.constantFrom(...errors)],
    ([secret, [sample]]) => {
      const request = { apiKey: secret, headers: { authorization: `Bearer ${secret}` }, body: secret }
      for (const cause of [secret, request, [secret], () => secret]) {
        const common = { ...bare, ...request, cause }
        for (const error of [
          new EngineError.AuthenticationError(common),
          new EngineError.RateLimitError({ ...common, retryAfterMs: 1 }),
          new EngineError.TransientError({ ...common, reason: "server" }),
          new EngineError.TimeoutError({ ...common, phase: "idle" })
        ]) {
          assert.notInclude(error.message, secret)
          assert.notInclude(String(error), secret)
          assert.notInclude(JSON.stringify(encode(error)), secret)
          assert.notProperty(error, "apiKey")
        }
      }
      assert.notInclude(sample.message, secret)
    }
  )

  it("says which errors are one user's", () => {
    const ofUser = errors.filter(([error]) => EngineError.belongsToUser(error))
    assert.deepStrictEqual(
      ofUser.map(([error]) => error._tag === "AuthenticationError" && error.userId),
      ["ada"]
    )
  })
})
