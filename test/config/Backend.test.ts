import * as FileSystem from "@effect/platform/FileSystem"
import type * as HttpClient from "@effect/platform/HttpClient"
import type * as Path from "@effect/platform/Path"
import { afterEach, assert, describe, expectTypeOf, it, vi } from "@effect/vitest"
import {
  AITask,
  BudgetStore,
  CircuitBreaker,
  ReasoningEngineRegistry,
  SpendLedger,
  TaskService
} from "arc-saga"
import { type ConfigurationError, type FileError, type Source, layerFromConfig } from "arc-saga/config"
import * as Chunk from "effect/Chunk"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import * as harness from "../cli/harness.js"

afterEach(() => {
  vi.doUnmock("../../src/cli/Shared.js")
  vi.doUnmock("../../src/cli/Copilot.js")
  vi.doUnmock("../../src/spend/PriceCatalog/GenAIPrices.js")
})

const local = { id: "local", baseUrl: "http://127.0.0.1:9/v1", model: "m" }
const rehearsal: Source = { ollama: false, simulated: [{ id: "a", price: { input: 1, output: 1 } }] }

/** A configuration's Layer, in a world where Ollama isn't there. */
const layer = (source: Source, world: harness.World = {}) =>
  Layer.provide(layerFromConfig(source), Layer.merge(harness.platform, harness.http(world.respond))).pipe(
    Layer.provide(Layer.setConfigProvider(ConfigProvider.fromMap(new Map(Object.entries(world.env ?? {})))))
  )

const answer = Effect.gen(function* () {
  const { complete } = yield* TaskService.TaskService
  return yield* complete(yield* AITask.make({ prompt: "Hi" }))
})

const within = <A, E>(
  effect: Effect.Effect<A, E, TaskService.TaskService | ReasoningEngineRegistry.ReasoningEngineRegistry>,
  source: Source,
  world: harness.World = {}
) => harness.settle(Effect.provide(effect, layer(source, world)))

/** Why there is no such Layer, as its error says it. */
const fault = (source: Source, world: harness.World = {}) =>
  Effect.map(Effect.flip(within(Effect.void, source, world)), (error) => `${error._tag} ${error.message}`)

describe("layerFromConfig", () => {
  it("says in its type what it gives, needs and fails with", () => {
    expectTypeOf(layerFromConfig("a.json")).toEqualTypeOf<
      Layer.Layer<
        TaskService.TaskService | ReasoningEngineRegistry.ReasoningEngineRegistry,
        ConfigurationError | FileError,
        FileSystem.FileSystem | HttpClient.HttpClient | Path.Path
      >
    >()
  })

  it.scoped("answers as the file says, by the key of its variable, whole and streamed", () =>
    Effect.gen(function* () {
      const file = yield* harness.directory({
        "c.json": JSON.stringify({
          ollama: false,
          providers: [{ ...local, apiKeyEnv: "LOCAL_KEY", price: { input: 1, output: 2 } }]
        })
      })
      const seen: Array<string> = []
      const world: harness.World = {
        env: { LOCAL_KEY: "test-key" },
        respond: (url, headers) => {
          seen.push(`${url.href} ${headers.get("authorization")}`)
          return harness.sse("Hello.")
        }
      }
      const both = Effect.gen(function* () {
        const whole = yield* answer
        const { stream } = yield* TaskService.TaskService
        const events = yield* Stream.runCollect(stream(yield* AITask.make({ prompt: "Hi" })))
        const registry = yield* ReasoningEngineRegistry.ReasoningEngineRegistry
        return { whole, last: Chunk.unsafeLast(events), engines: yield* registry.list }
      })
      const { engines, last, whole } = yield* within(both, file("c.json"), world)
      assert.strictEqual(whole.text, "Hello.")
      assert.strictEqual(last._tag, "Completed")
      assert.deepStrictEqual(
        engines.map(({ provider }) => provider),
        ["local"]
      )
      const sent = "http://127.0.0.1:9/v1/chat/completions Bearer test-key"
      assert.deepStrictEqual(seen, [sent, sent])
    }).pipe(Effect.provide(harness.platform))
  )

  it.scoped("records in the ledger of the configuration, and keeps to its budgets", () =>
    Effect.gen(function* () {
      const file = yield* harness.directory()
      const source = { ...rehearsal, ledger: `sqlite:${file("spend.db")}` }
      yield* within(answer, source)
      const next = Effect.gen(function* () {
        const refused = yield* Effect.flip(answer)
        const ledger = Option.getOrThrow(yield* Effect.serviceOption(SpendLedger.SpendLedger))
        return { refused, groups: yield* ledger.summary({ by: "provider" }) }
      })
      const { groups, refused } = yield* within(next, {
        ...source,
        budgets: [{ name: "all", scope: "overall", period: "day", tokens: 1 }]
      })
      assert.strictEqual(refused._tag, "BudgetExceededError")
      assert.deepStrictEqual(
        groups.map(({ attempts, name }) => [name, attempts]),
        [[Option.some("a"), 1]]
      )
    }).pipe(Effect.provide(harness.platform))
  )

  it.effect("has what keeps providers healthy, and no ledger where the configuration has none", () =>
    Effect.gen(function* () {
      const found = Effect.all({
        breaker: Effect.serviceOption(CircuitBreaker.CircuitBreaker),
        ledger: Effect.serviceOption(SpendLedger.SpendLedger),
        budgets: Effect.serviceOption(BudgetStore.BudgetStore)
      })
      const { breaker, budgets, ledger } = yield* within(found, rehearsal)
      assert.isTrue(Option.isSome(breaker))
      assert.isTrue(Option.isNone(ledger) && Option.isNone(budgets))
    })
  )

  it.scoped("fails where the configuration can't be read or used, and names what is wrong", () =>
    Effect.gen(function* () {
      const file = yield* harness.directory({ "c.json": '{ "providers": [{ "id": "a" }] }' })
      assert.strictEqual(
        yield* fault(file("no.json")),
        `FileError ${file("no.json")}: no such file or directory`
      )
      assert.match(
        yield* fault(file("c.json")),
        /^ConfigurationError .*c\.json: providers\[0\]\.model: is missing$/
      )
      assert.match(
        yield* fault({ chains: { nobody: [] } }),
        /^ConfigurationError configuration: chains\.nobody: .*actual "nobody"/
      )
      assert.match(
        yield* fault({ providers: [{ ...local, apiKeyEnv: "NO_SUCH_KEY" }] }),
        /^ConfigurationError configuration: providers\[0\]\.apiKeyEnv: .*"NO_SUCH_KEY"/
      )
    }).pipe(Effect.provide(harness.platform))
  )

  it.effect("fails rather than simulates where nobody can be asked", () =>
    Effect.gen(function* () {
      assert.strictEqual(
        yield* fault({}),
        "ConfigurationError configuration: providers: Expected a provider that is configured, here or in the environment, actual none"
      )
      assert.strictEqual(
        yield* fault({ providers: [{ ...local, enabled: false }] }),
        "ConfigurationError configuration: providers: No provider can be asked. local: disabled in configuration"
      )
    })
  )

  it.scoped("warns in the log of a file with a key that others can read", () =>
    Effect.gen(function* () {
      const file = yield* harness.directory({
        "c.json": JSON.stringify({ ollama: false, providers: [{ ...local, apiKey: "test-key" }] })
      })
      yield* Effect.flatMap(FileSystem.FileSystem, (fs) => fs.chmod(file("c.json"), 0o644))
      const lines: Array<string> = []
      const log = Logger.replace(
        Logger.defaultLogger,
        Logger.make(({ message }) => void lines.push(String(message)))
      )
      yield* Effect.provide(within(Effect.void, file("c.json")), log)
      assert.lengthOf(lines, 1)
      assert.include(lines[0], `${file("c.json")} holds a key or a password, and others can read it`)
      assert.notInclude(lines[0], "test-key")
    }).pipe(Effect.provide(harness.platform))
  )
})

describe("layerFromConfig without an optional package", () => {
  const missing = (name: string) => () => {
    throw new Error(`Cannot find package '${name}'`)
  }

  it.effect("fails and names the field that needs it", () =>
    Effect.gen(function* () {
      vi.doMock("../../src/cli/Shared.js", missing("ioredis"))
      vi.doMock("../../src/cli/Copilot.js", missing("oauth4webapi"))
      assert.match(
        yield* fault({ ...rehearsal, redis: { url: "redis://127.0.0.1:1" } }),
        /^ConfigurationError configuration: redis: What it needs can't be loaded: /
      )
      assert.match(
        yield* fault({ ollama: false }, { env: { COPILOT_CLIENT_ID: "an-application" } }),
        /^ConfigurationError environment: COPILOT_CLIENT_ID: What it needs can't be loaded: /
      )
    })
  )

  it.effect("knows no list prices, and answers all the same", () =>
    Effect.gen(function* () {
      vi.doMock("../../src/spend/PriceCatalog/GenAIPrices.js", missing("@pydantic/genai-prices"))
      const { cost } = yield* within(
        answer,
        {
          ollama: false,
          providers: [{ id: "groq", preset: "groq", model: "llama-3.3-70b-versatile", apiKey: "test-key" }]
        },
        { respond: () => harness.sse("Hello.") }
      )
      assert.deepStrictEqual(cost, Option.none())
    })
  )
})
