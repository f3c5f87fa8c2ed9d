import type { StreamEvent } from "../../StreamEvent.js"
import { type ModelCall, type Part, partsOf } from "./modelCall.js"
import * as report from "./report.js"

type Kind = "text" | "reasoning"

/**
 * Makes one stream of parts from the events of a streamed answer: the parts that they bring, and for text
 * and tool calls that bring none, parts of its own. A text may change its provider in the middle: blocks
 * are well formed all the same, each begun once and ended once.
 */
export class PartAssembler {
  /** The blocks that were begun and aren't ended, the latest last. */
  private readonly open = new Map<string, Kind>()
  private blocks = 0

  constructor(private readonly call: ModelCall) {}

  event(event: StreamEvent): ReadonlyArray<Part> {
    switch (event._tag) {
      case "Started":
      // What is native to a wire says the same as the events that follow it.
      case "Native":
        return []
      case "ReasoningDelta":
        return this.delta("reasoning", event.text)
      case "TextDelta":
        return partsOf(event)?.flatMap((part) => this.part(part)) ?? this.delta("text", event.text)
      case "ToolCall":
        return (
          partsOf(event)?.flatMap((part) => this.part(part)) ?? [
            ...this.endAll(),
            report.toolCallPart(event.call)
          ]
        )
      case "Completed":
        return report
          .ending(event.result, this.call)
          .flatMap((part) => (part.type === "finish" ? [...this.endAll(), part] : this.part(part)))
    }
  }

  private part(part: Part): ReadonlyArray<Part> {
    switch (part.type) {
      case "text-start":
        return this.begin("text", part.id, part)
      case "reasoning-start":
        return this.begin("reasoning", part.id, part)
      case "text-delta":
        return [...this.ensure("text", part.id), part]
      case "reasoning-delta":
        return [...this.ensure("reasoning", part.id), part]
      case "text-end":
      case "reasoning-end":
        return this.open.delete(part.id) ? [part] : []
      default:
        return [part]
    }
  }

  /** More of the text, or of the thought, that is being written. */
  private delta(kind: Kind, delta: string): ReadonlyArray<Part> {
    if (delta === "") return []
    const current = Array.from(this.open).findLast(([, open]) => open === kind)
    const id = current?.[0] ?? `arc-saga-${this.blocks++}`
    return [...this.ensure(kind, id), { type: `${kind}-delta`, id, delta }]
  }

  private begin(kind: Kind, id: string, part: Part): ReadonlyArray<Part> {
    if (this.open.has(id)) return []
    this.open.set(id, kind)
    return [part]
  }

  private ensure(kind: Kind, id: string): ReadonlyArray<Part> {
    return this.begin(kind, id, { type: `${kind}-start`, id })
  }

  private endAll(): ReadonlyArray<Part> {
    const ends = Array.from(this.open, ([id, kind]): Part => ({ type: `${kind}-end`, id }))
    this.open.clear()
    return ends
  }
}
