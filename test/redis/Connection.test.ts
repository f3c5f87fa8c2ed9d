import { assert, describe, it } from "@effect/vitest"
import { CircuitStore, LimitStore, SharedState } from "arc-saga"
import { Shared } from "arc-saga/redis"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Layer from "effect/Layer"
import * as Metric from "effect/Metric"
import * as Option from "effect/Option"
import * as Scope from "effect/Scope"
import { Redis } from "ioredis"
import * as net from "node:net"
import { eventually } from "../gateway/harness.js"
import { logged } from "../utils/logged.js"
import { nowhere, prefix, urls } from "../utils/redis.js"
import * as redisProxy from "../utils/redisProxy.js"

const limits = { requestsPerMinute: 10 }

/** How many of so many attempts are let in. */
const letIn = (store: LimitStore.Service, attempts: number, key = "k", of: LimitStore.Limits = limits) =>
  Effect.map(
    Effect.forEach(Array.from({ length: attempts }), () => store.take(key, of, 1)),
    (outcomes) => outcomes.filter(Either.isRight).length
  )

const timed = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.gen(function* () {
    const begun = yield* Clock.currentTimeMillis
    const value = yield* effect
    return { value, ms: (yield* Clock.currentTimeMillis) - begun }
  })

/** All that is shared, as a process has it. */
const processOf = (options: Shared.Options) =>
  Effect.map(Effect.orDie(Layer.build(Shared.layer({ share: 0.3, ...options }))), (context) => ({
    limits: Context.get(context, LimitStore.LimitStore),
    circuits: Context.get(context, CircuitStore.CircuitStore),
    isAway: () => Context.get(context, SharedState.SharedState).unsafeAwaySince() !== undefined
  }))

/** The metric says the same for all connections of this process, the last one that changed it. */
const gauge = Effect.map(Metric.snapshot, (all) => {
  const found = all.find(({ metricKey }) => metricKey.name === "arc_saga.redis_away")
  return found?.metricState
})

const names = (lines: ReadonlyArray<{ readonly name: unknown }>) => lines.map(({ name }) => name)

describe("a Redis that isn't there", () => {
  it.scopedLive("has the process go on by its share, and is told once", () =>
    Effect.gen(function* () {
      const { exit, lines } = yield* logged(
        Effect.gen(function* () {
          const { circuits, isAway, limits: store } = yield* processOf({ url: nowhere })
          assert.isTrue(isAway())
          const { ms, value } = yield* timed(letIn(store, 100))
          assert.strictEqual(value, 3)
          assert.isBelow(ms, 1000)
          const now = yield* Clock.currentTimeMillis
          assert.isAbove(store.unsafeReadyAt("k", limits, now), now)
          circuits.unsafeOpen("claude", { until: now + 5000, waitMs: 5000 })
          assert.isDefined(circuits.unsafeGet("claude"))
          assert.isTrue(Option.isNone(yield* circuits.probe("claude", 1000)))
          circuits.unsafeOpen("gpt4", { until: now, waitMs: 5000 })
          const probe = yield* circuits.probe("gpt4", 1000)
          assert.isTrue(Option.isNone(yield* circuits.probe("gpt4", 1000)))
          circuits.unsafeRelease(
            "gpt4",
            Option.getOrElse(probe, () => "")
          )
          assert.isTrue(Option.isSome(yield* circuits.probe("gpt4", 1000)))
          circuits.unsafeClose("gpt4")
          assert.isTrue(Option.isNone(yield* circuits.probe("gpt4", 1000)))
          // It is looked for again and again.
          yield* Effect.sleep(400)
        }).pipe(Effect.scoped)
      )
      yield* exit
      assert.deepStrictEqual(names(lines), ["redis_away"])
      assert.include(JSON.stringify(yield* gauge), "1")
    })
  )
})

describe("what accepts connections and never answers", () => {
  it.scopedLive("is away, and holds up neither the start nor the end", () =>
    Effect.gen(function* () {
      const held = new Set<net.Socket>()
      const server = net.createServer((socket) => held.add(socket.on("error", () => {})))
      yield* Effect.async<void>((resume) => {
        server.listen(0, "127.0.0.1", () => resume(Effect.void))
      })
      yield* Effect.addFinalizer(() =>
        Effect.sync(() => {
          for (const socket of held) socket.destroy()
          server.close()
        })
      )
      const at = server.address()
      const port = typeof at === "object" ? at?.port : undefined
      const { ms } = yield* timed(
        Effect.scoped(
          Effect.flatMap(processOf({ url: `redis://127.0.0.1:${port}` }), ({ isAway, limits: store }) =>
            Effect.map(letIn(store, 10), (count) => assert.deepStrictEqual([isAway(), count], [true, 3]))
          )
        )
      )
      assert.isBelow(ms, 3500)
    })
  )
})

for (const url of urls) {
  /** Two processes, one of them behind a proxy. */
  const processes = Effect.gen(function* () {
    const proxy = yield* redisProxy.make(url)
    const options = { prefix: prefix(), timeoutMs: 300, refreshMs: 20 }
    return {
      proxy,
      one: yield* processOf({ ...options, url: proxy.url }),
      other: yield* processOf({ ...options, url, timeoutMs: 5000 })
    }
  })

  describe("a Redis that stops answering", () => {
    for (const [name, goes, comes] of [
      ["stalls", "stop", "resume"],
      ["dies", "kill", "restart"]
    ] as const) {
      it.scopedLive(`${name} has calls go on by the share, and counts again when it is back`, () =>
        Effect.gen(function* () {
          const { exit, lines } = yield* logged(
            Effect.gen(function* () {
              const { one, other, proxy } = yield* processes
              assert.strictEqual(yield* letIn(one.limits, 2), 2)
              yield* proxy[goes]
              const { ms, value } = yield* timed(letIn(one.limits, 10))
              // Two of its share of three were used before.
              assert.strictEqual(value, 1)
              assert.isBelow(ms, 5000)
              assert.isTrue(one.isAway())
              assert.isFalse(other.isAway())
              one.circuits.unsafeOpen("claude", { until: Date.now() + 60_000, waitMs: 1000 })
              yield* proxy[comes]
              yield* eventually(Effect.sync(() => !one.isAway()))
              // What it found out meanwhile is known to the others.
              yield* eventually(Effect.sync(() => other.circuits.unsafeGet("claude") !== undefined))
              // For a minute both the share and the limit hold.
              assert.strictEqual(yield* letIn(one.limits, 10), 0)
              assert.strictEqual(yield* letIn(one.limits, 10, "another"), 3)
              assert.strictEqual(yield* letIn(other.limits, 10, "another"), 7)
              const left = yield* letIn(other.limits, 10)
              assert.isAtLeast(left, 7)
              assert.isAtMost(left, 8)
            }).pipe(Effect.scoped)
          )
          yield* exit
          assert.deepStrictEqual(names(lines), ["redis_away", "redis_back"])
        })
      )
    }

    it.scopedLive("has nothing begin for which there was no room, and is told once a minute", () =>
      Effect.gen(function* () {
        const { exit, lines } = yield* logged(
          Effect.gen(function* () {
            const { one, other, proxy } = yield* processes
            assert.strictEqual(yield* letIn(other.limits, 10), 10)
            assert.strictEqual(yield* letIn(one.limits, 1), 0)
            for (const [goes, comes] of [
              ["stop", "resume"],
              ["kill", "restart"]
            ] as const) {
              yield* proxy[goes]
              yield* letIn(one.limits, 1, "another")
              assert.isTrue(one.isAway())
              const refused = yield* one.limits.take("k", limits, 1)
              assert.isTrue(Either.isLeft(refused) && refused.left.reason === "requestsPerMinute")
              yield* proxy[comes]
              yield* eventually(Effect.sync(() => !one.isAway()))
            }
          }).pipe(Effect.scoped)
        )
        yield* exit
        assert.deepStrictEqual(names(lines), ["redis_away", "redis_back"])
      })
    )

    it.scopedLive("is let go of in no time", () =>
      Effect.gen(function* () {
        for (const [goes, isNoticed] of [
          ["stop", true],
          ["kill", true],
          ["stop", false],
          ["kill", false]
        ] as const) {
          const proxy = yield* redisProxy.make(url)
          const scope = yield* Scope.make()
          const { limits: store } = yield* Scope.extend(
            processOf({ prefix: prefix(), url: proxy.url }),
            scope
          )
          yield* proxy[goes]
          if (isNoticed) yield* letIn(store, 1)
          const { ms } = yield* timed(Scope.close(scope, yield* Effect.exit(Effect.void)))
          assert.isBelow(ms, 2000, goes)
        }
      })
    )

    it.scopedLive("has what comes too late given back", () =>
      Effect.gen(function* () {
        const { one, other, proxy } = yield* processes
        const single = { requestsPerMinute: 1 }
        yield* letIn(one.limits, 1, "warm", single)
        yield* proxy.stop
        assert.strictEqual(yield* letIn(one.limits, 1, "late", single), 1)
        yield* proxy.resume
        yield* eventually(Effect.sync(() => !one.isAway()))
        yield* eventually(Effect.map(letIn(other.limits, 1, "late", single), (count) => count === 1))
      })
    )
  })

  describe("a process that dies", () => {
    it.scopedLive("holds no calls under way for longer than its leases, and no probe", () =>
      Effect.gen(function* () {
        const options = { url, prefix: prefix(), timeoutMs: 5000, refreshMs: 20, leaseMs: 900 }
        const other = yield* processOf(options)
        const single = { concurrency: 1 }
        const proxy = yield* redisProxy.make(url)
        const one = yield* processOf({ ...options, url: proxy.url })
        assert.strictEqual(yield* letIn(one.limits, 1, "calls", single), 1)
        // It lives, and its lease with it.
        yield* Effect.sleep(1500)
        assert.strictEqual(yield* letIn(other.limits, 1, "calls", single), 0)
        one.circuits.unsafeOpen("claude", { until: Date.now(), waitMs: 1000 })
        yield* Effect.sleep(50)
        assert.isTrue(Option.isSome(yield* one.circuits.probe("claude", 100)))
        assert.isTrue(Option.isNone(yield* other.circuits.probe("claude", 100)))
        yield* proxy.kill
        yield* eventually(Effect.map(letIn(other.limits, 1, "calls", single), (count) => count === 1))
        yield* eventually(Effect.map(other.circuits.probe("claude", 100), Option.isSome))
      })
    )
  })

  describe("a client of one's own", () => {
    it.scopedLive("is used and isn't closed", () =>
      Effect.gen(function* () {
        const client = yield* Effect.acquireRelease(
          Effect.sync(() => new Redis(url)),
          (made) => Effect.promise(() => made.quit())
        )
        const prefixed = prefix()
        yield* Effect.gen(function* () {
          const { limits: store } = yield* processOf({ client, prefix: prefixed, timeoutMs: 5000 })
          assert.strictEqual(yield* letIn(store, 7), 7)
          // As when a server begins anew.
          yield* Effect.promise(() => client.script("FLUSH"))
          assert.strictEqual(yield* letIn(store, 7), 3)
        }).pipe(Effect.scoped)
        const keys = yield* Effect.promise(() => client.keys(`${prefixed}*`))
        assert.include(keys, `${prefixed}limit:{k}`)
        // No key stays for ever.
        for (const key of keys) {
          assert.isAbove(yield* Effect.promise(() => client.pttl(key)), 0, key)
        }
      })
    )
  })
}
