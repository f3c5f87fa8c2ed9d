import type * as Response from "@effect/ai/Response"
import * as Predicate from "effect/Predicate"
import * as ReasoningEngine from "../../ReasoningEngine.js"
import * as TokenUsage from "../../TokenUsage.js"
import * as failure from "../../wire/failure.js"
import { type Part, withParts } from "./modelCall.js"

const finishReasons = new Map<Response.FinishReason, ReasoningEngine.FinishReason>([
  ["stop", "stop"],
  ["length", "length"],
  ["tool-calls", "tool_calls"]
])

const isCount = (count: number | undefined): count is number =>
  Number.isSafeInteger(count) && Number(count) >= 0

const count = (value: unknown): number => (typeof value === "number" && isCount(value) ? value : 0)

type Json = Readonly<Record<string, unknown>>

/** What a provider says beside a part, by the name of its package. */
const saidBy = (
  provider: "anthropic" | "openai",
  metadata: Response.ProviderMetadata = {}
): Json | undefined => metadata[provider]

const fieldsOf = (value: unknown): Json => (Predicate.isRecord(value) ? value : {})

/** Anthropic counts what goes through its cache apart from the input, and tells it only here. */
const cacheOf = ({ metadata, usage }: Response.FinishPartEncoded) => {
  const anthropic = saidBy("anthropic", metadata)
  const said = fieldsOf(anthropic?.["usage"])
  const kept = fieldsOf(said["cache_creation"])
  const cacheReadTokens = count(usage.cachedInputTokens)
  const cacheWriteTokens = count(said["cache_creation_input_tokens"])
  return {
    cacheReadTokens,
    cacheWriteTokens,
    cacheWrite1hTokens: count(kept["ephemeral_1h_input_tokens"]),
    beside: anthropic === undefined ? 0 : cacheReadTokens + cacheWriteTokens
  }
}

/** The usage; absent where the provider doesn't count both input and output. */
const usageOf = (finish: Response.FinishPartEncoded): TokenUsage.TokenUsage | undefined => {
  const { inputTokens, outputTokens, reasoningTokens } = finish.usage
  if (!isCount(inputTokens) || !isCount(outputTokens)) return undefined
  const { beside, ...cache } = cacheOf(finish)
  return TokenUsage.make({
    ...cache,
    inputTokens: inputTokens + beside,
    outputTokens,
    reasoningTokens: count(reasoningTokens)
  })
}

/** Parts that show a provider at work while it has nothing to deliver. */
const work: ReadonlySet<Part["type"]> = new Set<Part["type"]>([
  "reasoning-start",
  "reasoning-delta",
  "reasoning-end",
  "tool-params-start",
  "tool-params-delta",
  "tool-params-end",
  "tool-call",
  "tool-result",
  "file"
])

/**
 * One answer of a language model as it comes. It takes parts and gives an engine's events; its end is a
 * Finish among them, or a failure. What the model's package takes for a success and none is becomes one
 * here.
 */
export class Answer {
  /** Why there won't be an answer. */
  failure: failure.Failure | undefined = undefined
  finished = false
  /** Whether some of it has come. */
  begun = false
  /** Whether something came that isn't delivered yet: the provider is at work. */
  working = false
  /** All of it. */
  readonly parts: Array<Part> = []

  private events: Array<ReasoningEngine.EngineEvent> = []
  /** What came since the last content, and waits for the next one to be delivered with. */
  private waiting: Array<Part> = []
  /** The first half of a character whose other half hasn't come. */
  private half = ""

  constructor(private model: string) {}

  /** The events since the last time. */
  take(): ReadonlyArray<ReasoningEngine.EngineEvent> {
    const taken = this.events
    this.events = []
    return taken
  }

  /** The parts that no content brought: those after the last one. */
  get rest(): ReadonlyArray<Part> {
    return this.waiting
  }

  part(part: Part): void {
    if (this.finished || this.failure !== undefined) return
    this.parts.push(part)
    this.waiting.push(part)
    if (work.has(part.type)) this.working = true
    switch (part.type) {
      case "text-delta":
        this.text(part.delta)
        break
      case "tool-call":
        // A call that the provider makes by itself is its own.
        if (part.providerExecuted !== true) this.toolCall(part)
        break
      case "file":
        this.begun = true
        break
      case "response-metadata":
        this.model = part.modelId ?? this.model
        break
      case "error":
        this.failure = failure.fromJson(part.error)
        break
      case "finish":
        this.finish(part)
        break
      default:
        break
    }
  }

  /** Half a character isn't content: the parts that bring it wait for the other half. */
  private text(delta: string): void {
    const text = this.half + delta
    const isHalf = /[\uD800-\uDBFF]$/.test(text)
    this.half = isHalf ? text.slice(-1) : ""
    const whole = isHalf ? text.slice(0, -1) : text
    if (whole !== "") this.content(ReasoningEngine.textDelta(whole))
  }

  /** No other half follows. */
  private endText(): void {
    if (this.half === "") return
    this.content(ReasoningEngine.textDelta(this.half))
    this.half = ""
  }

  private toolCall({ id, name, params }: Response.ToolCallPartEncoded): void {
    this.endText()
    this.content(ReasoningEngine.toolCall({ id, name, arguments: JSON.stringify(params ?? {}) }))
  }

  private content(content: ReasoningEngine.TextDelta | ReasoningEngine.ToolCallEvent): void {
    this.begun = true
    this.events.push(withParts(content, this.waiting))
    this.waiting = []
  }

  private finish(part: Response.FinishPartEncoded): void {
    const usage = usageOf(part)
    this.failure = this.failureOf(part, usage)
    if (this.failure !== undefined) return
    this.endText()
    if (usage !== undefined) this.events.push(ReasoningEngine.usage(usage))
    this.events.push(ReasoningEngine.finish(finishReasons.get(part.reason) ?? "other", this.model))
    this.finished = true
  }

  private failureOf(
    { metadata, reason }: Response.FinishPartEncoded,
    usage: TokenUsage.TokenUsage | undefined
  ): failure.Failure | undefined {
    if (reason === "content-filter") return failure.ofKind("policy", "its content filter ended the answer")
    if (reason === "error") return failure.ofKind("server", "it ended the answer with an error")
    const isOpenAI = saidBy("openai", metadata) !== undefined
    // A failed response of OpenAI's comes as one that stopped; what tells it is that it counts no tokens.
    if (usage === undefined && (isOpenAI || !this.begun)) {
      return failure.ofKind(
        "server",
        "it ended the answer as if it were whole, with nothing that shows it is"
      )
    }
    // Of a refusal that is streamed nothing is left but that there is no answer.
    if (isOpenAI && reason === "stop" && !this.begun) {
      return failure.ofKind("policy", "it ended without an answer, as it does when it refuses")
    }
    return undefined
  }
}
