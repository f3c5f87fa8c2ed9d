import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import type * as AITask from "../../AITask.js"
import { parse } from "../decoding.js"
import * as jsonText from "../../internal/jsonText.js"
import * as toolArguments from "../../internal/toolArguments.js"
import type * as wire from "./wire.js"

/** A piece of a call, its fields as texts; what it doesn't say is empty. */
interface Piece {
  readonly index: number | undefined
  readonly id: string
  readonly name: string
  readonly args: string
}

const pieceOf = ({ function: called, id, index }: wire.ToolCallDelta): Piece => ({
  index: Predicate.isNullable(index) || Number.isNaN(Number(index)) ? undefined : Number(index),
  id: id == null ? "" : String(id),
  name: called?.name ?? "",
  args: toolArguments.piece(called?.arguments)
})

/** A call as far as it has come. */
class Call {
  args = ""
  /** Whether the arguments are nothing but white space. */
  blank = true
  /** Whether the arguments are a whole object. */
  whole = false
  /** Whether that is an object without members. */
  empty = false
  private scanner = new jsonText.Scanner()

  constructor(
    readonly index: number,
    public id: string,
    public name: string
  ) {}

  add(args: string): void {
    // Some servers begin with an empty object, and then write the arguments.
    if (this.empty && !isBlank(args)) {
      this.args = ""
      this.whole = false
      this.empty = false
      this.scanner = new jsonText.Scanner()
    }
    this.args += args
    this.blank &&= isBlank(args)
    if (this.whole || this.scanner.feed(args) === -1) return
    this.whole = true
    this.empty = this.args.trim() === "{}"
  }
}

/** Arguments as what they say, not as they are written. */
const meaning = (args: string): unknown =>
  Option.getOrElse(
    Option.map(parse(args), (json) => JSON.stringify(json)),
    () => args
  )

/** Whether a piece says once more what its call said: some servers end with all of it. */
const repeats = (call: Call, { args, id, name }: Piece): boolean =>
  call.whole && (name === "" || (id !== "" && id === call.id)) && meaning(args) === meaning(call.args)

const isBlank = (text: string): boolean => text.trim() === ""

/** Whether a piece has no id of its own beside its call's. */
const isOf = (call: Call, { id }: Piece): boolean => id === "" || id === call.id

/**
 * The name of a call with what a piece adds to it: the next fragment of the name, or all of it so far. That this is
 * no other call is told by the tools that there are; where none of them fits, by the id that the call has.
 */
const longerName = (call: Call, piece: Piece, tools: ReadonlyArray<string>): string | undefined => {
  const { name } = piece
  if (name === "" || call.name === "" || !call.blank || !isOf(call, piece)) return undefined
  const isTool = (text: string) => tools.includes(text)
  const begins = (text: string) => tools.some((tool) => tool.startsWith(text))
  if (begins(call.name + name) && !(isTool(call.name) && isTool(name))) return call.name + name
  if (name === call.name) return undefined
  const grown = name.startsWith(call.name)
  if (begins(name)) return grown && !isTool(call.name) ? name : undefined
  return call.id === "" ? undefined : grown ? name : call.name + name
}

/** Whether a piece that would belong to a call by its place is of another one. */
const beginsAnother = (call: Call, { args, id, name }: Piece): boolean => {
  // What comes behind a whole object is no part of it.
  if (name === "") return call.whole && !call.empty && !isBlank(args)
  if (call.name !== "" && call.name !== name) return true
  const sameId = call.id !== "" && call.id === id
  if (sameId) return call.whole && !call.empty && !isBlank(args)
  // A server that makes up an id for every piece is still writing the call that isn't whole.
  if (id !== "" && call.id !== "") return call.whole || call.blank
  return call.whole && !isBlank(args)
}

/** The calls of an answer, put together from what servers tell of them. */
export class ToolCalls {
  private readonly calls: Array<Call> = []

  constructor(private readonly tools: ReadonlyArray<string>) {}

  /** Takes the pieces of one event. Those without an index are calls of their own. */
  add(deltas: ReadonlyArray<wire.ToolCallDelta>): void {
    for (const [position, delta] of deltas.entries()) this.piece(pieceOf(delta), position > 0)
  }

  /** Takes calls of a message that may repeat what was streamed. */
  repeat(deltas: ReadonlyArray<wire.ToolCallDelta>): void {
    const before = [...this.calls]
    for (const piece of deltas.map(pieceOf)) {
      const at = before.findIndex(
        (call) =>
          call.name === piece.name &&
          (call.id === piece.id ||
            meaning(toolArguments.text(call.args)) === meaning(toolArguments.text(piece.args)))
      )
      if (at === -1) this.begin({ ...piece, index: undefined }).add(piece.args)
      else before.splice(at, 1)
    }
  }

  get isEmpty(): boolean {
    return this.calls.length === 0
  }

  /** Whether a call has arguments and no name: its head is lost. */
  get headless(): boolean {
    return this.calls.some(({ blank, name }) => name === "" && !blank)
  }

  /** Leaves out the last call where its arguments aren't whole; whether it did. */
  dropTorn(): boolean {
    const torn = this.calls.at(-1)?.whole === false
    if (torn) this.calls.pop()
    return torn
  }

  /** The calls, each with an id of its own, of tools as their caller calls them. */
  all(
    distinct: (id: string) => string,
    nameOf: (name: string) => string = (name) => name
  ): ReadonlyArray<AITask.ToolCall> {
    return this.calls
      .filter(({ name }) => name !== "")
      .map(({ args, id, name }) => ({
        id: distinct(id),
        name: nameOf(name),
        arguments: toolArguments.text(args)
      }))
  }

  private piece(piece: Piece, beside: boolean): void {
    const call = this.callOf(piece, beside)
    const name = call === undefined || beside ? undefined : longerName(call, piece, this.tools)
    if (call !== undefined && name !== undefined) {
      call.name = name
      call.add(piece.args)
      return
    }
    if (call === undefined || beginsAnother(call, piece)) {
      if (call === undefined || !repeats(call, piece)) this.begin(piece).add(piece.args)
      return
    }
    call.id ||= piece.id
    call.name ||= piece.name
    call.add(piece.args)
  }

  /** The call that a piece belongs to by its place: where ids say nothing, its index, or what came last. */
  private callOf({ id, index, name }: Piece, beside: boolean): Call | undefined {
    const same = id === "" ? undefined : this.calls.findLast((call) => call.id === id)
    if (same !== undefined && (index === undefined || index === same.index || name === "")) return same
    if (index !== undefined) return this.calls.findLast((call) => call.index === index)
    return beside ? undefined : this.calls.at(-1)
  }

  private begin({ id, index, name }: Piece): Call {
    const call = new Call(index ?? this.calls.length, id, name)
    this.calls.push(call)
    return call
  }
}
