/**
 * A backend that streams: `POST /ask` with `{"question": "…"}` answers with server-sent events, the text as it
 * is written and at the end who answered and what it cost. A client that goes away ends the call.
 *
 * OPENAI_API_KEY and ANTHROPIC_API_KEY name the providers; without one a simulated provider answers. PORT is
 * 3000 unless it is set.
 */
import {
  FetchHttpClient,
  HttpRouter,
  HttpServer,
  HttpServerRequest,
  HttpServerResponse
} from "@effect/platform"
import { NodeHttpServer, NodeRuntime } from "@effect/platform-node"
import { AITask, MultiLLMOrchestrator, ReasoningEngineRegistry, Reliability, Strategy } from "arc-saga"
import { Claude, OpenAI, Simulated } from "arc-saga/engines"
import { Config, Effect, Layer, Option, type Redacted, Schema, Stream } from "effect"
import { createServer } from "node:http"

/** A Layer for the key of a variable, where it is set. */
const whenSet = <E, R>(variable: string, layer: (apiKey: Redacted.Redacted) => Layer.Layer<never, E, R>) =>
  Layer.unwrapEffect(
    Effect.map(
      Config.option(Config.redacted(variable)),
      Option.match({ onNone: () => Layer.empty, onSome: layer })
    )
  )

const Engines = Layer.mergeAll(
  whenSet("ANTHROPIC_API_KEY", (apiKey) => Claude.layer({ apiKey, model: "claude-sonnet-4-5" })),
  whenSet("OPENAI_API_KEY", (apiKey) => OpenAI.layer({ apiKey, model: "gpt-4o-mini" })),
  Simulated.layer({ provider: "simulated" })
).pipe(Layer.provide(FetchHttpClient.layer))

const Orchestrator = MultiLLMOrchestrator.layerFor({ strategy: Strategy.quality }).pipe(
  Layer.provide(Reliability.layer()),
  Layer.provide(Engines),
  Layer.provide(ReasoningEngineRegistry.layer)
)

const Question = Schema.Struct({ question: Schema.NonEmptyTrimmedString })

const event = (name: string, data: unknown): string => `event: ${name}\ndata: ${JSON.stringify(data)}\n\n`

const ask = Effect.gen(function* () {
  const { question } = yield* HttpServerRequest.schemaBodyJson(Question)
  const orchestrator = yield* MultiLLMOrchestrator.MultiLLMOrchestrator
  const task = yield* AITask.make({ prompt: question, maxTokens: 500 })
  const body = orchestrator.stream(task).pipe(
    Stream.filterMap((answer) => {
      switch (answer._tag) {
        case "TextDelta":
          return Option.some(event("text", answer.text))
        case "Completed":
          return Option.some(
            event("done", { provider: answer.result.provider, cost: Option.getOrNull(answer.result.cost) })
          )
        default:
          return Option.none()
      }
    }),
    // What was delivered before isn't the answer, and the client is told so.
    Stream.catchAll((error) => Stream.succeed(event("error", error.message))),
    Stream.encodeText
  )
  return HttpServerResponse.stream(body, { contentType: "text/event-stream" })
}).pipe(
  Effect.catchTags({
    ParseError: () => HttpServerResponse.json({ error: "a question, please" }, { status: 400 }),
    RequestError: () => HttpServerResponse.json({ error: "JSON, please" }, { status: 400 })
  })
)

const Server = HttpRouter.empty.pipe(
  HttpRouter.post("/ask", ask),
  HttpServer.serve(),
  HttpServer.withLogAddress,
  Layer.provide(Orchestrator),
  Layer.provide(
    Layer.unwrapEffect(
      Effect.map(Config.withDefault(Config.integer("PORT"), 3000), (port) =>
        NodeHttpServer.layer(createServer, { port, host: "127.0.0.1" })
      )
    )
  )
)

NodeRuntime.runMain(Layer.launch(Server))
