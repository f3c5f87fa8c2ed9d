import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import * as NodePath from "@effect/platform-node/NodePath"
import * as NodeTerminal from "@effect/platform-node/NodeTerminal"
import * as FileSystem from "@effect/platform/FileSystem"
import * as HttpClient from "@effect/platform/HttpClient"
import * as HttpClientError from "@effect/platform/HttpClientError"
import * as HttpClientResponse from "@effect/platform/HttpClientResponse"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/TestClock"
import * as Cli from "../../src/cli/Cli.js"
import * as NodeListener from "../../src/cli/Listener/Node.js"
import * as StandardStreams from "../../src/cli/StandardStreams.js"
import type * as Workers from "../../src/cli/Workers.js"
import * as NodeWorkers from "../../src/cli/Workers/Node.js"
import * as eventLoop from "../utils/eventLoop.js"

/** Answers requests; undefined is a server that isn't there. */
export type Respond = (url: URL, headers: Headers) => Response | undefined

export interface World {
  readonly source?: StandardStreams.Source
  readonly input?: Stream.Stream<Uint8Array, StandardStreams.FileError>
  readonly env?: Readonly<Record<string, string>>
  readonly respond?: Respond
  /** Real requests in place of `respond`. */
  readonly http?: Layer.Layer<HttpClient.HttpClient>
  /** Other processes than real ones. */
  readonly workers?: Layer.Layer<Workers.Workers>
  readonly errorIsTerminal?: boolean
  /** What writing to standard output does; it is taken when absent. */
  readonly write?: StandardStreams.Service["write"]
}

export interface Printed {
  readonly out: Array<string>
  readonly err: Array<string>
}

export const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)

/** Standard streams that remember what was printed. */
export const streams = (world: World, printed: Printed): StandardStreams.Service => ({
  source: world.source ?? "nothing",
  input: world.input ?? Stream.empty,
  write: (text) =>
    Effect.zipRight(
      world.write?.(text) ?? Effect.void,
      Effect.sync(() => void printed.out.push(text))
    ),
  writeError: (text) => Effect.sync(() => void printed.err.push(text)),
  unsafeLog: (line) => void printed.err.push(`${line}\n`),
  showStatus: (line) =>
    Effect.sync(() => void (world.errorIsTerminal === true && printed.err.push(`\r\u001B[2K${line}`))),
  outputIsTerminal: false,
  errorIsTerminal: world.errorIsTerminal ?? false,
  columns: Effect.succeed(100)
})

export const http = (respond: Respond = () => undefined): Layer.Layer<HttpClient.HttpClient> =>
  Layer.succeed(
    HttpClient.HttpClient,
    HttpClient.make((request, url) => {
      const response = respond(url, new Headers(request.headers))
      return response === undefined
        ? Effect.fail(new HttpClientError.RequestError({ request, reason: "Transport" }))
        : Effect.succeed(HttpClientResponse.fromWeb(request, response))
    })
  )

export const platform = Layer.mergeAll(NodeFileSystem.layer, NodePath.layer, NodeTerminal.layer)

/** Lets virtual time pass until an effect that also waits for real files has ended. */
export const settle = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.gen(function* () {
    const fiber = yield* Effect.fork(effect)
    while (true) {
      const exit = yield* Fiber.poll(fiber)
      if (Option.isSome(exit)) return yield* exit.value
      yield* TestClock.adjust("50 millis")
      yield* eventLoop.turn
    }
  })

export interface Ran {
  readonly code: number
  readonly out: string
  readonly err: string
}

/** A command line that hasn't been run yet, and what it has printed so far. */
export const command = (args: ReadonlyArray<string>, world: World = {}) => {
  const printed: Printed = { out: [], err: [] }
  const effect = Cli.run(["node", "arc-saga", ...args]).pipe(
    Effect.provideService(StandardStreams.StandardStreams, streams(world, printed)),
    Effect.provide(
      Layer.mergeAll(
        platform,
        NodeListener.layer,
        world.workers ?? NodeWorkers.layer,
        world.http ?? http(world.respond)
      )
    ),
    Effect.withConfigProvider(ConfigProvider.fromMap(new Map(Object.entries(world.env ?? {}))))
  )
  return { printed, effect }
}

/** Runs a command line to its end, in virtual time. */
export const run = (args: ReadonlyArray<string>, world: World = {}): Effect.Effect<Ran> => {
  const { effect, printed } = command(args, world)
  return ran(printed, settle(effect))
}

/** Runs a command line to its end, in real time. */
export const runLive = (args: ReadonlyArray<string>, world: World = {}): Effect.Effect<Ran> => {
  const { effect, printed } = command(args, world)
  return ran(printed, effect)
}

const ran = (printed: Printed, effect: Effect.Effect<number>): Effect.Effect<Ran> =>
  Effect.map(effect, (code) => ({ code, out: printed.out.join(""), err: printed.err.join("") }))

/** A directory of a test's own with the given files; gives the path of a file in it. */
export const directory = (files: Readonly<Record<string, string>> = {}) =>
  Effect.gen(function* () {
    const fs = yield* FileSystem.FileSystem
    const path = yield* fs.makeTempDirectoryScoped()
    for (const [name, text] of Object.entries(files)) yield* fs.writeFileString(`${path}/${name}`, text)
    return (name: string) => `${path}/${name}`
  }).pipe(Effect.orDie)

export const readFile = (path: string) =>
  Effect.flatMap(FileSystem.FileSystem, (fs) => Effect.orDie(fs.readFileString(path)))

export const writeFile = (path: string, text: string) =>
  Effect.flatMap(FileSystem.FileSystem, (fs) => Effect.orDie(fs.writeFileString(path, text)))

export const writeBytes = (path: string, content: Uint8Array) =>
  Effect.flatMap(FileSystem.FileSystem, (fs) => Effect.orDie(fs.writeFile(path, content)))

/** A streamed answer of a Chat Completions server. */
export const sse = (text: string, usage = true): Response => {
  const events = [
    { model: "m-1", choices: [{ index: 0, delta: { content: text }, finish_reason: null }] },
    { model: "m-1", choices: [{ index: 0, delta: {}, finish_reason: "stop" }] },
    ...(usage
      ? [{ model: "m-1", choices: [], usage: { prompt_tokens: 10, completion_tokens: 5, total_tokens: 15 } }]
      : [])
  ]
  const body = [...events.map((event) => JSON.stringify(event)), "[DONE]"]
  return new Response(body.map((data) => `data: ${data}\n\n`).join(""), {
    headers: { "content-type": "text/event-stream" }
  })
}

export const json = (value: unknown, status = 200): Response =>
  new Response(JSON.stringify(value), { status, headers: { "content-type": "application/json" } })

/** A configuration whose providers answer at once. */
export const instant = (overrides: Readonly<Record<string, unknown>> = {}): string =>
  JSON.stringify({
    ollama: false,
    simulated: [
      { id: "a", firstTokenMs: 10, tokensPerSecond: 1000, price: { input: 1, output: 2 } },
      { id: "b", firstTokenMs: 20, tokensPerSecond: 1000 }
    ],
    ...overrides
  })
