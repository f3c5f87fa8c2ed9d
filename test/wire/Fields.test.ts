/** The table of fields, against the types of the vendors' own packages, what is done by it, and docs/wires.md. */
import { assert, describe, expect, it } from "@effect/vitest"
import * as Either from "effect/Either"
import * as chat from "../../src/gateway/internal/chat/request.js"
import * as messagesDialect from "../../src/gateway/internal/messages/request.js"
import * as responsesDialect from "../../src/gateway/internal/responses/request.js"
import type { Wire } from "../../src/Wire.js"
import type { Fields } from "../../src/wire/fields/field.js"
import * as fields from "../../src/wire/fields.js"
import { declarations, kinds, members } from "../utils/declarations.js"

const openAi = declarations("openai/resources/chat/completions/completions.d.ts")
const responses = declarations("openai/resources/responses/responses.d.ts")
const embedding = declarations("openai/resources/embeddings.d.ts")
const anthropic = declarations("@anthropic-ai/sdk/resources/messages/messages.d.ts")
const beta = declarations("@anthropic-ai/sdk/resources/beta/messages/messages.d.ts")

const vendors: Readonly<Record<Wire, ReadonlyArray<string>>> = {
  chatCompletions: members(openAi, "ChatCompletionCreateParamsBase"),
  messages: [
    ...members(anthropic, "MessageCreateParamsBase"),
    ...members(beta, "MessageCreateParamsBase"),
    // Of Messages as other servers and older models have it.
    "temperature",
    "top_p",
    "top_k"
  ],
  responses: [...members(responses, "ResponseCreateParamsBase"), "client_metadata"],
  embeddings: members(embedding, "EmbeddingCreateParams", 4)
}

type Json = Readonly<Record<string, unknown>>

/** Parts of a message, as their wires have them: those that a task has, and those that it hasn't. */
const parts: Readonly<
  Record<
    Exclude<Wire, "responses" | "embeddings">,
    Readonly<Record<"carried" | "requirement", ReadonlyArray<Json>>>
  >
> = {
  chatCompletions: {
    carried: [
      { type: "text", text: "a" },
      { type: "image_url", image_url: { url: "https://example.org/a.png" } },
      { type: "input_audio", input_audio: { data: "AA", format: "wav" } },
      { type: "file", file: { file_data: "data:text/plain;base64,AAAA" } }
    ],
    requirement: [{ type: "file", file: { file_id: "file_1" } }]
  },
  messages: {
    carried: [
      { type: "text", text: "a" },
      { type: "image", source: { type: "url", url: "https://example.org/a.png" } },
      { type: "document", source: { type: "text", media_type: "text/plain", data: "a" } },
      { type: "tool_result", tool_use_id: "t", content: "a" },
      { type: "thinking", thinking: "a", signature: "s" },
      { type: "redacted_thinking", data: "a" },
      { type: "tool_use", id: "t", name: "f", input: {} }
    ],
    requirement: [
      { type: "image", source: { type: "file", file_id: "file_1" } },
      { type: "search_result", source: "a", title: "b", content: [] },
      { type: "server_tool_use", id: "s", name: "web_search", input: {} },
      { type: "web_search_tool_result", tool_use_id: "s", content: [] },
      { type: "web_fetch_tool_result", tool_use_id: "s", content: {} },
      { type: "code_execution_tool_result", tool_use_id: "s", content: {} },
      { type: "bash_code_execution_tool_result", tool_use_id: "s", content: {} },
      { type: "text_editor_code_execution_tool_result", tool_use_id: "s", content: {} },
      { type: "tool_search_tool_result", tool_use_id: "s", content: {} },
      { type: "container_upload", file_id: "file_1" }
    ]
  }
}

const assistants = new Set(["thinking", "redacted_thinking", "tool_use"])

/** The parts of a task whose message has one part of a wire. */
const native = (wire: keyof typeof parts, part: Json): boolean => {
  const role = assistants.has(String(part["type"])) ? "assistant" : "user"
  const body = { model: "m", max_tokens: 9, messages: [{ role, content: [part] }] }
  const question = wire === "messages" ? messagesDialect.question : chat.question
  const { messages } = Either.getOrThrow(question(body))
  return messages.some(
    ({ content }) => typeof content !== "string" && content.some(({ type }) => type === "native")
  )
}

const meanings = {
  carried: "translated",
  edge: "of this call alone",
  hint: "left out",
  preference: "left out, and told in `x-saga-dropped`",
  requirement: "only a provider of this wire is asked",
  state: "only the provider that keeps it is asked, and no other after it"
} as const

const titles: Readonly<Record<Wire, string>> = {
  chatCompletions: "Chat Completions",
  messages: "Messages",
  responses: "Responses",
  embeddings: "Embeddings"
}

const rows = (table: Fields, path = ""): ReadonlyArray<string> =>
  Object.entries(table).flatMap(([name, field]) => [
    `| \`${path}${name}\` | ${meanings[field.class]} |`,
    ...(field.fields === undefined ? [] : rows(field.fields, `${path}${name}.`)),
    ...(field.each === undefined ? [] : rows(field.each, `${path}${name}[].`)),
    ...Object.entries(field.kinds ?? {}).flatMap(([kind, of]) =>
      // A tool without a kind is one of the usual.
      kind === "" ? [] : rows(of, `${path}${name}[${kind}].`)
    )
  ])

const list = (of: ReadonlyArray<Json>): string =>
  Array.from(new Set(of.map(({ type }) => `\`${String(type)}\``))).join(", ")

const isCarried = (wire: keyof typeof parts, type: unknown): boolean =>
  parts[wire].carried.some((part) => part["type"] === type)

const page = (): string =>
  [
    "# Wires",
    "",
    "A call that comes over a wire, and whose provider speaks that wire, reaches the provider as it was sent, and its answer comes back as it was written: only the model's name, the stream flags, the bound on tokens and the credentials change. Fields that nobody knows yet go through.",
    "",
    "Where the provider speaks another wire, the call is translated. This page says of each field what becomes of it then. A field that isn't here is left out, which `x-saga-dropped` tells; a kind of content that isn't here makes providers of other wires unfit for the call, and so does a role, a form of the answer, a choice among tools or the address of an image of a kind that isn't known. With the header `x-saga-unsupported: refuse`, or the gateway's setting `unsupported`, a call of which something would be left out is refused.",
    "",
    "Tools are requirements: the model can't do without those that its caller runs. Those that run at a provider (searches of the web, code, pictures) are preferences where they are merely offered: a strategy chooses a provider that has them before others, and others are asked without them, which is told. They are requirements where they are demanded: `tool_choice` names one, or asks for a tool and there is no other. So are those that work on what a provider keeps, as searches of stored files do.",
    "",
    "What a model wants back of its thoughts (signatures, encrypted content) goes back to the wire that it came from only.",
    "",
    "What one provider keeps (an answer by `previous_response_id`, a conversation, a container, a thread, files by their id) is asked of [the one that keeps it](gateway.md#state-of-one-provider).",
    "",
    "Some of what is translated has bounds elsewhere. A tool whose name OpenAI doesn't take (more than 64 characters, where Anthropic takes 128) is offered under another name, the same in every turn, and its calls come back under its own. A text that ends the answer is a preference: Responses has none, and Chat Completions takes four, so that of more the first four are sent; either is told.",
    "",
    "Pages that an answer cites (`annotations`, a text's `citations`) are written in the form of the caller's wire; those that Messages gets have an empty `encrypted_index`, and go to no provider when they are sent back. Places in documents and files are left out, which `x-saga-dropped` tells as `citations`, or in a stream the field `saga` of its last event; so is what a stream cites in Messages or Responses that goes on with a tool call.",
    "",
    "Embeddings are of one model: only providers of the wire whose model has the same name are asked.",
    ...(["chatCompletions", "messages", "responses", "embeddings"] as const).flatMap((wire) => [
      "",
      `## ${titles[wire]}`,
      "",
      "| field | on another wire |",
      "| --- | --- |",
      ...rows(fields.table[wire]),
      ...(wire === "responses" || wire === "embeddings"
        ? []
        : [
            "",
            `Content that is translated: ${list(parts[wire].carried)}. Content that only this wire has: ${[
              list(parts[wire].requirement.filter(({ type }) => !isCarried(wire, type))),
              "files by their id"
            ]
              .filter((text) => text !== "")
              .join(", ")}.`
          ])
    ]),
    ""
  ].join("\n")

describe("the table of fields", () => {
  for (const wire of ["chatCompletions", "messages", "responses", "embeddings"] as const) {
    it(`has every field of ${titles[wire]} that its vendor's package has, and no other`, () => {
      const known = new Set(Object.keys(fields.table[wire]))
      const theirs = new Set(vendors[wire])
      assert.deepStrictEqual(
        [...theirs].filter((name) => !known.has(name)),
        [],
        "say what becomes of these"
      )
      assert.deepStrictEqual(
        [...known].filter((name) => !theirs.has(name)),
        []
      )
    })
  }

  it("says what a body has that another wire hasn't", () => {
    assert.deepStrictEqual(
      fields.uncarried("messages", {
        model: "m",
        system: "s",
        top_k: 5,
        output_config: { effort: "low", task_budget: { total: 1 }, new: 1 },
        speed: "standard",
        inference_geo: "eu",
        container: null,
        thread: { id: "t" },
        mcp_servers: [],
        next_year: {}
      }),
      {
        preferences: ["output_config.task_budget", "output_config.new", "inference_geo", "next_year"],
        requirements: [],
        states: ["thread"]
      }
    )
    assert.deepStrictEqual(fields.uncarried("chatCompletions", { n: 2, store: true, logit_bias: {} }), {
      preferences: ["store"],
      requirements: ["n"],
      states: []
    })
  })

  it("looks into messages, their content and tools", () => {
    assert.deepStrictEqual(
      fields.uncarried("chatCompletions", {
        messages: [
          { role: "user", name: "Ann", content: [{ type: "text", text: "a", tone: 1 }] },
          { role: "user", name: "Bob", content: [{ type: "kind_of_next_year", tone: 1 }, 1] },
          { role: "assistant", content: "b", audio: { id: "a" }, reasoning_content: "hm", phase: 1 },
          1
        ],
        tools: [
          { type: "function", function: { name: "f", parameters: {}, speed: 1 } },
          { type: "custom", custom: { speed: 1 } }
        ],
        response_format: { type: "json_schema", json_schema: { name: "a", description: "b" } },
        reasoning_effort: "ultra",
        verbosity: "low"
      }),
      {
        preferences: [
          "messages[].name",
          "messages[].content[].tone",
          "messages[].phase",
          "tools[].function.speed",
          "response_format.json_schema.description",
          "reasoning_effort"
        ],
        requirements: ["messages[].audio"],
        states: []
      }
    )
    assert.deepStrictEqual(
      fields.uncarried("messages", {
        system: [{ type: "text", text: "a", cache_control: {} }],
        messages: [
          {
            role: "user",
            content: [
              { type: "document", source: {}, context: "c", citations: { enabled: true } },
              { type: "tool_result", tool_use_id: "t", content: [{ type: "text", text: "a", tone: 1 }] }
            ]
          }
        ],
        tools: [
          { name: "f", input_schema: {}, defer_loading: true, input_examples: [] },
          { type: "custom", name: "g", input_schema: {}, defer_loading: false },
          { type: "bash_20250124", name: "bash", odd: 1 }
        ],
        thinking: { type: "between_tools" },
        output_config: { effort: "ultra" }
      }).preferences,
      [
        "messages[].content[].context",
        "messages[].content[].citations",
        "messages[].content[].content[].tone",
        "tools[].defer_loading",
        "tools[].input_examples",
        "thinking.type",
        "output_config.effort"
      ]
    )
  })

  it("knows what wires call the fields of a task", () => {
    assert.strictEqual(fields.nameOf("messages", "responseFormat", {}), "output_config.format")
    assert.strictEqual(fields.nameOf("messages", "responseFormat", { output_format: {} }), "output_format")
    assert.strictEqual(fields.nameOf("chatCompletions", "maxTokens", { max_tokens: 1 }), "max_tokens")
    assert.strictEqual(fields.nameOf("responses", "topK", {}), "topK")
  })

  it("is in docs/wires.md", async () => {
    await expect(page()).toMatchFileSnapshot("../../docs/wires.md")
  })
})

describe("the parts of a message", () => {
  for (const wire of ["chatCompletions", "messages"] as const) {
    const source = wire === "messages" ? anthropic : openAi
    const union = wire === "messages" ? "ContentBlockParam" : "ChatCompletionContentPart"
    const { carried, requirement } = parts[wire]

    it(`are all that ${titles[wire]} has`, () => {
      const known = new Set([...carried, ...requirement].map(({ type }) => type))
      const missing = kinds(source, union).filter((kind) => !known.has(kind))
      assert.deepStrictEqual(missing, [], "say what becomes of these")
    })

    it(`are a task's, or only for ${titles[wire]}`, () => {
      for (const part of carried) assert.isFalse(native(wire, part), JSON.stringify(part))
      for (const part of requirement) assert.isTrue(native(wire, part), JSON.stringify(part))
      assert.isTrue(native(wire, { type: "kind_of_next_year" }))
    })
  }
})

describe("the items and tools of Responses", () => {
  const { input, tools } = fields.table.responses
  const calls = ["type", "id", "call_id", "caller", "status"]

  /** By kind: the interfaces that the vendor's package has of it. */
  const items: Readonly<Record<string, ReadonlyArray<string>>> = {
    "": ["EasyInputMessage", "Message"],
    message: ["EasyInputMessage", "Message", "ResponseOutputMessage"],
    reasoning: ["ResponseReasoningItem"],
    function_call: ["ResponseFunctionToolCall"],
    function_call_output: ["FunctionCallOutput"],
    custom_tool_call: ["ResponseCustomToolCall"],
    custom_tool_call_output: ["ResponseCustomToolCallOutput"]
  }
  const parts: typeof items = {
    input_text: ["ResponseInputText", "ResponseInputTextContent"],
    text: ["ResponseInputText"],
    input_image: ["ResponseInputImage", "ResponseInputImageContent"],
    input_file: ["ResponseInputFile", "ResponseInputFileContent"],
    output_text: ["ResponseOutputText"],
    refusal: ["ResponseOutputRefusal"]
  }
  const offered: typeof items = {
    function: ["FunctionTool", "Function"],
    custom: ["CustomTool"],
    namespace: ["NamespaceTool"]
  }

  const lists = [
    ["items", items, input?.kinds],
    ["parts", parts, input?.kinds?.["message"]?.["content"]?.kinds],
    ["parts of a result", parts, input?.kinds?.["function_call_output"]?.["output"]?.kinds],
    ["tools", offered, tools?.kinds]
  ] as const

  it.each(lists)(
    "%s have every field that their vendor's package has, and no other",
    (_, theirs, ours = {}) => {
      assert.sameMembers(Object.keys(ours), Object.keys(theirs))
      for (const [kind, names] of Object.entries(theirs)) {
        const known = new Set(names.flatMap((name) => members(responses, name, 1)))
        // What every item may say, some kinds don't.
        const spare = kind.endsWith("call_output") || kind.endsWith("call") ? calls : ["id", "status"]
        const own = Object.keys(ours[kind] ?? {})
        assert.deepStrictEqual(
          [...known].filter((name) => !own.includes(name)),
          [],
          kind
        )
        assert.deepStrictEqual(
          own.filter((name) => !known.has(name) && !spare.includes(name)),
          [],
          kind
        )
      }
    }
  )

  it("are a task's, or only for Responses", () => {
    const unions = ["ResponseInputItem", "Tool"].flatMap((union) => kinds(responses, union))
    assert.isAbove(unions.length, 30)
    for (const type of kinds(responses, "ResponseInputItem")) {
      if (Object.hasOwn(items, type)) continue
      const { messages } = Either.getOrThrow(
        responsesDialect.question({ model: "m", input: [{ role: "user", content: "a" }, { type }] })
      )
      const last = messages.at(-1)?.content
      assert.isTrue(Array.isArray(last) && last[0]?.type === "native", type)
    }
    for (const type of kinds(responses, "Tool")) {
      if (Object.hasOwn(offered, type)) continue
      const { fields: task } = Either.getOrThrow(
        responsesDialect.question({ model: "m", input: "a", tools: [{ type }], tool_choice: { type } })
      )
      assert.deepStrictEqual(task["nativeTools"], [{ wire: "responses", value: { type } }], type)
    }
  })

  it("say what another wire hasn't", () => {
    assert.deepStrictEqual(
      fields.uncarried("responses", {
        input: [
          { role: "user", content: [{ type: "input_text", text: "a", tone: 1 }], mood: 1 },
          {
            type: "message",
            role: "assistant",
            id: "msg_1",
            status: "completed",
            phase: "commentary",
            content: [{ type: "output_text", text: "a", annotations: [{}], logprobs: [] }]
          },
          { type: "function_call", call_id: "c", name: "f", arguments: "{}", caller: { type: "direct" } },
          { type: "custom_tool_call", call_id: "d", name: "g", input: "", status: "completed" },
          { type: "function_call_output", call_id: "c", output: [{ type: "input_image", file_id: "f" }] },
          { type: "reasoning", id: "rs_1", summary: [], encrypted_content: "x", spark: 1 },
          { type: "item_of_next_year", tone: 1 }
        ],
        tools: [
          { type: "function", name: "f", parameters: {}, strict: true, defer_loading: true, speed: 1 },
          {
            type: "namespace",
            name: "n",
            tools: [{ type: "custom", name: "g", allowed_callers: ["direct"] }]
          },
          { type: "namespace", name: "o", tools: [{ type: "function", name: "h", output_schema: {} }] },
          { type: "web_search", user_location: {} }
        ],
        text: { format: { type: "json_schema", name: "a", description: "b" }, verbosity: "huge" },
        reasoning: { effort: "ultra" }
      }),
      {
        preferences: [
          "input[].content[].tone",
          "input[].mood",
          "input[].spark",
          "tools[].defer_loading",
          "tools[].speed",
          "tools[].tools[].output_schema",
          "text.format.description",
          "text.verbosity",
          "reasoning.effort"
        ],
        requirements: [],
        states: ["input[].output[].file_id"]
      }
    )
    const program = {
      type: "custom_tool_call",
      call_id: "d",
      name: "g",
      input: "",
      caller: { type: "program" }
    }
    assert.deepStrictEqual(fields.uncarried("responses", { input: [program] }).preferences, [
      "input[].caller"
    ])
  })
})
