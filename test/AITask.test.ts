import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as AIProvider from "../src/AIProvider.js"
import * as AITask from "../src/AITask.js"

const made = (options: AITask.Options): AITask.AITask => Either.getOrThrow(AITask.make(options))

const whole = {
  id: "task-1",
  prompt: "Why is the sky blue?",
  systemPrompt: "Be brief.",
  mode: "streaming",
  provider: "claude",
  pinned: true,
  maxTokens: 100,
  temperature: 0.5,
  topP: 0.9,
  stop: ["END"],
  tools: [{ name: "weather", description: "Tells it", parameters: { type: "object" } }],
  toolChoice: { name: "weather" },
  responseFormat: { type: "json_schema", name: "answer", schema: { type: "object" } },
  userId: "user-1",
  timeoutMs: 5000,
  metadata: { team: "search" }
} as const satisfies AITask.Options

const image = { type: "image", url: "data:image/png;base64,AA==" } as const

/** What is wrong, the field that the error must name, and the value that it must name. */
const bad: ReadonlyArray<readonly [what: string, input: unknown, message: string]> = [
  ["an empty prompt", { prompt: "" }, `prompt: Expected a text that isn't empty, actual ""`],
  [
    "a blank prompt",
    { prompt: " \n " },
    "prompt: Expected a text that isn't empty, actual a text of length 3"
  ],
  ["neither prompt nor messages", {}, "prompt: Expected a prompt or messages, actual neither"],
  [
    "a prompt and messages",
    { prompt: "a", messages: [{ role: "user", content: "b" }] },
    "prompt: Expected either a prompt or messages, actual both"
  ],
  ["no messages", { messages: [] }, "messages[0]: is missing"],
  [
    "a message that is a text",
    { messages: ["hello"] },
    "messages[0]: Expected an object, actual a text of length 5"
  ],
  [
    "a message of another role",
    { messages: [{ role: "critic", content: "a" }] },
    'messages[0].role: Expected "user" or "assistant" or "tool" or "system", actual a text of length 6'
  ],
  [
    "a message without words",
    { messages: [{ role: "user", content: "" }] },
    `messages[0].content: Expected a text that isn't empty or a list, actual ""`
  ],
  [
    "an image of another scheme",
    { messages: [{ role: "user", content: [{ type: "image", url: "ftp://x" }] }] },
    "messages[0].content[0].url: Expected an http(s) or data:image URL, actual a text of length 7"
  ],
  [
    "a tool's answer to no call",
    { messages: [{ role: "tool", content: "a" }] },
    "messages[0].toolCallId: is missing"
  ],
  [
    "an empty system prompt",
    { prompt: "a", systemPrompt: "" },
    `systemPrompt: Expected a text that isn't empty, actual ""`
  ],
  [
    "a system prompt that is a number, and doesn't tell which",
    { prompt: "a", systemPrompt: 12345 },
    "systemPrompt: Expected a string, actual a number"
  ],
  [
    "a temperature of 3",
    { prompt: "a", temperature: 3 },
    "temperature: Expected a number from 0 to 2, actual 3"
  ],
  [
    "a temperature of -1",
    { prompt: "a", temperature: -1 },
    "temperature: Expected a number from 0 to 2, actual -1"
  ],
  [
    "a temperature that is no number",
    { prompt: "a", temperature: Number.NaN },
    "temperature: Expected a number from 0 to 2, actual NaN"
  ],
  [
    "a temperature in words",
    { prompt: "a", temperature: "hot" },
    'temperature: Expected a number, actual "hot"'
  ],
  ["a topP of 2", { prompt: "a", topP: 2 }, "topP: Expected a number from 0 to 1, actual 2"],
  [
    "a negative timeout",
    { prompt: "a", timeoutMs: -5 },
    "timeoutMs: Expected milliseconds above 0 (at most 2147483647), actual -5"
  ],
  [
    "a timeout of 0",
    { prompt: "a", timeoutMs: 0 },
    "timeoutMs: Expected milliseconds above 0 (at most 2147483647), actual 0"
  ],
  [
    "a timeout beyond what a timer takes",
    { prompt: "a", timeoutMs: Number.POSITIVE_INFINITY },
    "timeoutMs: Expected milliseconds above 0 (at most 2147483647), actual Infinity"
  ],
  [
    "no tokens",
    { prompt: "a", maxTokens: 0 },
    "maxTokens: Expected a number of tokens (a whole number above 0), actual 0"
  ],
  [
    "half a token",
    { prompt: "a", maxTokens: 0.5 },
    "maxTokens: Expected a number of tokens (a whole number above 0), actual 0.5"
  ],
  [
    "an unknown mode",
    { prompt: "a", mode: "stream" },
    'mode: Expected "complete" or "streaming", actual "stream"'
  ],
  [
    "a provider that can't be one",
    { prompt: "a", provider: "gpt+4" },
    'provider: Expected a provider id (letters, digits and . _ : / @ -), actual "gpt+4"'
  ],
  [
    "a pin without a provider",
    { prompt: "a", pinned: true },
    "pinned: Expected a provider to pin, actual none"
  ],
  [
    "a choice of no tools",
    { prompt: "a", toolChoice: "auto" },
    "toolChoice: Expected tools to choose from, actual none"
  ],
  [
    "an unknown choice of tools",
    { prompt: "a", tools: whole.tools, toolChoice: "maybe" },
    'toolChoice: Expected "auto" or "none" or "required" or an object, actual "maybe"'
  ],
  [
    "a choice of a tool without a name",
    { prompt: "a", tools: whole.tools, toolChoice: { name: "" } },
    'toolChoice.name: Expected a non empty string, actual ""'
  ],
  [
    "a tool whose name a wire can't carry",
    { prompt: "a", tools: [{ name: "a+b", parameters: {} }] },
    'tools[0].name: Expected a tool name (letters, digits, _ and -, 1 to 128), actual "a+b"'
  ],
  [
    "JSON of no schema",
    { prompt: "a", responseFormat: { type: "json_schema", name: "a", schema: 1 } },
    "responseFormat.schema: Expected an object, actual a number"
  ],
  [
    "an unknown response format",
    { prompt: "a", responseFormat: { type: "xml" } },
    'responseFormat.type: Expected "text" or "json" or "json_schema", actual "xml"'
  ],
  ["an empty stop", { prompt: "a", stop: ["b", ""] }, 'stop[1]: Expected a non empty string, actual ""'],
  ["an empty user", { prompt: "a", userId: "" }, 'userId: Expected a non empty string, actual ""'],
  ["an empty id", { prompt: "a", id: "" }, 'id: Expected a non empty string, actual ""'],
  [
    "metadata that isn't text",
    { prompt: "a", metadata: { n: 1 } },
    "metadata.n: Expected a string, actual a number"
  ],
  ["a text for a task", "hello", "Expected an object, actual a text of length 5"],
  ["nothing for a task", null, "Expected an object, actual null"]
]

describe("AITask", () => {
  it("makes a prompt the only message, complete and not pinned by default", () => {
    const task = made({ prompt: "Hello" })
    assert.deepStrictEqual(task, {
      [AITask.TypeId]: AITask.TypeId,
      mode: "complete",
      pinned: false,
      messages: [{ role: "user", content: "Hello" }]
    })
  })

  it("keeps every field that it is given", () => {
    const { prompt, ...rest } = whole
    assert.deepStrictEqual(made(whole), {
      [AITask.TypeId]: AITask.TypeId,
      ...rest,
      provider: AIProvider.Claude,
      messages: [{ role: "user", content: prompt }]
    })
  })

  it("takes a conversation with images, tool calls and their results", () => {
    const messages = [
      { role: "user", content: [{ type: "text", text: "What is this?" }, image] },
      { role: "assistant", content: "", toolCalls: [{ id: "1", name: "look", arguments: "{}" }] },
      { role: "tool", toolCallId: "1", content: "a cat" },
      { role: "assistant", content: "A cat." },
      { role: "user", content: "Sure?" }
    ] as const
    assert.deepStrictEqual<unknown>(made({ messages }).messages, messages)
  })

  it("decodes what it makes from JSON too", () => {
    assert.deepStrictEqual(
      Either.getOrThrow(AITask.decodeUnknown(JSON.parse(JSON.stringify(whole)))),
      made(whole)
    )
  })

  it("takes the limits of every range", () => {
    for (const options of [
      { temperature: 0, topP: 0, timeoutMs: 0.5, maxTokens: 1 },
      { temperature: 2, topP: 1, timeoutMs: 2_147_483_647, maxTokens: Number.MAX_SAFE_INTEGER }
    ]) {
      assert.isTrue(Either.isRight(AITask.make({ prompt: "a", ...options })))
    }
  })

  it.effect.each(bad)("refuses %s and names the field and the value", ([, input, message]) =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(AITask.decodeUnknown(input))
      assert.strictEqual(error._tag, "InvalidArgumentError")
      assert.strictEqual(error.message, `${error.field === "" ? "AITask: " : "AITask."}${message}`)
    })
  )

  it.effect("refuses a misspelt field and lists the known ones", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(AITask.decodeUnknown({ prompt: "a", temprature: 1 }))
      assert.strictEqual(error.field, "temprature")
      assert.include(error.message, '"temperature"')
    })
  )

  it("changes the provider and keeps every other field", () => {
    const task = made(whole)
    assert.deepStrictEqual(AITask.withProvider(task, AIProvider.Gpt4), { ...task, provider: AIProvider.Gpt4 })
    assert.strictEqual(task.provider, AIProvider.Claude)
  })

  it("reads the text of a message without its images", () => {
    assert.strictEqual(AITask.messageText({ role: "assistant", content: "hello" }), "hello")
    assert.strictEqual(
      AITask.messageText({
        role: "user",
        content: [{ type: "text", text: "a" }, image, { type: "text", text: "b" }]
      }),
      "ab"
    )
  })

  it("knows what is asked: the last thing that the user said", () => {
    const said = [
      { role: "user", content: "first" },
      { role: "user", content: "second" },
      { role: "assistant", content: "third" }
    ] as const
    assert.strictEqual(AITask.promptText(made({ messages: said })), "second")
    assert.strictEqual(AITask.promptText(made({ messages: [{ role: "assistant", content: "a" }] })), "")
  })

  it("counts all that a provider reads", () => {
    assert.strictEqual(AITask.inputCharacters(made({ prompt: "12345" })), 5)
    assert.strictEqual(
      AITask.inputCharacters(
        made({
          systemPrompt: "123",
          messages: [
            { role: "user", content: [{ type: "text", text: "12" }, image] },
            { role: "assistant", content: "1" }
          ]
        })
      ),
      6
    )
  })
})

describe("what is being asked", () => {
  const user = (content: string) => ({ role: "user", content }) as const
  const called = {
    role: "assistant",
    content: "",
    toolCalls: [{ id: "c", name: "f", arguments: "{}" }]
  } as const
  const result = { role: "tool", toolCallId: "c", content: "r" } as const
  const said = { role: "assistant", content: "a" } as const
  const handedBack = {
    role: "user",
    content: [{ type: "native", wire: "responses", value: { type: "computer_call_output" } }]
  } as const
  const reminded = {
    role: "user",
    content: [{ type: "text", text: "reminder" }, image]
  } as const

  it.each([
    ["the last of several", [user("first"), user("second")], 1, "second"],
    ["what comes before the results of tools", [user("q"), called, result], 0, "q"],
    ["not what stands beside results", [user("q"), called, result, reminded], 0, "q"],
    ["however many of it", [user("q"), called, result, result, user("a"), user("b")], 0, "q"],
    [
      "nor what stands there after instructions",
      [user("q"), called, result, { role: "system", content: "s" }, user("a")],
      0,
      "q"
    ],
    ["also after more steps", [user("q"), called, result, reminded, called, result], 0, "q"],
    ["what follows an answer", [user("q"), called, result, said, user("next")], 4, "next"],
    ["what was asked before an answer that is to go on", [user("q"), said], 0, "q"],
    ["not what a client hands back", [user("q"), said, handedBack], 0, "q"],
    ["what is said besides that", [user("q"), said, handedBack, user("next")], 3, "next"],
    ["a picture by itself", [user("q"), said, { role: "user", content: [image] }], 2, ""],
    ["the last words where nothing is", [called, result, user("a")], -1, "a"],
    ["nothing where nobody asks", [said], -1, ""]
  ] as const)("is %s", (_, messages, index, text) => {
    const task = made({ messages })
    assert.strictEqual(AITask.questionIndex(task), index)
    assert.strictEqual(AITask.promptText(task), text)
  })
})
