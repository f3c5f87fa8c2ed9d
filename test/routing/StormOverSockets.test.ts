import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import { assert, describe, it } from "@effect/vitest"
import {
  AIProvider,
  AITask,
  Hedging,
  MultiLLMOrchestrator,
  ReasoningEngineRegistry,
  Reliability
} from "arc-saga"
import { OpenAICompatible } from "arc-saga/engines"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as LogLevel from "effect/LogLevel"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import * as Supervisor from "effect/Supervisor"
import { PCGRandom } from "effect/Utils"
import type { Socket } from "node:net"
import { coded, done, eventStream, json, stop, usage } from "../utils/chatCompletions.js"
import { sized } from "../utils/property.js"
import * as RawServer from "../utils/RawServer.js"

const { answer, chunk, end, lastChunk, pause, reset, send } = RawServer

type Steps = ReadonlyArray<RawServer.Step>

const stormMs = 1000 * sized(60, 5)
/** As many as the machine keeps up with in that time. */
const atOnce = sized(500, 50)

const words = "Light scatters off molecules, the shorter its wavelength the more.".match(/.{1,16}/g) ?? []
const text = words.join("")

const event = (content: string): string =>
  `data: ${JSON.stringify({ choices: [{ delta: { content } }] })}\n\n`

const begin = send(eventStream)
const some = send(eventStream + chunk(event(words.slice(0, 2).join(""))))

const whole = (gapMs: number): Steps => [
  begin,
  ...words.flatMap((word) => [pause(gapMs), send(chunk(event(word)))]),
  send(chunk(stop + usage + done) + lastChunk)
]

/** Event by event, each in pieces of a few bytes. */
const trickle: Steps = [
  begin,
  ...words.flatMap((word) =>
    (event(word).match(/.{1,30}/gs) ?? []).flatMap((piece) => [pause(100), send(chunk(piece))])
  ),
  send(chunk(stop + usage + done) + lastChunk)
]

const limits = {
  "x-ratelimit-limit-requests": "60",
  "x-ratelimit-remaining-requests": "0",
  "x-ratelimit-reset-requests": "30ms"
}

const good: ReadonlyArray<Steps> = [whole(10), whole(300), whole(1000), trickle]

const limited: ReadonlyArray<Steps> = [
  json(429, coded("rate_limit_exceeded"), { "retry-after-ms": "40" }),
  json(429, coded("rate_limit_exceeded"), limits),
  json(503, coded("server_is_overloaded"), { "retry-after": "0.05" }),
  json(500, coded(null))
]

/** Nothing comes any more. */
const stalled: ReadonlyArray<Steps> = [[], [begin], [some]]

const broken: ReadonlyArray<Steps> = [
  [reset],
  [some, pause(300), reset],
  [begin, end],
  [some, end],
  [some, send(lastChunk)],
  [send("nonsense\r\n\r\nnonsense"), end],
  [begin, send(chunk("data: {nonsense\n\n")), ...whole(10).slice(1)],
  [begin, send(chunk("\u0000\u0001{".repeat(2000))), send(lastChunk)],
  answer(200, "text/html", "<!doctype html>Welcome"),
  [send(RawServer.head(500, "text/plain"))]
]

/** A server that does any of these, as chance has it; who waits in vain is in `hanging`. */
const server = (seed: number, scripts: ReadonlyArray<Steps>, hanging: Set<Socket>) => {
  const random = new PCGRandom(seed)
  return RawServer.listen((_, socket) => {
    const steps = scripts[random.integer(scripts.length)] ?? []
    if (stalled.includes(steps)) {
      hanging.add(socket)
      socket.once("close", () => hanging.delete(socket))
    }
    return steps
  })
}

const engine = (provider: string, { url }: RawServer.Listening) =>
  OpenAICompatible.layer({
    provider: AIProvider.unsafeMake(provider),
    baseUrl: `${url}/v1`,
    model: "m"
  })

const guards = Layer.provideMerge(
  Hedging.layer({ share: 0.2 }),
  Reliability.layer({
    // Circuits that are soon half-open again: nobody is spared for long.
    circuitBreaker: { openMs: 50, maxOpenMs: 500 },
    rateLimits: { providers: { wild: { concurrency: 400 }, limited: { concurrency: 400 } } }
  })
)

/** What a stream may fail with here. */
const errors = ["AllProvidersFailedError", "NoAvailableProviderError", "StreamInterruptedError"]

/** What became of a stream: its text was `whole`, its caller `left` or was `interrupted`, or its error's tag. */
type Ending = string

/** Listens to a stream as some callers do: to its end, for a while, or until something else matters more. */
const listen = (
  orchestrator: MultiLLMOrchestrator.Service,
  task: AITask.AITask<"streaming">,
  random: PCGRandom
): Effect.Effect<Ending> => {
  let heard = ""
  const stream = orchestrator.execute(task).pipe(
    Stream.tap((event) =>
      Effect.sync(() => {
        if (event._tag === "TextDelta") heard += event.text
      })
    )
  )
  const luck = random.integer(10)
  if (luck < 2) {
    const left = Stream.runDrain(Stream.take(stream, 1 + random.integer(4)))
    return Effect.map(
      Effect.either(left),
      Either.match({ onLeft: ({ _tag }) => _tag, onRight: () => "left" })
    )
  }
  const listened = Effect.map(
    Effect.either(Stream.runDrain(stream)),
    Either.match({
      onLeft: ({ _tag }) => _tag,
      onRight: () => (heard === text ? "whole" : `a text that isn't: ${heard}`)
    })
  )
  return luck < 4
    ? Effect.map(Effect.timeoutOption(listened, random.integer(3000)), (ending) =>
        ending._tag === "Some" ? ending.value : "interrupted"
      )
    : listened
}

/** Some callers, each with one stream after the other until the time is up: how many ended how. */
const callers = (count: number, forMs: number) =>
  Effect.gen(function* () {
    const orchestrator = yield* MultiLLMOrchestrator.MultiLLMOrchestrator
    const task = yield* AITask.make({ prompt: "Why is the sky blue?", mode: "streaming" })
    const random = new PCGRandom(7)
    const until = (yield* Clock.currentTimeMillis) + forMs
    const endings = new Map<Ending, number>()
    const caller = Effect.gen(function* () {
      // Not all in one moment: that would be a test of the machine.
      yield* Effect.sleep(random.integer(forMs / 6 + 1))
      do {
        const ending = yield* listen(orchestrator, task, random)
        endings.set(ending, (endings.get(ending) ?? 0) + 1)
        if (errors.includes(ending)) yield* Effect.sleep("200 millis")
      } while ((yield* Clock.currentTimeMillis) < until)
    })
    yield* Effect.all(
      Array.from({ length: count }, () => caller),
      { concurrency: "unbounded", discard: true }
    )
    return endings
  })

/** Waits until something is so, as it soon has to be: a minute at most, for a machine that is busy. */
const soon = (holds: () => boolean) =>
  Effect.repeat(Effect.sync(holds), {
    until: (held) => held,
    schedule: Schedule.intersect(Schedule.spaced("20 millis"), Schedule.recurs(3000))
  })

/** A storm with servers, a client and an orchestrator of its own, and what it leaves open at the servers. */
const storm = (streams: number, forMs: number) =>
  Effect.gen(function* () {
    const hanging = new Set<Socket>()
    const servers = yield* Effect.all([
      server(1, [...broken, ...stalled, ...good], hanging),
      server(2, [...limited, ...good], hanging),
      server(3, [...good, ...good, ...good, [some, end]], hanging)
    ])
    const [wild, limiting, steady] = servers
    const engines = Layer.mergeAll(
      engine("wild", wild),
      engine("limited", limiting),
      engine("steady", steady)
    )
    const layer = MultiLLMOrchestrator.layerFor({
      providers: ["wild", "limited", "steady"].map((provider, index) => ({
        provider,
        qualityScore: 9 - index
      })),
      // How long a storm waits for what never comes.
      policy: { limits: { firstTokenMs: sized(10_000, 2000), idleMs: sized(10_000, 2000) } }
    }).pipe(
      Layer.provide(engines),
      Layer.provide(ReasoningEngineRegistry.layer),
      Layer.provide(NodeHttpClient.layerUndici),
      Layer.provide(guards)
    )
    const open = () => servers.reduce((sum, { connections }) => sum + connections(), 0)
    const { endings, left } = yield* Effect.gen(function* () {
      const endings = yield* callers(streams, forMs)
      yield* soon(() => hanging.size === 0)
      return { endings, left: hanging.size }
    }).pipe(Effect.provide(layer))
    // The client is gone, and the connections with it that it kept for the next requests.
    yield* soon(() => open() === 0)
    return { endings, left, open: open() }
  }).pipe(Effect.scoped, Logger.withMinimumLogLevel(LogLevel.None))

const heap = (): number => {
  globalThis.gc?.()
  return process.memoryUsage().heapUsed
}

describe.concurrent("a storm over sockets", () => {
  it.live(
    "leaves no socket, no fiber and no memory behind, and no stream without its end",
    () =>
      Effect.gen(function* () {
        // What is made once and kept is there after the first.
        yield* storm(100, 0)
        const before = heap()
        const fibers = yield* Supervisor.track
        const { endings, left, open } = yield* Effect.supervised(storm(atOnce, stormMs), fibers)
        const grown = heap() - before
        process.stdout.write(
          `\n${[...endings].map(([ending, count]) => `${ending}: ${count}`).join(", ")}; ${(grown / 2 ** 20).toFixed(1)} MB\n`
        )
        assert.deepStrictEqual({ left, open }, { left: 0, open: 0 })
        assert.deepStrictEqual(yield* fibers.value, [])
        assert.isBelow(grown, 16 * 2 ** 20)
        assert.includeMembers(["whole", "left", "interrupted", ...errors], [...endings.keys()])
        assert.includeMembers([...endings.keys()], ["whole", "left", "interrupted"])
      }),
    600_000
  )
})
