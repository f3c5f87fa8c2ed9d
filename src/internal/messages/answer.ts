import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import * as ReasoningEngine from "../../ReasoningEngine.js"
import { type Decoding, isDone, parse } from "../decoding.js"
import * as failure from "../failure.js"
import type * as sse from "../sse.js"
import * as usage from "./usage.js"
import * as wire from "./wire.js"

interface Call {
  readonly id: string
  readonly name: string
  readonly input: unknown
  arguments: string
}

/** What the decoding of an answer has to know. */
export interface Options {
  /** The model that was asked, for servers that don't say which one answered. */
  readonly model: string
  /** White space that the text to go on from ended in, which couldn't be sent: the model may say it again. */
  readonly unsent: string
}

const finishReasons = new Map<string, ReasoningEngine.FinishReason>([
  ["end_turn", "stop"],
  ["stop_sequence", "stop"],
  ["max_tokens", "length"],
  ["tool_use", "tool_calls"]
])

/** The events that are looked at; pings, and what is yet to come, are passed over. */
const known: ReadonlySet<unknown> = new Set([
  "message_start",
  "content_block_start",
  "content_block_delta",
  "content_block_stop",
  "message_delta",
  "message_stop"
])

/** The deltas that are looked at: thinking, signatures and citations aren't part of the answer's text. */
const knownDeltas: ReadonlySet<unknown> = new Set(["text_delta", "input_json_delta"])

/** One answer of the Messages API as it is decoded. */
export class Answer implements Decoding {
  failure: failure.Failure | undefined = undefined
  finished = false
  begun = false
  working = false
  /** The last counts come with the stop reason, before the end. */
  readonly awaitsUsage = false

  private events: Array<ReasoningEngine.EngineEvent> = []
  private readonly calls = new Map<number, Call>()
  private readonly usage = new usage.Meter()
  private model: string
  private stopReason = ""
  private unsent: string
  private called = false
  /** Whether a message came, if an empty one. */
  private answered = false
  private skipped = 0
  private nameless = 0

  constructor(options: Options) {
    this.model = options.model
    this.unsent = options.unsent
  }

  get ended(): boolean {
    return this.finished || this.failure !== undefined
  }

  take(): ReadonlyArray<ReasoningEngine.EngineEvent> {
    const taken = this.events
    this.events = []
    return taken
  }

  event({ data, name }: sse.Event): void {
    // Some proxies end every stream as OpenAI does.
    if (this.ended || isDone(data)) return
    const json = parse(data)
    const type = Option.match(json, { onNone: () => name, onSome: (value) => typeOf(value) ?? name })
    if (name === "error" || type === "error" || Option.exists(json, hasError)) {
      this.failure = failure.fromJson(Option.getOrElse(json, () => data))
      return
    }
    if (!known.has(type) && type !== "") return
    const event = Option.flatMap(json, (value) => decodeEvent(value, type))
    if (Option.isSome(event)) this.known(event.value)
    else this.skipped++
  }

  json(json: Option.Option<unknown>): void {
    if (Option.exists(json, (value) => typeOf(value) === "error" || hasError(value))) {
      this.failure = failure.fromJson(Option.getOrUndefined(json))
      return
    }
    const message = Option.flatMap(json, wire.decodeMessage)
    if (Option.isNone(message)) return
    this.message(message.value, true)
    for (const [index, block] of (message.value.content ?? []).entries()) {
      this.block(index, block)
      this.endBlock(index)
    }
    this.stop(message.value.stop_reason, message.value.stop_details)
  }

  settle(): void {
    this.events.push(...Option.toArray(this.usage.take()))
  }

  /** Without `message_stop` it is cut, even where the stop reason came. */
  end(isEventStream: boolean): void {
    if (this.ended) return
    this.failure =
      !this.answered && (this.skipped > 0 || !isEventStream)
        ? failure.ofKind("malformed", "the answer isn't a stream of Messages events")
        : failure.ofKind("cut", "")
  }

  endOfPiece(): void {
    if (this.ended) return
    if (!this.answered) {
      this.failure = failure.ofKind("malformed", "the answer isn't an object of the Messages API")
      return
    }
    this.complete()
  }

  private known(event: wire.Event): void {
    switch (event.type) {
      case "message_start":
        return this.message(event.message, false)
      case "content_block_start":
        return this.block(event.index, event.content_block)
      case "content_block_delta":
        this.working = true
        return event.delta.type === "text_delta"
          ? this.text(event.delta.text)
          : this.input(event.index, event.delta.type === "input_json_delta" ? event.delta.partial_json : "")
      case "content_block_stop":
        return this.endBlock(event.index)
      case "message_delta":
        this.usage.read(event.usage, true)
        return this.stop(event.delta.stop_reason, event.delta.stop_details)
      case "message_stop":
        return this.complete()
    }
  }

  private message(message: wire.Message, isWhole: boolean): void {
    this.answered = true
    if (message.model) this.model = message.model
    this.usage.read(message.usage, isWhole)
  }

  private block(index: number, block: wire.Block): void {
    this.answered = true
    if (block.type === "text") this.text(block.text ?? "")
    if (block.type !== "tool_use") return
    this.begun = true
    if (block.name) {
      this.calls.set(index, {
        id: block.id || `call_${index}`,
        name: block.name,
        input: block.input,
        arguments: ""
      })
    } else this.nameless++
  }

  private text(text: string): void {
    this.answered = true
    const rest = this.unsent === "" ? text : this.withoutUnsent(text)
    if (rest === "") return
    this.begun = true
    this.events.push(ReasoningEngine.textDelta(rest))
  }

  /** What is new of a text that may begin with what was delivered before. */
  private withoutUnsent(text: string): string {
    let same = 0
    while (same < text.length && same < this.unsent.length && text[same] === this.unsent[same]) same++
    this.unsent = same === text.length ? this.unsent.slice(same) : ""
    return text.slice(same)
  }

  private input(index: number, json: string): void {
    const call = this.calls.get(index)
    if (call !== undefined) call.arguments += json
  }

  private endBlock(index: number): void {
    const call = this.calls.get(index)
    if (call === undefined) return
    this.calls.delete(index)
    this.called = true
    const { id, input, name } = call
    // A tool without parameters is called without a delta.
    const args = call.arguments === "" ? JSON.stringify(input ?? {}) : call.arguments
    this.events.push(ReasoningEngine.toolCall({ id, name, arguments: args }))
  }

  private stop(reason: string | null | undefined, details: unknown): void {
    if (!reason) return
    this.stopReason = reason
    if (reason === "refusal") {
      const why = wire.explanationOf(details)
      this.failure = failure.ofKind("policy", why === "" ? "the model refused to answer" : why)
    }
    if (reason === "model_context_window_exceeded") {
      this.failure = failure.ofKind("context", "the answer reached the end of the model's context window")
    }
  }

  /** The server said its last word. Where nothing came before it, an empty answer would be made up. */
  private complete(): void {
    if (this.stopReason === "" && !this.begun) {
      this.failure = failure.ofKind("cut", "")
      return
    }
    for (const index of Array.from(this.calls.keys())) this.endBlock(index)
    this.events.push(...Option.toArray(this.usage.end()))
    if (this.nameless > 0) this.warn(`skipped ${this.nameless} tool calls without a name`)
    if (this.skipped > 0) this.warn(`skipped ${this.skipped} malformed events of the answer`)
    // It asks to be sent back, so that a turn with tools of the server's own goes on. Those are never offered
    // here, and an attempt is one request: what came is given for what it is, an answer that isn't done.
    if (this.stopReason === "pause_turn") this.warn("the model paused its turn: the answer isn't complete")
    const said = finishReasons.get(this.stopReason) ?? "other"
    const called = this.called && (said === "stop" || said === "other")
    this.events.push(ReasoningEngine.finish(called ? "tool_calls" : said, this.model))
    this.finished = true
  }

  private warn(message: string): void {
    this.events.push(ReasoningEngine.warning(message))
  }
}

const typeOf = (value: unknown): string | undefined =>
  Predicate.isRecord(value) && typeof value["type"] === "string" ? value["type"] : undefined

/** An error without its type, as proxies write it. */
const hasError = (value: unknown): boolean => Predicate.isRecord(value) && Predicate.isObject(value["error"])

const decodeEvent = (value: unknown, type: string): Option.Option<wire.Event> => {
  if (!Predicate.isRecord(value)) return Option.none()
  const { delta } = value
  return wire.decodeEvent(
    type === "content_block_delta" && Predicate.isRecord(delta) && !knownDeltas.has(delta["type"])
      ? { ...value, type, delta: { type: "other" } }
      : { ...value, type }
  )
}
