/** The providers of the configuration file. */
import * as Schema from "effect/Schema"
import * as AIProvider from "../../AIProvider.js"
import { type Preset, presets } from "../../engines/OpenAICompatible.js"
import * as Simulated from "../../engines/Simulated.js"
import * as numbers from "../../internal/numbers.js"
import { given } from "../../internal/options.js"
import * as Price from "../../Price.js"
import { faultOf } from "../Reference.js"
import { environmentVariable, exact } from "./fields.js"

/** An address that a server can have: `http:` or `https:`. */
export const isUrl = (text: string): boolean => /^https?:\/\//i.test(text) && URL.canParse(text)

/** What every provider of the file may state of itself. */
const known = {
  /** Milliseconds that half of the answers take at most. */
  p50LatencyMs: Schema.optionalWith(numbers.from0("milliseconds"), exact),
  /** Milliseconds that 99 % of the answers take at most. */
  p99LatencyMs: Schema.optionalWith(numbers.from0("milliseconds"), exact),
  /** How good the answers are, 0 to 10. */
  quality: Schema.optionalWith(numbers.upTo("a score", 10), exact)
}

const can = Schema.optionalWith(Schema.Boolean, exact)

/** What a model can, as far as it isn't what models at such servers usually can. */
const Capabilities = Schema.Struct({
  tools: can,
  systemPrompt: can,
  sampling: can,
  prefill: can,
  jsonSchema: can,
  images: can,
  documents: can,
  audio: can,
  logProbabilities: can,
  streaming: can
})

/** What only servers of OpenAI's wires can be told. */
const ofOpenAI = ["preset", "wires", "maxTokensField", "completeOver", "toolCallIds", "includeUsage"] as const

const address = Schema.String.pipe(Schema.filter(isUrl, { description: "an http or https URL" }))

const ofOneKey = ({ apiKey, apiKeyEnv }: { readonly apiKey?: unknown; readonly apiKeyEnv?: unknown }) =>
  apiKey !== undefined && apiKeyEnv !== undefined
    ? { path: ["apiKey"], message: "Expected either apiKey or apiKeyEnv, actual both" }
    : undefined

/** A key, a region or a deployment of a provider; what it doesn't say is the provider's. */
const Member = Schema.Struct({
  /** What logs and the gateway's page call it; its place in the list, from 1, when absent. */
  name: Schema.optionalWith(Schema.NonEmptyString, exact),
  baseUrl: Schema.optionalWith(address, exact),
  apiKeyEnv: Schema.optionalWith(environmentVariable, exact),
  apiKey: Schema.optionalWith(Schema.Redacted(Schema.NonEmptyString), exact),
  /** Its share of the calls beside the others' weights; 1 when absent. */
  weight: Schema.optionalWith(numbers.above0("a weight"), exact)
}).pipe(Schema.filter(ofOneKey))

/** What a member of a pool is called. */
export const memberName = ({ name }: { readonly name?: string | undefined }, index: number): string =>
  name ?? String(index + 1)

const named: ReadonlyMap<string, Preset> = new Map(Object.entries(presets))

const PresetName = Schema.String.pipe(
  Schema.filter((id) => faultOf({ field: "preset", what: "a preset", known: named.keys(), id }))
)

/** What the file says of a server, apart from where it is. */
const fields = {
  id: AIProvider.AIProvider,
  /** What the server speaks: `openai` (`wires`) when absent, or `anthropic` (Messages). */
  api: Schema.optionalWith(Schema.Literal("openai", "anthropic"), exact),
  /**
   * OpenAI's wires that it has, the preferred one first; when absent `chatCompletions` and `responses` at OpenAI,
   * elsewhere `chatCompletions`. A model that embeds has `embeddings`.
   */
  wires: Schema.optionalWith(
    Schema.NonEmptyArray(Schema.Literal("chatCompletions", "responses", "embeddings")),
    exact
  ),
  model: Schema.NonEmptyString,
  /** The name of the environment variable that holds the key. */
  apiKeyEnv: Schema.optionalWith(environmentVariable, exact),
  /** The key itself; prefer `apiKeyEnv`. */
  apiKey: Schema.optionalWith(Schema.Redacted(Schema.NonEmptyString), exact),
  /** USD per million tokens; unknown when absent. */
  price: Schema.optionalWith(Price.Options, exact),
  ...known,
  /** Tokens that the model can hold. */
  contextWindow: Schema.optionalWith(numbers.tokens, exact),
  /** What the model can, where it isn't the usual. */
  capabilities: Schema.optionalWith(Capabilities, exact),
  /** How the server calls the limit of tokens; when absent `max_completion_tokens` at OpenAI, elsewhere `max_tokens`. */
  maxTokensField: Schema.optionalWith(Schema.Literal("max_tokens", "max_completion_tokens"), exact),
  /** Whether the model thinks before it writes, so that its first token may take minutes; its name tells when absent. */
  reasoning: Schema.optionalWith(Schema.Boolean, exact),
  /** How it is asked for an answer that isn't streamed: as a stream all the same (`sse`, when absent), or as `json`. */
  completeOver: Schema.optionalWith(Schema.Literal("sse", "json"), exact),
  /** What it takes for the ids of tool calls; by the model's name when absent. */
  toolCallIds: Schema.optionalWith(Schema.Literal("any", "forty-characters", "nine-alphanumerics"), exact),
  /** More headers for it; a value may be a secret, and is treated as one. */
  headers: Schema.optionalWith(
    Schema.Record({ key: Schema.String, value: Schema.Redacted(Schema.NonEmptyString) }),
    exact
  ),
  /** Whether it is asked to say what a stream used; true when absent. */
  includeUsage: Schema.optionalWith(Schema.Boolean, exact),
  /** Characters that an answer in one piece may have, or one event of a stream; 16,777,216 when absent, of embeddings 134,217,728. */
  maxAnswerCharacters: Schema.optionalWith(numbers.count("characters"), exact),
  /** Several keys, regions or deployments of it, which take turns and stand in for each other. */
  pool: Schema.optionalWith(Schema.NonEmptyArray(Member), exact),
  /** Whether it takes part; true when absent. */
  enabled: Schema.optionalWith(Schema.Boolean, exact)
}

/** A server as the file has it. */
const Written = Schema.Struct({
  /** A well-known server of OpenAI's wires: what the fields below don't say is as its documentation has it. */
  preset: Schema.optionalWith(PresetName, exact),
  /** The address below which `/chat/completions`, `/responses` and `/embeddings` are, or `/v1/messages`. */
  baseUrl: Schema.optionalWith(address, exact),
  ...fields
}).pipe(
  Schema.filter((provider) => {
    const key = ofOneKey(provider)
    if (key !== undefined) return key
    const names = (provider.pool ?? []).map(memberName)
    const twice = names.findIndex((name, index) => names.indexOf(name) < index)
    if (twice !== -1) {
      const actual = JSON.stringify(names[twice])
      return { path: ["pool", twice, "name"], message: `Expected each name once, actual ${actual} twice` }
    }
    const server = named.get(provider.preset ?? "")
    if (provider.baseUrl === undefined && server?.baseUrl === undefined) {
      const form = server === undefined ? "" : ` (${server.address})`
      return { path: ["baseUrl"], message: `Expected an http or https URL${form}, actual none` }
    }
    const foreign =
      provider.api === "anthropic" ? ofOpenAI.find((field) => provider[field] !== undefined) : undefined
    if (foreign === undefined) return undefined
    const actual = JSON.stringify(provider[foreign])
    return { path: [foreign], message: `Expected none beside api "anthropic", actual ${actual}` }
  })
)

/** A server that speaks OpenAI's wires, or Anthropic's Messages: what it doesn't say itself is its preset's. */
export const Provider = Schema.transform(
  Written,
  Schema.typeSchema(Schema.Struct({ ...fields, baseUrl: address })),
  {
    strict: true,
    decode: ({ preset = "", ...own }) => {
      const {
        apiKeyEnv,
        baseUrl = "",
        includeUsage,
        maxTokensField,
        toolCallIds,
        wires
      } = named.get(preset) ?? {}
      const server = given({ includeUsage, maxTokensField, toolCallIds, wires })
      return { baseUrl, ...server, ...(own.apiKey === undefined ? given({ apiKeyEnv }) : {}), ...own }
    },
    encode: (provider) => provider
  }
)

/** A server that speaks OpenAI's wires, or Anthropic's Messages. */
export type Provider = typeof Provider.Type

/** A provider that answers by itself, for trying out what a configuration does. */
export const SimulatedProvider = Schema.Struct({
  ...Simulated.Options.fields,
  ...known
}).pipe(Schema.omit("provider"), Schema.extend(Schema.Struct({ id: AIProvider.AIProvider })))
