/** What Effect's HTTP server and client cost by themselves: a proxy of nothing but the two. */
import { createServer } from "node:http"
import {
  HttpClient,
  HttpClientRequest,
  HttpServer,
  HttpServerRequest,
  HttpServerResponse
} from "@effect/platform"
import { NodeHttpClient, NodeHttpServer, NodeRuntime } from "@effect/platform-node"
import { Effect, Layer } from "effect"

const [, , port, upstream = ""] = process.argv

const app = Effect.gen(function* () {
  const client = yield* HttpClient.HttpClient
  const body = yield* Effect.flatMap(HttpServerRequest.HttpServerRequest, (request) => request.text)
  // Whoever looks whether it is there yet.
  if (body === "") return HttpServerResponse.empty()
  const asked: { readonly stream?: boolean } = JSON.parse(body)
  const response = yield* client.execute(
    HttpClientRequest.post(upstream).pipe(HttpClientRequest.bodyText(body, "application/json"))
  )
  return asked.stream === true
    ? HttpServerResponse.stream(response.stream, { contentType: "text/event-stream" })
    : HttpServerResponse.unsafeJson(yield* response.json)
}).pipe(Effect.withTracerEnabled(false))

NodeRuntime.runMain(
  Layer.launch(
    HttpServer.serve(app).pipe(
      Layer.provide(NodeHttpServer.layer(() => createServer(), { host: "127.0.0.1", port: Number(port) })),
      Layer.provide(NodeHttpClient.layerUndici)
    )
  )
)
