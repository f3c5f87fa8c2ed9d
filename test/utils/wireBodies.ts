/** Random bodies of the three wires, valid by their vendors' types, of what can be translated. */
import * as FastCheck from "effect/FastCheck"
import type { Wire } from "../../src/Wire.js"

type Json = Readonly<Record<string, unknown>>

const { array, boolean, constant, constantFrom, double, integer, oneof, tuple } = FastCheck

/** Objects that have these fields, and each of those or not. */
const object = (
  must: Readonly<Record<string, FastCheck.Arbitrary<unknown>>>,
  may: Readonly<Record<string, FastCheck.Arbitrary<unknown>>> = {}
): FastCheck.Arbitrary<Json> =>
  FastCheck.record({ ...must, ...may }, { noNullPrototype: true, requiredKeys: Object.keys(must) })

const some = <A>(each: FastCheck.Arbitrary<A>, most = 3) => array(each, { minLength: 1, maxLength: most })

const text = FastCheck.string({ minLength: 1, maxLength: 12 }).filter((said) => said.trim() !== "")
const name = FastCheck.stringMatching(/^[a-z][\w-]{0,12}$/)
const id = oneof(name, FastCheck.stringMatching(/^[a-z.:/]{1,80}$/))
const base64 = constantFrom("AAAA", "iVBORw0KGgo=")
const address = constantFrom("https://example.org/a", "http://example.org/b")
const schema = constantFrom<Json>(
  { type: "object" },
  { type: "object", properties: { a: { type: "string" } }, required: ["a"], additionalProperties: false }
)
const args = constantFrom("{}", `{"a":"b"}`, "[1]", "")
const metadata = FastCheck.dictionary(name, text, { maxKeys: 2, noNullPrototype: true })
const bound = integer({ min: 1, max: 8000 })
const share = double({ min: 0, max: 1, noNaN: true })
const efforts = constantFrom("none", "minimal", "low", "medium", "high", "xhigh")
const detail = constantFrom("auto", "low", "high")
const verbosity = constantFrom("low", "medium", "high")
const tier = constantFrom("auto", "default", "flex", "scale", "priority")

/** Tools of which one may be chosen: the fields of a body. */
const choosing = (
  tool: (name: string) => FastCheck.Arbitrary<Json>,
  choice: (name: string) => FastCheck.Arbitrary<unknown>
): FastCheck.Arbitrary<Json> =>
  some(name).chain((names) => {
    const distinct = Array.from(new Set(names))
    return object({ tools: tuple(...distinct.map(tool)) }, { tool_choice: choice(distinct[0] ?? "") })
  })

const merged = (...parts: ReadonlyArray<FastCheck.Arbitrary<Json>>): FastCheck.Arbitrary<Json> =>
  tuple(...parts).map((fields) => Object.assign({}, ...fields))

const maybe = (part: FastCheck.Arbitrary<Json>): FastCheck.Arbitrary<Json> => oneof(constant({}), part)

const chatText = object({ type: constant("text"), text })

const chatFunction = object({ name, arguments: args })

const chatCall = oneof(
  object({ id, type: constant("function"), function: chatFunction }),
  object({ id, type: constant("custom"), custom: object({ name, input: text }) })
)

const chatMessage = oneof(
  object({ role: constantFrom("system", "developer"), content: oneof(text, some(chatText)) }, { name }),
  object(
    {
      role: constant("user"),
      content: oneof(
        text,
        some(
          oneof(
            chatText,
            object({ type: constant("image_url"), image_url: object({ url: address }, { detail }) }),
            object({
              type: constant("file"),
              file: object({
                filename: name,
                file_data: constantFrom("data:application/pdf;base64,AAAA", "data:text/plain;base64,AAAA")
              })
            })
          )
        )
      )
    },
    { name }
  ),
  object(
    { role: constant("assistant") },
    {
      content: oneof(
        text,
        constant(null),
        some(oneof(chatText, object({ type: constant("refusal"), refusal: text })))
      ),
      refusal: text,
      tool_calls: some(chatCall)
    }
  ),
  object({ role: constant("assistant"), content: constant(null), function_call: chatFunction }),
  object({ role: constant("tool"), tool_call_id: id, content: oneof(text, some(chatText)) }),
  object({ role: constant("function"), name, content: oneof(text, constant(null)) })
)

const chatCompletions = merged(
  object(
    {
      model: constant("m"),
      messages: array(chatMessage, { maxLength: 4 }).map((said) => [{ role: "user", content: "Hi" }, ...said])
    },
    {
      max_completion_tokens: bound,
      max_tokens: bound,
      temperature: double({ min: 0, max: 2, noNaN: true }),
      top_p: share,
      stop: oneof(text, some(text, 4)),
      response_format: oneof(
        object({ type: constantFrom("text", "json_object") }),
        object({
          type: constant("json_schema"),
          json_schema: object({ name, schema }, { strict: boolean(), description: text })
        })
      ),
      reasoning_effort: efforts,
      seed: integer(),
      frequency_penalty: double({ min: -2, max: 2, noNaN: true }),
      presence_penalty: double({ min: -2, max: 2, noNaN: true }),
      verbosity,
      service_tier: tier,
      prompt_cache_key: name,
      user: name,
      safety_identifier: name,
      metadata,
      store: boolean(),
      parallel_tool_calls: boolean()
    }
  ),
  maybe(object({ logprobs: constant(true) }, { top_logprobs: integer({ min: 0, max: 20 }) })),
  maybe(
    choosing(
      (name) =>
        object({
          type: constant("function"),
          function: object(
            { name: constant(name) },
            { description: text, parameters: schema, strict: boolean() }
          )
        }),
      (name) =>
        oneof(
          constantFrom("auto", "none", "required"),
          constant({ type: "function", function: { name } }),
          constant({
            type: "allowed_tools",
            allowed_tools: { mode: "auto", tools: [{ type: "function", function: { name } }] }
          })
        )
    )
  )
)

const cache_control = oneof(
  constant({ type: "ephemeral" }),
  object({ type: constant("ephemeral"), ttl: constantFrom("5m", "1h") })
)

const anthropicText = object({ type: constant("text"), text }, { cache_control })

const shown = oneof(
  anthropicText,
  object(
    {
      type: constant("image"),
      source: oneof(
        object({
          type: constant("base64"),
          media_type: constantFrom("image/png", "image/jpeg"),
          data: base64
        }),
        object({ type: constant("url"), url: address })
      )
    },
    { cache_control }
  ),
  object(
    {
      type: constant("document"),
      source: oneof(
        object({ type: constant("base64"), media_type: constant("application/pdf"), data: base64 }),
        object({ type: constant("text"), media_type: constant("text/plain"), data: text })
      )
    },
    { cache_control, title: text, context: text }
  )
)

const anthropicMessage = oneof(
  object({
    role: constant("user"),
    content: oneof(
      text,
      some(shown),
      some(
        object(
          { type: constant("tool_result"), tool_use_id: id },
          { content: oneof(text, some(shown)), is_error: boolean(), cache_control }
        )
      )
    )
  }),
  object({
    role: constant("assistant"),
    content: oneof(
      text,
      some(
        oneof(
          anthropicText,
          object({ type: constant("thinking"), thinking: text, signature: name }),
          object({ type: constant("redacted_thinking"), data: base64 }),
          object({ type: constant("tool_use"), id, name, input: constantFrom({}, { a: "b" }) })
        )
      )
    )
  }),
  object({ role: constant("system"), content: oneof(text, some(anthropicText)) })
)

const isSerial = object({}, { disable_parallel_tool_use: boolean() })

const messages = merged(
  object(
    {
      model: constant("m"),
      max_tokens: bound,
      messages: array(anthropicMessage, { maxLength: 4 }).map((said) => [
        { role: "user", content: "Hi" },
        ...said
      ])
    },
    {
      system: oneof(text, some(anthropicText)),
      stop_sequences: some(text, 6),
      thinking: oneof(
        object({ type: constant("enabled"), budget_tokens: integer({ min: 1024, max: 4000 }) }),
        object({ type: constant("adaptive") }, { display: constantFrom("summarized", "omitted") }),
        constant({ type: "disabled" })
      ),
      output_config: object(
        {},
        {
          effort: constantFrom("low", "medium", "high", "xhigh", "max"),
          format: object({ type: constant("json_schema"), schema })
        }
      ),
      metadata: object({}, { user_id: name }),
      service_tier: constantFrom("auto", "standard_only")
    }
  ),
  maybe(
    choosing(
      (name) =>
        object(
          { name: constant(name), input_schema: schema },
          { type: constant("custom"), description: text, strict: boolean(), cache_control }
        ),
      (name) =>
        oneof(
          merged(object({ type: constantFrom("auto", "any") }), isSerial),
          merged(object({ type: constant("tool"), name: constant(name) }), isSerial),
          constant({ type: "none" })
        )
    )
  )
)

const inputs = some(
  oneof(
    object({ type: constant("input_text"), text }),
    object({ type: constant("input_image"), image_url: address, detail }),
    object({ type: constant("input_file"), file_url: address }),
    object({
      type: constant("input_file"),
      filename: name,
      file_data: constantFrom("data:application/pdf;base64,AAAA", "data:text/plain;base64,AAAA")
    })
  )
)

const item = oneof(
  object(
    { role: constantFrom("user", "developer", "system"), content: oneof(text, inputs) },
    { type: constant("message") }
  ),
  object(
    { role: constant("assistant"), content: text },
    { phase: constantFrom("commentary", "final_answer") }
  ),
  object({
    type: constant("message"),
    role: constant("assistant"),
    id: name,
    status: constant("completed"),
    content: some(
      oneof(
        object({ type: constant("output_text"), text, annotations: constant([]) }),
        object({ type: constant("refusal"), refusal: text })
      )
    )
  }),
  object(
    {
      type: constant("reasoning"),
      id: name,
      summary: array(object({ type: constant("summary_text"), text }), { maxLength: 2 })
    },
    { encrypted_content: base64 }
  ),
  object({ type: constant("function_call"), call_id: id, name, arguments: args }),
  object({ type: constant("function_call_output"), call_id: id, output: oneof(text, inputs) }),
  object({ type: constant("custom_tool_call"), call_id: id, name, input: text }),
  object({ type: constant("custom_tool_call_output"), call_id: id, output: oneof(text, inputs) })
)

const responseTool = (name: string): FastCheck.Arbitrary<Json> =>
  oneof(
    object(
      {
        type: constant("function"),
        name: constant(name),
        parameters: oneof(schema, constant(null)),
        strict: oneof(boolean(), constant(null))
      },
      { description: text }
    ),
    object(
      { type: constant("custom"), name: constant(name) },
      {
        description: text,
        format: constantFrom<Json>(
          { type: "text" },
          { type: "grammar", syntax: "lark", definition: "start: /.+/" }
        )
      }
    )
  )

const responses = merged(
  object(
    {
      model: constant("m"),
      input: oneof(
        text,
        array(item, { maxLength: 4 }).map((said) => [{ role: "user", content: "Hi" }, ...said])
      )
    },
    {
      instructions: text,
      max_output_tokens: integer({ min: 16, max: 8000 }),
      temperature: double({ min: 0, max: 2, noNaN: true }),
      top_p: share,
      text: object(
        {},
        {
          format: oneof(
            object({ type: constantFrom("text", "json_object") }),
            object({ type: constant("json_schema"), name, schema }, { strict: boolean() })
          ),
          verbosity
        }
      ),
      reasoning: object({}, { effort: efforts, summary: constantFrom("auto", "concise", "detailed") }),
      include: constantFrom(["reasoning.encrypted_content"], ["message.output_text.logprobs"]),
      top_logprobs: integer({ min: 0, max: 20 }),
      service_tier: tier,
      prompt_cache_key: name,
      safety_identifier: name,
      metadata,
      store: constant(false),
      parallel_tool_calls: boolean()
    }
  ),
  maybe(
    choosing(
      (name) =>
        oneof(
          responseTool(name),
          responseTool(name).map((tool): Json => ({
            type: "namespace",
            name: "space",
            description: "Others",
            tools: [tool]
          }))
        ),
      () => constantFrom("auto", "none", "required")
    )
  )
)

/** Bodies by their wire. */
export const bodies: Readonly<Record<Exclude<Wire, "embeddings">, FastCheck.Arbitrary<Json>>> = {
  chatCompletions,
  messages,
  responses
}
