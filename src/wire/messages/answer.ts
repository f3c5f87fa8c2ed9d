import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import * as ReasoningEngine from "../../ReasoningEngine.js"
import * as decoding from "../decoding.js"
import * as failure from "../failure.js"
import type * as sse from "../sse.js"
import * as toolArguments from "../../internal/toolArguments.js"
import * as usage from "./usage.js"
import * as wire from "./wire.js"
import * as kept from "../kept.js"

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
  /** Whether it goes on from a text, to which nothing may be missing. */
  readonly continues: boolean
  /** Gives a tool call an id of its own, where the server gave it none or another call's. */
  readonly distinct: (id: string) => string
  /** Under which ids the provider keeps something of the answer; under none where absent. */
  readonly kept?: ((said: Keeping) => ReadonlyArray<string>) | undefined
}

/** What names something that the provider keeps. */
interface Keeping {
  readonly container?: unknown
  readonly id?: unknown
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
  "message_stop",
  // A whole answer.
  "message"
])

/** The deltas that are looked at. */
const knownDeltas: ReadonlySet<unknown> = new Set([
  "text_delta",
  "input_json_delta",
  "thinking_delta",
  "signature_delta",
  "citations_delta"
])

/** One answer of the Messages API as it is decoded. */
export class Answer implements decoding.Decoding {
  failure: failure.Failure | undefined = undefined
  finished = false
  begun = false
  working = false
  unnamed = false

  private events: Array<ReasoningEngine.EngineEvent> = []
  private said = ""
  /** The types of the blocks that have begun, by their index. */
  private readonly blocks = new Map<number, string>()
  private readonly calls = new Map<number, Call>()
  private readonly thoughts = new Map<number, { thinking: string; signature: string }>()
  private readonly citations: Array<unknown> = []
  private readonly usage = new usage.Meter()
  /** Calls whose block has ended. */
  private ready: Array<Call> = []
  private model: string
  private id: unknown
  private container: unknown
  private stopReason = ""
  /** Why there is no answer, where the stop reason says that: it fails at its end. */
  private refused: failure.Failure | undefined = undefined
  private stopSequence: string | undefined = undefined
  private unsent: string
  private called = false
  private reasoned = false
  /** Whether a message came, if an empty one. */
  private answered = false

  constructor(private readonly options: Options) {
    this.model = options.model
    this.unsent = options.unsent
  }

  get ended(): boolean {
    return this.finished || this.failure !== undefined
  }

  /** The last word is `message_stop`, and a whole message; a refusal is one all the same. */
  get awaitsEnd(): boolean {
    return this.refused !== undefined && !this.ended
  }

  get closing(): boolean {
    return this.stopReason !== "" && !this.ended
  }

  get beyondText(): boolean {
    return Array.from(this.blocks.values()).some((type) => type !== "text")
  }

  take(): ReadonlyArray<ReasoningEngine.EngineEvent> {
    const taken = this.events
    this.events = []
    return taken
  }

  event({ data, name }: sse.Event): void {
    // Some proxies end every stream as OpenAI does.
    if (this.ended || decoding.isDone(data)) return
    const json = decoding.read(data)
    const type = Option.getOrElse(Option.flatMapNullable(json, typeOf), () => name)
    if (name === "error" || type === "error" || Option.exists(json, hasError(type))) {
      this.unnamed ||= name !== type || Option.isNone(decoding.parse(data))
      this.failure = failure.fromJson(Option.getOrElse(json, () => data))
      return
    }
    if (type === "ping") return this.ping()
    if (!known.has(type) && type !== "") return
    const event = Option.flatMap(json, (value) => decodeEvent(value, type))
    this.unnamed ||= name !== type
    if (Option.isSome(event)) this.known(event.value)
    else this.failure = decoding.unreadable
  }

  /** While the model thinks or writes, pings are signs of work. */
  ping(): void {
    if (this.begun || this.blocks.size > 0) this.working = true
  }

  settle(): void {
    this.events.push(...Option.toArray(this.usage.take()))
  }

  /** Without `message_stop` it is cut, even where the stop reason came. */
  end(isEventStream: boolean): void {
    if (this.ended) return
    this.unnamed ||= this.refused !== undefined
    this.failure =
      this.refused ??
      (this.answered || isEventStream
        ? failure.ofKind("cut", "")
        : failure.ofKind("malformed", "the answer isn't one of the Messages API"))
  }

  private known(event: wire.Event): void {
    switch (event.type) {
      case "message_start":
        return this.message(event.message, false)
      case "content_block_start":
        return this.block(event.index ?? this.blocks.size, event.content_block)
      case "content_block_delta":
        this.working = true
        return this.delta(event.index ?? this.blocks.size - 1, event.delta)
      case "content_block_stop":
        return this.endBlock(event.index ?? this.blocks.size - 1)
      case "message_delta":
        this.usage.read(event.usage, true)
        return this.stop(event.delta ?? {})
      case "message_stop":
        return this.complete()
      case "message":
        return this.whole(event)
    }
  }

  private delta(index: number, delta: wire.Delta): void {
    switch (delta.type) {
      case "text_delta":
        return this.text(delta.text)
      case "input_json_delta":
        return this.input(index, delta.partial_json)
      case "thinking_delta":
        return this.think(index, delta.thinking)
      case "signature_delta": {
        const thought = this.thoughts.get(index)
        if (thought !== undefined) thought.signature += delta.signature
        return
      }
      case "citations_delta":
        this.citations.push(delta.citation)
    }
  }

  private think(index: number, text: string): void {
    this.reasoned = true
    const thought = this.thoughts.get(index)
    if (thought === undefined || text === "") return
    thought.thinking += text
    this.events.push(ReasoningEngine.reasoningDelta(text))
  }

  /** The thought's end: the state that the model wants back is its block. */
  private endThought(index: number): void {
    const thought = this.thoughts.get(index)
    if (thought === undefined) return
    this.thoughts.delete(index)
    if (thought.signature === "") return
    const value = { type: "thinking", ...thought }
    this.events.push(ReasoningEngine.reasoningDelta("", { wire: "messages", value }))
  }

  /** Takes an answer in one piece; of one that was streamed before, what it adds to that. */
  private whole(message: wire.Message): void {
    const content = message.content ?? []
    const text = content.map((block) => (block.type === "text" ? (block.text ?? "") : "")).join("")
    const more = decoding.beyond(this.said, text)
    if (Option.isNone(more)) {
      this.failure = failure.ofKind("malformed", "the answer ends in another message than was streamed")
      return
    }
    this.message(message, true)
    this.text(more.value)
    for (const [index, block] of content.entries()) {
      if (this.blocks.has(index)) continue
      if (block.type === "text") {
        this.citations.push(...(block.citations ?? []))
        continue
      }
      this.block(index, block)
      this.endBlock(index)
    }
    this.stop(message)
    if (this.failure === undefined) this.complete()
  }

  private message(message: wire.Message, isWhole: boolean): void {
    this.answered = true
    if (typeof message.model === "string" && message.model !== "") this.model = message.model
    this.id = message.id ?? this.id
    this.usage.read(message.usage, isWhole)
  }

  private block(index: number, block: wire.Block): void {
    this.answered = true
    // A sender that doesn't end its blocks ends one by beginning another in its place.
    this.endBlock(index)
    this.blocks.set(index, block.type)
    this.citations.push(...(block.citations ?? []))
    if (block.type === "text") return this.text(block.text ?? "")
    this.working = true
    if (block.type === "thinking") {
      this.thoughts.set(index, { thinking: "", signature: block.signature ?? "" })
      return this.think(index, block.thinking ?? "")
    }
    if (block.type === "redacted_thinking") {
      this.reasoned = true
      const value = { type: block.type, data: block.data ?? "" }
      this.events.push(ReasoningEngine.reasoningDelta("", { wire: "messages", value }))
    }
    if (block.type !== "tool_use") return
    this.begun = true
    if (block.name) {
      this.calls.set(index, {
        id: this.options.distinct(block.id ?? ""),
        name: block.name,
        input: block.input,
        arguments: ""
      })
    } else this.failure = failure.ofKind("malformed", "a tool call of the answer has no name")
  }

  private text(text: string): void {
    this.answered = true
    const rest = this.unsent === "" ? text : this.withoutUnsent(text)
    this.said += text
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
    // Without its beginning nobody knows what is called.
    else if (!this.blocks.has(index)) this.failure = decoding.unreadable
  }

  private endBlock(index: number): void {
    this.endThought(index)
    const call = this.calls.get(index)
    if (call === undefined) return
    this.calls.delete(index)
    // A tool without parameters is called without a delta.
    const args = toolArguments.text(call.arguments || toolArguments.piece(call.input))
    this.ready.push({ ...call, arguments: args })
    if (args !== "{}" && Option.isSome(decoding.parse(args))) this.flushCalls()
  }

  /** Gives the calls that have ended. One that may be cut waits for the stop reason, and what follows it. */
  private flushCalls(): void {
    for (const { arguments: args, id, name } of this.ready) {
      this.called = true
      this.events.push(ReasoningEngine.toolCall({ id, name, arguments: args }))
    }
    this.ready = []
  }

  private stop({
    container,
    stop_details: details,
    stop_reason: reason,
    stop_sequence: sequence
  }: wire.Stop): void {
    this.container = container ?? this.container
    if (sequence) this.stopSequence = sequence
    if (!reason) return
    this.stopReason = reason
    if (reason === "refusal") {
      const why = wire.explanationOf(details)
      this.refused = failure.ofKind("policy", why === "" ? "the model refused to answer" : why)
    }
    if (reason === "model_context_window_exceeded") {
      this.refused = failure.ofKind("context", "the answer reached the end of the model's context window")
    }
  }

  /** The server said its last word. Where nothing came before it, an empty answer would be made up. */
  private complete(): void {
    for (const index of [...this.thoughts.keys(), ...this.calls.keys()]) this.endBlock(index)
    if (this.stopReason === "max_tokens" && this.ready.pop() !== undefined) this.warn(decoding.tornCall)
    this.flushCalls()
    this.events.push(...Option.toArray(this.usage.end()))
    this.failure = this.refused ?? this.missing()
    if (this.failure !== undefined) return
    // It asks to be sent back, so that a turn with tools of the server's own goes on. Those are never offered
    // here, and an attempt is one request: what came is given for what it is, an answer that isn't done.
    if (this.stopReason === "pause_turn") this.warn("the model paused its turn: the answer isn't complete")
    const said = finishReasons.get(this.stopReason) ?? "other"
    const called = this.called && (said === "stop" || said === "other")
    this.events.push(
      ReasoningEngine.finish(called ? "tool_calls" : said, this.model, {
        rawReason: this.stopReason,
        stopSequence: this.stopSequence,
        citations: this.citations.length === 0 ? undefined : this.citations,
        kept: kept.orNone(this.options.kept?.({ container: this.container, id: this.id }))
      })
    )
    this.finished = true
  }

  /** What an answer lacks that is said to be whole. One that reached its limit may lack all of it. */
  private missing(): failure.Failure | undefined {
    if (this.stopReason === "" && !this.begun) return failure.ofKind("cut", "")
    if (this.stopReason === "max_tokens") return undefined
    if (this.stopReason === "tool_use" && !this.called) {
      return failure.ofKind("malformed", "the answer ends in tool calls, and has none")
    }
    const wrote = this.begun || this.reasoned || this.usage.wrote
    return wrote || this.options.continues ? undefined : decoding.empty
  }

  private warn(message: string): void {
    this.events.push(ReasoningEngine.warning(message))
  }
}

const typeOf = (value: unknown): string | undefined => {
  if (!Predicate.isRecord(value)) return undefined
  const { content, type } = value
  return typeof type === "string" ? type : Array.isArray(content) ? "message" : undefined
}

/** An error without its type, as proxies write it, or words or a flag where an answer should be. */
const hasError =
  (type: string) =>
  (value: unknown): boolean =>
    Predicate.isRecord(value) &&
    (Predicate.isObject(value["error"]) || (type === "" && decoding.isRefusal(value)))

const decodeEvent = (value: unknown, type: string): Option.Option<wire.Event> => {
  if (!Predicate.isRecord(value)) return Option.none()
  const { delta } = value
  return wire.decodeEvent(
    type === "content_block_delta" && Predicate.isRecord(delta) && !knownDeltas.has(delta["type"])
      ? { ...value, type, delta: { type: "other" } }
      : { ...value, type }
  )
}
