import * as Response from "@effect/ai/Response"
import type * as Tool from "@effect/ai/Tool"
import type { Decoded } from "./encode.js"
import type { Part } from "./modelCall.js"

type Metadata = Response.ProviderMetadata

/** What a provider says of a block at its beginning and at its end belongs together. */
const merge = (left: Metadata, right: Metadata = {}): Metadata => {
  const merged: Record<string, Metadata[string]> = { ...left }
  for (const [provider, said] of Object.entries(right)) merged[provider] = { ...merged[provider], ...said }
  return merged
}

interface Block {
  readonly type: "text" | "reasoning"
  text: string
  metadata: Metadata
}

/** The parts of a whole answer, from those of a streamed one: a block becomes one part, where it began. */
export const fold = (parts: ReadonlyArray<Part>): Array<Response.PartEncoded> => {
  const whole: Array<Response.PartEncoded> = []
  const blocks = new Map<string, Block>()

  const write = (type: Block["type"], id: string, text: string, metadata: Metadata | undefined): void => {
    const known = blocks.get(`${type} ${id}`)
    const block: Block = known ?? { type, text: "", metadata: {} }
    if (known === undefined) {
      blocks.set(`${type} ${id}`, block)
      whole.push(block)
    }
    block.text += text
    block.metadata = merge(block.metadata, metadata)
  }

  for (const part of parts) {
    switch (part.type) {
      case "text-start":
      case "text-end":
        write("text", part.id, "", part.metadata)
        break
      case "text-delta":
        write("text", part.id, part.delta, part.metadata)
        break
      case "reasoning-start":
      case "reasoning-end":
        write("reasoning", part.id, "", part.metadata)
        break
      case "reasoning-delta":
        write("reasoning", part.id, part.delta, part.metadata)
        break
      // The pieces of what the tool call that follows has whole.
      case "tool-params-start":
      case "tool-params-delta":
      case "tool-params-end":
      case "error":
        break
      default:
        whole.push(part)
    }
  }
  return whole
}

/** The parts of a whole answer as they would be streamed. */
export const unfold = (
  parts: ReadonlyArray<Response.Part<Record<string, Tool.Any>>>
): ReadonlyArray<Decoded> =>
  parts.flatMap((part, index): ReadonlyArray<Decoded> => {
    const id = String(index)
    switch (part.type) {
      case "text":
        return [
          Response.textStartPart({ id, metadata: part.metadata }),
          Response.textDeltaPart({ id, delta: part.text }),
          Response.textEndPart({ id })
        ]
      case "reasoning":
        return [
          Response.reasoningStartPart({ id, metadata: part.metadata }),
          Response.reasoningDeltaPart({ id, delta: part.text }),
          Response.reasoningEndPart({ id })
        ]
      default:
        return [part]
    }
  })
