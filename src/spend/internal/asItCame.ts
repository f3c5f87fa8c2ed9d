/** What a call that is sent as it came may use besides what the task knows of it. */
import * as Predicate from "effect/Predicate"
import type * as AITask from "../../AITask.js"

type Json = Readonly<Record<string, unknown>>

/** Measures of what a body may use, in tokens. */
export interface Sizes {
  readonly bytes: (text: string) => number
  readonly image: number
  /** What only its address, its id or its name is known of. */
  readonly address: number
}

const images: ReadonlySet<unknown> = new Set(["image", "image_url", "input_image"])
const documents: ReadonlySet<unknown> = new Set(["document", "file", "input_file", "container_upload"])

/** Where the bytes of a picture are, or the address that it is at: what it is counted as doesn't depend on them. */
const pictures: ReadonlySet<string> = new Set(["data", "url", "file_id", "image_url"])

/** Whether a document is named by its address or its id, and not here. */
const isElsewhere = (value: unknown): boolean =>
  Predicate.isRecord(value) &&
  Object.entries(value).some(
    ([name, each]) =>
      name === "file_id" ||
      (name.endsWith("url") && typeof each === "string" && !each.startsWith("data:")) ||
      isElsewhere(each)
  )

/** The most tokens of a value in a body: its texts and names, and what its images and documents are read as. */
const tokens = (sizes: Sizes, value: unknown, within?: "image" | "document"): number => {
  if (typeof value === "string") return (within === "document" ? 4 : 1) * sizes.bytes(value)
  if (Array.isArray(value))
    return value.reduce((sum: number, each) => sum + 1 + tokens(sizes, each, within), 0)
  if (!Predicate.isRecord(value)) return String(value).length
  const { type } = value
  const kind = images.has(type) ? "image" : documents.has(type) ? "document" : within
  const own =
    kind === within
      ? 0
      : kind === "image"
        ? sizes.image
        : isElsewhere(value)
          ? sizes.image + sizes.address
          : sizes.image
  return Object.entries(value).reduce(
    (sum, [name, each]) =>
      sum +
      sizes.bytes(name) +
      (kind === "image" && pictures.has(name) && typeof each === "string" ? 0 : tokens(sizes, each, kind)),
    own
  )
}

/** Tools that the caller runs; all others run at the provider, and read and charge what nobody knows before. */
const callers = /^(?:function|custom|bash|text_editor|computer|memory|local_shell|shell|apply_patch)(?:_|$)/

const runsAtProvider = ({ value }: AITask.NativeTool): boolean =>
  !(typeof value["type"] === "string" && callers.test(value["type"]))

/** Requirements that add nothing to read: more answers are counted as that, and what the body has or names with it. */
const plain: ReadonlySet<string> = new Set([
  "n",
  "background",
  "input[].content[].file_id",
  "input[].output[].file_id",
  "input",
  "dimensions",
  "encoding_format",
  // Words that the wire's own providers may know.
  "response_format.type",
  "text.format.type",
  "output_config.format.type",
  "output_format.type",
  "tool_choice.type",
  "messages[].role",
  "input[].role"
])

/** What a provider keeps: it is read at the usual price. */
const kept: ReadonlySet<string> = new Set(["previous_response_id", "conversation", "thread", "prompt"])

const required = ({ original }: AITask.AITask): ReadonlyArray<string> =>
  (original?.requires ?? []).filter((name) => !plain.has(name))

/** The most tokens that are read of a call as it came. */
export const inputTokens = (sizes: Sizes, task: AITask.AITask): number => {
  const atProvider = (task.nativeTools ?? []).filter(runsAtProvider).length
  const body = task.original === undefined ? 0 : tokens(sizes, task.original.body)
  const search = Predicate.isNullable(task.original?.body["web_search_options"]) ? 0 : 1
  return body + sizes.address * (atProvider + search + required(task).length)
}

const count = (value: unknown): number => (Number(value) > 1 ? Math.ceil(Number(value)) : 1)

/** How many answers are written, each up to the bound of tokens. An embedding isn't written. */
export const answers = ({ original }: AITask.AITask): number => {
  if (original?.wire === "embeddings") return 0
  const { best_of: best, n, num_beams: beams } = original?.body ?? {}
  return Math.max(count(n), count(best), count(beams))
}

/** Tiers at the usual price, or below it. */
const usualTiers: ReadonlySet<unknown> = new Set([
  undefined,
  null,
  "auto",
  "default",
  "standard",
  "standard_only",
  "flex",
  "batch"
])

const isUsual: Readonly<Record<string, (value: unknown) => boolean>> = {
  speed: (value) => value === "standard",
  inference_geo: (value) => value === "global",
  // Other models, each at its own price.
  // Whoever has it searches, and charges each search.
  web_search_options: () => false,
  fallbacks: (value) => Array.isArray(value) && value.length === 0
}

const asksForMore = (body: Json): boolean =>
  Object.entries(isUsual).some(([name, is]) => !Predicate.isNullable(body[name]) && !is(body[name]))

/** Whether a call is charged by another price than the engine's: none is known then. */
export const hasOtherPrice = (task: AITask.AITask): boolean =>
  !usualTiers.has(task.serviceTier) ||
  !usualTiers.has(task.original?.body["service_tier"]) ||
  asksForMore(task.original?.body ?? {}) ||
  (task.nativeTools ?? []).some(runsAtProvider) ||
  required(task).some((name) => !kept.has(name))
