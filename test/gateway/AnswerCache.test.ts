/** Answers that are given again over the gateway: as they came, with what says so, and to nobody else. */
import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import { assert, describe, it } from "@effect/vitest"
import {
  AIProvider,
  AnswerCache,
  MultiLLMOrchestrator,
  Price,
  ReasoningEngineRegistry,
  TaskService
} from "arc-saga"
import { ApiKeys, type Gateway } from "arc-saga/gateway"
import { OpenAICompatible } from "arc-saga/engines"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as RawServer from "../utils/RawServer.js"
import { post, start } from "./harness.js"

const body = { model: "house", messages: [{ role: "user", content: "Why?" }], x_unknown: 1 }

/** As no other JSON writer would have written it. */
const wholeText = ` ${JSON.stringify(
  {
    id: "chatcmpl-1",
    object: "chat.completion",
    model: "house-1",
    choices: [
      { index: 0, message: { role: "assistant", content: "So.", x_new: [1] }, finish_reason: "stop" }
    ],
    usage: { prompt_tokens: 3, completion_tokens: 2, total_tokens: 5 }
  },
  null,
  1
)}\n`

const chunk = (delta: object, finish: string | null = null) =>
  `data: ${JSON.stringify({ id: "c", object: "chat.completion.chunk", model: "house-1", choices: [{ index: 0, delta, finish_reason: finish }] }, null, 0)}\r\n\r\n`
const streamText = `: well\n\n${chunk({ role: "assistant", content: "S" })}${chunk({ content: "o." })}${chunk({}, "stop")}data: [DONE]\n\n`

/** A gateway with a cache over one server, which answers each call with one of these bodies. */
const over = (bodies: ReadonlyArray<readonly [type: string, text: string]>, gateway: Gateway.Options = {}) =>
  Effect.gen(function* () {
    const upstream = yield* RawServer.make(...bodies.map(([type, text]) => RawServer.answer(200, type, text)))
    const engine = yield* Effect.orDie(
      OpenAICompatible.make({
        provider: AIProvider.unsafeMake("house"),
        baseUrl: upstream.url,
        model: "house-1",
        apiKey: Redacted.make("sk-test-house"),
        price: Either.getOrThrow(Price.make({ input: 1, output: 5 }))
      })
    ).pipe(Effect.provide(FetchHttpClient.layer))
    const tasks = AnswerCache.layer().pipe(
      Layer.provide(Layer.orDie(AnswerCache.layerMemory())),
      Layer.provide(MultiLLMOrchestrator.layerFor({})),
      Layer.provide(Layer.orDie(ReasoningEngineRegistry.layerEngines([engine])))
    )
    const cached = Context.get(yield* Layer.build(tasks), TaskService.TaskService)
    const started = yield* start({ engines: [], registered: [engine], orchestrator: cached, gateway })
    const ask = (more: object, headers: Readonly<Record<string, string>> = {}) =>
      post(`${started.url}/v1/chat/completions`, { ...body, ...more }, { "x-saga-cache": "use", ...headers })
    return { ...started, ask, upstream }
  })

const json = ["application/json", wholeText] as const
const sse = ["text/event-stream", streamText] as const

describe("an answer that is given again", () => {
  it.scopedLive.each([
    ["in one piece", json, {}],
    ["as a stream", sse, { stream: true }]
  ] as const)("goes back byte for byte as it came: %s", ([, answer, more]) =>
    Effect.gen(function* () {
      const { ask, upstream } = yield* over([answer, answer])
      const first = yield* ask(more)
      const again = yield* ask(more)
      assert.strictEqual(first.text, answer[1])
      assert.strictEqual(again.text, answer[1])
      assert.deepStrictEqual(
        [first.headers.get("x-saga-cache"), again.headers.get("x-saga-cache")],
        ["miss", "hit"]
      )
      assert.strictEqual(again.headers.get("x-saga-provider"), "house")
      assert.strictEqual(again.headers.get("x-saga-attempts"), "0")
      assert.strictEqual(upstream.requests.length, 1)
    })
  )

  it.scopedLive("costs nothing, and tells what it cost before as saved", () =>
    Effect.gen(function* () {
      const { ask } = yield* over([json])
      const first = yield* ask({})
      const again = yield* ask({})
      assert.strictEqual(first.headers.get("x-saga-cost"), "0.000013")
      assert.strictEqual(again.headers.get("x-saga-cost"), "0")
      assert.strictEqual(again.headers.get("x-saga-saved"), "0.000013")
    })
  )

  it.scopedLive("isn't given where it isn't asked for, and is asked anew where that is wanted", () =>
    Effect.gen(function* () {
      const { ask, upstream } = yield* over([json, json, json])
      yield* ask({})
      const off = yield* ask({}, { "x-saga-cache": "off" })
      const anew = yield* ask({}, { "x-saga-cache": "refresh" })
      assert.isNull(off.headers.get("x-saga-cache"))
      assert.strictEqual(anew.headers.get("x-saga-cache"), "miss")
      assert.strictEqual(upstream.requests.length, 3)
      const wrong = yield* ask({}, { "x-saga-cache": "maybe" })
      assert.strictEqual(wrong.status, 400)
      assert.include(
        wrong.text,
        'x-saga-cache can\'t be used: expected \\"use\\", \\"refresh\\" or \\"off\\"'
      )
    })
  )

  it.scopedLive("is given to no other key", () =>
    Effect.gen(function* () {
      const keys = [
        { id: "one", sha256: yield* ApiKeys.hash(Redacted.make("test-key-one")) },
        { id: "two", sha256: yield* ApiKeys.hash(Redacted.make("test-key-two")) }
      ]
      const { ask, upstream } = yield* over([json, json], { keys })
      const of = (key: string) => ask({}, { authorization: `Bearer test-key-${key}` })
      const told = []
      for (const key of ["one", "two", "one", "two"]) told.push((yield* of(key)).headers.get("x-saga-cache"))
      assert.deepStrictEqual(told, ["miss", "miss", "hit", "hit"])
      assert.strictEqual(upstream.requests.length, 2)
    })
  )
})
