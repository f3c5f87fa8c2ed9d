import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import type { EngineError } from "../../src/EngineError.js"
import type { InvalidArgumentError } from "../../src/InvalidArgument.js"
import type * as ReasoningEngine from "../../src/ReasoningEngine.js"
import * as attempts from "../utils/attempts.js"
import * as chatCompletions from "../utils/chatCompletions.js"
import * as graph from "../utils/graph.js"
import * as GraphServer from "../utils/GraphServer.js"
import * as messages from "../utils/messages.js"
import * as RawServer from "../utils/RawServer.js"

const { chunk, end, lastChunk, pause, send } = RawServer

const apart = 50

/** Pieces of a stream, so far apart that each comes alone. */
const spread = (...pieces: ReadonlyArray<string>): ReadonlyArray<RawServer.Step> => [
  send(chatCompletions.eventStream),
  ...pieces.flatMap((piece) => [pause(apart), send(chunk(piece))]),
  send(lastChunk),
  end
]

const chatDelta = (delta: unknown): string => `data: ${JSON.stringify({ choices: [{ delta }] })}\n\n`

/** The sorts of events in an attempt, those of one chunk together; `work` are chunks without any. */
const sorts = (
  engine: ReasoningEngine.ReasoningEngine,
  mode: "complete" | "streaming"
): Effect.Effect<ReadonlyArray<string>, EngineError | InvalidArgumentError> =>
  Effect.gen(function* () {
    const chunks = yield* attempts.chunks(engine, yield* chatCompletions.task({ mode }))
    const named = chunks.map((events) => events.map(({ _tag }) => _tag).join(" ") || "work")
    // How many pieces the network delivers together is its own affair.
    return named.filter((name, index) => name !== named[index - 1])
  })

describe("an engine shows that its provider is at work", () => {
  it.scopedLive("when Claude thinks, and when it writes the arguments of a tool", () =>
    Effect.gen(function* () {
      const { url } = yield* RawServer.make(
        spread(
          messages.wire(messages.start(), messages.block({ type: "thinking", thinking: "" })),
          messages.wire(messages.delta({ type: "thinking_delta", thinking: "Hm." })),
          messages.wire(messages.ping),
          messages.wire(messages.blockStop(), messages.block({ type: "tool_use", id: "t", name: "sum" }, 1)),
          messages.wire(messages.delta({ type: "input_json_delta", partial_json: "{}" }, 1)),
          messages.wire(messages.blockStop(1), messages.stopped("tool_use"), messages.end)
        )
      )
      const seen = yield* sorts(yield* messages.engine(url), "streaming")
      assert.deepStrictEqual(seen, ["Usage", "ReasoningDelta", "work", "ToolCall Usage Finish"])
    }).pipe(Effect.provide(FetchHttpClient.layer))
  )

  it.scopedLive("when a reasoning model thinks, and when it writes the arguments of a tool", () =>
    Effect.gen(function* () {
      const { url } = yield* RawServer.make(
        spread(
          chatDelta({ role: "assistant", content: "" }),
          chatDelta({ reasoning_content: "Hm." }),
          chatDelta({ reasoning: "So." }),
          chatDelta({ tool_calls: [{ index: 0, id: "t", function: { name: "sum", arguments: "" } }] }),
          chatDelta({ tool_calls: [{ index: 0, function: { arguments: "{}" } }] }),
          `data: {"choices":[{"delta":{},"finish_reason":"tool_calls"}]}\n\ndata: [DONE]\n\n`
        )
      )
      const seen = yield* sorts(yield* chatCompletions.engine(url), "streaming")
      assert.deepStrictEqual(seen, ["ReasoningDelta", "work", "ReasoningDelta ToolCall Finish"])
    }).pipe(Effect.provide(FetchHttpClient.layer))
  )

  it.scopedLive("when Copilot writes what a complete task gets at its end", () =>
    Effect.gen(function* () {
      const snapshot = (answer?: string) => GraphServer.compact(GraphServer.conversation("Say hi", answer))
      const steps = [snapshot(), snapshot("Hel"), snapshot("Hello")].flatMap((piece) => [
        send(piece),
        pause(apart)
      ])
      const server = yield* GraphServer.make({ chats: [GraphServer.stream(...steps, end)] })
      const seen = yield* sorts(yield* graph.engine(server.url), "complete")
      assert.deepStrictEqual(seen, ["work", "TextDelta Usage Finish"])
    }).pipe(Effect.provide(FetchHttpClient.layer))
  )
})
