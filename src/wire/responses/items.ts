import * as Option from "effect/Option"
import type * as AITask from "../../AITask.js"
import * as toolArguments from "../../internal/toolArguments.js"
import { parse } from "../decoding.js"
import * as custom from "./customTools.js"
import type * as wire from "./wire.js"

/** An item of the answer as far as it has come. */
export class Item {
  /** Empty where the sender hasn't said it yet. */
  type = ""
  isDone = false
  /** Its text as far as it was delivered; and each part's. */
  said = ""
  readonly parts = new Map<number, string>()
  /** What was thought, in which of its two forms, and up to which part of the summary. */
  thought = ""
  form: "summary" | "content" | undefined = undefined
  summary = 0
  /** A call. */
  callId = ""
  name = ""
  args = ""
  private first = ""
  private namespace: string | undefined = undefined
  isDelivered = false

  constructor(readonly order: number) {}

  get isCall(): boolean {
    return this.type === "function_call" || this.type === "custom_tool_call"
  }

  /** Whether all of it is written: of a text, or of no arguments at all, only the sender can say so. */
  get isWhole(): boolean {
    if (this.type === "custom_tool_call") return this.isDone
    return (this.isDone || this.args.trim() !== "") && Option.isSome(parse(this.arguments))
  }

  /** Its arguments; a tool without parameters is called with none. */
  get arguments(): string {
    return toolArguments.text(this.args || this.first)
  }

  /** Takes what its head says, or all of it. */
  take({ item, raw, type }: wire.Told, isDone: boolean): void {
    this.type = type
    this.isDone = isDone && raw["status"] !== "incomplete"
    if (item?.type !== "function_call" && item?.type !== "custom_tool_call") return
    this.callId = item.call_id || this.callId
    this.name = item.name || this.name
    this.namespace = item.namespace ?? this.namespace
    const args = item.type === "function_call" ? toolArguments.piece(item.arguments) : (item.input ?? "")
    // Some servers begin with an empty object, and then write the arguments.
    if (isDone) this.args = args || this.args
    else this.first = args
  }

  /** The call that it is, of a tool as its caller calls it. */
  call(distinct: (id: string) => string, nameOf: (name: string) => string = (name) => name): AITask.ToolCall {
    const more = this.namespace === undefined ? {} : { namespace: this.namespace }
    const named = { id: distinct(this.callId), name: nameOf(this.name) }
    if (this.type === "custom_tool_call") {
      return {
        ...named,
        arguments: custom.argumentsOf(this.args || this.first),
        options: custom.options(more)
      }
    }
    return {
      ...named,
      arguments: this.arguments,
      ...(this.namespace === undefined ? {} : { options: { responses: more } })
    }
  }
}

/** The items of an answer, by what senders tell of their places. */
export class Items {
  readonly all: Array<Item> = []
  private readonly byId = new Map<string, Item>()
  private readonly byIndex = new Map<number, Item>()

  /** The item that something belongs to: by its id where that is known, else by its place, else the last one. */
  at({ item_id: id, output_index: index }: wire.At): Item {
    const known = this.find(id, index) ?? (id == null && index == null ? this.all.at(-1) : undefined)
    return known ?? this.add(id, index)
  }

  /** The item of a head. Another one at its place is over, but for one of which only pieces have come. */
  begin(told: wire.Told, { output_index: index }: wire.At): Item {
    const before = this.find(told.id, index)
    const isSame =
      before !== undefined && (before.type === "" || (told.id !== "" && this.byId.get(told.id) === before))
    const item = isSame ? before : this.add(told.id, index)
    item.take(told, false)
    return item
  }

  /** The item that is told whole: one that has begun, or else a new one. */
  finish(told: wire.Told, { output_index: index }: wire.At): Item {
    const before =
      this.find(told.id, index) ?? (index == null && told.id === "" ? this.all.at(-1) : undefined)
    const isSame = before !== undefined && !before.isDone && (before.type === "" || before.type === told.type)
    const item = isSame ? before : this.add(told.id, index)
    item.take(told, true)
    return item
  }

  private find(id: string | null | undefined, index: number | null | undefined): Item | undefined {
    return (id ? this.byId.get(id) : undefined) ?? (index == null ? undefined : this.byIndex.get(index))
  }

  private add(id: string | null | undefined, index: number | null | undefined): Item {
    const item = new Item(this.all.length)
    this.all.push(item)
    if (id) this.byId.set(id, item)
    if (index != null) this.byIndex.set(index, item)
    return item
  }
}
