import { assert, describe, it } from "@effect/vitest"
import { AIProvider, Strategy } from "arc-saga"
import { ApiKeys, KeyStore } from "arc-saga/gateway"
import { Behaviour } from "arc-saga/testing"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as harness from "./harness.js"

const { Claude, Gpt4 } = AIProvider
const key = (secret: Redacted.Redacted) => ({ authorization: `Bearer ${Redacted.value(secret)}` })

/** A gateway with keys of a store beside one of its settings. */
const started = Effect.gen(function* () {
  const store = yield* KeyStore.makeMemory
  const context = yield* Layer.build(
    Layer.provide(ApiKeys.layerStore(), Layer.succeed(KeyStore.KeyStore, store))
  )
  const configured = Redacted.make("test-key-configured")
  const gateway = yield* harness.start({
    engines: [Claude, Gpt4].map((provider) => ({
      provider,
      model: `${provider}-large`,
      script: [Behaviour.answer({ text: provider })]
    })),
    providers: [
      { provider: Claude, costPerToken: 0.001 },
      { provider: Gpt4, costPerToken: 0.002 }
    ],
    gateway: {
      keys: [{ id: "file", sha256: yield* ApiKeys.hash(configured), models: ["gpt4-*"] }],
      models: { small: "claude", other: "gpt4", thrifty: "saga/cheapest" },
      strategies: [Strategy.cheapest]
    },
    keys: Layer.succeed(ApiKeys.ApiKeys, Context.get(context, ApiKeys.ApiKeys))
  })
  const ask = (
    secret: Redacted.Redacted,
    model: string,
    headers: Readonly<Record<string, string>> = {},
    path = "/v1/chat/completions"
  ) =>
    harness.post(
      `${gateway.url}${path}`,
      { model, max_tokens: 5, messages: [{ role: "user", content: "Hi" }] },
      { ...headers, ...key(secret) }
    )
  return { ask, configured, gateway, store }
})

/** What a key with `settings` is answered: a provider's name, or a code. */
interface Case {
  readonly settings: KeyStore.Settings
  readonly model: string
  readonly headers?: Readonly<Record<string, string>>
  readonly answer: string
}

const cases: ReadonlyArray<Case> = [
  { settings: {}, model: "claude", answer: "claude" },
  { settings: { models: ["gpt4"] }, model: "gpt4", answer: "gpt4" },
  { settings: { models: ["gpt4"] }, model: "gpt4-large", answer: "gpt4" },
  { settings: { models: ["gpt4-large"] }, model: "gpt4", answer: "gpt4" },
  { settings: { models: ["*4*"] }, model: "other", answer: "gpt4" },
  { settings: { models: ["gpt4"] }, model: "claude", answer: "model_not_allowed" },
  { settings: { models: ["gpt4"] }, model: "small", answer: "model_not_allowed" },
  { settings: { models: ["nothing"] }, model: "gpt4", answer: "model_not_allowed" },
  { settings: { models: ["nothing"] }, model: "saga/auto", answer: "model_not_allowed" },
  { settings: { models: ["gpt4"] }, model: "none", answer: "model_not_found" },
  // A strategy chooses among what the key allows.
  { settings: { models: ["gpt4"] }, model: "saga/cheapest", answer: "gpt4" },
  { settings: { models: ["gpt4"] }, model: "saga/auto", answer: "gpt4" },
  { settings: { strategies: ["cheapest"] }, model: "saga/cheapest", answer: "claude" },
  { settings: { strategies: ["cheapest"] }, model: "thrifty", answer: "claude" },
  { settings: { strategies: ["cheapest"] }, model: "saga/quality", answer: "strategy_not_allowed" },
  { settings: { strategies: ["cheapest"] }, model: "saga/auto", answer: "strategy_not_allowed" },
  { settings: { strategies: ["auto"] }, model: "saga/auto", answer: "claude" },
  { settings: { strategies: ["balanced"] }, model: "saga/auto", answer: "claude" },
  { settings: { strategies: ["cheapest"] }, model: "claude", answer: "claude" },
  {
    settings: { strategies: ["cheapest"] },
    model: "claude",
    headers: { "x-saga-strategy": "fastest" },
    answer: "strategy_not_allowed"
  },
  {
    settings: { strategies: ["cheapest"] },
    model: "claude",
    headers: { "x-saga-strategy": "cheapest" },
    answer: "claude"
  }
]

describe("a key that allows some models and strategies", () => {
  it.scopedLive("is answered by what it allows, and told of what it doesn't", () =>
    Effect.gen(function* () {
      const { ask, store } = yield* started
      // All keys are there before the first of them is looked up.
      const issued = yield* Effect.forEach(cases, (each, index) =>
        Effect.map(store.create(`key-${index}`, each.settings, "ada"), ({ secret }) => ({ ...each, secret }))
      )
      for (const { answer, headers = {}, model, secret, settings } of issued) {
        const { status, text } = yield* ask(secret, model, headers)
        const said = JSON.parse(text)
        assert.strictEqual(
          said.error?.code ?? said.choices[0].message.content,
          answer,
          `${JSON.stringify(settings)} ${model}`
        )
        const statuses: Record<string, number> = {
          model_not_allowed: 403,
          strategy_not_allowed: 403,
          model_not_found: 404
        }
        assert.strictEqual(status, statuses[answer] ?? 200)
      }
    })
  )

  it.scopedLive("is told so in the format of its caller's wire, by a key of the settings too", () =>
    Effect.gen(function* () {
      const { ask, configured, gateway } = yield* started
      const refused = yield* ask(configured, "claude", {}, "/v1/messages")
      assert.strictEqual(refused.status, 403)
      const { error, type } = JSON.parse(refused.text)
      assert.deepStrictEqual([type, error.type], ["error", "permission_error"])
      assert.match(error.message, /doesn't allow the model "claude". It allows gpt4/)
      assert.strictEqual((yield* ask(configured, "gpt4", {}, "/v1/messages")).status, 200)
      const counted = yield* ask(configured, "claude", {}, "/v1/messages/count_tokens")
      assert.strictEqual(counted.status, 403)
      const { text } = yield* harness.request(`${gateway.url}/v1/models`, { headers: key(configured) })
      const names = JSON.parse(text).data.map(({ id }: { readonly id: string }) => id)
      assert.includeMembers(names, ["gpt4", "other", "saga/auto", "thrifty"])
      assert.notInclude(names, "claude")
      assert.notInclude(names, "small")
      const one = yield* harness.request(`${gateway.url}/v1/models/claude`, { headers: key(configured) })
      assert.strictEqual(one.status, 404)
    })
  )

  it.scopedLive("stops when it is revoked, and is 503 rather than 401 where keys can't be read", () =>
    Effect.gen(function* () {
      const { ask, gateway, store } = yield* started
      const { secret } = yield* store.create("web", {}, "ada")
      assert.strictEqual((yield* ask(secret, "claude")).status, 200)
      yield* store.revoke("web", "ada")
      yield* Effect.sleep(1000)
      const { status, text } = yield* ask(secret, "claude")
      assert.deepStrictEqual([status, JSON.parse(text).error.code], [401, "invalid_api_key"])
      yield* gateway.stop
      const away = yield* harness.start({
        engines: [{ provider: Claude, script: [Behaviour.answer({ text: "a" })] }],
        keys: Layer.succeed(ApiKeys.ApiKeys, {
          protect: true,
          find: () => new ApiKeys.KeysUnavailableError({ reason: "postgres://test-password" })
        })
      })
      const unavailable = yield* harness.post(`${away.url}/v1/messages`, {}, key(secret))
      assert.strictEqual(unavailable.status, 503)
      assert.notInclude(unavailable.text, "test-password")
    })
  )
})

describe("a key with a limit of tokens", () => {
  it.scopedLive(
    "is refused when its minute has no more, and counts what was used in place of what was taken",
    () =>
      Effect.gen(function* () {
        const { ask, gateway, store } = yield* started
        const { secret } = yield* store.create("web", { tokensPerMinute: 40 }, "ada")
        const status = (body: object, path = "/v1/chat/completions") =>
          Effect.map(
            harness.post(
              `${gateway.url}${path}`,
              { model: "claude", messages: [{ role: "user", content: "Hi" }], ...body },
              key(secret)
            ),
            (answer) => answer
          )
        // More than the limit is taken while nothing else is, and little of it is used.
        for (const body of [{ max_tokens: 1000 }, { max_tokens: 20 }, { max_tokens: 20, stream: true }]) {
          assert.strictEqual((yield* status(body)).status, 200)
        }
        let refused = yield* ask(secret, "claude")
        for (let calls = 0; calls < 20 && refused.status === 200; calls++)
          refused = yield* ask(secret, "claude")
        assert.strictEqual(refused.status, 429)
        const { error } = JSON.parse(refused.text)
        assert.strictEqual(error.code, "key_limit_exceeded")
        assert.match(error.message, /This key may use 40 tokens in a minute/)
        assert.isNotNull(refused.headers.get("retry-after"))
      })
  )
})
