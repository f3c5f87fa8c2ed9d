/** OpenAI's Embeddings: what is sent is the call as it came, and what is read of the answer is what it cost. */
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import * as ReasoningEngine from "../ReasoningEngine.js"
import * as bodyReader from "./bodyReader.js"
import * as decoding from "./decoding.js"
import * as failure from "./failure.js"
import type * as httpEngine from "./httpEngine.js"
import type * as sse from "./sse.js"
import * as usage from "./usage.js"

/** Characters that an answer may have: 2,048 embeddings of 3,072 numbers each have about as many. */
export const maxCharacters = 8 * bodyReader.defaultMaxCharacters

/** Whether an input is one that its caller has made tokens of. */
export const isTokens = (input: unknown): input is ReadonlyArray<number> =>
  Array.isArray(input) && input.length > 0 && input.every(Number.isInteger)

/** The inputs of a body, each of which has an embedding of its own. */
export const inputs = ({ input }: Readonly<Record<string, unknown>>): ReadonlyArray<unknown> =>
  Array.isArray(input) && !isTokens(input) ? input : [input]

/** How an engine of one model asks for embeddings. */
export const wireOf = (model: string): Pick<httpEngine.Wire, "body" | "original" | "dropped" | "answer"> => ({
  body: () => Either.left("it is a conversation, and the model embeds"),
  original: (body) => ({ body: { ...body, model } }),
  dropped: () => [],
  answer: ({ task }) => new Answer(model, inputs(task.original?.body ?? {}).length)
})

const malformed = (description: string): failure.Failure => ({
  ...failure.ofKind("malformed", description),
  // The same question would get the same answer.
  shouldRetry: false
})

const isEmbedding = (value: unknown): boolean =>
  Predicate.isRecord(value) &&
  (typeof value["embedding"] === "string" || Array.isArray(value["embedding"])) &&
  value["embedding"].length > 0

/** What an answer used; nothing where its provider doesn't say, or says that it was nothing. */
const usageOf = (told: unknown): ReadonlyArray<ReasoningEngine.EngineEvent> => {
  const fields = usage.fieldsOf(told)
  const input = usage.first(fields["prompt_tokens"], fields["input_tokens"], fields["total_tokens"])
  return input === undefined || input === 0
    ? []
    : [usage.toEvent({ input, output: 0, cost: usage.costOf(fields), doubtful: false })]
}

/** An answer as it is decoded: in one piece, with an embedding for each input. */
export class Answer implements decoding.Decoding {
  failure: failure.Failure | undefined = undefined
  finished = false
  working = false
  private events: ReadonlyArray<ReasoningEngine.EngineEvent> = []
  private said: Readonly<Record<string, unknown>> | undefined = undefined

  constructor(
    private readonly model: string,
    private readonly count: number
  ) {}

  get begun(): boolean {
    return this.said !== undefined
  }

  get ended(): boolean {
    return this.finished || this.failure !== undefined
  }

  get awaitsEnd(): boolean {
    return this.begun && !this.ended
  }

  take(): ReadonlyArray<ReasoningEngine.EngineEvent> {
    const taken = this.events
    this.events = []
    return taken
  }

  event({ data }: sse.Event): void {
    if (this.ended) return
    const body = Option.getOrUndefined(decoding.parse(data))
    if (!Predicate.isRecord(body) || this.begun) {
      this.failure = decoding.unreadable
      return
    }
    const { data: list, error } = body
    if (decoding.isError(error) || (!Array.isArray(list) && decoding.isRefusal(body))) {
      this.failure = failure.fromJson(body)
    } else if (!Array.isArray(list) || list.length !== this.count || !list.every(isEmbedding)) {
      this.failure = malformed("the answer hasn't an embedding for each input")
    } else this.said = body
  }

  ping(): void {}

  settle(): void {}

  end(isEventStream: boolean): void {
    if (this.ended) return
    if (this.said === undefined || isEventStream) {
      this.failure = malformed("the answer isn't one of Embeddings")
      return
    }
    const { model, usage } = this.said
    const answered = typeof model === "string" && model !== "" ? model : this.model
    this.events = [...usageOf(usage), ReasoningEngine.finish("stop", answered)]
    this.finished = true
  }
}
