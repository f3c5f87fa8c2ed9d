/** The fields within the fields of the table, against the types of the vendors' own packages. */
import { assert, describe, it } from "@effect/vitest"
import type { Field, Fields } from "../../src/wire/fields/field.js"
import * as fields from "../../src/wire/fields.js"
import { declarations, typedMembers } from "../utils/declarations.js"

const anthropic = declarations("@anthropic-ai/sdk/resources/messages/messages.d.ts")
const beta = declarations("@anthropic-ai/sdk/resources/beta/messages/messages.d.ts")
const shared = declarations("openai/resources/shared.d.ts")
const chat = declarations("openai/resources/chat/completions/completions.d.ts") + shared
const responses = declarations("openai/resources/responses/responses.d.ts") + shared

type Interfaces = Readonly<Record<string, ReadonlyArray<string>>>

/** The interfaces of Messages, those of its betas among them. */
const messages = (names: Interfaces): Interfaces =>
  Object.fromEntries(
    Object.entries(names).map(([path, each]) => [path, each.flatMap((name) => [name, `Beta${name}`])])
  )

/** By the place in the table: the interfaces whose members are fields there. */
const interfaces = {
  messages: {
    "": ["MessageCreateParamsBase"],
    ...messages({
      "messages[]": ["UserMessageParam", "AssistantMessageParam", "SystemMessageParam"],
      "messages[].content[text]": ["TextBlockParam"],
      "messages[].content[image]": ["ImageBlockParam"],
      "messages[].content[image].source": ["Base64ImageSource", "URLImageSource", "FileImageSource"],
      "messages[].content[document]": ["DocumentBlockParam"],
      "messages[].content[document].source": [
        "Base64PDFSource",
        "PlainTextSource",
        "ContentBlockSource",
        "URLPDFSource",
        "FileDocumentSource"
      ],
      "messages[].content[thinking]": ["ThinkingBlockParam"],
      "messages[].content[redacted_thinking]": ["RedactedThinkingBlockParam"],
      "messages[].content[tool_use]": ["ToolUseBlockParam"],
      "messages[].content[tool_result]": ["ToolResultBlockParam"],
      "messages[].content[tool_addition]": ["RequestToolAdditionBlock"],
      "messages[].content[tool_removal]": ["RequestToolRemovalBlock"],
      "messages[].content[tool_result].content[text]": ["TextBlockParam"],
      "messages[].content[tool_result].content[image]": ["ImageBlockParam"],
      "messages[].content[tool_result].content[document]": ["DocumentBlockParam"],
      "system[text]": ["TextBlockParam"],
      "tools[]": ["Tool"],
      "tools[custom]": ["Tool"],
      tool_choice: ["ToolChoiceAuto", "ToolChoiceAny", "ToolChoiceTool", "ToolChoiceNone"],
      thinking: [
        "ThinkingConfigEnabled",
        "ThinkingConfigDisabled",
        "ThinkingConfigBetweenTools",
        "ThinkingConfigAdaptive"
      ],
      output_config: ["OutputConfig"],
      "output_config.format": ["JSONOutputFormat"],
      output_format: ["JSONOutputFormat"],
      metadata: ["Metadata"]
    })
  },
  chatCompletions: {
    "": ["ChatCompletionCreateParamsBase"],
    "messages[]": ["Developer", "System", "User", "Assistant", "Tool", "Function"].map(
      (role) => `ChatCompletion${role}MessageParam`
    ),
    "messages[].content[text]": ["ChatCompletionContentPartText"],
    "messages[].content[image_url]": ["ChatCompletionContentPartImage"],
    "messages[].content[image_url].image_url": ["ChatCompletionContentPartImage.ImageURL"],
    "messages[].content[input_audio]": ["ChatCompletionContentPartInputAudio"],
    "messages[].content[input_audio].input_audio": ["ChatCompletionContentPartInputAudio.InputAudio"],
    "messages[].content[file]": ["ChatCompletionContentPart.File"],
    "messages[].content[file].file": ["ChatCompletionContentPart.File.File"],
    "messages[].content[refusal]": ["ChatCompletionContentPartRefusal"],
    "messages[].tool_calls[]": [
      "ChatCompletionMessageFunctionToolCall",
      "ChatCompletionMessageCustomToolCall"
    ],
    "messages[].tool_calls[].function": ["ChatCompletionMessageFunctionToolCall.Function"],
    "messages[].tool_calls[].custom": ["ChatCompletionMessageCustomToolCall.Custom"],
    "messages[].function_call": ["ChatCompletionAssistantMessageParam.FunctionCall"],
    "tools[function]": ["ChatCompletionFunctionTool"],
    "tools[function].function": ["FunctionDefinition"],
    "functions[]": ["ChatCompletionCreateParams.Function"],
    tool_choice: [
      "ChatCompletionAllowedToolChoice",
      "ChatCompletionNamedToolChoice",
      "ChatCompletionNamedToolChoiceCustom"
    ],
    "tool_choice.function": ["ChatCompletionNamedToolChoice.Function"],
    "tool_choice.custom": ["ChatCompletionNamedToolChoiceCustom.Custom"],
    "tool_choice.allowed_tools": ["ChatCompletionAllowedTools"],
    function_call: ["ChatCompletionFunctionCallOption"],
    response_format: ["ResponseFormatText", "ResponseFormatJSONObject", "ResponseFormatJSONSchema"],
    "response_format.json_schema": ["ResponseFormatJSONSchema.JSONSchema"]
  },
  responses: {
    "": ["ResponseCreateParamsBase"],
    text: ["ResponseTextConfig"],
    "text.format": ["ResponseFormatText", "ResponseFormatJSONObject", "ResponseFormatTextJSONSchemaConfig"],
    reasoning: ["Reasoning"],
    tool_choice: [
      "ToolChoiceAllowed",
      "ToolChoiceTypes",
      "ToolChoiceFunction",
      "ToolChoiceMcp",
      "ToolChoiceCustom",
      "ToolChoiceApplyPatch",
      "ToolChoiceShell"
    ]
  }
} as const satisfies Readonly<Record<string, Interfaces>>

/** Fields that the packages don't have there. */
const beside: Readonly<Record<string, ReadonlyArray<string>>> = {
  // What servers write beside OpenAI, and want back.
  "chatCompletions messages[]": ["annotations", "reasoning_content", "reasoning", "reasoning_details"],
  // Its place in a stream, which some clients send back.
  "chatCompletions messages[].tool_calls[]": ["index"],
  // Functions are read as tools are.
  "chatCompletions functions[]": ["strict"],
  // Of a tool within a namespace.
  "responses tool_choice": ["namespace"]
}

/** What is translated whole, though its type has a name: JSON of the caller's own, and names of words. */
const whole = [
  "input_schema",
  "parameters",
  "schema",
  "metadata",
  "effort",
  "reasoning_effort",
  // Each names a tool.
  "tools"
]

const sources = { messages: [anthropic, beta], chatCompletions: [chat], responses: [responses] }

/** The fields at a place of the table. */
const fieldsAt = (table: Fields, path: string): Fields => {
  let at = table
  for (const [, name = "", list] of path.matchAll(/(\w+)(\[\w*\])?/g)) {
    const field = at[name]
    const found = list === undefined ? field?.fields : (field?.each ?? field?.kinds?.[list.slice(1, -1)])
    assert.isDefined(found, path)
    at = found ?? {}
  }
  return at
}

/** The members that the packages have at a place. */
const theirs = (wire: keyof typeof interfaces, names: ReadonlyArray<string>): ReadonlyMap<string, string> => {
  const found = new Map(
    names.flatMap((name) => sources[wire].flatMap((source) => Array.from(typedMembers(source, name))))
  )
  assert.isAbove(found.size, 0, names.join())
  return found
}

/** Whether what a field is may have fields of its own that the table doesn't list. */
const isOpaque = (field: Field | undefined, type: string): boolean =>
  field?.class === "carried" &&
  [field.fields, field.each, field.kinds].every((within) => within === undefined) &&
  /[{]|\b(?!Array\b)[A-Z]/.test(type.replaceAll(/'[^']*'/g, ""))

describe.each(["messages", "chatCompletions", "responses"] as const)("the fields within %s", (wire) => {
  it.each(Object.entries<ReadonlyArray<string>>(interfaces[wire]))(
    "are all that their vendor's package has, and no other: %s",
    (path, names) => {
      const own = fieldsAt(fields.table[wire], path)
      const known = theirs(wire, names)
      const missing = [...known.keys()].filter((name) => !Object.hasOwn(own, name))
      assert.deepStrictEqual(missing, [], "say what becomes of these")
      const opaque = [...known].filter(([name, type]) => !whole.includes(name) && isOpaque(own[name], type))
      assert.deepStrictEqual(opaque, [], "say what becomes of what is in these")
      // Those of the body itself are another test's.
      if (path === "") return
      const spare = beside[`${wire} ${path}`] ?? []
      const odd = Object.keys(own).filter((name) => !known.has(name) && !spare.includes(name))
      assert.deepStrictEqual(odd, [])
    }
  )
})
