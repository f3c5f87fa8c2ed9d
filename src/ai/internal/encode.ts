import type * as Response from "@effect/ai/Response"
import type * as Tool from "@effect/ai/Tool"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Encoding from "effect/Encoding"
import * as Option from "effect/Option"
import type { ParseError } from "effect/ParseResult"
import * as Schema from "effect/Schema"
import type { Part } from "./modelCall.js"

/** A part as a `LanguageModel` gives it to its caller. */
export type Decoded = Response.StreamPart<Record<string, Tool.Any>>

const present = <Key extends string, A>(key: Key, value: Option.Option<A>): { readonly [K in Key]?: A } => {
  const field: { [K in Key]?: A } = {}
  if (Option.isSome(value)) field[key] = value.value
  return field
}

/** What a tool's schemas require is in the context of who offers it; `LanguageModel` keeps it out of the types. */
const parametersOf = (tool: Tool.Any): Schema.Schema<unknown, unknown> =>
  tool.parametersSchema as Schema.Schema<unknown, unknown>

/** The part as its provider gave it: `LanguageModel` takes parts in this form and no other. */
export const encode =
  (tools: ReadonlyArray<Tool.Any>) =>
  (part: Decoded): Effect.Effect<Part, ParseError> => {
    switch (part.type) {
      case "tool-call": {
        const tool = tools.find(({ name }) => name === part.name)
        return tool === undefined
          ? Effect.succeed(part)
          : Effect.map(Schema.encodeUnknown(parametersOf(tool))(part.params), (params) => ({
              ...part,
              params
            }))
      }
      case "tool-result":
        return Effect.succeed({ ...part, result: part.encodedResult })
      case "file":
        return Effect.succeed({ ...part, data: Encoding.encodeBase64(part.data) })
      case "source":
        return Effect.succeed(part.sourceType === "url" ? { ...part, url: part.url.href } : part)
      case "response-metadata":
        return Effect.succeed({
          type: part.type,
          metadata: part.metadata,
          ...present("id", part.id),
          ...present("modelId", part.modelId),
          ...present("timestamp", Option.map(part.timestamp, DateTime.formatIso))
        })
      default:
        return Effect.succeed(part)
    }
  }
