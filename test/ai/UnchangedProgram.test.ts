/** A program of Effect AI, asked by its vendor's package alone and over the orchestrator. */
import { Chat, LanguageModel, Prompt, Tool, Toolkit } from "@effect/ai"
import { OpenAiLanguageModel, OpenAiTool } from "@effect/ai-openai"
import { assert, describe, it } from "@effect/vitest"
import * as WireServer from "arc-saga/testing/WireServer"
import * as NodeWireServer from "arc-saga/testing/WireServer/Node"
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import type * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as models from "../utils/languageModels.js"
import * as messages from "../utils/messages.js"
import * as RawServer from "../utils/RawServer.js"
import { over } from "../utils/sagaLanguageModel.js"

const Weather = Tool.make("weather", {
  description: "The weather of a city on a day",
  parameters: { city: Schema.String, on: Schema.DateFromString },
  success: Schema.Struct({ celsius: Schema.Number })
})

const tools = Toolkit.make(Weather)

const handlers = tools.toLayer({
  weather: ({ city, on }) => Effect.succeed({ celsius: city.length + on.getUTCDate() })
})

class Place extends Schema.Class<Place>("Place")({ city: Schema.String, founded: Schema.NumberFromString }) {}

const question = Prompt.make([
  { role: "system", content: "Be brief" },
  {
    role: "user",
    content: [
      { type: "text", text: "What does this say?" },
      {
        type: "file",
        mediaType: "application/pdf",
        fileName: "report.pdf",
        data: new Uint8Array([1, 2, 3]),
        options: { anthropic: { cacheControl: { type: "ephemeral" }, citations: { enabled: true } } }
      },
      {
        type: "file",
        mediaType: "image/png",
        data: new Uint8Array([4, 5, 6]),
        options: { openai: { imageDetail: "low" } }
      }
    ]
  }
])

/** Parts without what the orchestrator adds, and without what is different in every run. */
const comparable = (parts: Iterable<object>): unknown =>
  JSON.parse(
    JSON.stringify(Array.from(parts), (key, value: unknown) =>
      key === "arcSaga" || key === "timestamp" || key === "id" ? undefined : value
    )
  )

/** The program: it knows nothing of arc-saga. */
const program = Effect.gen(function* () {
  const whole = yield* LanguageModel.generateText({ prompt: question })
  const streamed = yield* Stream.runCollect(LanguageModel.streamText({ prompt: question }))
  const object = yield* LanguageModel.generateObject({
    prompt: "Where?",
    objectName: "place",
    schema: Place
  })
  const called = yield* LanguageModel.generateText({
    prompt: "Weather in Rome?",
    toolkit: tools,
    toolChoice: "required"
  })
  const calling = yield* Stream.runCollect(
    LanguageModel.streamText({ prompt: "Weather in Rome?", toolkit: tools, toolChoice: { tool: "weather" } })
  )
  const chat = yield* Chat.fromPrompt("Be kind")
  const first = yield* chat.generateText({ prompt: "Weather in Rome?", toolkit: tools })
  const second = yield* chat.generateText({ prompt: "Thanks" })
  return {
    whole: { text: whole.text, reason: whole.finishReason, usage: { ...whole.usage } },
    streamed: comparable(Chunk.toReadonlyArray(streamed)),
    object: object.value,
    called: comparable(called.toolResults),
    calling: comparable(Chunk.toReadonlyArray(calling)),
    chat: [comparable(first.toolResults), second.text]
  }
}).pipe(Effect.provide(handlers))

/** What the program asked for, but whether as a stream, which `@effect/ai-anthropic` also says in the query. */
const requestsOf = (server: WireServer.Server) =>
  Effect.map(server.requests, (requests) =>
    requests.map(({ body, path }) => ({
      path: path.replace(/\?.*/, ""),
      body: { ...JSON.parse(body), stream: undefined }
    }))
  )

const args = '{"city":"Rome","on":"2026-11-27T00:00:00.000Z"}'

/** OpenAI: a tool where there are some and none has answered yet, an object where a schema is, or text. */
const openAi = ({ body }: WireServer.Request): WireServer.Reply => {
  const { stream, text, tools: offered } = JSON.parse(body)
  if (stream !== true) {
    const [content, calls] =
      text.format.type === "json_schema"
        ? [
            [
              { type: "output_text", text: '{"city":"Rome","founded":"-753"}', annotations: [], logprobs: [] }
            ],
            []
          ]
        : offered === undefined
          ? [[{ type: "output_text", text: "Hello", annotations: [], logprobs: [] }], []]
          : [
              [],
              [
                {
                  type: "function_call",
                  id: "fc_call_1",
                  call_id: "call_1",
                  name: "weather",
                  status: "completed",
                  arguments: args
                }
              ]
            ]
    const output = [
      ...(content.length === 0
        ? []
        : [{ type: "message", id: "msg_1", status: "completed", role: "assistant", content }]),
      ...calls
    ]
    return json(models.response({ output }))
  }
  return eventStream(
    offered === undefined ? models.openAiText("Hel", "lo") : models.openAiToolCall("weather", args)
  )
}

/** Anthropic: the same. */
const anthropic = ({ body }: WireServer.Request): WireServer.Reply => {
  const { stream, tool_choice, tools: offered } = JSON.parse(body)
  const usage = { input_tokens: 3, output_tokens: 2, cache_read_input_tokens: 4 }
  const use =
    tool_choice?.name === "place"
      ? { type: "tool_use", id: "tu_1", name: "place", input: { city: "Rome", founded: "-753" } }
      : { type: "tool_use", id: "tu_1", name: "weather", input: JSON.parse(args) }
  if (stream !== true) {
    const content = offered === undefined ? [{ type: "text", text: "Hello", citations: null }] : [use]
    const stop_reason = offered === undefined ? "end_turn" : "tool_use"
    return json({ ...messages.start(usage).message, content, stop_reason, container: null })
  }
  const last = messages.stopped(offered === undefined ? "end_turn" : "tool_use", { output_tokens: 2 })
  return eventStream(
    offered === undefined
      ? messages.wire(
          messages.start(usage),
          messages.block({ type: "text", text: "", citations: null }),
          messages.text("Hel"),
          messages.text("lo"),
          messages.blockStop(),
          last,
          messages.end
        )
      : messages.wire(
          messages.start(usage),
          messages.block({ type: "tool_use", id: "tu_1", name: "weather", input: {} }),
          messages.delta({ type: "input_json_delta", partial_json: args }),
          messages.blockStop(),
          last,
          messages.end
        )
  )
}

const json = (value: unknown): WireServer.Reply => ({
  status: 200,
  headers: { "content-type": "application/json" },
  body: [JSON.stringify(value)]
})

const eventStream = (text: string): WireServer.Reply => ({
  status: 200,
  headers: { "content-type": "text/event-stream" },
  body: [text]
})

/** Runs the program with a layer that is made for the address of a server. */
const run = <A, E>(
  reply: (request: WireServer.Request) => WireServer.Reply,
  layerFor: (url: string) => Effect.Effect<Layer.Layer<LanguageModel.LanguageModel>>,
  asks: Effect.Effect<A, E, LanguageModel.LanguageModel>
) =>
  Effect.gen(function* () {
    const { serve } = yield* WireServer.WireServer
    const server = yield* serve(reply)
    const given = yield* Effect.provide(asks, yield* layerFor(server.url))
    return { given, asked: yield* requestsOf(server) }
  }).pipe(Effect.provide(NodeWireServer.layer))

describe("a program of Effect AI, unchanged but for its Layer", () => {
  const vendors = [
    ["@effect/ai-openai", openAi, models.openAi, models.openAiEngine],
    ["@effect/ai-anthropic", anthropic, models.anthropic, models.anthropicEngine]
  ] as const

  it.scoped.each(vendors)(
    "asks %s the same over the orchestrator, and is given the same",
    ([, reply, layer, engine]) =>
      Effect.gen(function* () {
        const alone = yield* run(reply, (url) => Effect.succeed(layer(url)), program)
        const orchestrated = yield* run(
          reply,
          (url) => Effect.map(Effect.orDie(engine(url)), (made) => over([made])),
          program
        )
        assert.deepStrictEqual(orchestrated.given, alone.given)
        assert.deepStrictEqual(orchestrated.asked, alone.asked)
        assert.strictEqual(alone.given.whole.text, "Hello")
        assert.deepStrictEqual(alone.given.object, new Place({ city: "Rome", founded: -753 }))
        assert.deepStrictEqual(alone.given.chat[1], "Hello")
        assert.isAtLeast(alone.asked.length, 7)
      })
  )

  it.scoped("is given by one vendor what the other can't give", () =>
    Effect.gen(function* () {
      const { serve } = yield* WireServer.WireServer
      const broken = yield* serve(() => ({ status: 404, body: ["no such model"] }))
      const alone = yield* run(anthropic, (url) => Effect.succeed(models.anthropic(url)), program)
      const orchestrated = yield* run(
        anthropic,
        (url) =>
          Effect.map(
            Effect.orDie(Effect.all([models.openAiEngine(broken.url), models.anthropicEngine(url)])),
            (engines) => over(engines)
          ),
        program
      )
      assert.deepStrictEqual(orchestrated.given, alone.given)
      assert.deepStrictEqual(orchestrated.asked, alone.asked)
      assert.strictEqual((yield* broken.requests).length, alone.asked.length)
    }).pipe(Effect.provide(NodeWireServer.layer))
  )

  it.scoped("ends the request at the provider when it stops listening, or is interrupted", () =>
    Effect.gen(function* () {
      const begun = models.events(models.created, models.messageAdded, models.delta("Hel"))
      const server = yield* RawServer.make([
        RawServer.send(RawServer.chunkedHead("text/event-stream") + RawServer.chunk(begun))
      ])
      const layer = over([yield* Effect.orDie(models.openAiEngine(server.url))])
      const isText = ({ type }: { readonly type: string }) => type === "text-delta"
      yield* LanguageModel.streamText({ prompt: "Hi" }).pipe(
        Stream.takeUntil(isText),
        Stream.runDrain,
        Effect.provide(layer)
      )
      yield* server.closed(0)
      const fiber = yield* Effect.fork(
        LanguageModel.generateText({ prompt: "Hi" }).pipe(Effect.provide(layer))
      )
      yield* server.received(1)
      yield* Fiber.interrupt(fiber)
      yield* server.closed(1)
    })
  )

  it.scoped("keeps its provider's own tools and its settings", () =>
    Effect.gen(function* () {
      const own = LanguageModel.generateText({
        prompt: "Look it up",
        toolkit: Toolkit.make(OpenAiTool.WebSearch({})),
        toolChoice: "auto"
      }).pipe(OpenAiLanguageModel.withConfigOverride({ temperature: 0.1, reasoning: { effort: "low" } }))
      const reply = () => eventStream(models.openAiText("Found"))
      const { asked, given } = yield* run(
        reply,
        (url) => Effect.map(Effect.orDie(models.openAiEngine(url)), (made) => over([made])),
        own
      )
      assert.strictEqual(given.text, "Found")
      const [{ body } = { body: {} }] = asked
      assert.deepInclude(body, { temperature: 0.1, reasoning: { effort: "low" } })
      assert.deepNestedInclude(body, { "tools[0].type": "web_search" })
    })
  )
})
