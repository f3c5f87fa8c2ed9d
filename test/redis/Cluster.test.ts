/** What is shared, in a Redis Cluster of three servers of the test's own: in a full run where there is a Redis. */
import { assert, describe, it } from "@effect/vitest"
import { AIProvider, AnswerCache, CircuitStore, LimitStore, SharedState, StateOwners } from "arc-saga"
import { Shared } from "arc-saga/redis"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import { Cluster } from "ioredis"
import { type ChildProcess, execFileSync, spawn } from "node:child_process"
import { mkdtempSync, rmSync } from "node:fs"
import * as net from "node:net"
import { tmpdir } from "node:os"
import * as path from "node:path"
import { eventually } from "../gateway/harness.js"
import { logged } from "../utils/logged.js"
import { isFull } from "../utils/property.js"
import { prefix, urls } from "../utils/redis.js"

const host = "127.0.0.1"

const freePort = (): Promise<number> =>
  new Promise((resolve) => {
    const server = net.createServer().listen(0, host, () => {
      const at = server.address()
      server.close(() => resolve(typeof at === "object" ? (at?.port ?? 0) : 0))
    })
  })

const ended = (child: ChildProcess): Promise<void> =>
  new Promise((resolve) => {
    child.once("exit", () => resolve())
    child.kill("SIGKILL")
  })

const cli = (...args: ReadonlyArray<string>): string =>
  execFileSync("redis-cli", args, { encoding: "utf8", stdio: "pipe" })

/** The ports of three servers, each of which has a third of the slots. */
const servers = Effect.gen(function* () {
  const folder = mkdtempSync(path.join(tmpdir(), "arc-saga-cluster-"))
  yield* Effect.addFinalizer(() => Effect.sync(() => rmSync(folder, { recursive: true, force: true })))
  const ports = yield* Effect.forEach([1, 2, 3], () =>
    Effect.gen(function* () {
      const [port, bus] = yield* Effect.promise(() => Promise.all([freePort(), freePort()]))
      const settings = {
        port,
        "cluster-port": bus,
        bind: host,
        save: "",
        dir: folder,
        "cluster-enabled": "yes",
        "cluster-config-file": `${port}.conf`
      }
      const args = Object.entries(settings).flatMap(([name, value]) => [`--${name}`, String(value)])
      yield* Effect.acquireRelease(
        Effect.sync(() => spawn("redis-server", args, { stdio: "ignore" })),
        (child) => Effect.promise(() => ended(child))
      )
      const isThere = Effect.orElseSucceed(
        Effect.try(() => cli("-p", String(port), "ping").includes("PONG")),
        () => false
      )
      yield* eventually(isThere)
      return port
    })
  )
  yield* Effect.sync(() =>
    cli("--cluster", "create", ...ports.map((port) => `${host}:${port}`), "--cluster-yes")
  )
  yield* eventually(
    Effect.sync(() => ports.every((port) => cli("-p", String(port), "cluster", "info").includes("state:ok")))
  )
  return ports
})

const shared = (client: Cluster, prefixed: string) =>
  Effect.map(
    Layer.build(Shared.layer({ client, prefix: prefixed, timeoutMs: 5000, refreshMs: 20 })),
    (context) => ({
      answers: Context.get(context, AnswerCache.AnswerCache),
      circuits: Context.get(context, CircuitStore.CircuitStore),
      limits: Context.get(context, LimitStore.LimitStore),
      owners: Context.get(context, StateOwners.StateOwners),
      isAway: () => Context.get(context, SharedState.SharedState).unsafeAwaySince() !== undefined
    })
  )

describe.runIf(isFull && urls.length > 0)("a cluster", () => {
  it.scopedLive(
    "shares limits, circuits, answers and who keeps what, wherever their keys are",
    () =>
      Effect.gen(function* () {
        const ports = yield* servers
        const client = yield* Effect.acquireRelease(
          Effect.sync(
            () =>
              new Cluster(
                ports.map((port) => ({ host, port })),
                { enableAutoPipelining: true }
              )
          ),
          (made) => Effect.sync(() => made.disconnect())
        )
        const prefixed = prefix()
        const [one, other] = [yield* shared(client, prefixed), yield* shared(client, prefixed)]
        // More names than there are servers.
        for (const name of Array.from({ length: 12 }, (_, index) => `p-${index}`)) {
          const taken = yield* Effect.forEach([one, other, one, other], ({ limits }) =>
            limits.take(name, { requestsPerMinute: 3, concurrency: 9 }, 1)
          )
          assert.deepStrictEqual(taken.map(Either.isRight), [true, true, true, false], name)
          yield* one.answers.set(name, "answer", 60_000)
          yield* one.answers.get(name)
          assert.deepStrictEqual(yield* other.answers.get(name), Option.some("answer"))
          yield* one.owners.put([name], { provider: AIProvider.Claude })
          yield* eventually(Effect.map(other.owners.get([name]), ({ length }) => length === 1))
        }
        one.circuits.unsafeOpen("claude", { until: Date.now(), waitMs: 1000 })
        yield* eventually(Effect.sync(() => other.circuits.unsafeGet("claude") !== undefined))
        const probes = yield* Effect.forEach([one, other], ({ circuits }) => circuits.probe("claude", 5000))
        assert.deepStrictEqual(probes.filter(Option.isSome).length, 1)
        assert.isFalse(one.isAway() || other.isAway())
        const alone = logged(
          Effect.scoped(
            Effect.gen(function* () {
              const built = yield* Layer.build(
                Shared.layer({ url: `redis://${host}:${ports[0]}`, prefix: prefixed, timeoutMs: 5000 })
              )
              const { take } = Context.get(built, LimitStore.LimitStore)
              for (let index = 0; index < 12; index++) yield* take(`p-${index}`, {}, 1)
              yield* Effect.sleep(50)
            })
          )
        )
        const told = (yield* alone).lines.filter(({ name }) => name === "redis_away")
        assert.include(JSON.stringify(told), "it is a cluster")
        const sizes = ports.map((port) => Number(cli("-p", String(port), "dbsize")))
        assert.isTrue(
          sizes.every((size) => size > 0),
          String(sizes)
        )
      }),
    120_000
  )
})
