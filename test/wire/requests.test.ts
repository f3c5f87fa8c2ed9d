/** What tasks are in the bodies of both wires: every part, tool and setting, and what is left out. */
import { assert, describe, it } from "@effect/vitest"
import { AIProvider, AITask, Price, ReasoningEngine } from "arc-saga"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import { worstCase } from "../../src/spend/internal/worstCase.js"
import * as chat from "../../src/wire/chatCompletions/request.js"
import * as messages from "../../src/wire/messages/request.js"
import * as notice from "../../src/wire/notice.js"
import * as responses from "../../src/wire/responses/request.js"
import * as toolCallIds from "../../src/wire/toolCallIds.js"

const chatSettings: chat.Settings = {
  model: "m",
  maxTokensField: "max_tokens",
  includeUsage: false,
  sampling: true,
  reasoning: false,
  extraFields: false
}

const messagesSettings: messages.Settings = { model: "m", maxTokens: 100, sampling: true, thinking: "none" }

const task = (options: Partial<AITask.Options>): AITask.AITask =>
  Either.getOrThrow(
    AITask.decodeUnknown({ ...(options.messages === undefined ? { prompt: "Hi" } : {}), ...options })
  )

const ask = (options: Partial<AITask.Options>) => ({ task: task(options), prefill: undefined, stream: false })

const chatBody = (options: Partial<AITask.Options>, settings: Partial<chat.Settings> = {}) =>
  Either.getOrThrow(chat.body({ ...chatSettings, ...settings }, ask(options)))

const messagesBody = (options: Partial<AITask.Options>, settings: Partial<messages.Settings> = {}) =>
  Either.getOrThrow(messages.body({ ...messagesSettings, ...settings }, ask(options)))

const text = (text: string): AITask.TextPart => ({ type: "text", text })

const all: Partial<AITask.Options> = {
  systemPrompt: "Be brief",
  messages: [
    {
      role: "user",
      content: [
        { ...text("a"), cache: { ttl: "1h" }, options: { chatCompletions: { x: 1 }, messages: { y: 1 } } },
        { type: "image", url: "https://example.org/a.png", detail: "low", cache: {} },
        { type: "document", url: "data:text/plain,b" },
        { type: "document", url: "data:application/pdf;base64,AA", name: "c.pdf" },
        { type: "native", wire: "responses", value: { type: "z" } }
      ]
    },
    {
      role: "assistant",
      content: [
        { type: "reasoning", text: "hm", state: { wire: "messages", value: { type: "thinking" } } },
        { type: "reasoning", text: "so", state: { wire: "chatCompletions", value: { reasoning: "so" } } },
        { type: "reasoning", text: "no" },
        text("d"),
        text("e")
      ],
      toolCalls: [{ id: "c1", name: "f", arguments: "[1]", options: { messages: { caller: 1 } } }]
    },
    { role: "tool", toolCallId: "c1", content: [text("g"), text("h")], isError: true, cache: {} },
    { role: "tool", toolCallId: "c2", content: [{ type: "image", url: "https://example.org/i.png" }] },
    { role: "tool", toolCallId: "c3", content: "" },
    { role: "system", content: [{ ...text("j"), cache: {} }] },
    { role: "assistant", content: "k" },
    { role: "user", content: "l" }
  ],
  tools: [
    {
      name: "f",
      parameters: {},
      description: "F",
      strict: true,
      cache: {},
      options: { messages: { defer: 1 } }
    }
  ],
  nativeTools: [
    { wire: "chatCompletions", value: { type: "n1" } },
    { wire: "messages", value: { type: "n2" } }
  ]
}

describe("a task over Chat Completions", () => {
  it("has all its parts", () => {
    const body = chatBody(all)
    assert.deepStrictEqual(body["messages"], [
      { role: "system", content: "Be brief" },
      {
        role: "user",
        content: [
          { type: "text", text: "a", x: 1 },
          { type: "image_url", image_url: { url: "https://example.org/a.png", detail: "low" } },
          { type: "text", text: "b" },
          { type: "file", file: { filename: "c.pdf", file_data: "data:application/pdf;base64,AA" } }
        ]
      },
      {
        role: "assistant",
        content: [text("d"), text("e")],
        tool_calls: [{ id: "c1", type: "function", function: { name: "f", arguments: "[1]" } }],
        reasoning: "so"
      },
      { role: "tool", tool_call_id: "c1", content: [text("Error:"), text("g"), text("h")] },
      { role: "tool", tool_call_id: "c2", content: "" },
      { role: "tool", tool_call_id: "c3", content: "" },
      {
        role: "user",
        content: [{ type: "image_url", image_url: { url: "https://example.org/i.png" } }]
      },
      { role: "system", content: "j" },
      { role: "assistant", content: "k" },
      { role: "user", content: "l" }
    ])
    assert.deepStrictEqual(body["tools"], [
      { type: "function", function: { name: "f", description: "F", parameters: {}, strict: true } },
      { type: "n1" }
    ])
  })

  it("has its settings, where the server takes them", () => {
    const settings: Partial<AITask.Options> = {
      temperature: 0.5,
      topP: 0.5,
      topK: 5,
      frequencyPenalty: 1,
      presencePenalty: 1,
      verbosity: "low",
      serviceTier: "flex",
      cacheKey: "k",
      logProbabilities: 0,
      reasoning: { effort: "low" },
      responseFormat: { type: "text" },
      options: { chatCompletions: { own: 1 } }
    }
    assert.deepInclude(chatBody(settings, { extraFields: true, reasoning: true }), {
      temperature: 0.5,
      frequency_penalty: 1,
      verbosity: "low",
      service_tier: "flex",
      prompt_cache_key: "k",
      logprobs: true,
      top_logprobs: undefined,
      reasoning_effort: "low",
      response_format: undefined,
      own: 1
    })
    const few = { ...chatSettings, sampling: false }
    assert.deepStrictEqual(
      chat.dropped(few, task(settings)).flatMap(({ fields }) => fields),
      ["temperature", "topP", "topK", "frequencyPenalty", "presencePenalty", "verbosity", "reasoning"]
    )
    assert.deepStrictEqual(chat.dropped({ ...few, extraFields: true, reasoning: true }, task({})), [])
  })

  it("can't be where a document is only an address", () => {
    const content = [{ type: "document", url: "https://example.org/a.pdf" }] as const
    assert.isTrue(Either.isLeft(chat.body(chatSettings, ask({ messages: [{ role: "user", content }] }))))
  })

  it("is its original, with ids of tool calls that the server takes", () => {
    const called = task({
      messages: [
        { role: "assistant", content: "", toolCalls: [{ id: "long.one", name: "f", arguments: "{}" }] },
        { role: "tool", toolCallId: "long.one", content: "a" }
      ],
      maxTokens: 5
    })
    const asked = { task: called, prefill: undefined, stream: true }
    const call = (id: string) => ({ id, type: "function", function: { name: "f", arguments: "{}" }, odd: 1 })
    const said = (id: string) => [
      { role: "assistant", content: null, tool_calls: [call(id), 1], name: "Ann" },
      { role: "tool", tool_call_id: id, content: "a", odd: [2] },
      { role: "assistant", content: "b", function_call: { name: "long.one", arguments: "{}" } },
      3
    ]
    const more = { n: 2, next_year: {}, stream_options: { a: 1 } }
    const body = { messages: said("long.one"), max_completion_tokens: 9, ...more }
    const original = (settings: chat.Settings) => chat.original(settings, body, asked).body
    const bounded = { ...more, model: "m", max_tokens: 5, stream: true }
    assert.deepStrictEqual(original(chatSettings), { ...bounded, messages: said("long.one") })
    assert.deepStrictEqual(original({ ...chatSettings, toolCallIds: toolCallIds.nineAlphanumerics }), {
      ...bounded,
      messages: said("00longone")
    })
    const continued = chat.original(chatSettings, { messages: [1] }, { ...asked, prefill: "Once" })
    assert.deepStrictEqual(continued.body["messages"], [1, { role: "assistant", content: "Once" }])
  })
})

describe("a task over Messages", () => {
  it("has all its parts", () => {
    const body = messagesBody(all)
    const ephemeral = { type: "ephemeral" }
    assert.deepStrictEqual(body["system"], [
      { type: "text", text: "Be brief" },
      { type: "text", text: "j", cache_control: ephemeral }
    ])
    assert.deepStrictEqual(body["messages"], [
      {
        role: "user",
        content: [
          { type: "text", text: "a", cache_control: { type: "ephemeral", ttl: "1h" }, y: 1 },
          {
            type: "image",
            source: { type: "url", url: "https://example.org/a.png" },
            cache_control: ephemeral
          },
          { type: "document", source: { type: "text", media_type: "text/plain", data: "b" } },
          {
            type: "document",
            source: { type: "base64", media_type: "application/pdf", data: "AA" },
            title: "c.pdf"
          }
        ]
      },
      {
        role: "assistant",
        content: [
          { type: "thinking" },
          text("d"),
          text("e"),
          { type: "tool_use", id: "c1", name: "f", input: { INVALID_JSON: "[1]" }, caller: 1 }
        ]
      },
      {
        role: "user",
        content: [
          {
            type: "tool_result",
            tool_use_id: "c1",
            content: [text("g"), text("h")],
            is_error: true,
            cache_control: ephemeral
          },
          {
            type: "tool_result",
            tool_use_id: "c2",
            content: [{ type: "image", source: { type: "url", url: "https://example.org/i.png" } }]
          },
          { type: "tool_result", tool_use_id: "c3" }
        ]
      },
      { role: "assistant", content: [text("k")] },
      { role: "user", content: [text("l")] }
    ])
    assert.deepStrictEqual(body["tools"], [
      {
        name: "f",
        description: "F",
        input_schema: { type: "object" },
        strict: true,
        cache_control: ephemeral,
        defer: 1
      },
      { type: "n2" }
    ])
  })

  it("has its settings, and tells the others", () => {
    const settings: Partial<AITask.Options> = {
      topK: 5,
      seed: 1,
      serviceTier: "standard_only",
      parallelToolCalls: false,
      tools: [{ name: "f", parameters: {} }],
      toolChoice: { name: "f" },
      responseFormat: { type: "json_schema", name: "a", schema: {} },
      reasoning: { effort: "high" }
    }
    assert.deepInclude(messagesBody(settings), {
      top_k: 5,
      service_tier: "standard_only",
      tool_choice: { type: "tool", name: "f", disable_parallel_tool_use: true }
    })
    assert.deepInclude(messagesBody({ ...settings, toolChoice: "none", serviceTier: "flex" }), {
      tool_choice: { type: "none" },
      service_tier: undefined
    })
    assert.deepStrictEqual(
      messages
        .dropped({ ...messagesSettings, thinking: "adaptive", model: "claude-opus-4-8" }, task(settings))
        .flatMap(({ fields }) => fields),
      ["topK", "seed"]
    )
    assert.deepStrictEqual(
      messages.dropped(messagesSettings, task(settings)).flatMap(({ fields }) => fields),
      ["reasoning", "seed"]
    )
  })

  it("can't be where it has sound, or an image that isn't base64", () => {
    for (const part of [
      { type: "audio", data: "AA", format: "wav" },
      { type: "image", url: "data:image/png,AA" }
    ] as const) {
      const asked = ask({ messages: [{ role: "user", content: [part] }] })
      assert.isTrue(Either.isLeft(messages.body(messagesSettings, asked)))
    }
  })

  it("goes on from a beginning, but not from white space", () => {
    for (const [prefill, count] of [
      ["Once ", 2],
      [" ", 1]
    ] as const) {
      const asked = { task: task({}), prefill, stream: true }
      const made = Either.getOrThrow(messages.body(messagesSettings, asked))
      assert.strictEqual(Array.isArray(made["messages"]) ? made["messages"].length : 0, count)
      const native = messages.original(messagesSettings, { messages: [1], thinking: 1 }, asked)
      assert.strictEqual(Array.isArray(native.body["messages"]) ? native.body["messages"].length : 0, count)
      assert.strictEqual(native.body["max_tokens"], 100)
    }
  })
})

describe("the worst case of a task with all parts", () => {
  it("counts each", () => {
    const price = Option.some(Either.getOrThrow(Price.make({ input: 1, output: 1 })))
    const of = (
      ...content: ReadonlyArray<AITask.TextPart | AITask.ImagePart | AITask.DocumentPart | AITask.NativePart>
    ) =>
      worstCase({ ...task({}), messages: [{ role: "tool", toolCallId: "a", content }] }, undefined, 1, price)
        .inputTokens
    const none = of()
    assert.isAbove(of({ type: "image", url: "https://a" }), none + 1000)
    assert.isAbove(of({ type: "document", url: "https://a" }), none + 100_000)
    assert.isAbove(of({ type: "document", url: "data:text/plain,a" }), none + 1000)
    assert.isAbove(of({ type: "native", wire: "messages", value: { type: "a" } }), none + 5)
    assert.isAbove(worstCase(task(all), "a", 1, price).inputTokens, 100_000)
  })
})

describe("a service tier", () => {
  it("is said in the words of the wire, of which the usual one has two", () => {
    const tiers = (["auto", "default", "standard_only", "flex"] as const).map((serviceTier) => [
      chatBody({ serviceTier }, { extraFields: true })["service_tier"],
      messagesBody({ serviceTier })["service_tier"]
    ])
    assert.deepStrictEqual(tiers, [
      ["auto", "auto"],
      ["default", "standard_only"],
      ["default", "standard_only"],
      ["flex", undefined]
    ])
  })
})

describe("what one wire alone knows of a message", () => {
  const options = {
    chatCompletions: { name: "Ann" },
    messages: { odd: 1 },
    responses: { phase: "commentary" }
  }
  const said: AITask.Options["messages"] = [
    { role: "user", content: "a", options },
    { role: "user", content: [text("b")], options },
    { role: "assistant", content: "c", toolCalls: [{ id: "t", name: "f", arguments: "{}" }], options },
    { role: "tool", toolCallId: "t", content: "d", options },
    { role: "system", content: "e", options }
  ]

  it("is within that message, and nothing of it on another wire", () => {
    const chatSaid = chatBody({ messages: said })["messages"]
    assert(Array.isArray(chatSaid))
    assert.isTrue(
      chatSaid.every(({ name, odd, phase }) => name === "Ann" && odd === undefined && phase === undefined)
    )
    assert.strictEqual(chatSaid.length, 5)
    assert.deepStrictEqual(messagesBody({ messages: said })["messages"], [
      { role: "user", content: [text("a")], odd: 1 },
      { role: "user", content: [text("b")], odd: 1 },
      {
        role: "assistant",
        content: [text("c"), { type: "tool_use", id: "t", name: "f", input: {} }],
        odd: 1
      },
      { role: "user", content: [{ type: "tool_result", tool_use_id: "t", content: "d", odd: 1 }] }
    ])
    const settings = { model: "m", sampling: true, reasoning: false, extraFields: false }
    const { input } = Either.getOrThrow(responses.body(settings, ask({ messages: said })))
    const phase = "commentary"
    assert.deepStrictEqual(input, [
      { type: "message", role: "user", content: "a", phase },
      { type: "message", role: "user", content: [{ type: "input_text", text: "b" }], phase },
      { type: "message", role: "assistant", content: "c", phase },
      { type: "function_call", call_id: "t", name: "f", arguments: "{}" },
      { type: "function_call_output", call_id: "t", output: "d", phase },
      { type: "message", role: "developer", content: "e", phase }
    ])
  })
})

describe("a task over Responses", () => {
  it("is its original, with ids of tool calls that the server takes", () => {
    const long = "x".repeat(65)
    const called = task({
      messages: [{ role: "assistant", content: "", toolCalls: [{ id: long, name: "f", arguments: "{}" }] }]
    })
    const input = (id: string) => [
      { role: "user", content: "Hi", odd: 1 },
      { type: "function_call", id: "fc_1", call_id: id, name: "f", arguments: "{}", odd: 1 },
      { type: "function_call_output", call_id: id, output: "a" },
      { type: "item_of_2027", call_id: null },
      1
    ]
    const settings: responses.Settings = { model: "m", sampling: true, reasoning: false, extraFields: false }
    const original = (said: unknown, prefill: string | undefined, rule?: toolCallIds.Rule) =>
      responses.original(
        { ...settings, toolCallIds: rule },
        { input: said, next_year: 1 },
        { task: called, prefill, stream: false }
      ).body
    const expected = { model: "m", next_year: 1 }
    assert.deepStrictEqual(original(input(long), undefined), { ...expected, input: input(long) })
    assert.deepStrictEqual(original(input(long), undefined, toolCallIds.sixtyFourCharacters), {
      ...expected,
      input: input(long.slice(0, 64))
    })
    assert.deepStrictEqual(original("Hi", "Once", toolCallIds.sixtyFourCharacters), {
      ...expected,
      input: [
        { role: "user", content: "Hi" },
        { role: "assistant", content: "Once" }
      ]
    })
  })
})

describe("what another wire alone knows of a task", () => {
  it("is told where it is left out, its tools among it", () => {
    const search = { wire: "responses", value: { type: "web_search" }, optional: true } as const
    const told = notice.foreign(task({ nativeTools: [search] }), "messages")
    assert.deepStrictEqual(told, [
      { fields: ["nativeTools"], message: "not sent, because only responses has them: nativeTools" }
    ])
    assert.deepStrictEqual(notice.foreign(task({ nativeTools: [search] }), "responses"), [])
  })

  it("makes its providers unfit where nothing may be left out", () => {
    const engine = ReasoningEngine.make({
      provider: AIProvider.Claude,
      wires: ["messages"],
      attempt: () => Effect.never
    })
    const original = {
      wire: "chatCompletions",
      body: { logit_bias: {}, n: 2 },
      prefers: ["logit_bias"]
    } as const
    const asked = { original: { ...original, requires: ["n"] } }
    assert.deepStrictEqual(ReasoningEngine.lacks(engine, task(asked)), ["n"])
    assert.deepStrictEqual(ReasoningEngine.lacks(engine, task({ ...asked, unsupported: "refuse" })), [
      "n",
      "logit_bias"
    ])
  })
})
