/**
 * The gateway inside a program: its own keys, a budget, and providers made in code. It asks itself one
 * question, as any client of OpenAI's API would, prints the answer and what was spent, and ends.
 */
import {
  FetchHttpClient,
  HttpClient,
  HttpClientRequest,
  HttpClientResponse,
  HttpServer
} from "@effect/platform"
import { NodeHttpServer, NodeRuntime } from "@effect/platform-node"
import { Budgets, MultiLLMOrchestrator, ReasoningEngineRegistry, SpendLedger } from "arc-saga"
import { Simulated } from "arc-saga/engines"
import { Activity, ApiKeys, Gateway } from "arc-saga/gateway"
import { Console, Effect, Layer, Option, Redacted, Schema } from "effect"
import { createServer } from "node:http"

/** The key of the one client; a real one is made at random and only its hash is kept. */
const key = Redacted.make("example-key-of-the-demo")

const Keys = Layer.unwrapEffect(
  Effect.map(ApiKeys.hash(key), (sha256) => ApiKeys.layer([{ id: "demo", sha256, requestsPerMinute: 60 }]))
)

const Engines = Layer.merge(
  Simulated.layer({ provider: "claude", errorRate: 1 }), // always fails: the other one answers
  Simulated.layer({ provider: "gpt4" })
)

const Money = Layer.merge(
  SpendLedger.layer,
  Budgets.layer({ budgets: [{ name: "each key", scope: "key", period: "day", tokens: 100_000 }] })
)

const Orchestrator = MultiLLMOrchestrator.layerFor({
  providers: [
    { provider: "claude", qualityScore: 9 },
    { provider: "gpt4", qualityScore: 8 }
  ]
})

const Server = Gateway.layer().pipe(
  Layer.provide(Keys),
  Layer.provide(Orchestrator),
  Layer.provide(Activity.layer),
  Layer.provideMerge(Money),
  Layer.provide(Engines),
  Layer.provide(ReasoningEngineRegistry.layer),
  Layer.provideMerge(NodeHttpServer.layer(createServer, { port: 0, host: "127.0.0.1" }))
)

const Answer = Schema.Struct({
  choices: Schema.NonEmptyArray(Schema.Struct({ message: Schema.Struct({ content: Schema.String }) }))
})

const program = HttpServer.addressFormattedWith((address) =>
  Effect.gen(function* () {
    const request = HttpClientRequest.post(`${address}/v1/chat/completions`).pipe(
      HttpClientRequest.bearerToken(key),
      HttpClientRequest.bodyUnsafeJson({
        model: "saga/quality",
        messages: [{ role: "user", content: "Why is the sky blue?" }]
      })
    )
    const response = yield* HttpClient.execute(request)
    const { choices } = yield* HttpClientResponse.schemaBodyJson(Answer)(response)
    yield* Console.log(`${response.headers["x-saga-provider"]}: ${choices[0].message.content}`)

    const ledger = yield* SpendLedger.SpendLedger
    for (const { attempts, name, succeeded } of yield* ledger.summary({ by: "provider" })) {
      yield* Console.log(
        `${Option.getOrElse(name, () => "-")}: ${succeeded} of ${attempts} attempts succeeded`
      )
    }
  })
)

NodeRuntime.runMain(Effect.provide(program, Layer.merge(Server, FetchHttpClient.layer)))
