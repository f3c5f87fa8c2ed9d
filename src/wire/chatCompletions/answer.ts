import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import * as ReasoningEngine from "../../ReasoningEngine.js"
import * as decoding from "../decoding.js"
import * as failure from "../failure.js"
import type * as sse from "../sse.js"
import * as endings from "./endings.js"
import { ToolCalls } from "./toolCalls.js"
import * as usage from "./usage.js"
import * as wire from "./wire.js"

/** What the decoding of an answer has to know. */
export interface Options {
  /** The model that was asked, for servers that don't say which one answered. */
  readonly model: string
  /** Gives a tool call an id of its own, where the server gave it none or another call's. */
  readonly distinct: (id: string) => string
  /** What the caller calls a tool; the same where absent. */
  readonly nameOf?: ((name: string) => string) | undefined
  /** Whether it goes on from a text, to which nothing may be missing. */
  readonly continues: boolean
  /** The sequences that the model was to stop at. */
  readonly stop: ReadonlyArray<string>
  /** The names of the tools that it was offered. */
  readonly tools?: ReadonlyArray<string> | undefined
}

/** Events that only say that the server is there. */
const pings: ReadonlySet<string> = new Set(["ping", "heartbeat", "keepalive", "keep-alive"])

/**
 * One answer as it is decoded. It takes events, in whatever pieces the wire has, and gives those of an
 * engine; its end is a Finish among them, or a failure.
 */
export class Answer implements decoding.Decoding {
  /** Why there won't be an answer. */
  failure: failure.Failure | undefined = undefined
  /** Whether it is whole. */
  finished = false
  /** Whether some of it has come. */
  begun = false
  foreign = false
  working = false

  private events: Array<ReasoningEngine.EngineEvent> = []
  private readonly usage = new usage.Meter()
  private text = ""
  private readonly calls: ToolCalls
  private model: string
  private finishReason = ""
  private stopSequence: string | undefined = undefined
  private refusal = ""
  private reasoned = false
  /** Whether there are answers beside the first one, which is the one that is heard. */
  private others = false
  /** What the server wants back of its thoughts, by the field that it says them in. */
  private readonly thoughts = new Map<string, string | Array<unknown>>()
  private readonly citations: Array<unknown> = []
  private readonly logProbabilities: Array<unknown> = []
  private serviceTier: string | undefined = undefined
  /** Whether any choice came, if an empty one. */
  private answered = false
  /** Whether a message came, which is all of the answer. */
  private whole = false

  constructor(private readonly options: Options) {
    this.model = options.model
    this.calls = new ToolCalls(options.tools ?? [])
  }

  /** Content, calls and usage can follow the finish reason: the answer is over when the server says so. */
  get awaitsEnd(): boolean {
    return this.finishReason !== "" && !this.ended
  }

  get beyondText(): boolean {
    return !this.calls.isEmpty || this.reasoned || this.refusal !== "" || this.others
  }

  /** Whether there is nothing more to expect. */
  get ended(): boolean {
    return this.finished || this.failure !== undefined
  }

  /** The events since the last time. */
  take(): ReadonlyArray<ReasoningEngine.EngineEvent> {
    const taken = this.events
    this.events = []
    return taken
  }

  /** Takes one event of a stream, or an answer in one piece. */
  event({ data, name }: sse.Event): void {
    if (this.ended) return
    if (decoding.isDone(data)) return this.done()
    const json = decoding.read(data)
    const error = name === "error" ? Option.orElseSome(json, () => data) : Option.flatMap(json, errorIn)
    if (Option.isSome(error)) {
      this.foreign ||= !Option.exists(decoding.parse(data), hasError)
      this.failure = failure.fromJson(error.value)
      return
    }
    const chunk = Option.flatMap(Option.filter(json, Predicate.isRecord), wire.decodeChunk)
    if (Option.isSome(chunk)) this.chunk(chunk.value)
    else if (pings.has(name)) this.ping()
    else this.failure = decoding.unreadable
  }

  /** While the model thinks or writes, the server's pings are signs of work. */
  ping(): void {
    if (this.finishReason === "" && (this.begun || this.reasoned)) this.working = true
  }

  /** After the events that came together: what they amount to. */
  settle(): void {
    this.flushUsage()
  }

  /**
   * The body is over, orderly or not. With a finish reason or a message the answer is whole; without one it
   * is cut.
   */
  end(isEventStream: boolean): void {
    if (this.ended) return
    this.foreign ||= this.finishReason === "" && this.refusal !== "" && !this.whole
    if (this.finishReason !== "" || this.refusal !== "" || this.whole) return this.complete()
    this.failure =
      this.answered || isEventStream
        ? failure.ofKind("cut", "")
        : failure.ofKind("malformed", "the answer isn't one of Chat Completions")
  }

  /**
   * The server says that the stream is over. Without a finish reason that still ends an answer of which
   * something came (its reason is `other`); where nothing came, an empty answer would be made up.
   */
  private done(): void {
    if (this.finishReason !== "" || this.begun || this.whole) return this.complete()
    this.failure = failure.ofKind("cut", "")
  }

  private chunk(chunk: wire.Chunk): void {
    if (typeof chunk.model === "string" && chunk.model !== "") this.model = chunk.model
    if (typeof chunk.service_tier === "string") this.serviceTier = chunk.service_tier
    // What choices of this event say is compared with what came before it.
    const before = this.text
    for (const choice of chunk.choices ?? []) {
      if (Number(choice.index ?? 0)) this.others = true
      else this.choice(choice, before)
    }
    this.usage.read(chunk)
  }

  private choice(choice: wire.Choice, before: string): void {
    const { error, finish_reason: reason, message } = choice
    const delta = wire.deltaOf(choice)
    this.foreign ||= delta !== choice.delta
    const repeated =
      message && (!delta || wire.isEmpty(delta) || (reason && wire.repeats(delta, message, before)))
    if (repeated) this.message(message, before)
    else if (delta) this.delta(delta)
    if (delta || message || reason) this.answered = true
    if (typeof reason === "string" && reason !== "") this.finishReason = reason
    const { logprobs } = choice
    if (Predicate.isRecord(logprobs) && Array.isArray(logprobs["content"])) {
      this.logProbabilities.push(...logprobs["content"])
    }
    const sequence = choice.stop_reason ?? choice.matched_stop
    this.stopSequence ??= this.options.stop.find((stop) => stop === sequence)
    if (decoding.isError(error)) this.failure ??= failure.fromJson({ error })
    // What the filter ended is counted yet.
    const ending = endings.failureOf(choice.native_finish_reason) ?? endings.failureOf(reason)
    if (ending?.kind === "policy") {
      this.foreign ||= reason !== "content_filter"
      this.finishReason = "content_filter"
    } else this.failure ??= ending
  }

  private delta(delta: wire.Delta): void {
    this.think(delta)
    this.say(wire.textOf(delta))
    if (delta.refusal) this.refuse(this.refusal + delta.refusal)
    if (delta.tool_calls) this.calls.add(delta.tool_calls)
    if (delta.function_call) this.calls.add([{ index: 0, function: delta.function_call }])
    this.call()
  }

  /** Takes a message: the answer in one piece, or all of it once more. */
  private message(message: wire.Delta, before: string): void {
    this.whole = true
    const more = decoding.beyond(before, wire.textOf(message))
    if (Option.isNone(more)) {
      this.failure = failure.ofKind("malformed", "the answer ends in another message than was streamed")
      return
    }
    if (!this.reasoned) this.think(message)
    this.say(more.value)
    if (message.refusal) this.refuse(message.refusal)
    this.calls.repeat([
      ...(message.tool_calls ?? []),
      ...(message.function_call ? [{ function: message.function_call }] : [])
    ])
    this.call()
  }

  private say(text: string): void {
    if (text === "") return
    this.begun = true
    this.text += text
    this.events.push(ReasoningEngine.textDelta(text))
  }

  private think(delta: wire.Delta): void {
    if (Array.isArray(delta.annotations)) this.citations.push(...delta.annotations)
    if (!wire.reasons(delta)) return
    this.reasoned = true
    this.working = true
    const text = wire.reasoningOf(delta)
    if (text !== "") this.events.push(ReasoningEngine.reasoningDelta(text))
    const state = wire.reasoningState(delta)
    if (state === undefined) return
    const before = this.thoughts.get(state.field)
    this.thoughts.set(
      state.field,
      typeof state.value === "string"
        ? (typeof before === "string" ? before : "") + state.value
        : [...(Array.isArray(before) ? before : []), ...state.value]
    )
  }

  /** The end of the thoughts: their state. */
  private endThoughts(): void {
    if (this.thoughts.size === 0) return
    const value = Object.fromEntries(this.thoughts)
    this.events.push(ReasoningEngine.reasoningDelta("", { wire: "chatCompletions", value }))
  }

  private refuse(refusal: string): void {
    this.begun = true
    this.working = true
    this.refusal = refusal
  }

  private call(): void {
    if (this.calls.isEmpty) return
    this.begun = true
    this.working = true
  }

  private flushUsage(): void {
    this.events.push(...Option.toArray(this.usage.take()))
  }

  /** The server said its last word: an answer, or a refusal, or nothing that is one of them. */
  private complete(): void {
    this.flushUsage()
    this.failure = this.refused()
    if (this.failure !== undefined) return
    const said = endings.finishOf(this.finishReason)
    if (said === "length" && this.calls.dropTorn())
      this.events.push(ReasoningEngine.warning(decoding.tornCall))
    const calls = this.calls.all(this.options.distinct, this.options.nameOf)
    this.failure = this.missing(said, calls.length > 0)
    if (this.failure !== undefined) return
    const called = calls.length > 0 && (said === "stop" || said === "other")
    this.endThoughts()
    this.events.push(
      ...calls.map(ReasoningEngine.toolCall),
      ReasoningEngine.finish(called ? "tool_calls" : said, this.model, {
        rawReason: this.finishReason,
        stopSequence: this.stopSequence,
        citations: this.citations.length === 0 ? undefined : this.citations,
        logProbabilities: this.logProbabilities.length === 0 ? undefined : this.logProbabilities,
        serviceTier: this.serviceTier
      })
    )
    this.finished = true
  }

  private refused(): failure.Failure | undefined {
    if (this.refusal !== "") return failure.ofKind("policy", this.refusal)
    return endings.failureOf(this.finishReason)
  }

  /** What an answer lacks that is said to be whole. One that reached its limit may lack all of it. */
  private missing(said: ReasoningEngine.FinishReason, called: boolean): failure.Failure | undefined {
    if (said === "length") return undefined
    if (this.calls.headless) return failure.ofKind("malformed", "a tool call of the answer has no name")
    if (said === "tool_calls" && !called) {
      return failure.ofKind("malformed", "the answer ends in tool calls, and has none")
    }
    const wrote = this.text !== "" || called || this.reasoned || this.usage.wrote
    return wrote || this.options.continues ? undefined : decoding.empty
  }
}

/** Whether an event has its error where clients look for one. */
const hasError = (event: unknown): boolean => Predicate.isRecord(event) && decoding.isError(event["error"])

/** An error within a 200: an object, a bare string, the event itself, or words or a flag where an answer should be. */
const errorIn = (event: unknown): Option.Option<unknown> => {
  if (!Predicate.isRecord(event)) return Option.none()
  const { base_resp: status, choices, error, object } = event
  if (object === "error" || decoding.isError(error)) return Option.some(event)
  // MiniMax's.
  if (Predicate.isRecord(status) && Boolean(status["status_code"])) {
    return Option.some({ message: status["status_msg"], code: String(status["status_code"]) })
  }
  return Predicate.isNullable(choices) && decoding.isRefusal(event) ? Option.some(event) : Option.none()
}
