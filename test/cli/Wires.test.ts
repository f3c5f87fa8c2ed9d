import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import * as HttpClient from "@effect/platform/HttpClient"
import * as HttpClientError from "@effect/platform/HttpClientError"
import { assert, describe, it } from "@effect/vitest"
import { AIProvider, AITask } from "arc-saga"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Effect from "effect/Effect"
import * as ConfigFile from "../../src/cli/ConfigFile.js"
import * as Configured from "../../src/cli/ConfiguredProvider.js"
import * as Environment from "../../src/cli/Environment.js"
import * as responses from "../utils/responses.js"
import * as harness from "./harness.js"

const house = { id: "house", baseUrl: "http://127.0.0.1:1234/v1", model: "m" }

/** A server that has Responses alone. */
const server =
  (asked: Array<string>): harness.Respond =>
  (url) => {
    asked.push(url.pathname)
    if (url.pathname.endsWith("/models")) return harness.json({ data: [{ id: "m" }] })
    return url.pathname.endsWith("/responses")
      ? new Response(responses.wire(...responses.hi, ...responses.rest), {
          headers: { "content-type": "text/event-stream" }
        })
      : new Response("{}", { status: 404 })
  }

describe("The wires of a configured provider", () => {
  it.scoped("are those that the file says", () =>
    Effect.gen(function* () {
      const asked: Array<string> = []
      const file = yield* harness.directory({
        "c.json": JSON.stringify({ ollama: false, providers: [{ ...house, wires: ["responses"] }] })
      })
      const { err, out } = yield* harness.run(["ask", "Hi", "--config", file("c.json")], {
        respond: server(asked)
      })
      assert.strictEqual(out, "Hi\n", err)
      assert.include(asked, "/v1/responses")
    }).pipe(Effect.provide(harness.platform))
  )

  it.effect("are both at OpenAI itself, and Chat Completions elsewhere, where it doesn't say", () =>
    Effect.gen(function* () {
      const wires = (baseUrl: string, wires?: ConfigFile.Provider["wires"]) =>
        Effect.map(
          Configured.server(
            {
              ...house,
              id: AIProvider.unsafeMake("house"),
              baseUrl,
              ...(wires === undefined ? {} : { wires })
            },
            "c.json",
            ({ reason }) => Configured.away(reason)
          ),
          ({ status }) => (status._tag === "Ready" ? status.engine.wires : undefined)
        )
      assert.deepStrictEqual(yield* wires("https://api.openai.com/v1"), ["chatCompletions", "responses"])
      assert.deepStrictEqual(yield* wires("https://api.openai.com/v1", ["responses"]), ["responses"])
      assert.deepStrictEqual(yield* wires(house.baseUrl), ["chatCompletions"])
      assert.deepStrictEqual(yield* wires(house.baseUrl, ["responses", "chatCompletions"]), [
        "responses",
        "chatCompletions"
      ])
      assert.deepStrictEqual(yield* wires(house.baseUrl, ["embeddings"]), ["embeddings"])
    }).pipe(Effect.provide(FetchHttpClient.layer))
  )

  it("are OpenAI's, and one at least", () => {
    const message = (entry: object): string => {
      const parsed = ConfigFile.parse("c.json", JSON.stringify({ providers: [{ ...house, ...entry }] }))
      return parsed._tag === "Left" ? parsed.left.message : "fine"
    }
    assert.strictEqual(message({ wires: ["responses"] }), "fine")
    assert.strictEqual(message({ wires: ["embeddings"] }), "fine")
    assert.match(message({ wires: [] }), /providers\[0\]\.wires/)
    assert.match(message({ wires: ["messages"] }), /providers\[0\]\.wires\[0\]: .*actual "messages"/)
    assert.match(
      message({ api: "anthropic", apiKey: "test-key", wires: ["responses"] }),
      /providers\[0\]\.wires: Expected none beside api "anthropic"/
    )
  })
})

describe("gpt4 of the environment", () => {
  /** Its wires, and the fields that bound an answer in what it is asked. */
  const gpt4 = (env: Readonly<Record<string, string>>) =>
    Effect.gen(function* () {
      let bounds: ReadonlyArray<string> = []
      const client = HttpClient.make((request) => {
        const { body } = request
        const said = body._tag === "Uint8Array" ? new TextDecoder().decode(body.body) : "{}"
        bounds = Object.keys(JSON.parse(said)).filter((name) => name.startsWith("max_"))
        return Effect.fail(new HttpClientError.RequestError({ request, reason: "Transport" }))
      })
      const { status } = yield* Environment.openAI((_, model) => model).pipe(
        Effect.provideService(HttpClient.HttpClient, client),
        Effect.withConfigProvider(
          ConfigProvider.fromMap(new Map(Object.entries({ OPENAI_API_KEY: "sk-test", ...env })))
        )
      )
      if (status._tag !== "Ready") return undefined
      const task = yield* AITask.make({ prompt: "Hi", maxTokens: 5 })
      yield* Effect.ignore(Effect.scoped(status.engine.attempt({ task, mode: "complete" })))
      return { wires: status.engine.wires, bounds }
    })

  it.effect("has both wires of OpenAI and its bound at OpenAI's own addresses", () =>
    Effect.gen(function* () {
      const both = { wires: ["chatCompletions", "responses"], bounds: ["max_completion_tokens"] } as const
      assert.deepStrictEqual(yield* gpt4({}), both)
      for (const address of ["https://api.openai.com/v1/", "https://API.openai.com/v1"]) {
        assert.deepStrictEqual(yield* gpt4({ OPENAI_BASE_URL: address }), both)
      }
      assert.deepStrictEqual(yield* gpt4({ OPENAI_BASE_URL: "https://eu.api.openai.com/v1" }), both)
    })
  )

  it.effect("has what most servers know at any other", () =>
    Effect.gen(function* () {
      const usual = { wires: ["chatCompletions"], bounds: ["max_tokens"] } as const
      for (const address of [
        house.baseUrl,
        "https://api.openai.com.example.org/v1",
        "https://example.org/api.openai.com/v1"
      ]) {
        assert.deepStrictEqual(yield* gpt4({ OPENAI_BASE_URL: address }), usual, address)
      }
    })
  )
})
