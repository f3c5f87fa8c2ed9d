/**
 * A process that shares limits and circuits in Redis with others: it does what it is told line by line, and prints what
 * was let in, and when.
 */
import { AIProvider, CircuitBreaker, LimitStore, SharedState } from "arc-saga"
import { Shared } from "arc-saga/redis"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Logger from "effect/Logger"
import * as LogLevel from "effect/LogLevel"
import * as Option from "effect/Option"
import * as Runtime from "effect/Runtime"
import * as readline from "node:readline"
import { asked, record } from "./guards.js"

const [, , url = "", prefix = "", share = "", openMs = "", probeMs = ""] = process.argv

/** Says a word, when that is, and since when it may have been so. */
const say = (word: string, since = Date.now()) =>
  Effect.sync(() => void process.stdout.write(`${word} ${Date.now()} ${since}\n`))

/** Does something so often, evenly, whether what was begun has ended or not. */
const evenly = <A, R>(times: number, everyMs: number, effect: Effect.Effect<A, never, R>) => {
  const from = Date.now()
  return Effect.forEach(
    Array.from({ length: times }, (_, index) => from + index * everyMs),
    (at) => Effect.delay(effect, Math.max(0, at - Date.now())),
    { concurrency: "unbounded", discard: true }
  )
}

const failure = { _tag: "TransientError", reason: "server" } as const

const program = Effect.gen(function* () {
  const store = yield* LimitStore.LimitStore
  const shared = yield* SharedState.SharedState
  const breaker = yield* CircuitBreaker.makeStore({
    consecutiveFailures: 3,
    openMs: Number(openMs),
    maxOpenMs: Number(openMs)
  })
  const attempt = yield* asked({}, AIProvider.Claude)
  let isUp = false

  const take = (key: string, requestsPerMinute: number) =>
    Effect.suspend(() => {
      const since = Date.now()
      return Effect.flatMap(
        store.take(key, { requestsPerMinute }, 1),
        Either.match({
          onLeft: () => Effect.void,
          onRight: ({ settle }) => Effect.zipRight(say(key, since), settle({ tokens: 1 }))
        })
      )
    })

  const ask = Effect.flatMap(Effect.option(breaker.admit(attempt)), (lease) =>
    Option.isNone(lease)
      ? Effect.void
      : Effect.gen(function* () {
          yield* say("asked")
          yield* Effect.sleep(Number(probeMs))
          yield* lease.value.settle(record(isUp ? undefined : failure))
          if (isUp) yield* say("answered")
        })
  )

  const does: Readonly<Record<string, (...numbers: ReadonlyArray<number>) => Effect.Effect<void>>> = {
    load: (limit = 0, times = 0, everyMs = 0) => evenly(times, everyMs, take("load", limit)),
    few: (limit = 0, times = 0) => evenly(times, 1, take("few", limit)),
    ask: (times = 0, everyMs = 0) => evenly(times, everyMs, ask),
    up: () => Effect.sync(() => void (isUp = true)),
    look: () => say(shared.unsafeAwaySince() === undefined ? "here" : "away")
  }

  const runtime = yield* Effect.runtime()
  const lines = readline.createInterface(process.stdin)
  // Who told it what to do is gone.
  lines.on("close", () => process.exit())
  lines.on("line", (line) => {
    const [name = "", ...numbers] = line.split(" ")
    const done = does[name]?.(...numbers.map(Number)) ?? Effect.void
    Runtime.runFork(runtime)(Effect.zipRight(done, say(`done-${name}`)))
  })
  yield* say("ready")
  return yield* Effect.never
}).pipe(
  // The machine may have other work to do: only a Redis that is away is to be away.
  Effect.provide(Shared.layer({ url, prefix, share: Number(share), timeoutMs: 5000 })),
  Logger.withMinimumLogLevel(LogLevel.Info)
)

await Effect.runPromise(program)
