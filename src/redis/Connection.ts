/**
 * The connection to Redis that all shared state goes over, and what happens when Redis isn't there.
 *
 * It never hangs and never fails a call: a command that isn't answered within `timeoutMs`, an error, or a connection
 * that is lost makes Redis *away*. While it is away nothing is sent to it but a probe, and whatever is shared goes
 * on by what this process knows itself. That is told, at most once a minute, by the event `redis_away`, by the metric
 * `arc_saga.redis_away` and by {@link SharedState}; when a probe is answered, `redis_back` tells so.
 *
 * Needs the package `ioredis`.
 *
 * @since 0.1.0
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as LogLevel from "effect/LogLevel"
import * as Mailbox from "effect/Mailbox"
import * as Metric from "effect/Metric"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import { type Cluster, Redis, type RedisOptions } from "ioredis"
import type { InvalidArgumentError } from "../InvalidArgument.js"
import * as log from "../internal/log.js"
import * as numbers from "../internal/numbers.js"
import * as timer from "../internal/timer.js"
import * as validation from "../internal/validation.js"
import { SharedState } from "../reliability/SharedState.js"
import * as script from "./internal/script.js"

/**
 * What can be set of the connection.
 *
 * @since 0.1.0
 * @category schemas
 */
export const Settings = Schema.Struct({
  /** What the name of every key begins with; `arc-saga:` when absent. */
  prefix: numbers.withDefault(Schema.NonEmptyString, "arc-saga:"),
  /** Milliseconds within which Redis has to answer, or it is away; 50 when absent. */
  timeoutMs: numbers.withDefault(numbers.millis, 50)
})

/**
 * Which Redis, and what can be set of the connection.
 *
 * @since 0.1.0
 * @category models
 */
export interface Options extends Schema.Schema.Encoded<typeof Settings> {
  /** `redis://…` or `rediss://…`; `localhost:6379` when neither a URL nor a client is given. */
  readonly url?: Redacted.Redacted | string | undefined
  /** More options of the client that is made. */
  readonly options?: RedisOptions | undefined
  /** A client, or a cluster's, that is there already; it isn't closed. */
  readonly client?: Redis | Cluster | undefined
}

/**
 * The connection to Redis.
 *
 * @since 0.1.0
 * @category models
 */
export interface Service {
  /** The name of a key; keys of the same name are in the same slot of a cluster. */
  readonly key: (kind: string, name: string) => string
  /**
   * Runs a script and gives its answer, or none when Redis is away or doesn't answer in time. For an answer that
   * comes too late, `undo` may give the command that takes it back.
   */
  readonly run: (
    command: script.Command,
    undo?: (reply: unknown) => script.Command | undefined
  ) => Effect.Effect<Option.Option<unknown>>
  /** Has a script run, without waiting for it. Calls `onLost` if that isn't certain. */
  readonly unsafeSend: (command: script.Command, onLost?: () => void) => void
  /** Since when Redis is away, in milliseconds of the Clock; undefined while it is there. */
  readonly unsafeAwaySince: () => number | undefined
  /** When it was away last, in milliseconds of the Clock; `-Infinity` if never. */
  readonly unsafeLastAway: () => number
}

/**
 * The connection to Redis.
 *
 * @since 0.1.0
 * @category tags
 */
export class Connection extends Context.Tag("arc-saga/redis/Connection")<Connection, Service>() {}

const decode = validation.decoder("Redis", Settings)

const gauge = Metric.gauge("arc_saga.redis_away", {
  description: "1 while Redis is away and this process goes on by its own state, else 0."
})

/** A client that gives up soon, keeps trying to connect, and never sends a command twice. */
const defaults: RedisOptions = {
  connectionName: "arc-saga",
  enableAutoPipelining: true,
  autoResendUnfulfilledCommands: false,
  maxRetriesPerRequest: 0,
  connectTimeout: 2000,
  commandTimeout: 1000,
  socketTimeout: 5000,
  retryStrategy: (times) => Math.min(50 * times, 1000)
}

const open = ({ options, url }: Options): Redis => {
  const all = { ...defaults, ...options }
  if (url === undefined) return new Redis(all)
  return new Redis(Redacted.isRedacted(url) ? Redacted.value(url) : url, all)
}

/** Milliseconds that the first answer may take, and that closing may. */
const patienceMs = 1000

/** Milliseconds in which an outage is told once, however often Redis comes and goes. */
const silenceMs = 60_000

/** It writes: a server that can only be read is of no use. */
const alive = `return redis.call('SET', KEYS[1], ARGV[1], 'PX', 1000)`

/**
 * Runs scripts, by their hash once the server has seen them; until then by their text, so that they run in the order
 * in which they were sent.
 */
class Scripts {
  private readonly seen = new Set<string>()

  constructor(private readonly client: Redis | Cluster) {}

  async run({ args, keys, script: { lua, sha1 } }: script.Command): Promise<unknown> {
    if (this.seen.has(sha1)) {
      try {
        return await this.client.evalsha(sha1, keys.length, ...keys, ...args)
      } catch (error) {
        if (!String(error).includes("NOSCRIPT")) throw error
        // The server has begun anew.
        this.seen.clear()
      }
    }
    const reply = await this.client.eval(lua, keys.length, ...keys, ...args)
    this.seen.add(sha1)
    return reply
  }
}

/**
 * Connects to Redis, for as long as the scope is open. It doesn't fail when Redis isn't there: it is away then. Fails
 * with an InvalidArgumentError when a setting is out of range.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (options: Options = {}): Effect.Effect<Service, InvalidArgumentError, Scope.Scope> =>
  Effect.gen(function* () {
    const { client: _client, options: _options, url: _url, ...settings } = options
    const { prefix, timeoutMs } = yield* decode(settings)
    const runtime = yield* Effect.runtime()
    const clock = yield* Effect.clock
    const pulse = yield* script.make(alive)
    const outages = yield* Mailbox.make<string>()

    let awaySince: number | undefined = undefined
    let lastAway = Number.NEGATIVE_INFINITY
    let toldAt = Number.NEGATIVE_INFINITY
    const lose = (reason: string): void => {
      if (awaySince !== undefined) return
      awaySince = clock.unsafeCurrentTimeMillis()
      outages.unsafeOffer(reason)
    }

    const failed = (error: unknown): void => {
      const reason = error instanceof Error ? error.message : String(error)
      lose(
        reason.startsWith("MOVED ") ? `it is a cluster, which takes a \`client\` for one: ${reason}` : reason
      )
    }

    const onError = (): void => {}
    const onClose = (): void => lose("the connection was closed")
    const client = yield* Effect.acquireRelease(
      Effect.sync(() => {
        const made = options.client ?? open(options)
        // Without a listener the client prints its errors; what comes of them is told by what isn't answered.
        made.on("error", onError)
        made.on("close", onClose)
        return made
      }),
      (made) =>
        Effect.gen(function* () {
          made.off("close", onClose)
          if (options.client !== undefined) return made.off("error", onError)
          // What was sent before is answered before.
          const quit = Effect.ignore(Effect.tryPromise(() => made.ping().then(() => made.quit())))
          if (awaySince === undefined) yield* timer.timeoutOption(quit, patienceMs)
          return made.disconnect()
        })
    )

    const evaluate = new Scripts(client)

    const ask = (
      ms: number,
      command: script.Command,
      undo?: (reply: unknown) => script.Command | undefined
    ): Effect.Effect<Option.Option<unknown>> =>
      Effect.async((resume) => {
        let ended = false
        const end = (answer: Option.Option<unknown>): void => {
          if (ended) return
          ended = true
          stop()
          resume(Effect.succeed(answer))
        }
        // Where this process was busy for as long, the answer may be there and not be read yet.
        let stop = timer.after(clock, runtime, ms, () => {
          stop = timer.after(clock, runtime, 1, () => {
            lose(`no answer within ${ms} ms`)
            end(Option.none())
          })
        })
        const answered = (reply: unknown): void => {
          if (!ended) return end(Option.some(reply))
          const undoing = undo?.(reply)
          // Redis answers, though it still counts as away.
          if (undoing !== undefined) evaluate.run(undoing).catch(failed)
        }
        evaluate.run(command).then(answered, (error: unknown) => {
          failed(error)
          end(Option.none())
        })
      })

    const key = (kind: string, name: string): string => `${prefix}${kind}:{${encodeURIComponent(name)}}`
    const isThere = (ms: number): Effect.Effect<boolean> =>
      Effect.map(ask(ms, { script: pulse, keys: [key("alive", "1")], args: [1] }), Option.isSome)

    const probe = (waitMs: number): Effect.Effect<void> =>
      Effect.flatMap(Effect.delay(isThere(timeoutMs), waitMs), (there) =>
        there ? Effect.void : probe(Math.min(2 * waitMs, 1000))
      )

    const outage = (reason: string): Effect.Effect<void> =>
      Effect.gen(function* () {
        yield* Metric.set(gauge, 1)
        const since = yield* Clock.currentTimeMillis
        const isNews = since - toldAt >= silenceMs
        if (isNews) {
          toldAt = since
          yield* log.event(LogLevel.Warning, "redis_away", () => ({ reason }))
        }
        yield* probe(100)
        const now = yield* Clock.currentTimeMillis
        const awayMs = now - (awaySince ?? now)
        lastAway = now
        awaySince = undefined
        yield* Metric.set(gauge, 0)
        if (isNews) yield* log.event(LogLevel.Info, "redis_back", () => ({ awayMs }))
      })

    yield* Metric.set(gauge, 0)
    yield* isThere(patienceMs)
    yield* Effect.forkScoped(Effect.interruptible(Effect.forever(Effect.flatMap(outages.take, outage))))
    yield* Effect.addFinalizer(() => outages.shutdown)

    return {
      key,
      run: (command, undo) =>
        Effect.suspend(() => (awaySince === undefined ? ask(timeoutMs, command, undo) : Effect.succeedNone)),
      unsafeSend: (command, onLost) => {
        if (awaySince !== undefined) return onLost?.()
        evaluate.run(command).catch((error: unknown) => {
          failed(error)
          onLost?.()
        })
      },
      unsafeAwaySince: () => awaySince,
      unsafeLastAway: () => (awaySince === undefined ? lastAway : clock.unsafeCurrentTimeMillis())
    }
  })

/**
 * Connects to Redis: see {@link make}.
 *
 * @since 0.1.0
 * @category layers
 */
export const layer = (options: Options = {}): Layer.Layer<Connection | SharedState, InvalidArgumentError> =>
  Layer.scopedContext(
    Effect.map(make(options), (connection) =>
      Context.make(Connection, connection).pipe(
        Context.add(SharedState, { unsafeAwaySince: connection.unsafeAwaySince })
      )
    )
  )
