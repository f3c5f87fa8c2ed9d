/** Gateways on sockets of this machine, over scripted engines. */
import * as HttpServer from "@effect/platform/HttpServer"
import {
  MultiLLMOrchestrator,
  type ProviderMetrics,
  type ReasoningEngine,
  ReasoningEngineRegistry,
  type RoutingPolicy,
  TaskService
} from "arc-saga"
import { Activity, type ApiKeys, Gateway } from "arc-saga/gateway"
import { ScriptedEngine } from "arc-saga/testing"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as LogLevel from "effect/LogLevel"
import * as Scope from "effect/Scope"
import * as Net from "node:net"
import * as Listener from "../../src/cli/Listener.js"
import * as NodeListener from "../../src/cli/Listener/Node.js"

export interface Setup {
  readonly engines: ReadonlyArray<ScriptedEngine.Options>
  /** Engines of the test's own, besides. */
  readonly registered?: ReadonlyArray<ReasoningEngine.ReasoningEngine>
  readonly gateway?: Gateway.Options
  readonly policy?: RoutingPolicy.Options
  readonly providers?: ReadonlyArray<ProviderMetrics.Options>
  readonly host?: string
  readonly keys?: Layer.Layer<ApiKeys.ApiKeys>
  /** In place of one over the engines. */
  readonly orchestrator?: TaskService.Service
  /** From which level on it logs; nothing when absent. */
  readonly level?: LogLevel.LogLevel
  /** What else there is: a tracer, say. */
  readonly around?: Layer.Layer<never>
}

export interface Running {
  /** Without a slash at the end. */
  readonly url: string
  readonly engines: ReadonlyArray<ScriptedEngine.ScriptedEngine>
  readonly activity: Activity.Service
  /** Shuts the gateway down, as a signal would. */
  readonly stop: Effect.Effect<void>
}

const layerOf = (setup: Setup, engines: ReadonlyArray<ScriptedEngine.ScriptedEngine>) =>
  Gateway.layer(setup.gateway).pipe(
    Layer.provide(setup.keys ?? Layer.empty),
    Layer.provideMerge(
      Layer.unwrapEffect(
        Effect.map(Listener.Listener, ({ listen }) => listen({ port: 0, host: setup.host ?? "127.0.0.1" }))
      ).pipe(Layer.provide(NodeListener.layer))
    ),
    Layer.provide(
      setup.orchestrator === undefined
        ? MultiLLMOrchestrator.layerFor({
            ...(setup.providers === undefined ? {} : { providers: setup.providers }),
            ...(setup.policy === undefined ? {} : { policy: setup.policy })
          })
        : Layer.succeed(TaskService.TaskService, setup.orchestrator)
    ),
    Layer.provideMerge(Activity.layer),
    Layer.provideMerge(
      ReasoningEngineRegistry.layerEngines([
        ...engines.map(({ engine }) => engine),
        ...(setup.registered ?? [])
      ])
    ),
    Layer.provide(Logger.minimumLogLevel(setup.level ?? LogLevel.None)),
    Layer.provide(setup.around ?? Layer.empty)
  )

/** Starts a gateway, or fails as it does. */
export const start = (setup: Setup) =>
  Effect.gen(function* () {
    const engines = yield* ScriptedEngine.makeAll(setup.engines)
    const scope = yield* Scope.make()
    yield* Effect.addFinalizer(() => Scope.close(scope, Exit.void))
    const context = yield* Layer.buildWithScope(layerOf(setup, engines), scope)
    const { address } = Context.get(context, HttpServer.HttpServer)
    const port = address._tag === "TcpAddress" ? address.port : 0
    const running: Running = {
      url: `http://127.0.0.1:${port}`,
      engines,
      activity: Context.get(context, Activity.Activity),
      stop: Scope.close(scope, Exit.void)
    }
    return running
  })

export interface Answer {
  readonly status: number
  readonly headers: Headers
  readonly text: string
}

/** Sends a request and reads all of what is answered. */
export const request = (url: string, init: RequestInit = {}): Effect.Effect<Answer> =>
  Effect.promise(async () => {
    const response = await fetch(url, init)
    return { status: response.status, headers: response.headers, text: await response.text() }
  })

/** A key as a browser keeps it. */
export const basic = (key: string) => ({
  authorization: `Basic ${Buffer.from(`me:${key}`).toString("base64")}`
})

/** Sends JSON. */
export const post = (url: string, body: unknown, headers: Readonly<Record<string, string>> = {}) =>
  request(url, {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body: typeof body === "string" ? body : JSON.stringify(body)
  })

/** Waits for what happens soon, turn by turn of the event loop. */
export const eventually = (condition: Effect.Effect<boolean>): Effect.Effect<void> =>
  Effect.flatMap(condition, (holds) =>
    holds
      ? Effect.void
      : Effect.zipRight(
          Effect.promise(() => new Promise((resolve) => setTimeout(resolve, 1))),
          Effect.suspend(() => eventually(condition))
        )
  )

/** Waits until an engine has been called so often. */
export const called = (engine: ScriptedEngine.ScriptedEngine, times = 1): Effect.Effect<void> =>
  eventually(Effect.map(engine.calls, (calls) => calls.length >= times))

/** The data of server-sent events. */
export const dataOf = (text: string): ReadonlyArray<string> =>
  Array.from(text.matchAll(/^data: (.*)$/gm), ([, data = ""]) => data)

/** A connection that says something and keeps what it hears. */
export const connect = (url: string, said: string) =>
  Effect.acquireRelease(
    Effect.async<{
      readonly socket: Net.Socket
      readonly heard: () => string
      readonly closed: () => boolean
    }>((resume) => {
      let heard = ""
      let closed = false
      const socket = Net.connect(Number(new URL(url).port), "127.0.0.1", () => {
        socket.write(said)
        resume(Effect.succeed({ socket, heard: () => heard, closed: () => closed }))
      })
      socket.on("error", () => {})
      socket.on("data", (bytes) => (heard += bytes.toString("latin1")))
      socket.on("close", () => (closed = true))
    }),
    ({ socket }) => Effect.sync(() => socket.destroy())
  )
