/** Calls of one wire to providers of another: what is translated, told as dropped, and refused. */
import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import { assert, describe, it } from "@effect/vitest"
import { AIProvider, type ReasoningEngine } from "arc-saga"
import { Claude, OpenAI } from "arc-saga/engines"
import type { Gateway } from "arc-saga/gateway"
import { Behaviour } from "arc-saga/testing"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as chatCompletions from "../utils/chatCompletions.js"
import * as messages from "../utils/messages.js"
import * as RawServer from "../utils/RawServer.js"
import { post, start } from "./harness.js"

type Json = Readonly<Record<string, unknown>>

const apiKey = Redacted.make("sk-test-key")

const claude = (model: string) => (baseUrl: string) =>
  Effect.provide(Effect.orDie(Claude.make({ baseUrl, model, apiKey })), FetchHttpClient.layer)

const openAI = (model: string) => (baseUrl: string) =>
  Effect.provide(Effect.orDie(OpenAI.make({ baseUrl, model, apiKey })), FetchHttpClient.layer)

/** What a provider is sent of a body, and what the caller is answered. */
const sent = (
  engineOf: (baseUrl: string) => Effect.Effect<ReasoningEngine.ReasoningEngine>,
  path: string,
  body: Json,
  answer: string,
  { gateway, headers = {} }: { gateway?: Gateway.Options; headers?: Readonly<Record<string, string>> } = {}
) =>
  Effect.gen(function* () {
    const upstream = yield* RawServer.make(RawServer.answer(200, "text/event-stream", answer))
    const engine = yield* engineOf(upstream.url)
    const { url } = yield* start({
      engines: [],
      registered: [engine],
      ...(gateway === undefined ? {} : { gateway })
    })
    const reply = yield* post(`${url}${path}`, { model: engine.provider, ...body }, headers)
    const asked: Json | undefined =
      upstream.requests[0] === undefined ? undefined : JSON.parse(upstream.requests[0].body)
    return { reply, asked }
  })

const claudeAnswer = messages.wire(
  messages.start(),
  messages.block({ type: "thinking", thinking: "", signature: "" }),
  messages.delta({ type: "thinking_delta", thinking: "Hm." }),
  messages.delta({ type: "signature_delta", signature: "c2ln" }),
  messages.blockStop(),
  messages.block({ type: "text", text: "" }, 1),
  messages.text("Hi", 1),
  messages.blockStop(1),
  messages.stopped(),
  messages.end
)

const chatAnswer = chatCompletions.hi + chatCompletions.stop + chatCompletions.usage + chatCompletions.done

const tool = { type: "function", function: { name: "look", parameters: { type: "object" }, strict: true } }

describe("a call of Chat Completions, to a provider of Messages", () => {
  const path = "/v1/chat/completions"

  it.scopedLive("says what both wires have", () =>
    Effect.gen(function* () {
      const { asked, reply } = yield* sent(
        claude("claude-opus-4-8"),
        path,
        {
          messages: [
            { role: "system", content: "Be brief" },
            {
              role: "user",
              content: [
                { type: "text", text: "one" },
                { type: "text", text: "two" },
                { type: "file", file: { filename: "a.pdf", file_data: "data:application/pdf;base64,AAAA" } }
              ]
            },
            {
              role: "assistant",
              content: null,
              tool_calls: [{ id: "c1", type: "function", function: { name: "look", arguments: "{}" } }]
            },
            { role: "tool", tool_call_id: "c1", content: "seen" },
            { role: "developer", content: "Now in French" },
            { role: "user", content: "And?" }
          ],
          tools: [tool],
          parallel_tool_calls: false,
          reasoning_effort: "high",
          max_completion_tokens: 500,
          stop: "END"
        },
        claudeAnswer
      )
      assert.strictEqual(reply.status, 200, reply.text)
      assert.isNull(reply.headers.get("x-saga-dropped"))
      assert.deepStrictEqual(asked, {
        model: "claude-opus-4-8",
        max_tokens: 500,
        system: "Be brief\n\nNow in French",
        messages: [
          {
            role: "user",
            content: [
              { type: "text", text: "one" },
              { type: "text", text: "two" },
              {
                type: "document",
                source: { type: "base64", media_type: "application/pdf", data: "AAAA" },
                title: "a.pdf"
              }
            ]
          },
          { role: "assistant", content: [{ type: "tool_use", id: "c1", name: "look", input: {} }] },
          { role: "user", content: [{ type: "tool_result", tool_use_id: "c1", content: "seen" }] },
          { role: "user", content: [{ type: "text", text: "And?" }] }
        ],
        stop_sequences: ["END"],
        tools: [{ name: "look", input_schema: { type: "object" }, strict: true }],
        tool_choice: { type: "auto", disable_parallel_tool_use: true },
        thinking: { type: "adaptive", display: "summarized" },
        output_config: { effort: "high" },
        stream: true
      })
      assert.deepInclude(JSON.parse(reply.text).choices[0].message, {
        content: "Hi",
        reasoning_content: "Hm."
      })
    })
  )

  it.scopedLive("thinks within a budget where the model knows no effort", () =>
    Effect.gen(function* () {
      const ask = (more: Json) =>
        sent(
          claude("claude-haiku-4-5"),
          path,
          { messages: [{ role: "user", content: "Hi" }], reasoning_effort: "low", ...more },
          claudeAnswer
        )
      const { asked } = yield* ask({})
      assert.deepInclude(asked, { max_tokens: 6144, thinking: { type: "enabled", budget_tokens: 2048 } })
      const bounded = yield* ask({ max_tokens: 1500 })
      assert.deepInclude(bounded.asked, {
        max_tokens: 1500,
        thinking: { type: "enabled", budget_tokens: 1499 }
      })
      const tight = yield* ask({ max_tokens: 100, temperature: 0.5 })
      assert.notProperty(tight.asked, "thinking")
      assert.propertyVal(tight.asked, "temperature", 0.5)
      assert.strictEqual(tight.reply.headers.get("x-saga-dropped"), "reasoning_effort")
    })
  )

  it.scopedLive("offers the tools that it allows, and no other", () =>
    Effect.gen(function* () {
      const named = (name: string) => ({ type: "function", function: { name } })
      const { asked } = yield* sent(
        claude("claude-opus-4-8"),
        path,
        {
          messages: [{ role: "user", content: "Hi" }],
          tools: [
            { type: "function", function: { name: "read", parameters: { type: "object" } } },
            { type: "function", function: { name: "delete", parameters: { type: "object" } } }
          ],
          tool_choice: { type: "allowed_tools", allowed_tools: { mode: "required", tools: [named("read")] } }
        },
        claudeAnswer
      )
      assert.deepInclude(asked, {
        tools: [{ name: "read", input_schema: { type: "object" } }],
        tool_choice: { type: "any" }
      })
      const none = yield* sent(
        claude("claude-opus-4-8"),
        path,
        {
          messages: [{ role: "user", content: "Hi" }],
          tools: [{ type: "function", function: { name: "delete", parameters: {} } }],
          tool_choice: { type: "allowed_tools", allowed_tools: { mode: "auto", tools: [] } }
        },
        claudeAnswer
      )
      assert.notProperty(none.asked, "tools")
    })
  )

  it.scopedLive("tells what it left out, by the caller's names", () =>
    Effect.gen(function* () {
      const ask = (more: Json, headers: Readonly<Record<string, string>> = {}) =>
        sent(
          claude("claude-opus-4-8"),
          path,
          {
            messages: [{ role: "user", content: "Hi" }],
            seed: 7,
            logit_bias: { 1: 2 },
            next_year: 1,
            ...more
          },
          claudeAnswer,
          { headers }
        )
      const { reply } = yield* ask({})
      assert.strictEqual(reply.headers.get("x-saga-dropped"), "seed, logit_bias, next_year")
      const streamed = yield* ask({ stream: true })
      assert.strictEqual(streamed.reply.headers.get("x-saga-dropped"), "seed, logit_bias, next_year")
      const refused = yield* ask({}, { "x-saga-unsupported": "refuse" })
      assert.strictEqual(refused.reply.status, 400)
      for (const field of ["logit_bias", "next_year"]) assert.include(refused.reply.text, field)
      assert.isUndefined(refused.asked)
    })
  )

  it.scopedLive("isn't made where it needs what the wire doesn't have, all of which is named", () =>
    Effect.gen(function* () {
      const { asked, reply } = yield* sent(
        claude("claude-opus-4-8"),
        path,
        {
          messages: [
            { role: "user", content: [{ type: "input_audio", input_audio: { data: "AA", format: "wav" } }] }
          ],
          n: 2,
          logprobs: true
        },
        claudeAnswer
      )
      assert.strictEqual(reply.status, 400)
      for (const field of ["sound", "n", "log probabilities"]) assert.include(reply.text, field)
      assert.isUndefined(asked)
    })
  )
})

describe("a call of Messages, to a provider of Chat Completions", () => {
  const path = "/v1/messages"
  const agents = {
    max_tokens: 900,
    system: [{ type: "text", text: "You are an agent", cache_control: { type: "ephemeral" } }],
    messages: [
      { role: "user", content: [{ type: "text", text: "Read it", cache_control: { type: "ephemeral" } }] },
      {
        role: "assistant",
        content: [
          { type: "thinking", thinking: "Hm.", signature: "c2ln" },
          { type: "text", text: "I look." },
          { type: "tool_use", id: "toolu_1", name: "read", input: { path: "a" } }
        ]
      },
      {
        role: "user",
        content: [
          {
            type: "tool_result",
            tool_use_id: "toolu_1",
            is_error: true,
            content: [
              { type: "text", text: "broken" },
              { type: "image", source: { type: "base64", media_type: "image/png", data: "AAAA" } }
            ]
          }
        ]
      },
      { role: "system", content: "Mind the budget" }
    ],
    thinking: { type: "adaptive", display: "omitted" },
    output_config: { effort: "medium" },
    context_management: { edits: [] },
    tools: [
      { name: "read", input_schema: { type: "object" }, strict: false, cache_control: { type: "ephemeral" } }
    ],
    tool_choice: { type: "any", disable_parallel_tool_use: true },
    top_k: 5
  }

  it.scopedLive("says what both wires have, and tells the rest", () =>
    Effect.gen(function* () {
      const { asked, reply } = yield* sent(openAI("gpt-5.1"), path, agents, chatAnswer)
      assert.strictEqual(reply.status, 200, reply.text)
      assert.strictEqual(reply.headers.get("x-saga-dropped"), "top_k, context_management")
      assert.deepStrictEqual(asked, {
        model: "gpt-5.1",
        messages: [
          { role: "system", content: "You are an agent" },
          { role: "user", content: [{ type: "text", text: "Read it" }] },
          {
            role: "assistant",
            content: "I look.",
            tool_calls: [
              { id: "toolu_1", type: "function", function: { name: "read", arguments: '{"path":"a"}' } }
            ]
          },
          {
            role: "tool",
            tool_call_id: "toolu_1",
            content: "Error: broken"
          },
          {
            role: "user",
            content: [{ type: "image_url", image_url: { url: "data:image/png;base64,AAAA" } }]
          },
          { role: "system", content: "Mind the budget" }
        ],
        max_completion_tokens: 900,
        tools: [
          { type: "function", function: { name: "read", parameters: { type: "object" }, strict: false } }
        ],
        tool_choice: "required",
        parallel_tool_calls: false,
        reasoning_effort: "medium",
        stream: true,
        stream_options: { include_usage: true }
      })
    })
  )

  it.scopedLive("isn't made, and no other is asked, where one provider keeps what it goes on from", () =>
    Effect.gen(function* () {
      const body = { max_tokens: 9, messages: [{ role: "user", content: "Hi" }], container: "container_1" }
      const { asked, reply } = yield* sent(openAI("gpt-5.1"), path, body, chatAnswer)
      assert.strictEqual(reply.status, 400)
      assert.include(reply.text, "container")
      assert.isUndefined(asked)
    })
  )
})

describe("the name of a model", () => {
  it.scopedLive("is a provider's own, or mapped to one or a strategy by name or pattern", () =>
    Effect.gen(function* () {
      const ok = Behaviour.answer({ text: "Hi" })
      const { url } = yield* start({
        engines: [
          { provider: AIProvider.Claude, model: "claude-opus-4-8", script: [ok] },
          { provider: AIProvider.Gpt4, model: "gpt-5.1", script: [ok] }
        ],
        gateway: {
          models: {
            "gpt-4o": "saga/quality",
            "claude-*": "gpt4",
            "claude-haiku-*": "claude",
            "*-mini": "claude"
          }
        },
        providers: [
          { provider: "claude", qualityScore: 9 },
          { provider: "gpt4", qualityScore: 5 }
        ]
      })
      const who = (model: string) =>
        Effect.map(
          post(`${url}/v1/chat/completions`, { model, messages: [{ role: "user", content: "Hi" }] }),
          (reply) => (reply.status === 200 ? reply.headers.get("x-saga-provider") : reply.status)
        )
      assert.strictEqual(yield* who("gpt-5.1"), "gpt4")
      assert.strictEqual(yield* who("gpt-4o"), "claude")
      assert.strictEqual(yield* who("claude"), "claude")
      assert.strictEqual(yield* who("claude-sonnet-5"), "gpt4")
      assert.strictEqual(yield* who("claude-haiku-4-5"), "claude")
      assert.strictEqual(yield* who("gpt-4o-mini"), "claude")
      assert.strictEqual(yield* who("gpt-4"), 404)
    })
  )
})

describe("a stream that nobody answers yet", () => {
  const slow = Behaviour.answer({ text: "Hi", firstTokenMs: 200 })
  const kept = {
    "/v1/chat/completions": ": waiting\n\n",
    "/v1/messages": 'event: ping\ndata: {"type":"ping"}\n\n'
  } as const

  it.scopedLive("begins with what keeps its client waiting", () =>
    Effect.gen(function* () {
      const { url } = yield* start({
        engines: [{ provider: AIProvider.Claude, script: [slow] }],
        gateway: { keepAliveMs: 20 }
      })
      for (const [path, sign] of Object.entries(kept)) {
        const body = {
          model: "claude",
          stream: true,
          max_tokens: 9,
          messages: [{ role: "user", content: "Hi" }]
        }
        const reply = yield* post(`${url}${path}`, body)
        assert.isTrue(reply.text.startsWith(sign + sign), path)
        assert.include(reply.text, '"Hi"')
      }
    })
  )

  it.scopedLive("ends with its error, which comes too late for a status", () =>
    Effect.gen(function* () {
      const { url } = yield* start({
        engines: [
          {
            provider: AIProvider.Claude,
            script: [Behaviour.fail({ _tag: "ContentPolicyError" }, { afterMs: 100 })]
          }
        ],
        gateway: { keepAliveMs: 20 }
      })
      const body = {
        model: "claude",
        stream: true,
        max_tokens: 9,
        messages: [{ role: "user", content: "Hi" }]
      }
      const reply = yield* post(`${url}/v1/messages`, body)
      assert.strictEqual(reply.status, 200)
      assert.include(reply.text, "event: error")
      assert.notInclude(reply.text, "message_stop")
    })
  )
})
