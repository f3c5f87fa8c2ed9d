/** What bodies of Chat Completions and Messages are read as, and how what can't be used is named. */
import { assert, describe, it } from "@effect/vitest"
import * as Either from "effect/Either"
import * as chat from "../../../src/gateway/internal/chat/request.js"
import * as messages from "../../../src/gateway/internal/messages/request.js"
import * as responses from "../../../src/gateway/internal/responses/request.js"

type Json = Readonly<Record<string, unknown>>

const user = { role: "user", content: "Hi" }

const chatOf = (more: Json) => chat.question({ model: "m", messages: [user], ...more })
const messagesOf = (more: Json) => messages.question({ model: "m", max_tokens: 9, messages: [user], ...more })

const chatSaid = (...said: ReadonlyArray<unknown>) =>
  Either.getOrThrow(chatOf({ messages: [user, ...said] })).messages.slice(1)
const said = (...content: ReadonlyArray<unknown>) =>
  Either.getOrThrow(messagesOf({ messages: [user, ...content] })).messages.slice(1)

const wrongChat: ReadonlyArray<readonly [string, Json]> = [
  ["model", { model: "" }],
  ["stream", { stream: 1 }],
  ["messages", { messages: "Hi" }],
  ["messages[0]", { messages: [1] }],
  ["messages[0]", { messages: [{ role: "system", content: "Be brief" }] }],
  ["messages[0].content", { messages: [{ role: "user", content: 1 }] }],
  ["messages[0].content[0]", { messages: [{ role: "user", content: [] }] }],
  ["messages[0].content[0]", { messages: [{ role: "user", content: [1] }] }],
  ["messages[0].content[0].type", { messages: [{ role: "user", content: [{}] }] }],
  ["messages[0].content[0].text", { messages: [{ role: "user", content: [{ type: "text" }] }] }],
  ["messages[0].content[0].image_url", { messages: [{ role: "user", content: [{ type: "image_url" }] }] }],
  [
    "messages[0].content[0].image_url.url",
    { messages: [{ role: "user", content: [{ type: "image_url", image_url: "" }] }] }
  ],
  [
    "messages[0].content[0].input_audio",
    { messages: [{ role: "user", content: [{ type: "input_audio" }] }] }
  ],
  ["messages[1].content[0]", { messages: [user, { role: "assistant", content: [1] }] }],
  ["messages[1].tool_calls", { messages: [user, { role: "assistant", tool_calls: 1 }] }],
  ["messages[1].tool_calls[0]", { messages: [user, { role: "assistant", tool_calls: [1] }] }],
  ["messages[1].tool_calls[0].id", { messages: [user, { role: "assistant", tool_calls: [{}] }] }],
  [
    "messages[1].tool_calls[0].function",
    { messages: [user, { role: "assistant", tool_calls: [{ id: "a" }] }] }
  ],
  [
    "messages[1].tool_calls[0].function.name",
    { messages: [user, { role: "assistant", tool_calls: [{ id: "a", function: {} }] }] }
  ],
  ["messages[1].tool_call_id", { messages: [user, { role: "tool", content: "" }] }],
  ["messages[1].name", { messages: [user, { role: "function", content: "" }] }],
  ["tools", { tools: {} }],
  ["tools[0]", { tools: [1] }],
  ["tools[0].function", { tools: [{ type: "function" }] }],
  ["tools[0].function.name", { tools: [{ type: "function", function: {} }] }],
  ["tools[0].function.parameters", { tools: [{ type: "function", function: { name: "f", parameters: 1 } }] }],
  ["functions[0]", { functions: [1] }],
  ["tool_choice", { tool_choice: 1 }],
  ["response_format", { response_format: 1 }],
  ["response_format.json_schema", { response_format: { type: "json_schema" } }],
  ["response_format.json_schema.name", { response_format: { type: "json_schema", json_schema: {} } }],
  [
    "response_format.json_schema.schema",
    { response_format: { type: "json_schema", json_schema: { name: "a", schema: 1 } } }
  ]
]

const wrongMessages: ReadonlyArray<readonly [string, Json]> = [
  ["messages[0]", { messages: [1] }],
  ["messages[0].role", { messages: [{ content: "a" }] }],
  ["messages[0].content", { messages: [{ role: "user", content: 1 }] }],
  ["messages[0].content[0]", { messages: [{ role: "user", content: [1] }] }],
  ["messages[0].content[0]", { messages: [{ role: "user", content: [] }] }],
  ["messages[0].content[0].type", { messages: [{ role: "user", content: [{ text: "a" }] }] }],
  ["messages[0].content[0].text", { messages: [{ role: "user", content: [{ type: "text" }] }] }],
  [
    "messages[0].content[0].source",
    { messages: [{ role: "user", content: [{ type: "image", source: { type: "url", url: "" } }] }] }
  ],
  [
    "messages[0].content[0].tool_use_id",
    { messages: [{ role: "user", content: [{ type: "tool_result" }] }] }
  ],
  ["messages[1].content[0].id", { messages: [user, { role: "assistant", content: [{ type: "tool_use" }] }] }],
  [
    "messages[1].content[0].name",
    { messages: [user, { role: "assistant", content: [{ type: "tool_use", id: "a" }] }] }
  ],
  ["system[0].type", { system: [{}] }],
  ["tools[0]", { tools: [1] }],
  ["tools[0].name", { tools: [{ input_schema: {} }] }],
  ["tools[0].input_schema", { tools: [{ name: "f" }] }],
  ["tool_choice", { tool_choice: 1 }],
  ["tool_choice.type", { tool_choice: { type: 1 } }],
  ["output_config.format", { output_config: { format: 1 } }],
  ["output_config.format.type", { output_config: { format: {} } }],
  ["output_format.schema", { output_format: { type: "json_schema" } }]
]

describe("a body of Chat Completions", () => {
  for (const [field, more] of wrongChat) {
    it(`that is wrong in ${field} is told so: ${JSON.stringify(more)}`, () => {
      const error = Either.getOrThrow(Either.flip(chatOf(more)))
      assert.strictEqual(error._tag, "InvalidArgumentError")
      if (error._tag === "InvalidArgumentError") assert.strictEqual(error.field, field)
    })
  }

  it("isn't anything but an object", () => {
    for (const json of [1, null, [], "a"]) {
      assert.strictEqual(Either.getOrThrow(Either.flip(chat.question(json)))._tag, "RejectedRequest")
    }
  })

  it("names all that is wrong at once", () => {
    const error = Either.getOrThrow(Either.flip(chatOf({ stream: 1, tools: 2, tool_choice: 3 })))
    for (const field of ["tools", "tool_choice"]) assert.include(error.message, field)
  })

  it("has the messages of a task in every form that clients send", () => {
    const made = chatSaid(
      {
        role: "assistant",
        content: [
          { type: "text", text: "a" },
          { type: "refusal", refusal: "no" }
        ]
      },
      { role: "assistant", content: null, refusal: "no" },
      { role: "assistant", content: [{ type: "odd" }] },
      { role: "assistant", content: "b", reasoning_content: "hm", reasoning_details: [{ a: 1 }] },
      { role: "assistant", content: "", reasoning: "so" },
      {
        role: "assistant",
        content: [
          { type: "text", text: "c" },
          { type: "text", text: "d" }
        ],
        reasoning: "x"
      },
      { role: "assistant", function_call: { name: "f", arguments: "{}" } },
      {
        role: "assistant",
        tool_calls: [
          { id: "c", type: "custom", custom: { name: "g", input: "x" } },
          { id: "e", function: { name: "h", arguments: { a: 1 } }, extra_content: { google: 1 } }
        ]
      }
    )
    assert.deepStrictEqual(
      made.map(({ content }) => (typeof content === "string" ? content : content.map(({ type }) => type))),
      [
        ["text", "text"],
        "no",
        ["native"],
        ["reasoning", "text"],
        ["reasoning"],
        ["reasoning", "text", "text"],
        "",
        ""
      ]
    )
    assert.deepStrictEqual(
      made.flatMap((message) => (message.role === "assistant" ? (message.toolCalls ?? []) : [])),
      [
        { id: "f", name: "f", arguments: "{}" },
        { id: "c", name: "g", arguments: '{"input":"x"}' },
        {
          id: "e",
          name: "h",
          arguments: '{"a":1}',
          options: { chatCompletions: { extra_content: { google: 1 } } }
        }
      ]
    )
  })

  it("tells legacy calls of one function apart, and their results", () => {
    const call = { role: "assistant", content: null, function_call: { name: "f", arguments: "{}" } }
    const result = { role: "function", name: "f", content: "a" }
    const ids = chatSaid(call, result, call, result, { ...result, name: "g" }).map((message) =>
      message.role === "tool"
        ? message.toolCallId
        : message.role === "assistant"
          ? message.toolCalls?.[0]?.id
          : undefined
    )
    assert.deepStrictEqual(ids, ["f", "f", "f_2", "f_2", "g"])
  })

  it("has parts of every kind", () => {
    const content = [
      { type: "text", text: "a" },
      { type: "image_url", image_url: "https://example.org/a.png" },
      { type: "image_url", image_url: { url: "https://example.org/a.png", detail: "odd" } },
      { type: "input_audio", input_audio: { data: "", format: "wav" } },
      { type: "file", file: 1 },
      { type: "file", file: { file_data: "data:a,b", filename: "" } }
    ]
    const [first] = Either.getOrThrow(chatOf({ messages: [{ role: "user", content }] })).messages
    assert.deepStrictEqual(typeof first.content === "string" ? [] : first.content.map(({ type }) => type), [
      "text",
      "image",
      "image",
      "native",
      "native",
      "document"
    ])
  })

  it("has the settings of a task", () => {
    const { fields } = Either.getOrThrow(
      chatOf({
        stop: [],
        tools: [{ type: "custom", custom: { name: "g" } }],
        functions: [{ name: "f" }],
        function_call: { name: "f" },
        logprobs: true,
        verbosity: "odd",
        reasoning_effort: "odd",
        service_tier: "auto",
        response_format: { type: "text" }
      })
    )
    assert.deepStrictEqual(fields, {
      tools: [{ name: "f", parameters: { type: "object", properties: {} } }],
      nativeTools: [{ wire: "chatCompletions", value: { type: "custom", custom: { name: "g" } } }],
      toolChoice: { name: "f" },
      responseFormat: { type: "text" },
      reasoning: { show: true },
      logProbabilities: 0
    })
    const plain = Either.getOrThrow(chatOf({ response_format: {}, tool_choice: {}, top_logprobs: 3 })).fields
    assert.deepInclude(plain, { responseFormat: { type: "text" }, toolChoice: "auto" })
    assert.notProperty(plain, "logProbabilities")
  })
})

describe("a body of Messages", () => {
  for (const [field, more] of wrongMessages) {
    it(`that is wrong in ${field} is told so: ${JSON.stringify(more)}`, () => {
      const error = Either.getOrThrow(Either.flip(messagesOf(more)))
      assert.strictEqual(error._tag, "InvalidArgumentError")
      if (error._tag === "InvalidArgumentError") assert.strictEqual(error.field, field)
    })
  }

  it("has the messages of a task in every form that clients send", () => {
    const made = said(
      {
        role: "assistant",
        content: [
          { type: "thinking", thinking: "a", signature: "" },
          { type: "thinking", signature: "s" },
          { type: "text", text: "b", cache_control: { type: "ephemeral", ttl: "odd" } },
          { type: "odd" }
        ]
      },
      { role: "user", content: [{ type: "tool_result", tool_use_id: "a" }] },
      { role: "user", content: [{ type: "tool_result", tool_use_id: "a", content: [{ type: "odd" }] }] },
      {
        role: "user",
        content: [
          { type: "image", source: 1 },
          { type: "document", source: { type: "base64", media_type: "a/b", data: "AA" }, title: "t" },
          { type: "document", source: { type: "content" } }
        ]
      },
      { role: "system", content: " " },
      { role: "system", content: [{ type: "text", text: "c" }] }
    )
    assert.deepStrictEqual(
      made.map(({ role }) => role),
      ["assistant", "tool", "tool", "user", "system"]
    )
  })

  it("has the settings of a task", () => {
    const fieldsOf = (more: Json) => Either.getOrThrow(messagesOf(more)).fields
    assert.deepInclude(
      fieldsOf({
        system: [],
        stop_sequences: [],
        tools: [{ type: "bash_20250124", name: "bash" }],
        tool_choice: { type: "none" },
        thinking: { type: "enabled", budget_tokens: 2000, display: "omitted" },
        service_tier: "auto"
      }),
      {
        nativeTools: [{ wire: "messages", value: { type: "bash_20250124", name: "bash" } }],
        toolChoice: "none",
        reasoning: { budgetTokens: 2000, show: false }
      }
    )
    assert.deepInclude(fieldsOf({ thinking: { type: "adaptive" } }), {
      reasoning: { effort: "high", show: true }
    })
    assert.notProperty(fieldsOf({ thinking: 1, output_config: 1 }), "reasoning")
    for (const [user_id, expected] of [
      ["ann", { userId: "ann" }],
      ["{broken", { userId: "{broken" }],
      ['{"a":1}', { userId: '{"a":1}' }],
      ['{"session_id":"s","device_id":"d"}', { userId: "d", session: "s" }],
      ['{"session_id":"s","account_uuid":"a","device_id":"d"}', { userId: "a", session: "s" }],
      ['{"session_id":"s"}', { session: "s" }]
    ] as const) {
      assert.deepInclude(fieldsOf({ metadata: { user_id } }), expected)
    }
    assert.notProperty(fieldsOf({ metadata: 1 }), "userId")
  })
})

describe("a word that isn't known yet", () => {
  const responsesOf = (more: Json) => responses.question({ model: "m", input: [user], ...more })
  const rows: ReadonlyArray<readonly [string, typeof chatOf, Json]> = [
    ["response_format.type", chatOf, { response_format: { type: "grammar", grammar: "a" } }],
    ["tool_choice.type", chatOf, { tool_choice: { type: "of_2027" } }],
    ["messages[].role", chatOf, { messages: [{ role: "critic", content: "a" }] }],
    ["output_config.format.type", messagesOf, { output_config: { format: { type: "xml" } } }],
    ["output_format.type", messagesOf, { output_format: { type: "xml" } }],
    ["tool_choice.type", messagesOf, { tool_choice: { type: "of_2027" } }],
    ["messages[].role", messagesOf, { messages: [{ role: "tool", content: "a" }] }],
    ["text.format.type", responsesOf, { text: { format: { type: "grammar" } } }],
    ["tool_choice.type", responsesOf, { tool_choice: { type: "of_2027" } }],
    ["input[].role", responsesOf, { input: [{ role: "critic", content: "a" }] }]
  ]

  it.each(rows)("is for a provider of its wire: %s", (field, question, more) => {
    const asked = Either.getOrThrow(question(more))
    assert.include(asked.uncarried.requirements, field)
    assert.deepInclude(asked.body, more)
  })

  it("may be the address of an image, too", () => {
    const url = "gs://bucket/a.png"
    const rows = [
      chatOf({ messages: [{ role: "user", content: [{ type: "image_url", image_url: { url } }] }] }),
      messagesOf({
        messages: [{ role: "user", content: [{ type: "image", source: { type: "url", url } }] }]
      }),
      responsesOf({ input: [{ role: "user", content: [{ type: "input_image", image_url: url }] }] })
    ]
    for (const row of rows) {
      const [{ content }] = Either.getOrThrow(row).messages
      assert.isTrue(typeof content !== "string" && content[0]?.type === "native")
    }
  })
})

describe("a schema of the answer", () => {
  it("is strict only where it is asked to be", () => {
    for (const [given, strict] of [
      [{}, false],
      [{ strict: null }, false],
      [{ strict: false }, false],
      [{ strict: true }, true]
    ] as const) {
      const named = { name: "a", schema: { type: "object" }, ...given }
      const format = { type: "json_schema", ...named }
      for (const asked of [
        chatOf({ response_format: { type: "json_schema", json_schema: named } }),
        responses.question({ model: "m", input: "Hi", text: { format } })
      ]) {
        assert.deepStrictEqual(Either.getOrThrow(asked).fields["responseFormat"], { ...format, strict })
      }
    }
  })
})

describe("a message of Chat Completions", () => {
  it("says what its model refused beside what it said", () => {
    const said = { role: "assistant", content: "a", refusal: "no", reasoning: "hm" }
    const [message] = chatSaid(said)
    assert.deepStrictEqual(
      typeof message?.content === "string" ? [] : message?.content.map((part) => "text" in part && part.text),
      ["hm", "a", "no"]
    )
  })

  it("has pictures and files among what a tool gave", () => {
    const url = "data:image/png;base64,AAAA"
    const sound = { type: "input_audio", input_audio: { data: "AA", format: "wav" } }
    const content = [
      { type: "text", text: "a" },
      { type: "image_url", image_url: { url } },
      { type: "file", file: { file_data: "data:application/pdf;base64,AA", filename: "b.pdf" } },
      sound,
      { type: "part_of_2027" }
    ]
    assert.deepStrictEqual(chatSaid({ role: "tool", tool_call_id: "c", content }), [
      {
        role: "tool",
        toolCallId: "c",
        content: [
          { type: "text", text: "a" },
          { type: "image", url },
          { type: "document", url: "data:application/pdf;base64,AA", name: "b.pdf" },
          { type: "native", wire: "chatCompletions", value: sound },
          { type: "native", wire: "chatCompletions", value: { type: "part_of_2027" } }
        ]
      }
    ])
  })
})
