import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import type * as AITask from "../../AITask.js"
import * as ReasoningEngine from "../../ReasoningEngine.js"
import { type Decoding, isDone, parse } from "../decoding.js"
import * as failure from "../failure.js"
import type * as sse from "../sse.js"

import * as usage from "./usage.js"
import * as wire from "./wire.js"

interface Call {
  readonly index: number
  id: string
  name: string
  arguments: string
}

/** What the decoding of an answer has to know. */
export interface Options {
  /** The model that was asked, for servers that don't say which one answered. */
  readonly model: string
  /** Whether the server was asked for usage, which comes after the finish reason. */
  readonly awaitUsage: boolean
}

const finishReasons = new Map<string, ReasoningEngine.FinishReason>([
  ["stop", "stop"],
  ["length", "length"],
  ["tool_calls", "tool_calls"],
  ["function_call", "tool_calls"]
])

/**
 * One answer as it is decoded. It takes JSON, in whatever pieces the wire has, and gives events; its end
 * is a Finish among them, or a failure.
 */
export class Answer implements Decoding {
  /** Why there won't be an answer. */
  failure: failure.Failure | undefined = undefined
  /** Whether it is whole. */
  finished = false
  /** Whether some of it has come. */
  begun = false
  working = false

  private events: Array<ReasoningEngine.EngineEvent> = []
  private readonly usage = new usage.Meter()
  private readonly calls: Array<Call> = []
  private model: string
  private finishReason = ""
  private refusal = ""
  /** Whether usage came with the finish reason or after it: before, it may not be the last word. */
  private counted = false
  /** Whether any choice came, if an empty one. */
  private answered = false
  private skipped = 0

  constructor(private readonly options: Options) {
    this.model = options.model
  }

  /** Whether the answer is whole but for its usage, which some servers promise and never send. */
  get awaitsUsage(): boolean {
    return this.finishReason !== "" && !this.ended
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

  /** Takes one event of a stream. */
  event({ data, name }: sse.Event): void {
    if (this.ended) return
    if (isDone(data)) return this.done()
    if (name === "error") {
      this.failure = failure.fromJson(Option.getOrElse(parse(data), () => data))
      return
    }
    this.json(parse(data))
  }

  /** Takes the JSON of an event, or of an answer in one piece. */
  json(json: Option.Option<unknown>): void {
    const value = Option.filter(json, Predicate.isRecord)
    if (Option.exists(value, isError)) {
      this.failure = failure.fromJson(Option.getOrUndefined(value))
      return
    }
    const chunk = Option.flatMap(value, wire.decodeChunk)
    if (Option.isSome(chunk)) this.chunk(chunk.value)
    else this.skipped++
  }

  /** After the events that came together: what they amount to. */
  settle(): void {
    this.flushUsage()
    // A server may keep the connection open for long after its last word.
    if (!this.ended && this.finishReason !== "" && (this.counted || !this.options.awaitUsage)) this.complete()
  }

  /**
   * The stream is over, orderly or not. With a finish reason the answer is whole; without one it is cut.
   */
  end(isEventStream: boolean): void {
    if (this.ended) return
    if (this.finishReason !== "" || this.refusal !== "") return this.complete()
    if (!this.answered && (this.skipped > 0 || !isEventStream)) {
      this.failure = failure.ofKind("malformed", "the answer isn't a stream of Chat Completions events")
      return
    }
    this.failure = failure.ofKind("cut", "")
  }

  /** The answer came in one piece: the piece is whole, or there is none. */
  endOfPiece(): void {
    if (this.ended) return
    if (!this.answered) {
      this.failure = failure.ofKind("malformed", "the answer isn't a Chat Completions object")
      return
    }
    this.complete()
  }

  /**
   * The server says that the stream is over. Without a finish reason that still ends an answer of which
   * something came (its reason is `other`); where nothing came, an empty answer would be made up.
   */
  private done(): void {
    if (this.finishReason !== "" || this.begun) return this.complete()
    this.failure = failure.ofKind("cut", "")
  }

  private chunk(chunk: wire.Chunk): void {
    if (chunk.model) this.model = chunk.model
    const choices = chunk.choices ?? []
    for (const choice of choices) {
      // Only one was asked for.
      if ((choice.index ?? 0) !== 0) continue
      const delta = choice.delta ?? choice.message
      if (delta) this.delta(delta)
      if (delta || choice.finish_reason) this.answered = true
      if (choice.finish_reason) this.finishReason = choice.finish_reason
    }
    if (this.finishReason === "error") {
      this.failure = failure.ofKind("server", "the server ended the answer with an error")
      return
    }
    if (this.usage.read(chunk)) this.counted = this.finishReason !== ""
  }

  private delta(delta: wire.Delta): void {
    const text =
      typeof delta.content === "string"
        ? delta.content
        : (delta.content ?? []).map((part) => (part.type === "text" ? (part.text ?? "") : "")).join("")
    if (text !== "") {
      this.begun = true
      this.events.push(ReasoningEngine.textDelta(text))
    }
    if (Boolean(delta.reasoning_content) || Boolean(delta.reasoning)) this.working = true
    if (delta.refusal) {
      this.begun = true
      this.working = true
      this.refusal += delta.refusal
    }
    for (const [position, call] of (delta.tool_calls ?? []).entries()) this.toolCall(call, position)
    if (delta.function_call) this.toolCall({ index: 0, function: delta.function_call }, 0)
  }

  private toolCall(delta: wire.ToolCallDelta, position: number): void {
    this.begun = true
    this.working = true
    const id = delta.id ?? ""
    const name = delta.function?.name ?? ""
    const args = delta.function?.arguments ?? ""
    const index = delta.index ?? this.indexOf(id, name, position)
    let call = this.calls.findLast((known) => known.index === index)
    // Some servers give all calls the same index: another id with a name begins another call.
    if (call === undefined || (id !== "" && name !== "" && call.id !== "" && call.id !== id)) {
      call = { index, id: "", name: "", arguments: "" }
      this.calls.push(call)
    }
    call.id ||= id
    // Some servers repeat the name in every piece.
    call.name ||= name
    call.arguments += typeof args === "string" ? args : JSON.stringify(args)
  }

  /** Where a piece without an index belongs: a name begins a call. */
  private indexOf(id: string, name: string, position: number): number {
    if (name !== "") return this.calls.length
    return (
      (this.calls.find((call) => call.id !== "" && call.id === id) ?? this.calls.at(-1))?.index ?? position
    )
  }

  private flushUsage(): void {
    this.events.push(...Option.toArray(this.usage.take()))
  }

  /** The server said its last word: an answer, or a refusal. */
  private complete(): void {
    this.flushUsage()
    if (this.refusal !== "" || this.finishReason === "content_filter") {
      this.failure = failure.ofKind(
        "policy",
        this.refusal === "" ? "its content filter ended the answer" : this.refusal
      )
      return
    }
    const calls = this.calls.flatMap(toToolCall)
    const nameless = this.calls.length - calls.length
    if (nameless > 0)
      this.events.push(ReasoningEngine.warning(`skipped ${nameless} tool calls without a name`))
    if (this.skipped > 0) {
      this.events.push(ReasoningEngine.warning(`skipped ${this.skipped} malformed events of the answer`))
    }
    const said = finishReasons.get(this.finishReason) ?? "other"
    const called = calls.length > 0 && (said === "stop" || said === "other")
    this.events.push(
      ...calls.map(ReasoningEngine.toolCall),
      ReasoningEngine.finish(called ? "tool_calls" : said, this.model)
    )
    this.finished = true
  }
}

const toToolCall = (call: Call, position: number): ReadonlyArray<AITask.ToolCall> =>
  call.name === ""
    ? []
    : [{ id: call.id === "" ? `call_${position}` : call.id, name: call.name, arguments: call.arguments }]

/** An error within a 200: an object, a bare string, or the event itself. */
const isError = (event: { readonly [key: string]: unknown }): boolean =>
  event["object"] === "error" ||
  Predicate.isObject(event["error"]) ||
  (typeof event["error"] === "string" && event["error"] !== "")
