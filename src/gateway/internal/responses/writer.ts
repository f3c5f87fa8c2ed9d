import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import type * as AITask from "../../../AITask.js"
import * as decoding from "../../../wire/decoding.js"
import { type ChatRequest, errorOf, type Identity, type Writer } from "../dialect.js"
import type { Json } from "../reading.js"
import * as answer from "./answer.js"
import { calling } from "./tools.js"

/** The item that is being written, and what has been said of it. */
interface Open {
  readonly type: "message" | "reasoning"
  readonly id: string
  text: string
}

const apart = "\n\n"

/** A streamed answer: items one after the other, each opened, filled and closed. */
class Written implements Writer {
  private sequence = 0
  private index = -1
  private open: Open | undefined = undefined
  /** The items that are closed. */
  private readonly output: Array<Json> = []
  private name = ""
  private readonly called: ReturnType<typeof calling>
  /** What came over the same wire: it is looked at where something has to go on from there. */
  private came: Array<string> = []
  /** What every delta of the open text begins with: it is written once. */
  private head = ""
  private responseId: string

  constructor(
    private readonly identity: Identity,
    private readonly question: ChatRequest
  ) {
    this.called = calling(question.body)
    this.responseId = `resp_${identity.id}`
  }

  readonly model = (model: string): string => {
    this.catchUp()
    const isFirst = this.name === ""
    // The response has the model of its beginning; there is no event for another one.
    if (!isFirst) return ""
    this.name = model
    const response = answer.begun(this.identity, this.question, model)
    return this.named("response.created", { response }) + this.named("response.in_progress", { response })
  }

  readonly event = (event: Parameters<Writer["event"]>[0]): string => {
    this.catchUp()
    switch (event._tag) {
      case "TextDelta":
        return this.text(event.text)
      case "ReasoningDelta":
        return this.reasoning(event.text, event.state)
      case "ToolCall":
        return this.close() + this.call(event.call)
    }
  }

  readonly native = (text: string): string => {
    this.came.push(text)
    return text
  }

  readonly end = (result: Parameters<Writer["end"]>[0]): string => {
    this.catchUp()
    const closed = this.close(result) + (result.refusal === undefined ? "" : this.refuse(result.refusal))
    const response: Json = {
      ...answer.over(this.identity, this.question, result, this.output),
      id: this.responseId
    }
    const type = `response.${String(response["status"])}`
    const saga = result.summary === undefined ? {} : { saga: result.summary }
    return closed + this.named(type, { response, ...saga })
  }

  readonly error = (problem: Parameters<Writer["error"]>[0], said?: string): string => {
    this.catchUp()
    const error = Option.getOrElse(Option.map(errorOf(said), answer.errorIn), () => problem)
    const response = {
      ...answer.failed(this.identity, this.question, this.name || this.question.model, error, this.output),
      id: this.responseId
    }
    return this.named("response.failed", { response })
  }

  /** One event: its name, and the same name in its data. */
  private named(type: string, fields: Json): string {
    return `event: ${type}\ndata: ${JSON.stringify({ type, ...fields, sequence_number: this.sequence++ })}\n\n`
  }

  private text(text: string): string {
    let begun = ""
    if (this.open?.type !== "message") {
      begun = this.close()
      const id = `msg_${this.identity.id}_${++this.index}`
      this.open = { type: "message", id, text: "" }
      const at = { item_id: id, output_index: this.index, content_index: 0 }
      begun += this.named("response.output_item.added", {
        output_index: this.index,
        item: answer.message(id, "in_progress", [])
      })
      begun += this.named("response.content_part.added", { ...at, part: answer.outputText("") })
      this.beginText(id)
    }
    this.open.text += text
    return `${begun}${this.head}${JSON.stringify(text)},"sequence_number":${this.sequence++}}\n\n`
  }

  private beginText(id: string): void {
    const type = "response.output_text.delta"
    const at = { type, item_id: id, output_index: this.index, content_index: 0, logprobs: [] }
    this.head = `event: ${type}\ndata: ${JSON.stringify(at).slice(0, -1)},"delta":`
  }

  private reasoning(text: string, state: AITask.ReasoningPart["state"]): string {
    let said = ""
    if (text !== "") {
      if (this.open?.type !== "reasoning") said = this.close() + this.think()
      const { id, text: before } = this.open ?? { id: "", text: "" }
      const at = { item_id: id, output_index: this.index, summary_index: 0 }
      if (before === "") {
        const part = { type: "summary_text", text: "" }
        said += this.named("response.reasoning_summary_part.added", { ...at, part })
      }
      said += this.named("response.reasoning_summary_text.delta", { ...at, delta: text })
      if (this.open !== undefined) this.open.text += text
    }
    if (state === undefined) return said
    if (this.open?.type !== "reasoning") said += this.close() + this.think()
    return said + this.closeThought(state)
  }

  private think(): string {
    const id = `rs_${this.identity.id}_${++this.index}`
    this.open = { type: "reasoning", id, text: "" }
    return this.named("response.output_item.added", {
      output_index: this.index,
      item: { id, type: "reasoning", summary: [] }
    })
  }

  private closeThought(state: AITask.ReasoningPart["state"]): string {
    const { id, text } = this.open ?? { id: "", text: "" }
    this.open = undefined
    const at = { item_id: id, output_index: this.index, summary_index: 0 }
    const part = { type: "summary_text", text }
    const summed =
      text === ""
        ? ""
        : this.named("response.reasoning_summary_text.done", { ...at, text }) +
          this.named("response.reasoning_summary_part.done", { ...at, part })
    return summed + this.done(answer.reasoning(id, text, state))
  }

  private call(call: AITask.ToolCall): string {
    const as = this.called(call)
    const said = answer.saidOf(call, as)
    const place = `${this.identity.id}_${++this.index}`
    const item = answer.toolCall(place, "completed", call, as, said)
    const at = { item_id: item["id"], output_index: this.index }
    const [type, field] =
      as.type === "custom_tool_call"
        ? (["response.custom_tool_call_input", "input"] as const)
        : (["response.function_call_arguments", "arguments"] as const)
    return [
      this.named("response.output_item.added", {
        output_index: this.index,
        item: answer.toolCall(place, "in_progress", call, as, "")
      }),
      this.named(`${type}.delta`, { ...at, delta: said }),
      this.named(`${type}.done`, { ...at, name: as.name, [field]: said }),
      this.done(item)
    ].join("")
  }

  private close(result?: Parameters<Writer["end"]>[0]): string {
    if (this.open === undefined) return ""
    if (this.open.type === "reasoning") return this.closeThought(undefined)
    const { id, text } = this.open
    this.open = undefined
    const at = { item_id: id, output_index: this.index, content_index: 0 }
    const cited = result === undefined ? [] : answer.annotations(result, result.text.length - text.length)
    const part = answer.outputText(text, result?.logProbabilities, cited)
    return [
      ...cited.map((annotation, annotation_index) =>
        this.named("response.output_text.annotation.added", { ...at, annotation_index, annotation })
      ),
      this.named("response.output_text.done", { ...at, text, logprobs: part["logprobs"] }),
      this.named("response.content_part.done", { ...at, part }),
      this.done(answer.message(id, "completed", [part]))
    ].join("")
  }

  /** A refusal is an item of its own. */
  private refuse(refusal: string): string {
    const id = `msg_${this.identity.id}_${++this.index}`
    const at = { item_id: id, output_index: this.index, content_index: 0 }
    const part = answer.refusalPart(refusal)
    return [
      this.named("response.output_item.added", {
        output_index: this.index,
        item: answer.message(id, "in_progress", [])
      }),
      this.named("response.content_part.added", { ...at, part: answer.refusalPart("") }),
      this.named("response.refusal.delta", { ...at, delta: refusal }),
      this.named("response.refusal.done", { ...at, refusal }),
      this.named("response.content_part.done", { ...at, part }),
      this.done(answer.message(id, "incomplete", [part]))
    ].join("")
  }

  private done(item: Json): string {
    this.output.push(item)
    return this.named("response.output_item.done", { output_index: this.index, item })
  }

  /** Takes note of what came over the wire. */
  private catchUp(): void {
    if (this.came.length === 0) return
    const lines = this.came.join("").split(/\r\n|\n|\r/)
    this.came = []
    for (const line of lines) {
      if (!line.startsWith("data:")) continue
      const json = Option.getOrUndefined(decoding.parse(line.slice("data:".length)))
      if (Predicate.isRecord(json)) this.follow(json)
    }
    if (this.open?.type === "message") this.beginText(this.open.id)
  }

  private follow({ delta, item, output_index: index, response, sequence_number: number, type }: Json): void {
    if (typeof number === "number") this.sequence = number + 1
    if (typeof index === "number") this.index = Math.max(this.index, index)
    if (Predicate.isRecord(response)) {
      this.name = typeof response["model"] === "string" ? response["model"] : this.question.model
      if (typeof response["id"] === "string") this.responseId = response["id"]
    }
    switch (type) {
      case "response.output_item.added": {
        if (!answer.isItem(item)) return
        const { id, type } = item
        const isText = type === "message" || type === "reasoning"
        this.open = isText ? { type, id: typeof id === "string" ? id : "", text: "" } : undefined
        return
      }
      case "response.output_item.done":
        if (answer.isItem(item)) this.output.push(item)
        this.open = undefined
        return
      case "response.reasoning_summary_part.added":
        if (this.open !== undefined && this.open.text !== "") this.open.text += apart
        return
      case "response.output_text.delta":
      case "response.reasoning_summary_text.delta":
        if (this.open !== undefined && typeof delta === "string") this.open.text += delta
    }
  }
}

/** Writes a streamed answer. */
export const writer = (identity: Identity, question: ChatRequest): Writer => new Written(identity, question)
