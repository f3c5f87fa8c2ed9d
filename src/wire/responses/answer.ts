import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import * as ReasoningEngine from "../../ReasoningEngine.js"
import * as endings from "../chatCompletions/endings.js"
import * as usage from "../chatCompletions/usage.js"
import * as decoding from "../decoding.js"
import * as failure from "../failure.js"
import type * as sse from "../sse.js"
import * as toolArguments from "../../internal/toolArguments.js"
import { type Item, Items } from "./items.js"
import * as wire from "./wire.js"
import * as kept from "../kept.js"

/** What the decoding of an answer has to know. */
export interface Options {
  /** The model that was asked, for servers that don't say which one answered. */
  readonly model: string
  /** Whether it goes on from a text, to which nothing may be missing. */
  readonly continues: boolean
  /** Gives a tool call an id of its own, where the server gave it none or another call's. */
  readonly distinct: (id: string) => string
  /** What the caller calls a tool; the same where absent. */
  readonly nameOf?: ((name: string) => string) | undefined
  /** Under which ids the provider keeps something of the answer; under none where absent. */
  readonly kept?: ((said: Keeping) => ReadonlyArray<string>) | undefined
}

/** What names something that the provider keeps. */
interface Keeping {
  readonly conversation?: unknown
  readonly id?: unknown
  readonly output?: unknown
}

/** One answer of the Responses API as it is decoded. */
export class Answer implements decoding.Decoding {
  failure: failure.Failure | undefined = undefined
  finished = false
  begun = false
  working = false
  foreign = false
  /** The last word is one event, and a whole response. */
  readonly awaitsEnd = false

  private events: Array<ReasoningEngine.EngineEvent> = []
  private said = ""
  private readonly items = new Items()
  /** The item that the text is in so far, and the part of it. */
  private tail = { order: 0, part: 0 }
  /** Calls that are told, up to one that may be cut. */
  private ready: Array<Item> = []
  private readonly usage = new usage.Meter()
  private readonly citations = new Longest()
  private readonly logProbabilities = new Longest()
  private model: string
  private serviceTier: string | undefined = undefined
  private kept: ReadonlyArray<string> | undefined = undefined
  private refusal = ""
  private reasoned = false
  /** Whether thoughts were delivered that no state has ended. */
  private thinking = false
  /** Whether a response came, if an empty one. */
  private answered = false

  constructor(private readonly options: Options) {
    this.model = options.model
  }

  get ended(): boolean {
    return this.finished || this.failure !== undefined
  }

  get beyondText(): boolean {
    return this.items.all.some(({ isDone, type }) => !isDone && type !== "message" && type !== "")
  }

  take(): ReadonlyArray<ReasoningEngine.EngineEvent> {
    const taken = this.events
    this.events = []
    return taken
  }

  event({ data, name }: sse.Event): void {
    // Some proxies end every stream as Chat Completions do.
    if (this.ended || decoding.isDone(data)) return
    const json = decoding.read(data)
    const type = Option.getOrElse(Option.flatMapNullable(json, typeOf), () => name)
    if (name === "error" || type === "error" || Option.exists(json, hasError)) {
      this.foreign ||= type !== "error" || Option.isNone(decoding.parse(data))
      this.failure = failure.fromJson(Option.getOrElse(json, () => data))
      return
    }
    if (!wire.isKnown(type) && type !== "") {
      // What it says isn't known; that the server is at work is.
      if (type.startsWith("response.")) this.working = true
      else this.ping()
      return
    }
    const event = Option.flatMap(json, (value) => wire.decodeEvent(value, type))
    if (Option.isSome(event)) this.known(event.value)
    else this.failure = decoding.unreadable
  }

  /** While the model thinks or writes, pings are signs of work. */
  ping(): void {
    if (this.begun || this.items.all.length > 0) this.working = true
  }

  settle(): void {
    this.events.push(...Option.toArray(this.usage.take()))
  }

  /** Without its terminal event it is cut; a refusal is one all the same. */
  end(isEventStream: boolean): void {
    if (this.ended) return
    this.foreign ||= this.refusal !== ""
    this.failure =
      this.refused() ??
      (this.answered || isEventStream
        ? failure.ofKind("cut", "")
        : failure.ofKind("malformed", "the answer isn't one of the Responses API"))
  }

  private known(event: wire.Event): void {
    this.answered = true
    if ("response" in event) return this.response(event)
    this.working = true
    switch (event.type) {
      case "response.output_item.added":
      case "response.output_item.done":
        return this.told(event.item, event)
      case "response.content_part.added":
      case "response.content_part.done":
        return this.part(this.items.at(event), event.content_index ?? 0, event.part)
      case "response.output_text.delta":
        this.logProbabilities.add("piece", event.logprobs)
        return this.text(this.items.at(event), event.content_index ?? 0, event.delta)
      case "response.output_text.done":
        return this.whole(this.items.at(event), event.content_index ?? 0, event.text)
      case "response.output_text.annotation.added":
        return this.citations.add("piece", [event.annotation])
      case "response.refusal.delta":
        return this.refuse(this.refusal + event.delta)
      case "response.refusal.done":
        return this.refuse(event.refusal)
      case "response.reasoning_summary_text.delta":
        return this.think(this.items.at(event), "summary", event.delta, event.summary_index ?? 0)
      case "response.reasoning_text.delta":
        return this.think(this.items.at(event), "content", event.delta)
      case "response.function_call_arguments.delta":
      case "response.custom_tool_call_input.delta":
        return this.input(event, (item) => (item.args += event.delta))
      case "response.function_call_arguments.done":
        return this.input(event, (item) => {
          item.args = toolArguments.piece(event.arguments) || item.args
          item.name ||= event.name ?? ""
        })
      case "response.custom_tool_call_input.done":
        return this.input(event, (item) => (item.args = event.input))
    }
  }

  /** Takes a piece of a call, or of an item whose head hasn't come: it is a call, and the head may follow. */
  private input(event: Extract<wire.Event, wire.At>, change: (item: Item) => void): void {
    const item = this.items.at(event)
    if (item.type === "") {
      item.type = event.type.startsWith("response.custom") ? "custom_tool_call" : "function_call"
    }
    this.begun = true
    change(item)
  }

  private told(value: unknown, event: Extract<wire.Event, { readonly item: unknown }>): void {
    const told = Option.getOrUndefined(wire.itemOf(value))
    if (told === undefined) {
      this.failure = decoding.unreadable
      return
    }
    const isDone = event.type === "response.output_item.done"
    const place = { ...event, item_id: told.id }
    const item = isDone ? this.items.finish(told, place) : this.items.begin(told, place)
    this.begun ||= item.isCall
    this.reasoned ||= told.type === "reasoning"
    if (isDone) this.done(item, told, "item")
  }

  /** Takes an item that is whole. */
  private done(item: Item, { item: said, raw }: wire.Told, source: Source): void {
    if (said?.type === "message") {
      const parts = said.content ?? []
      this.refuseBy(parts)
      this.note(parts, source)
      this.whole(item, item.parts.size, textOf(parts), item.said)
    } else if (said?.type === "reasoning") this.endThought(item, said, raw)
    else if (item.isCall && !item.isDelivered) {
      this.ready.push(item)
      this.failure ??= this.nameless()
      if (item.isWhole && this.failure === undefined) this.flushCalls()
    }
  }

  private part(item: Item, index: number, part: wire.Part): void {
    if (part.type === "output_text") this.whole(item, index, part.text ?? "")
    this.refuseBy([part])
  }

  private note(parts: ReadonlyArray<wire.Part>, source: Source): void {
    for (const { annotations, logprobs } of parts) {
      this.citations.add(source, annotations)
      this.logProbabilities.add(source, logprobs)
    }
  }

  private text(item: Item, part: number, text: string): void {
    item.type ||= "message"
    if (text === "") return
    const { order } = item
    if (order < this.tail.order || (order === this.tail.order && part < this.tail.part)) {
      this.failure = failure.ofKind("malformed", "the answer's text goes on before its end")
      return
    }
    this.tail = { order, part }
    item.said += text
    item.parts.set(part, (item.parts.get(part) ?? "") + text)
    this.begun = true
    this.said += text
    this.events.push(ReasoningEngine.textDelta(text))
  }

  /** Takes all of a text: what it adds to what was delivered of it. */
  private whole(item: Item, part: number, whole: string, delivered = item.parts.get(part) ?? ""): void {
    const more = decoding.beyond(delivered, whole)
    if (Option.isSome(more)) this.text(item, part, more.value)
    else this.failure = failure.ofKind("malformed", "the answer ends in another text than was streamed")
  }

  private refuse(refusal: string): void {
    this.begun = true
    this.refusal = refusal
  }

  private refuseBy(parts: ReadonlyArray<wire.Part>): void {
    const refusal = parts.find(({ type }) => type === "refusal")?.refusal
    if (refusal) this.refuse(refusal)
  }

  /** Of a thought in two forms, the first is told. */
  private think(item: Item, form: NonNullable<Item["form"]>, text: string, summary = item.summary): void {
    this.reasoned = true
    item.type ||= "reasoning"
    item.form ??= form
    if (item.form !== form || text === "") return
    const isNew = item.thought === "" || summary !== item.summary
    item.summary = summary
    item.thought += isNew && item.thought !== "" ? apart + text : text
    this.events.push(ReasoningEngine.reasoningDelta(isNew && this.thinking ? apart + text : text))
    this.thinking = true
  }

  /** The thought's end: the state that the model wants back is its item, where it has what was thought. */
  private endThought(
    item: Item,
    { content, encrypted_content: encrypted, summary }: Extract<wire.Item, { type: "reasoning" }>,
    raw: wire.Told["raw"]
  ): void {
    this.reasoned = true
    const forms = { summary: thoughtOf(summary, apart), content: thoughtOf(content, "") }
    const form = item.form ?? (forms.summary === "" ? "content" : "summary")
    this.think(
      item,
      form,
      Option.getOrElse(decoding.beyond(item.thought, forms[form]), () => "")
    )
    if (!encrypted && forms.content === "") return
    const value = Object.fromEntries(Object.entries(raw).filter(([, each]) => each !== null))
    this.events.push(ReasoningEngine.reasoningDelta("", { wire: "responses", value }))
    this.thinking = false
  }

  /** Gives the calls that are whole. One that may be cut waits for the end, and what follows it. */
  private flushCalls(): void {
    for (const item of this.ready) {
      item.isDelivered = true
      this.events.push(ReasoningEngine.toolCall(item.call(this.options.distinct, this.options.nameOf)))
    }
    this.ready = []
  }

  /** Takes the head of the answer, or its end. */
  private response({ error, type, ...event }: wire.ResponseEvent): void {
    const response = Option.getOrUndefined(event.response)
    if (response !== undefined) {
      if (typeof response.model === "string" && response.model !== "") this.model = response.model
      if (typeof response.service_tier === "string") this.serviceTier = response.service_tier
      this.usage.read({ usage: response.usage })
    }
    const status = statusOf(type, response?.status)
    switch (status) {
      case "completed":
      case "incomplete":
        this.kept = kept.orNone(this.options.kept?.(response ?? {}))
        this.repeat(response?.output ?? [])
        if (this.failure === undefined) this.complete(response?.incomplete_details?.reason ?? "", status)
        return
      case "failed":
      case "cancelled": {
        this.foreign ||= type !== "response.failed"
        const why = response?.error ?? error
        this.failure = decoding.isError(why)
          ? failure.fromJson({ error: why })
          : failure.ofKind("server", `the server says that the answer is ${status}`)
        return
      }
      default:
        if (type === "response") this.failure = failure.ofKind("malformed", "the answer isn't finished")
    }
  }

  /** Takes all of the answer: what it adds to what was streamed. */
  private repeat(output: ReadonlyArray<unknown>): void {
    const items = Option.getOrUndefined(Option.all(output.map(wire.itemOf)))
    const texts = items?.map(({ item }) => (item?.type === "message" ? textOf(item.content ?? []) : "")) ?? []
    const more = decoding.beyond(this.said, texts.join(""))
    if (items === undefined || Option.isNone(more)) {
      this.failure =
        items === undefined
          ? decoding.unreadable
          : failure.ofKind("malformed", "the answer ends in another text than was streamed")
      return
    }
    let before = texts.join("").length - more.value.length
    const thoughts = this.items.all.filter(({ type }) => type === "reasoning")
    for (const [index, told] of items.entries()) {
      const { item: said } = told
      const text = texts[index] ?? ""
      if (said?.type === "message") {
        const parts = said.content ?? []
        this.refuseBy(parts)
        this.note(parts, "answer")
        if (text.length > before) {
          const item = this.items.finish(told, {})
          this.text(item, item.parts.size, text.slice(before))
        }
        before = Math.max(0, before - text.length)
      } else if (said?.type === "reasoning") {
        const known = thoughts.shift()
        if (known?.isDone !== true) this.done(known ?? this.items.finish(told, {}), told, "answer")
      } else if (said !== undefined) this.repeatCall(told)
      else this.reasoned = true
    }
  }

  /** Takes a call that may have come before. */
  private repeatCall(told: wire.Told): void {
    const again = new Items().finish(told, {})
    const calls = this.items.all.filter(({ isCall }) => isCall)
    const known =
      calls.find(({ callId }) => callId !== "" && callId === again.callId) ??
      calls.find((item) => item.name === again.name && item.arguments === again.arguments)
    if (known === undefined) return this.done(this.items.finish(told, {}), told, "answer")
    if (!known.isDone) {
      known.take(told, true)
      if (!this.ready.includes(known)) this.done(known, told, "answer")
    }
  }

  /** The server said its last word: an answer, or a refusal, or nothing that is one of them. */
  private complete(reason: string, status: string): void {
    this.failure = this.refused() ?? endings.failureOf(reason)
    this.foreign ||= this.failure?.kind === "policy" && this.refusal === "" && reason !== "content_filter"
    if (this.failure !== undefined) return
    const said =
      reason === "max_output_tokens" ? "length" : status === "completed" ? "stop" : endings.finishOf(reason)
    const calls = this.items.all.filter(({ isCall }) => isCall)
    this.ready = calls.filter(({ isDelivered }) => !isDelivered)
    if (said === "length" && this.ready.at(-1)?.isWhole === false) {
      this.ready.pop()
      this.events.push(ReasoningEngine.warning(decoding.tornCall))
    }
    this.failure = this.missing(said)
    if (this.failure !== undefined) return
    this.flushCalls()
    this.settle()
    const called = calls.some(({ isDelivered }) => isDelivered) && said !== "length"
    this.events.push(
      ReasoningEngine.finish(called ? "tool_calls" : said, this.model, {
        rawReason: reason,
        citations: this.citations.longest,
        logProbabilities: this.logProbabilities.longest,
        serviceTier: this.serviceTier,
        kept: this.kept
      })
    )
    this.finished = true
  }

  private refused(): failure.Failure | undefined {
    return this.refusal === "" ? undefined : failure.ofKind("policy", this.refusal)
  }

  /** Without its beginning it isn't known what is called. */
  private nameless(): failure.Failure | undefined {
    return this.ready.some(({ name }) => name === "")
      ? failure.ofKind("malformed", "a tool call of the answer has no name")
      : undefined
  }

  /** What an answer lacks that is said to be whole. One that reached its limit may lack all of it. */
  private missing(said: ReasoningEngine.FinishReason): failure.Failure | undefined {
    const nameless = this.nameless()
    if (said === "length" || nameless !== undefined) return nameless
    const wrote = this.begun || this.reasoned || this.usage.wrote
    return wrote || this.options.continues ? undefined : decoding.empty
  }
}

/** What stands between two thoughts. */
const apart = "\n\n"

/** Where something is told: with the pieces, with an item, or with all of the answer. */
type Source = "piece" | "item" | "answer"

/** What is told in several places, more or less of it in each. */
class Longest {
  private readonly told: Record<Source, Array<unknown>> = { piece: [], item: [], answer: [] }

  add(source: Source, values: ReadonlyArray<unknown> | null | undefined): void {
    this.told[source].push(...(values ?? []))
  }

  /** The most that one of them has; undefined where none has any. */
  get longest(): ReadonlyArray<unknown> | undefined {
    const most = Object.values(this.told).reduce((longest, each) =>
      each.length > longest.length ? each : longest
    )
    return most.length === 0 ? undefined : most
  }
}

const textOf = (parts: ReadonlyArray<wire.Part>): string =>
  parts.map(({ text, type }) => (type === "output_text" || type === "text" ? (text ?? "") : "")).join("")

const thoughtOf = (parts: ReadonlyArray<wire.Part> | null | undefined, between: string): string =>
  (parts ?? []).map(({ text }) => text ?? "").join(between)

/** What becomes of an answer: by its event, but for one that isn't complete though its event says so. */
const statusOf = (type: wire.ResponseEvent["type"], said: string | null | undefined): string => {
  if (type === "response") return said ?? "completed"
  return type === "response.completed" && said ? said : type.slice("response.".length)
}

const typeOf = (value: unknown): string | undefined => {
  if (!Predicate.isRecord(value)) return undefined
  const { object, output, type } = value
  if (typeof type === "string") return type
  return object === "response" || Array.isArray(output) ? "response" : undefined
}

/** An error without its type, as proxies write it, or words or a flag where an answer should be. */
const hasError = (value: unknown): boolean =>
  Predicate.isRecord(value) &&
  typeOf(value) === undefined &&
  (Predicate.isObject(value["error"]) || decoding.isRefusal(value))
