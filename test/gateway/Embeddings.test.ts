/** POST /v1/embeddings: as it came, to providers of the same model, and accounted for. */
import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import { assert, describe, it } from "@effect/vitest"
import { AIProvider, AITask, Budgets, Price, ReasoningEngine, SpendLedger, Usd } from "arc-saga"
import { OpenAI as OpenAIEngine, OpenAICompatible } from "arc-saga/engines"
import { Behaviour } from "arc-saga/testing"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as NodeCrypto from "node:crypto"
import OpenAI from "openai"
import { sizes } from "../../src/internal/sizes.js"
import { rowsOf } from "../utils/ledger.js"
import * as RawServer from "../utils/RawServer.js"
import { connect, eventually, post, type Setup, start } from "./harness.js"

const small = "text-embedding-3-small"

const price = Either.getOrThrow(Price.make({ input: 0.02, output: 0 }))

const embedder = (
  provider: string,
  baseUrl: string,
  model = small
): Effect.Effect<ReasoningEngine.ReasoningEngine> =>
  Effect.orDie(
    OpenAICompatible.make({
      provider: AIProvider.unsafeMake(provider),
      baseUrl,
      model,
      wires: ["embeddings"],
      apiKey: Redacted.make("sk-test-embedder"),
      price
    })
  ).pipe(Effect.provide(FetchHttpClient.layer))

type Json = Readonly<Record<string, unknown>>

const vector = (embedding: unknown, index = 0) => ({ object: "embedding", index, embedding })

/** An answer whose text no other JSON writer would have written. */
const answer = (
  embeddings: ReadonlyArray<unknown>,
  more: Json = { usage: { prompt_tokens: 8, total_tokens: 8 } }
) => ` ${JSON.stringify({ object: "list", data: embeddings.map(vector), model: small, ...more }, null, 1)}\n`

const json = (text: string, status = 200) => RawServer.answer(status, "application/json", text)

const chat: Setup["engines"] = [{ provider: AIProvider.Claude, script: [Behaviour.answer({ text: "Hi" })] }]

/** No retries, whose waits are real here. */
const once = { rules: { TransientError: { _tag: "fail-over" } } } as const

interface Options extends Omit<Setup, "engines" | "around"> {
  readonly budgets?: Budgets.Options["budgets"]
}

/** A gateway over embedders, a provider that converses, and a ledger. */
const over = (
  registered: ReadonlyArray<ReasoningEngine.ReasoningEngine>,
  { budgets, ...setup }: Options = {}
) =>
  Effect.gen(function* () {
    const ledger = yield* SpendLedger.makeMemory()
    const gateway = yield* start({
      ...setup,
      engines: chat,
      registered,
      around: Layer.merge(
        Layer.succeed(SpendLedger.SpendLedger, ledger),
        budgets === undefined ? Layer.empty : Layer.orDie(Budgets.layer({ budgets }))
      )
    })
    const embed = (body: unknown, headers: Readonly<Record<string, string>> = {}) =>
      post(`${gateway.url}/v1/embeddings`, body, headers)
    return { ...gateway, embed, rows: Effect.orDie(rowsOf(ledger)) }
  })

/** A gateway over one embedder that answers so. */
const overOne = (text: string, setup: Options = {}, status = 200) =>
  Effect.gen(function* () {
    const upstream = yield* RawServer.make(json(text, status))
    const gateway = yield* over([yield* embedder("house", upstream.url)], setup)
    return { ...gateway, upstream }
  })

const errorOf = (text: string): Json => JSON.parse(text).error

const codes = (rows: ReadonlyArray<SpendLedger.Row>) =>
  rows.map(({ outcome, provider }) => `${provider} ${outcome}`)

describe("POST /v1/embeddings", () => {
  it.scopedLive("reaches its provider as it was sent, and comes back byte for byte", () =>
    Effect.gen(function* () {
      const inputs = [
        ["Hello", 1],
        [["Hello", "", "x"], 3],
        [[1, 2, 3], 1],
        [[[1, 2], [3]], 2],
        [[{ image: "https://example.org/a.png" }, "text"], 2]
      ] as const
      const texts = inputs.map(([, count]) => answer(Array.from({ length: count }, () => [0.1, -1e-7, 3])))
      const upstream = yield* RawServer.make(...texts.map((text) => json(text)))
      const { embed } = yield* over([yield* embedder("house", upstream.url)])
      for (const [index, [input]] of inputs.entries()) {
        const more = { dimensions: 3, encoding_format: "float", user: "ann", next_year: { a: [1] } }
        const reply = yield* embed({ model: "house", input, ...more }, { "openai-beta": "b=1" })
        assert.strictEqual(reply.text, texts[index])
        assert.strictEqual(reply.status, 200)
        assert.strictEqual(reply.headers.get("x-saga-provider"), "house")
        assert.strictEqual(reply.headers.get("x-saga-attempts"), "1")
        assert.strictEqual(reply.headers.get("x-saga-cost"), "0.00000016")
        assert.isNotNull(reply.headers.get("x-request-id"))
        const asked = upstream.requests[index]
        assert.strictEqual(asked?.path, "/embeddings")
        assert.deepStrictEqual(JSON.parse(asked?.body ?? ""), { model: small, input, ...more })
        assert.propertyVal(asked?.headers, "authorization", "Bearer sk-test-embedder")
        assert.propertyVal(asked?.headers, "openai-beta", "b=1")
      }
    })
  )

  it.scopedLive("is what OpenAI's client reads, which asks for base64", () =>
    Effect.gen(function* () {
      const base64 = Buffer.from(Float32Array.of(0.5, -2).buffer).toString("base64")
      const { upstream, url } = yield* overOne(answer([base64, base64]))
      const client = new OpenAI({ baseURL: `${url}/v1`, apiKey: "sk-test-anything", maxRetries: 0 })
      const { data, usage } = yield* Effect.promise(() =>
        client.embeddings.create({ model: small, input: ["a", "b"] })
      )
      assert.deepStrictEqual(
        data.map(({ embedding }) => Array.from(embedding)),
        [
          [0.5, -2],
          [0.5, -2]
        ]
      )
      assert.strictEqual(usage.prompt_tokens, 8)
      assert.propertyVal(JSON.parse(upstream.requests[0]?.body ?? ""), "encoding_format", "base64")
    })
  )

  it.scopedLive("is accounted for with what its provider counts, by key, user and model", () =>
    Effect.gen(function* () {
      const key = "sk-test-of-the-gateway"
      const sha256 = NodeCrypto.createHash("sha256").update(key).digest("hex")
      const { embed, rows, upstream } = yield* overOne(answer([[1]]), {
        gateway: { keys: [{ id: "web", sha256, requestsPerMinute: 1 }] }
      })
      const body = { model: small, input: "Hello", user: "ann" }
      const foreign = yield* embed(body)
      assert.strictEqual(foreign.status, 401)
      const reply = yield* embed(body, { authorization: `Bearer ${key}` })
      assert.strictEqual(reply.status, 200)
      const limited = yield* embed(body, { authorization: `Bearer ${key}` })
      assert.deepInclude(errorOf(limited.text), { code: "key_limit_exceeded" })
      assert.lengthOf(upstream.requests, 1)
      const [row, ...others] = yield* rows
      assert.lengthOf(others, 0)
      assert.deepInclude(row?.usage, { inputTokens: 8, outputTokens: 0, estimated: false })
      assert.deepStrictEqual(Option.map(row?.cost ?? Option.none(), Usd.toDecimal), Option.some("0.00000016"))
      assert.deepStrictEqual(row?.keyId, Option.some("web"))
      assert.deepStrictEqual(row?.userId, Option.some("ann"))
      assert.strictEqual(row?.model, small)
    })
  )

  it.scopedLive("is estimated, and marked so, where its provider counts nothing", () =>
    Effect.gen(function* () {
      for (const usage of [
        undefined,
        null,
        { prompt_tokens: 0, total_tokens: 0 },
        { prompt_tokens: "many" }
      ]) {
        const { embed, rows } = yield* overOne(answer([[1]], { usage, model: "" }))
        assert.strictEqual((yield* embed({ model: small, input: "x".repeat(400) })).status, 200)
        const [row] = yield* rows
        assert.deepInclude(row?.usage, { inputTokens: 100, outputTokens: 0, estimated: true })
        assert.strictEqual(row?.model, small)
      }
    })
  )

  it.scopedLive("goes on at another provider of the same model, and at none of another", () =>
    Effect.gen(function* () {
      const dying = yield* RawServer.make([RawServer.reset])
      const good = yield* RawServer.make(json(answer([[1]])))
      const other = yield* RawServer.make(json(answer([[1]])))
      const { embed, engines, rows } = yield* over(
        [
          yield* embedder("large", other.url, "text-embedding-3-large"),
          yield* embedder("one", dying.url),
          yield* embedder("two", good.url)
        ],
        { policy: once }
      )
      for (const model of ["one", small]) {
        const reply = yield* embed({ model, input: "Hello" })
        assert.strictEqual(reply.status, 200)
        assert.strictEqual(reply.headers.get("x-saga-provider"), "two")
      }
      assert.deepStrictEqual(JSON.parse(good.requests[0]?.body ?? ""), { model: small, input: "Hello" })
      assert.deepStrictEqual(new Set(codes(yield* rows)), new Set(["one failed", "two succeeded"]))
      const off = yield* embed({ model: "one", input: "Hello" }, { "x-saga-fallback": "off" })
      assert.strictEqual(off.status, 502)
      assert.lengthOf(other.requests, 0)
      for (const engine of engines) assert.lengthOf(yield* engine.calls, 0)
    })
  )

  it.scopedLive("fails where the only provider of its model does, as that one says it", () =>
    Effect.gen(function* () {
      const said = '{"error":{"message":"Too long by 5 tokens","type":"invalid_request_error","x":1}}'
      const dying = yield* RawServer.make(json(said, 400))
      const other = yield* RawServer.make(json(answer([[1]])))
      const { embed, rows } = yield* over([
        yield* embedder("one", dying.url),
        yield* embedder("large", other.url, "text-embedding-3-large")
      ])
      const reply = yield* embed({ model: small, input: "Hello" })
      assert.strictEqual(reply.status, 400)
      assert.strictEqual(reply.text, said)
      assert.lengthOf(other.requests, 0)
      assert.deepStrictEqual(codes(yield* rows), ["one failed"])
    })
  )

  it.scopedLive("is retried by the router alone, within the one deadline", () =>
    Effect.gen(function* () {
      const upstream = yield* RawServer.make(
        RawServer.answer(503, "application/json", "{}", { "retry-after-ms": "1" }),
        json(answer([[1]]))
      )
      const { embed, rows } = yield* over([yield* embedder("one", upstream.url)])
      assert.strictEqual((yield* embed({ model: small, input: "Hello" })).status, 200)
      assert.deepStrictEqual(codes(yield* rows), ["one failed", "one succeeded"])
      const silent = yield* RawServer.make([])
      const late = yield* over([yield* embedder("one", silent.url)])
      const reply = yield* late.embed({ model: small, input: "Hello" }, { "x-saga-timeout": "400ms" })
      assert.strictEqual(reply.status, 504)
      assert.lengthOf(silent.requests, 1)
    })
  )

  it.scopedLive("takes no answer with a hole in it, and asks another", () =>
    Effect.gen(function* () {
      const torn = yield* RawServer.make(json(answer([[1]])))
      const good = yield* RawServer.make(json(answer([[1], [2]])))
      const { embed, rows } = yield* over([
        yield* embedder("one", torn.url),
        yield* embedder("two", good.url)
      ])
      assert.strictEqual((yield* embed({ model: small, input: ["a", "b"] })).status, 200)
      assert.deepStrictEqual(codes(yield* rows), ["one failed", "two succeeded"])
    })
  )

  it.scopedLive("says which model embeds where the named one doesn't", () =>
    Effect.gen(function* () {
      const { embed, upstream } = yield* overOne(answer([[1]]), {
        gateway: { models: { "ada-*": "house", mine: small, "*": "saga/auto" } }
      })
      for (const model of ["nobody", "claude", "saga/auto", "saga/cheapest"]) {
        const reply = yield* embed({ model, input: "Hello" })
        assert.strictEqual(reply.status, 404)
        assert.strictEqual(
          errorOf(reply.text)["message"],
          `There is no model ${JSON.stringify(model)} that embeds. There are house`
        )
      }
      assert.lengthOf(upstream.requests, 0)
      for (const model of ["ada-002", "mine"]) {
        assert.strictEqual((yield* embed({ model, input: "Hello" })).status, 200)
      }
      const none = yield* over([])
      const reply = yield* none.embed({ model: small, input: "Hello" })
      assert.include(String(errorOf(reply.text)["message"]), "No provider has the wire embeddings")
    })
  )

  it.scopedLive("refuses bodies that aren't one, by their field", () =>
    Effect.gen(function* () {
      const { embed, upstream } = yield* overOne(answer([[1]]))
      for (const [body, param] of [
        [{ input: "a" }, "model"],
        [{ model: small }, "input"],
        [{ model: small, input: [] }, "input"],
        [{ model: small, input: ["a", 1.5] }, "input[1]"],
        [{ model: small, input: ["a", []] }, "input[1]"],
        [{ model: small, input: "a", user: 7 }, "user"],
        [{ model: small, input: "a", stream: true }, "stream"]
      ] as const) {
        const reply = yield* embed(body)
        assert.strictEqual(reply.status, 400)
        assert.strictEqual(errorOf(reply.text)["param"], param)
      }
      assert.strictEqual((yield* embed("[]")).status, 400)
      assert.strictEqual((yield* embed("{")).status, 400)
      assert.lengthOf(upstream.requests, 0)
    })
  )

  it.scopedLive("has as many tokens as a vendor takes", () =>
    Effect.gen(function* () {
      const { embed } = yield* overOne(answer([[1]]))
      const tokens = (count: number) => ({ model: small, input: Array.from({ length: count }, () => 1) })
      assert.strictEqual((yield* embed(tokens(300_000))).status, 200)
      const many = yield* embed(tokens(sizes.embedded.most))
      assert.deepInclude(errorOf(many.text), { code: "invalid_value", param: "input" })
    })
  )

  it.scopedLive("is held to budgets, of which it takes no tokens to write", () =>
    Effect.gen(function* () {
      const budgets = [{ name: "house", scope: "overall", period: "day", tokens: 1000 }] as const
      const { embed, rows, upstream } = yield* overOne(answer([[1]]), { budgets })
      assert.strictEqual((yield* embed({ model: small, input: "Hello" })).status, 200)
      const large = yield* embed({ model: small, input: "x".repeat(1000) })
      assert.strictEqual(large.status, 429)
      assert.deepInclude(errorOf(large.text), { code: "budget_exceeded" })
      assert.lengthOf(upstream.requests, 1)
      assert.lengthOf(yield* rows, 1)
      const usd = [{ name: "house", scope: "overall", period: "day", usd: 0.0001 }] as const
      const priced = yield* overOne(answer([[1]]), { budgets: usd })
      const asked = { model: small, input: "Hello", dimensions: 1, encoding_format: "float" }
      assert.strictEqual((yield* priced.embed(asked)).status, 200)
    })
  )

  it.scopedLive("ends at its provider when its client goes away", () =>
    Effect.gen(function* () {
      const silent = yield* RawServer.make([])
      const { rows, url } = yield* over([yield* embedder("one", silent.url)])
      const body = JSON.stringify({ model: small, input: "Hello" })
      const { socket } = yield* connect(
        url,
        `POST /v1/embeddings HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`
      )
      yield* silent.received(0)
      socket.destroy()
      yield* silent.closed(0)
      yield* eventually(Effect.map(rows, (all) => all.length > 0))
      assert.deepStrictEqual(codes(yield* rows), ["one interrupted"])
    })
  )

  it.scopedLive("leaves conversations to those who have them", () =>
    Effect.gen(function* () {
      const { upstream, url } = yield* overOne(answer([[1]]))
      const ask = (model: string) =>
        post(`${url}/v1/chat/completions`, { model, messages: [{ role: "user", content: "Hello" }] })
      const reply = yield* ask("saga/cheapest")
      assert.strictEqual(reply.headers.get("x-saga-provider"), "claude")
      const refused = yield* ask("house")
      assert.strictEqual(refused.status, 400)
      assert.include(String(errorOf(refused.text)["message"]), "it can't carry a conversation")
      assert.lengthOf(upstream.requests, 0)
    })
  )

  it.scopedLive("may share a model with conversations, and a server with both of OpenAI's", () =>
    Effect.gen(function* () {
      const upstream = yield* RawServer.make(json(answer([[1]])))
      const make = (wires: OpenAICompatible.Options["wires"]) =>
        Effect.orDie(
          OpenAICompatible.make({
            provider: AIProvider.unsafeMake("both"),
            baseUrl: upstream.url,
            model: "m",
            wires
          })
        ).pipe(Effect.provide(FetchHttpClient.layer))
      const { embed, url } = yield* over([yield* make(["embeddings", "chatCompletions"])])
      assert.strictEqual((yield* embed({ model: "m", input: "Hello" })).status, 200)
      yield* post(`${url}/v1/messages`, {
        model: "both",
        max_tokens: 9,
        messages: [{ role: "user", content: "Hello" }]
      })
      assert.deepStrictEqual(
        upstream.requests.slice(0, 2).map(({ path }) => path),
        ["/embeddings", "/chat/completions"]
      )
      const openAI = yield* Effect.orDie(
        OpenAIEngine.make({ model: small, wire: "embeddings", apiKey: Redacted.make("sk-test") })
      ).pipe(Effect.provide(FetchHttpClient.layer))
      assert.deepStrictEqual(openAI.wires, ["embeddings"])
    })
  )
})

describe("an engine of embeddings", () => {
  it.scopedLive("that gives none is a bug, and told as that", () =>
    Effect.gen(function* () {
      const empty = ReasoningEngine.make({
        provider: AIProvider.unsafeMake("empty"),
        model: small,
        wires: ["embeddings"],
        attempt: () => Effect.succeed(Effect.succeed([ReasoningEngine.finish("stop", small)]))
      })
      const { embed } = yield* over([empty])
      const reply = yield* embed({ model: small, input: "Hello" })
      assert.strictEqual(reply.status, 500)
      assert.deepInclude(errorOf(reply.text), { code: "internal_error" })
    })
  )

  it.scopedLive("has no place for a conversation", () =>
    Effect.gen(function* () {
      const engine = yield* embedder("house", "http://127.0.0.1:1")
      const task = yield* AITask.make({ prompt: "Hello" })
      const answer = yield* Effect.either(engine.attempt({ task, mode: "complete" }))
      if (Either.isRight(answer)) return assert.fail("a conversation was taken")
      assert.strictEqual(answer.left._tag, "InputValidationError")
      assert.include(answer.left.message, "it is a conversation, and the model embeds")
    })
  )
})
