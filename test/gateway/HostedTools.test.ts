/** Tools that run at a provider: where they are merely offered, other wires are asked without them, and it is told. */
import { assert, describe, it } from "@effect/vitest"
import {
  AIProvider,
  AITask,
  MultiLLMOrchestrator,
  ReasoningEngine,
  ReasoningEngineRegistry,
  Strategy
} from "arc-saga"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Layer from "effect/Layer"
import { offered } from "../../src/gateway/internal/hostedTools.js"
import * as messages from "../utils/messages.js"
import * as RawServer from "../utils/RawServer.js"
import { post } from "./harness.js"
import * as wired from "./wires.js"

const json = (body: unknown) => RawServer.answer(200, "application/json", JSON.stringify(body))

const chatAnswer = json({
  model: "m",
  choices: [{ index: 0, message: { content: "Hi" }, finish_reason: "stop" }]
})

const shell = { type: "function", name: "shell", parameters: { type: "object" } }

describe("a tool that runs at a provider", () => {
  const hosted = { wire: "responses", value: { type: "web_search", search_context_size: "low" } }
  const isOptional = (value: object, body: object, tools: object = {}): boolean =>
    offered({ tools: [shell, value], ...body }, { nativeTools: [{ wire: "responses", value }], ...tools })
      .optional.length === 1

  it("is offered where the model may do without it, and demanded where it may not", () => {
    const { value } = hosted
    for (const choice of [
      undefined,
      "auto",
      "none",
      { type: "auto" },
      { type: "none" },
      { type: "function", name: "shell" },
      { type: "tool", name: "Read" },
      { type: "allowed_tools", mode: "auto", tools: [{ type: "web_search" }] }
    ]) {
      assert.isTrue(isOptional(value, { tool_choice: choice }), JSON.stringify(choice))
    }
    for (const choice of [
      "required",
      { type: "any" },
      { type: "web_search" },
      { type: "web_search_preview" },
      { type: "allowed_tools", mode: "required", tools: [{ type: "web_search" }] }
    ]) {
      assert.isFalse(isOptional(value, { tool_choice: choice }), JSON.stringify(choice))
      // With others beside it there is another way.
      const isNamed = typeof choice === "object" && choice.type.startsWith("web_search")
      assert.strictEqual(isOptional(value, { tool_choice: choice }, { tools: [shell] }), !isNamed)
    }
    const anthropic = { type: "web_search_20250305", name: "web_search", max_uses: 5 }
    assert.isFalse(isOptional(anthropic, { tool_choice: { type: "tool", name: "web_search" } }))
    assert.isTrue(isOptional(anthropic, {}))
  })

  it("isn't one that its caller runs, or that works on what a provider keeps, or that isn't known", () => {
    for (const value of [
      { type: "bash_20250124", name: "bash" },
      { type: "local_shell" },
      { type: "computer_use_preview" },
      { type: "file_search", vector_store_ids: ["vs_1"] },
      { type: "mcp", server_label: "s", server_url: "https://example.com" },
      { type: "code_interpreter", container: "cntr_1" },
      { type: "code_interpreter", container: { type: "auto", file_ids: ["file_1"] } },
      { type: "tool_of_next_year" },
      { type: "web_searching" }
    ]) {
      assert.isFalse(isOptional(value, {}), value.type)
    }
    assert.isTrue(isOptional({ type: "code_interpreter", container: { type: "auto" } }, {}))
  })

  it.scopedLive("is left out of what other wires are asked, with its choice, and told", () =>
    Effect.gen(function* () {
      const { upstream, url } = yield* wired.over([
        json(messages.piece()),
        chatAnswer,
        json(messages.piece()),
        json(messages.piece()),
        chatAnswer
      ])
      const alone = { tools: [hosted.value], tool_choice: "auto", parallel_tool_calls: true }
      const beside = { ...alone, tools: [shell, hosted.value] }
      for (const [body, model, dropped] of [
        [alone, "messages", "tools[0]"],
        [alone, "chatCompletions", "tools[0]"],
        [beside, "messages", "tools[1]"]
      ] as const) {
        const reply = yield* post(`${url}/v1/responses`, { model, input: "Hi", ...body })
        assert.strictEqual(reply.status, 200, reply.text)
        assert.strictEqual(reply.headers.get("x-saga-dropped"), dropped)
        const { tool_choice: choice, tools = [] } = JSON.parse(upstream.requests.at(-1)?.body ?? "")
        assert.lengthOf(tools, body.tools.length - 1)
        assert.strictEqual(choice === undefined, tools.length === 0)
      }
      const chat = { model: "messages", web_search_options: {}, messages: [{ role: "user", content: "Hi" }] }
      const ofChat = yield* post(`${url}/v1/chat/completions`, chat)
      assert.strictEqual(ofChat.headers.get("x-saga-dropped"), "web_search_options", ofChat.text)
      const search = { tools: [{ type: "web_search_20250305", name: "web_search" }] }
      const ofMessages = yield* post(
        `${url}/v1/messages`,
        wired.bodyOf("messages", "chatCompletions", false, search)
      )
      assert.strictEqual(ofMessages.headers.get("x-saga-dropped"), "tools[0]", ofMessages.text)
    })
  )

  it.scopedLive("isn't left out where that is refused, or it is demanded: the error names it", () =>
    Effect.gen(function* () {
      const { upstream, url } = yield* wired.over([json(messages.piece())])
      const body = { model: "messages", input: "Hi", tools: [hosted.value] }
      for (const [more, headers] of [
        [{}, { "x-saga-unsupported": "refuse" }],
        [{ tool_choice: { type: "web_search" } }, {}],
        [{ tool_choice: "required" }, {}]
      ] as const) {
        const { status, text } = yield* post(`${url}/v1/responses`, { ...body, ...more }, headers)
        assert.strictEqual(status, 400, text)
        assert.match(text, /web_search|tools\[0\]/)
      }
      assert.isEmpty(upstream.requests)
    })
  )

  it.scopedLive("is gone on without by a provider of another wire, where that of its own fails", () =>
    Effect.gen(function* () {
      const { url } = yield* wired.over([RawServer.answer(503, "text/plain", "no"), json(messages.piece())], {
        engines: [],
        policy: {
          chains: { responses: ["messages"] },
          rules: { TransientError: { _tag: "fail-over" } }
        }
      })
      const reply = yield* post(`${url}/v1/responses`, {
        model: "responses",
        input: "Hi",
        tools: [hosted.value]
      })
      assert.strictEqual(reply.status, 200, reply.text)
      assert.strictEqual(reply.headers.get("x-saga-provider"), "messages")
    })
  )

  it.effect("has providers that know it chosen before others, and others where there is none", () =>
    Effect.gen(function* () {
      const engineOf = (provider: AIProvider.AIProvider, wire: "messages" | "responses") =>
        ReasoningEngine.fromEffect({
          provider,
          wires: [wire],
          answer: () => Effect.succeed({ text: provider })
        })
      const cheap = engineOf(AIProvider.Claude, "messages")
      const knowing = engineOf(AIProvider.Gpt4, "responses")
      const chosen = (
        optional: boolean | undefined,
        unsupported: "drop" | "refuse",
        ...engines: ReadonlyArray<ReasoningEngine.ReasoningEngine>
      ) =>
        Effect.gen(function* () {
          const orchestrator = yield* MultiLLMOrchestrator.MultiLLMOrchestrator
          const nativeTools =
            optional === undefined ? [] : [{ ...hosted, wire: "responses" as const, optional }]
          const task = yield* AITask.make({ prompt: "Hi", nativeTools, unsupported })
          return (yield* orchestrator.complete(task, { strategy: Strategy.named.cheapest })).provider
        }).pipe(
          Effect.provide(
            MultiLLMOrchestrator.layerFor({
              providers: [
                { provider: "claude", price: { input: 1, output: 1 } },
                { provider: "gpt4", price: { input: 9, output: 9 } }
              ]
            }).pipe(Layer.provide(ReasoningEngineRegistry.layerEngines(engines)))
          ),
          Effect.either
        )
      assert.deepStrictEqual(
        yield* chosen(undefined, "drop", cheap, knowing),
        Either.right(AIProvider.Claude)
      )
      assert.deepStrictEqual(yield* chosen(true, "drop", cheap, knowing), Either.right(AIProvider.Gpt4))
      assert.deepStrictEqual(yield* chosen(true, "drop", cheap), Either.right(AIProvider.Claude))
      assert.isTrue(Either.isLeft(yield* chosen(false, "drop", cheap)))
      assert.isTrue(Either.isLeft(yield* chosen(true, "refuse", cheap)))
    })
  )
})
