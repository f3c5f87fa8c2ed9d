import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import type * as AITask from "../../../AITask.js"
import * as ReasoningEngine from "../../../ReasoningEngine.js"
import * as TokenUsage from "../../../TokenUsage.js"
import * as decoding from "../../../wire/decoding.js"
import * as failure from "../../../wire/failure.js"
import type * as sse from "../../../wire/sse.js"
import { Increments, plain, settled } from "./snapshotText.js"
import * as wire from "./wire.js"

/** What the decoding of an answer has to know. */
export interface Options {
  /** Whole, the answer is exactly what the last snapshot says; streamed, it can't take back what it said. */
  readonly mode: AITask.Mode
  readonly model: string
  /** The UTF-16 units that were sent: the service counts no tokens. */
  readonly sentCharacters: number
}

/** One answer of Copilot as it is decoded, from snapshots of the conversation. */
export class Answer implements decoding.Decoding {
  failure: failure.Failure | undefined = undefined
  finished = false
  working = false
  /** No snapshot says that it is the last. */
  readonly awaitsEnd = false

  private events: Array<ReasoningEngine.EngineEvent> = []
  private readonly increments = new Increments()
  /** The answer in the last snapshot. */
  private text = ""
  /** Whether it has come since the last look at it. */
  private unread = false
  private state = "active"
  /** The message that repeats the prompt. */
  private echo: string | undefined = undefined

  constructor(private readonly options: Options) {}

  get begun(): boolean {
    return this.text !== ""
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
    if (this.ended || decoding.isDone(data)) return
    const json = decoding.read(data)
    if (name === "error" || Option.exists(json, hasError)) {
      this.failure = failure.fromJson(Option.getOrElse(json, () => data))
      return
    }
    const snapshot = Option.flatMap(json, wire.decodeConversation)
    if (Option.isSome(snapshot)) this.snapshot(snapshot.value)
    else this.failure = decoding.unreadable
  }

  ping(): void {
    if (this.begun) this.working = true
  }

  /** Of snapshots that came together only the last counts. */
  settle(): void {
    if (this.options.mode === "complete" || !this.unread) return
    this.unread = false
    this.deliver(settled(this.text))
  }

  /** No event says that the answer is whole: the orderly end of the body does. */
  end(isEventStream: boolean, orderly: boolean): void {
    if (this.ended) return
    if (!isEventStream && !this.begun) {
      this.failure = failure.ofKind("malformed", "the answer isn't a conversation with an answer in it")
      return
    }
    if (!orderly || !this.begun) {
      this.failure = failure.ofKind("cut", "")
      return
    }
    this.complete()
  }

  private snapshot({ messages, state }: wire.Conversation): void {
    if (state) this.state = state
    if (state === "disengagedForRai") {
      this.failure = failure.ofKind("policy", "the service ended the conversation (disengagedForRai)")
      return
    }
    const answer = this.answerAmong(messages ?? [])
    if (answer?.text == null) return
    this.text = answer.text
    this.unread = true
    this.working = true
  }

  /** The last message, unless it is the one that repeats the prompt: the first of a conversation. */
  private answerAmong(messages: ReadonlyArray<wire.Message>): wire.Message | undefined {
    const last = messages.at(-1)
    if (messages.length > 1) {
      this.echo ??= messages[0]?.id ?? undefined
      return last
    }
    if (this.echo !== undefined && last?.id !== this.echo) return last
    this.echo ??= last?.id ?? undefined
    return undefined
  }

  /** Whether what is delivered, and what a snapshot adds to it, are its words. */
  private deliver(text: string): boolean {
    const fresh = this.increments.next(text)
    if (Option.exists(fresh, (more) => more !== "")) {
      this.events.push(ReasoningEngine.textDelta(Option.getOrElse(fresh, () => "")))
    }
    return Option.isSome(fresh)
  }

  private complete(): void {
    const text = plain(this.text)
    if (!this.deliver(text)) {
      this.failure = failure.ofKind("malformed", "the provider rewrote words that had been delivered")
      return
    }
    if (this.increments.marksChanged) {
      this.warn("citation marks changed in text that had been delivered: it has those of before")
    }
    const active = this.state === "active"
    if (!active) this.warn(`the conversation ended in the state ${JSON.stringify(this.state)}`)
    const usage = TokenUsage.make({
      inputTokens: TokenUsage.estimateTokens(this.options.sentCharacters),
      outputTokens: TokenUsage.estimateTokens(text.length),
      estimated: true
    })
    this.events.push(
      ReasoningEngine.usage(usage),
      ReasoningEngine.finish(active ? "stop" : "other", this.options.model)
    )
    this.finished = true
  }

  private warn(message: string): void {
    this.events.push(ReasoningEngine.warning(message))
  }
}

const hasError = (value: unknown): boolean => Predicate.isRecord(value) && decoding.isError(value["error"])
