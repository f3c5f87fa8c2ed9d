/**
 * Generators of tasks, for property tests.
 *
 * @since 0.1.0
 */
import * as Either from "effect/Either"
import * as FastCheck from "effect/FastCheck"
import * as AIProvider from "../../AIProvider.js"
import * as AITask from "../../AITask.js"
import type * as Wire from "../../Wire.js"
import { anyText, nonEmpty, optional, ownFields, word } from "../internal/arbitrary.js"

/**
 * The id of a provider: short words, with or without a model.
 *
 * @since 0.1.0
 * @category tasks
 */
export const provider: FastCheck.Arbitrary<AIProvider.AIProvider> = FastCheck.tuple(
  FastCheck.constantFrom("claude", "gpt4", "copilot_chat", "local", "x"),
  FastCheck.option(word, { nil: undefined })
).map(([vendor, model]) => AIProvider.unsafeMake(model === undefined ? vendor : `${vendor}/${model}`))

const toolCall: FastCheck.Arbitrary<AITask.ToolCall> = FastCheck.record(
  { id: word, name: word, arguments: FastCheck.json({ maxDepth: 1 }) },
  ownFields
)

const wire = FastCheck.constantFrom<Wire.Wire>("chatCompletions", "messages", "responses")

/** What a text of JSON can say: not -0, which is written as 0. */
const jsonValue = FastCheck.json({ maxDepth: 1 }).map((text): FastCheck.JsonValue => JSON.parse(text))

const fields = FastCheck.dictionary(word, jsonValue, { ...ownFields, maxKeys: 2 })

const wireOptions = FastCheck.record(
  { chatCompletions: fields, messages: fields, responses: fields },
  { ...ownFields, requiredKeys: [] }
)

const textMessage: FastCheck.Arbitrary<AITask.Message> = FastCheck.oneof(
  FastCheck.record(
    { role: FastCheck.constant("user" as const), content: anyText, options: wireOptions },
    { ...ownFields, requiredKeys: ["role", "content"] }
  ),
  FastCheck.record(
    {
      role: FastCheck.constant("user" as const),
      content: nonEmpty(
        FastCheck.record({ type: FastCheck.constant("text" as const), text: anyText }, ownFields),
        3
      )
    },
    ownFields
  ),
  FastCheck.record({ role: FastCheck.constant("assistant" as const), content: anyText }, ownFields)
)

const richMessage: FastCheck.Arbitrary<AITask.Message> = FastCheck.oneof(
  FastCheck.record(
    {
      role: FastCheck.constant("user" as const),
      content: nonEmpty(
        FastCheck.record(
          {
            type: FastCheck.constant("image" as const),
            url: FastCheck.webUrl({ validSchemes: ["https"] })
          },
          ownFields
        ),
        2
      )
    },
    ownFields
  ),
  FastCheck.record(
    {
      role: FastCheck.constant("assistant" as const),
      content: FastCheck.constant(""),
      toolCalls: FastCheck.array(toolCall, { maxLength: 2 })
    },
    ownFields
  ),
  FastCheck.record(
    { role: FastCheck.constant("tool" as const), toolCallId: word, content: anyText },
    ownFields
  )
)

const jsonSchema = FastCheck.dictionary(
  word,
  FastCheck.constantFrom({ type: "string" }, { type: "number" }),
  { ...ownFields, maxKeys: 3 }
).map((properties) => ({ type: "object", properties }))

const toolset = FastCheck.record(
  {
    tools: nonEmpty(
      FastCheck.record(
        { name: word, description: anyText, parameters: jsonSchema },
        { ...ownFields, requiredKeys: ["name", "parameters"] }
      ),
      3
    ),
    toolChoice: FastCheck.oneof(
      FastCheck.constantFrom("auto" as const, "none" as const, "required" as const),
      FastCheck.record({ name: word }, ownFields)
    )
  },
  { ...ownFields, requiredKeys: ["tools"] }
)

const responseFormat = FastCheck.oneof(
  FastCheck.constantFrom({ type: "text" } as const, { type: "json" } as const),
  FastCheck.record(
    { type: FastCheck.constant("json_schema" as const), name: word, schema: jsonSchema },
    ownFields
  )
)

const penalty = FastCheck.double({ min: -2, max: 2, noNaN: true })

/** What an engine of text alone has, or leaves out. */
const parameters = {
  parallelToolCalls: FastCheck.boolean(),
  reasoning: FastCheck.record(
    {
      effort: FastCheck.constantFrom<AITask.Effort>(
        "none",
        "minimal",
        "low",
        "medium",
        "high",
        "xhigh",
        "max"
      ),
      budgetTokens: FastCheck.integer({ min: 1, max: 64_000 }),
      show: FastCheck.boolean()
    },
    { ...ownFields, requiredKeys: [] }
  ),
  topK: FastCheck.integer({ min: 1, max: 500 }),
  seed: FastCheck.maxSafeInteger(),
  frequencyPenalty: penalty,
  presencePenalty: penalty,
  verbosity: FastCheck.constantFrom<"low" | "medium" | "high">("low", "medium", "high"),
  serviceTier: word,
  cacheKey: word,
  session: word,
  agent: word,
  unsupported: FastCheck.constantFrom<"drop" | "refuse">("drop", "refuse"),
  answerCache: FastCheck.constantFrom<"use" | "refresh" | "off">("use", "refresh", "off"),
  repair: FastCheck.constantFrom<1 | 2>(1, 2),
  options: wireOptions
}

const richParameters = {
  logProbabilities: FastCheck.integer({ min: 0, max: 20 }),
  nativeTools: FastCheck.array(
    FastCheck.record(
      { wire, value: fields, optional: FastCheck.boolean() },
      { ...ownFields, requiredKeys: ["wire", "value"] }
    ),
    { maxLength: 2 }
  ),
  original: FastCheck.oneof(
    FastCheck.record({ wire, body: fields }, ownFields),
    FastCheck.tuple(wire, fields).map(([wire, body]) => ({ wire, body, text: JSON.stringify(body, null, 1) }))
  )
}

/**
 * What tasks are generated.
 *
 * @since 0.1.0
 * @category tasks
 */
export interface TaskConstraints {
  /** Only this delivery; any, or none given, when absent. */
  readonly mode?: AITask.Mode | undefined
  /** Only these providers, or none given; any when absent. */
  readonly providers?: readonly [AIProvider.AIProvider, ...ReadonlyArray<AIProvider.AIProvider>] | undefined
  /** Nothing that an engine of text alone lacks: no tools, no images, no JSON answers. */
  readonly textOnly?: boolean | undefined
}

/**
 * The fields of valid tasks: AITask.make accepts each.
 *
 * @since 0.1.0
 * @category tasks
 */
export const taskOptions = (constraints: TaskConstraints = {}): FastCheck.Arbitrary<AITask.Options> => {
  const { mode, providers } = constraints
  const rich = constraints.textOnly !== true
  const asked = FastCheck.oneof(
    FastCheck.record({ prompt: anyText }, ownFields),
    FastCheck.record(
      { messages: nonEmpty(rich ? FastCheck.oneof(textMessage, richMessage) : textMessage, 4) },
      ownFields
    )
  )
  const delivered =
    mode === undefined
      ? optional({ mode: FastCheck.constantFrom<AITask.Mode>("complete", "streaming") })
      : FastCheck.constant({ mode })
  const targeted = FastCheck.option(
    FastCheck.record(
      {
        provider: providers === undefined ? provider : FastCheck.constantFrom(...providers),
        pinned: FastCheck.boolean()
      },
      { ...ownFields, requiredKeys: ["provider"] }
    ),
    { nil: {} }
  )
  // What is restricted to all of them is restricted to none.
  const restricted =
    providers === undefined
      ? rich
        ? optional({ providers: nonEmpty(provider, 3) })
        : FastCheck.constant({})
      : optional({ providers: FastCheck.constant(providers) })
  const tooled = rich ? FastCheck.option(toolset, { nil: {} }) : FastCheck.constant({})
  const formed = rich ? optional({ responseFormat, ...richParameters }) : FastCheck.constant({})
  const others = optional({
    id: word,
    systemPrompt: anyText,
    maxTokens: FastCheck.integer({ min: 1, max: 100_000 }),
    temperature: FastCheck.double({ min: 0, max: 2, noNaN: true }),
    topP: FastCheck.double({ min: 0, max: 1, noNaN: true }),
    stop: nonEmpty(word, 3),
    userId: word,
    keyId: word,
    team: word,
    timeoutMs: FastCheck.integer({ min: 1, max: 120_000 }),
    metadata: FastCheck.dictionary(word, anyText, { ...ownFields, maxKeys: 3 }),
    ...parameters
  })
  return FastCheck.tuple(asked, delivered, targeted, restricted, tooled, formed, others).map(
    ([what, mode, target, limits, tools, format, rest]) => ({
      ...rest,
      ...what,
      ...mode,
      ...target,
      ...limits,
      ...tools,
      ...format
    })
  )
}

/**
 * Valid tasks.
 *
 * @since 0.1.0
 * @category tasks
 */
export const task = (constraints: TaskConstraints = {}): FastCheck.Arbitrary<AITask.AITask> =>
  taskOptions(constraints).map((options) => Either.getOrThrow(AITask.decodeUnknown(options)))
