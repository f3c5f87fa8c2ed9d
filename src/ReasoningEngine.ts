/**
 * The contract of a provider: one attempt at one task.
 *
 * An attempt is a scoped pull of chunks of events, ended by its terminal event, `Finish`. Both deliveries
 * derive from it, whole and streamed, so both decode alike and fail alike. An engine never retries, never
 * falls over and keeps no deadline: that is the router's to decide, once for the whole call.
 *
 * @since 0.1.0
 */
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type * as AIProvider from "./AIProvider.js"
import * as AITask from "./AITask.js"
import * as EngineError from "./EngineError.js"
import * as attachment from "./internal/attachment.js"
import { type Given, given } from "./internal/options.js"
import type * as Price from "./Price.js"
import type * as TokenUsage from "./TokenUsage.js"
import type * as Usd from "./Usd.js"
import type * as Wire from "./Wire.js"

/**
 * Why a model stopped: it was done (`stop`), reached the token limit (`length`), or calls tools.
 * A refusal isn't a finish: it is a ContentPolicyError.
 *
 * @since 0.1.0
 * @category events
 */
export type FinishReason = "stop" | "length" | "tool_calls" | "other"

/**
 * More of the answer's text.
 *
 * @since 0.1.0
 * @category events
 */
export interface TextDelta {
  readonly _tag: "TextDelta"
  readonly text: string
}

/**
 * More of what the model thinks, and at the end of a thought the state that it wants back. Joined up to a state
 * they are one part of {@link AIResult.AIResult.reasoning}.
 *
 * @since 0.1.0
 * @category events
 */
export interface ReasoningDelta {
  readonly _tag: "ReasoningDelta"
  readonly text: string
  readonly state?: Wire.State | undefined
}

/**
 * More of the answer as it came over its wire, where {@link Request.native} asks for it: before the events that
 * it says. Joined they are the provider's body.
 *
 * @since 0.1.0
 * @category events
 */
export interface NativeEvent {
  readonly _tag: "Native"
  readonly text: string
  /**
   * Whether the body up to here has more than text: thoughts, a part of a tool call, a second answer. What
   * breaks off after that can't be continued.
   */
  readonly beyondText?: boolean | undefined
}

/**
 * A call of a tool, whole.
 *
 * @since 0.1.0
 * @category events
 */
export interface ToolCallEvent {
  readonly _tag: "ToolCall"
  readonly call: AITask.ToolCall
}

/**
 * The tokens used so far. Cumulative: the last one counts.
 *
 * @since 0.1.0
 * @category events
 */
export interface UsageEvent {
  readonly _tag: "Usage"
  readonly usage: TokenUsage.TokenUsage
  /** What the provider says that it bills for the request so far, where it does: it holds before the price. */
  readonly cost?: Usd.Usd | undefined
}

/**
 * What a provider says of one of its limits.
 *
 * @since 0.1.0
 * @category events
 */
export interface Quota {
  /** How much the provider still takes, 0 or more. */
  readonly remaining: number
  /** When it takes all again, in milliseconds of the Clock. */
  readonly resetAt: number
}

/**
 * What the provider says of its rate limits, as of now: only what it said.
 *
 * @since 0.1.0
 * @category events
 */
export interface RateLimitsEvent {
  readonly _tag: "RateLimits"
  readonly requests?: Quota | undefined
  readonly tokens?: Quota | undefined
}

/**
 * Something that the caller should know and that is no failure: a parameter that was dropped, say.
 *
 * @since 0.1.0
 * @category events
 */
export interface WarningEvent {
  readonly _tag: "Warning"
  readonly message: string
  /** The fields of the task that were left out. */
  readonly fields?: ReadonlyArray<string> | undefined
}

/**
 * The terminal event: the provider said that the answer is whole. Without it there is no answer.
 *
 * @since 0.1.0
 * @category events
 */
export interface Finish {
  readonly _tag: "Finish"
  readonly reason: FinishReason
  /** The model that answered, as the provider names it. */
  readonly model: string
  /** The reason in the provider's own word (`end_turn`, `eos`), where it has another one. */
  readonly rawReason?: string | undefined
  /** The stop sequence that the model stopped at, where the provider says which. */
  readonly stopSequence?: string | undefined
  /** The sources that the answer names, as its wire has them. */
  readonly citations?: ReadonlyArray<unknown> | undefined
  /** The log probabilities of the answer, as its wire has them. */
  readonly logProbabilities?: unknown
  /** The service tier that answered, in the provider's word. */
  readonly serviceTier?: string | undefined
  /** Under which ids the provider keeps something of the answer, for a later call to name. */
  readonly kept?: ReadonlyArray<string> | undefined
  /** The member that answered, where the provider is a pool. */
  readonly member?: string | undefined
}

/**
 * What an attempt emits.
 *
 * @since 0.1.0
 * @category events
 */
export type EngineEvent =
  | TextDelta
  | ReasoningDelta
  | ToolCallEvent
  | NativeEvent
  | UsageEvent
  | RateLimitsEvent
  | WarningEvent
  | Finish

/**
 * @since 0.1.0
 * @category events
 */
export const textDelta = (text: string): TextDelta => ({ _tag: "TextDelta", text })

/**
 * @since 0.1.0
 * @category events
 */
export const reasoningDelta = (text: string, state?: Wire.State): ReasoningDelta => ({
  _tag: "ReasoningDelta",
  text,
  ...(state === undefined ? {} : { state })
})

/**
 * @since 0.1.0
 * @category events
 */
export const native = (text: string, beyondText?: boolean): NativeEvent => ({
  _tag: "Native",
  text,
  ...(beyondText === true ? { beyondText } : {})
})

/**
 * @since 0.1.0
 * @category events
 */
export const toolCall = (call: AITask.ToolCall): ToolCallEvent => ({ _tag: "ToolCall", call })

/**
 * @since 0.1.0
 * @category events
 */
export const usage = (usage: TokenUsage.TokenUsage, cost?: Usd.Usd): UsageEvent => ({
  _tag: "Usage",
  usage,
  ...(cost === undefined ? {} : { cost })
})

/**
 * @since 0.1.0
 * @category events
 */
export const rateLimits = (quotas: Omit<RateLimitsEvent, "_tag">): RateLimitsEvent => ({
  _tag: "RateLimits",
  ...quotas
})

/**
 * @since 0.1.0
 * @category events
 */
export const warning = (message: string, fields?: ReadonlyArray<string>): WarningEvent => ({
  _tag: "Warning",
  message,
  ...(fields === undefined ? {} : { fields })
})

/**
 * The end of an answer. What the provider said of it is kept where it says more than the reason does.
 *
 * @since 0.1.0
 * @category events
 */
export const finish = (
  reason: FinishReason,
  model: string,
  { rawReason, ...said }: Given<Omit<Finish, "_tag" | "model" | "reason">> = {}
): Finish => ({
  _tag: "Finish",
  reason,
  model,
  ...(rawReason === undefined || rawReason === "" || rawReason === reason ? {} : { rawReason }),
  ...given(said)
})

/**
 * What a provider's wire can carry. The router never sends an engine a task that needs what it lacks,
 * except sampling parameters: those are dropped with a warning.
 *
 * @since 0.1.0
 * @category models
 */
export interface Capabilities {
  /** Tools can be offered and called. */
  readonly tools: boolean
  /** A system prompt reaches the model. */
  readonly systemPrompt: boolean
  /** Temperature and top-p are accepted. */
  readonly sampling: boolean
  /** A last assistant message is continued instead of answered. */
  readonly prefill: boolean
  /** The answer can be bound to a JSON schema. */
  readonly jsonSchema: boolean
  /** Images can be part of a message. */
  readonly images: boolean
  /** Documents can be part of a message. */
  readonly documents: boolean
  /** Sound can be part of a message. */
  readonly audio: boolean
  /** The log probabilities of the answer can be had. */
  readonly logProbabilities: boolean
  /** Text arrives while it is written. */
  readonly streaming: boolean
  /**
   * The model thinks before it writes, so that its first token may take minutes: it is given
   * {@link RoutingPolicy.reasoningLimits}. When absent, the model's name tells.
   */
  readonly reasoning?: boolean | undefined
  /** Tokens that the model can hold, prompt and answer together; none when unknown. */
  readonly contextWindow: Option.Option<number>
}

/**
 * What a Chat Completions server usually can: all but images, documents, sound, log probabilities and prefill,
 * window unknown.
 *
 * @since 0.1.0
 * @category capabilities
 */
export const defaultCapabilities: Capabilities = {
  tools: true,
  systemPrompt: true,
  sampling: true,
  prefill: false,
  jsonSchema: true,
  images: false,
  documents: false,
  audio: false,
  logProbabilities: false,
  streaming: true,
  contextWindow: Option.none()
}

/**
 * What an engine is asked.
 *
 * @since 0.1.0
 * @category models
 */
export interface Request {
  readonly task: AITask.AITask
  /** How the caller takes the answer. An engine may choose its wire by it; the events are the same. */
  readonly mode: AITask.Mode
  /**
   * Text that the answer has to go on from: the part before a cut. Set only for engines with the
   * `prefill` capability; what the engine emits is only what follows.
   */
  readonly prefill?: string | undefined
  /**
   * Whether the answer is wanted as it comes over the wire, besides what it says: an engine that sends the
   * task's original gives Native events then.
   */
  readonly native?: boolean | undefined
  /** The only member that may be asked, where the provider is a pool: it keeps what the task names. */
  readonly member?: string | undefined
}

/**
 * The next chunk of an attempt. It isn't pulled again once it failed or gave a Finish. An empty chunk says
 * that the provider is at work and has nothing to deliver yet (it thinks, or writes the arguments of a
 * tool): it ends the wait for the first token, and from there silence is what the idle limit bounds.
 *
 * @since 0.1.0
 * @category models
 */
export type Pull = Effect.Effect<ReadonlyArray<EngineEvent>, EngineError.EngineError>

/**
 * A provider.
 *
 * @since 0.1.0
 * @category models
 */
export interface ReasoningEngine {
  readonly provider: AIProvider.AIProvider
  /** The model that is asked, where the engine asks for one by name. */
  readonly model: string
  readonly capabilities: Capabilities
  /** The wires that it speaks: a task that came over one of them is sent as it came. */
  readonly wires: ReadonlyArray<Wire.Wire>
  /** What it charges; none when unknown, which isn't 0. */
  readonly price: Option.Option<Price.Price>
  /**
   * Begins one attempt. Closing the scope ends it, at the provider too; an attempt that ends without
   * Finish has to fail, a TransientError (`network`) when the answer was cut.
   */
  readonly attempt: (request: Request) => Effect.Effect<Pull, EngineError.EngineError, Scope.Scope>
  /** Has the provider count the tokens that it would read of a task; absent where it can't. */
  readonly countTokens?: CountTokens | undefined
  /** Its members as they stand, where it has several; absent where it is one. */
  readonly members?: Effect.Effect<ReadonlyArray<Member>> | undefined
}

/**
 * How one stands of several that are one provider: a key, a region, a deployment.
 *
 * @since 0.1.0
 * @category models
 */
export interface Member {
  readonly name: string
  /** Its share of the calls beside the others' weights. */
  readonly weight: number
  /** The calls under way. */
  readonly underWay: number
  /** Why it is left out, and until when, in milliseconds of the Clock; none where it takes part. */
  readonly out: Option.Option<{ readonly error: EngineError.EngineError; readonly until: number }>
}

/**
 * Has a provider count the tokens that it would read of a task.
 *
 * @since 0.1.0
 * @category models
 */
export type CountTokens = (task: AITask.AITask) => Effect.Effect<number, EngineError.EngineError>

/**
 * What every constructor of an engine takes.
 *
 * @since 0.1.0
 * @category models
 */
export interface Options {
  readonly provider: AIProvider.AIProvider
  /** The model's name; the provider's id when absent. */
  readonly model?: string | undefined
  /** Differences from {@link defaultCapabilities}. */
  readonly capabilities?: Given<Capabilities> | undefined
  /** The wires that it speaks; none when absent. */
  readonly wires?: ReadonlyArray<Wire.Wire> | undefined
  readonly price?: Price.Price | undefined
}

/**
 * Makes an engine from its pull: the primitive, for wires that deliver chunks.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (
  options: Options & {
    readonly attempt: ReasoningEngine["attempt"]
    readonly countTokens?: CountTokens | undefined
  }
): ReasoningEngine => ({
  provider: options.provider,
  model: options.model ?? options.provider,
  capabilities: { ...defaultCapabilities, ...given(options.capabilities) },
  wires: options.wires ?? [],
  price: Option.fromNullable(options.price),
  attempt: options.attempt,
  ...given({ countTokens: options.countTokens })
})

/**
 * The failure of an attempt whose provider ended the answer without saying that it is whole.
 *
 * @since 0.1.0
 * @category errors
 */
export const cut = (provider: AIProvider.AIProvider): EngineError.TransientError =>
  new EngineError.TransientError(
    {
      provider,
      reason: "network",
      description: "the answer ended before the provider said that it is complete"
    },
    EngineError.unchecked
  )

/**
 * Makes an engine from a Stream of events. A stream that ends without Finish is a cut answer and fails.
 *
 * @since 0.1.0
 * @category constructors
 */
export const fromStream = (
  options: Options & {
    readonly stream: (request: Request) => Stream.Stream<EngineEvent, EngineError.EngineError>
  }
): ReasoningEngine =>
  make({
    ...options,
    attempt: (request) =>
      Effect.map(
        Stream.toPull(options.stream(request)),
        Effect.mapBoth({
          onFailure: Option.getOrElse(() => cut(options.provider)),
          onSuccess: Chunk.toReadonlyArray
        })
      )
  })

/**
 * A whole answer, for engines that have no other.
 *
 * @since 0.1.0
 * @category models
 */
export interface Answer {
  readonly text: string
  readonly toolCalls?: ReadonlyArray<AITask.ToolCall> | undefined
  readonly usage?: TokenUsage.TokenUsage | undefined
  /** `stop` when absent, or `tool_calls` when there are some. */
  readonly finishReason?: FinishReason | undefined
  readonly model?: string | undefined
}

/**
 * Makes an engine from an Effect that gives the whole answer. It doesn't stream: a streaming task gets
 * the text in one piece.
 *
 * @since 0.1.0
 * @category constructors
 * @example
 * ```ts
 * import { AIProvider, AITask, ReasoningEngine } from "arc-saga"
 * import { Effect } from "effect"
 *
 * export const echo = ReasoningEngine.fromEffect({
 *   provider: AIProvider.unsafeMake("echo"),
 *   answer: ({ task }) => Effect.succeed({ text: AITask.promptText(task) })
 * })
 * ```
 */
export const fromEffect = (
  options: Options & {
    readonly answer: (request: Request) => Effect.Effect<Answer, EngineError.EngineError>
  }
): ReasoningEngine => {
  const model = options.model ?? options.provider
  return make({
    ...options,
    capabilities: { streaming: false, ...given(options.capabilities) },
    attempt: (request) =>
      Effect.succeed(
        Effect.map(options.answer(request), (answer) => {
          const calls = answer.toolCalls ?? []
          const events: Array<EngineEvent> = [textDelta(answer.text), ...calls.map(toolCall)]
          if (answer.usage !== undefined) events.push(usage(answer.usage))
          events.push(
            finish(answer.finishReason ?? (calls.length > 0 ? "tool_calls" : "stop"), answer.model ?? model)
          )
          return events
        })
      )
  })
}

/**
 * Whether an engine has no other wire than `embeddings`, and so writes nothing.
 *
 * @since 0.1.0
 * @category predicates
 */
export const embedsOnly = ({ wires }: Pick<ReasoningEngine, "wires">): boolean =>
  wires.length > 0 && wires.every((wire) => wire === "embeddings")

/**
 * What a task needs and an engine lacks, in words; empty when the engine can carry it.
 *
 * @since 0.1.0
 * @category getters
 */
export const lacks = (engine: ReasoningEngine, task: AITask.AITask): ReadonlyArray<string> => {
  const { capabilities: can, wires } = engine
  const missing = new Set<string>()
  const need = (isThere: boolean, what: string): void => void (isThere || missing.add(what))
  if (task.providers !== undefined) {
    need(task.providers.includes(engine.provider), `a restriction to ${task.providers.join(", ")}`)
  }
  if (task.tools !== undefined) need(can.tools, "tools")
  if (task.systemPrompt !== undefined) need(can.systemPrompt, "a system prompt")
  if ((task.responseFormat?.type ?? "text") !== "text") need(can.jsonSchema, "JSON answers")
  if (task.logProbabilities !== undefined) need(can.logProbabilities, "log probabilities")
  const { original } = task
  if (original?.wire === "embeddings") {
    const asked = original.body["model"]
    need(wires.includes(original.wire) && asked === engine.model, `embeddings of ${String(asked)}`)
  } else need(!embedsOnly(engine), "a conversation")
  if (original !== undefined && !wires.includes(original.wire)) {
    const refused = task.unsupported === "refuse" ? (original.prefers ?? []) : []
    for (const field of [...(original.requires ?? []), ...refused]) need(false, field)
    if (task.messages.at(-1)?.role === "assistant") need(can.prefill, "a beginning of the answer")
  }
  for (const { value, wire } of AITask.within(wires, task).nativeTools ?? []) {
    need(can.tools && wires.includes(wire), `the tool ${typeOf(value)} of ${wire}`)
  }
  for (const message of task.messages) {
    if (message.role === "tool" || (message.role === "assistant" && (message.toolCalls?.length ?? 0) > 0)) {
      need(can.tools, "tools")
    }
    if (message.role === "system") need(can.systemPrompt, "a system prompt")
    if (typeof message.content === "string") continue
    for (const part of message.content) {
      if (part.type === "image") need(can.images, "images")
      else if (part.type === "document") need(can.documents, "documents")
      else if (part.type === "audio") need(can.audio, "sound")
      else if (part.type === "native") {
        need(wires.includes(part.wire), `the part ${typeOf(part.value)} of ${part.wire}`)
      }
    }
  }
  return [...missing, ...attachment.left(engine, task)]
}

/** What a wire calls one of its parts or tools. */
const typeOf = ({ type }: { readonly [key: string]: unknown }): string =>
  typeof type === "string" ? JSON.stringify(type.slice(0, 64)) : "without a type"
