import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as HashMap from "effect/HashMap"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as LogLevel from "effect/LogLevel"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as Scope from "effect/Scope"
import * as AIProvider from "../src/AIProvider.js"
import * as ReasoningEngine from "../src/ReasoningEngine.js"
import * as Registry from "../src/ReasoningEngineRegistry.js"

const { Claude, CopilotChat, Gpt4 } = AIProvider

const engine = (provider: AIProvider.AIProvider, text = "hi"): ReasoningEngine.ReasoningEngine =>
  ReasoningEngine.fromEffect({ provider, answer: () => Effect.succeed({ text }) })

const providers = (registry: Registry.Service) =>
  Effect.map(registry.list, (engines) => engines.map(({ provider }) => provider))

interface Logged {
  readonly level: string
  readonly event: unknown
  readonly fields: Readonly<Record<string, unknown>>
}

/** Runs an effect and gives what it logged at a minimum level. */
const logged = <A, E, R>(effect: Effect.Effect<A, E, R>, minimum: LogLevel.LogLevel) =>
  Effect.suspend(() => {
    const events: Array<Logged> = []
    const logger = Logger.make<unknown, void>(({ annotations, logLevel, message }) => {
      const event = Array.isArray(message) && message.length === 1 ? message[0] : message
      events.push({
        level: logLevel.label,
        event,
        fields: Object.fromEntries(HashMap.toEntries(annotations))
      })
    })
    return effect.pipe(
      Effect.as(events),
      Effect.provide(Logger.replace(Logger.defaultLogger, logger)),
      Logger.withMinimumLogLevel(minimum)
    )
  })

describe("ReasoningEngineRegistry", () => {
  it.effect("gives what was registered, and nothing for any other provider", () =>
    Effect.gen(function* () {
      const registry = yield* Registry.make
      const claude = engine(Claude)
      yield* registry.register(claude)
      assert.strictEqual(Option.getOrUndefined(yield* registry.get(Claude)), claude)
      assert.deepStrictEqual(yield* registry.get(Gpt4), Option.none())
    })
  )

  it.effect("refuses a second engine for a provider and keeps the first", () =>
    Effect.gen(function* () {
      const registry = yield* Registry.make
      const first = engine(Claude)
      yield* registry.register(first)
      const error = yield* Effect.flip(registry.register(engine(Claude)))
      assert.strictEqual(error._tag, "DuplicateEngineError")
      assert.strictEqual(error.provider, Claude)
      assert.strictEqual(Option.getOrUndefined(yield* registry.get(Claude)), first)
    })
  )

  it.effect("says of an unregistered provider whether it was there", () =>
    Effect.gen(function* () {
      const registry = yield* Registry.make
      yield* registry.register(engine(Claude))
      assert.isTrue(yield* registry.unregister(Claude))
      assert.isFalse(yield* registry.unregister(Claude))
      assert.deepStrictEqual(yield* registry.get(Claude), Option.none())
      yield* registry.register(engine(Claude))
    })
  )

  it.effect("lists in the order of registration; who comes back comes last", () =>
    Effect.gen(function* () {
      const registry = yield* Registry.make
      for (const provider of [Gpt4, Claude, CopilotChat]) yield* registry.register(engine(provider))
      assert.deepStrictEqual(yield* providers(registry), [Gpt4, Claude, CopilotChat])
      yield* registry.unregister(Gpt4)
      yield* registry.register(engine(Gpt4))
      assert.deepStrictEqual(yield* providers(registry), [Claude, CopilotChat, Gpt4])
    })
  )

  it.effect("gives a list that later changes don't touch", () =>
    Effect.gen(function* () {
      const registry = yield* Registry.make
      yield* registry.register(engine(Claude))
      const before = yield* registry.list
      yield* registry.register(engine(Gpt4))
      yield* registry.clear
      assert.strictEqual(before.length, 1)
    })
  )

  it.effect("clears all", () =>
    Effect.gen(function* () {
      const registry = yield* Registry.make
      yield* registry.register(engine(Claude))
      yield* registry.register(engine(Gpt4))
      yield* registry.clear
      assert.deepStrictEqual(yield* registry.list, [])
    })
  )

  it.effect("lets exactly one of many engines of a provider in", () =>
    Effect.gen(function* () {
      const registry = yield* Registry.make
      const exits = yield* Effect.forEach(
        Array.from({ length: 50 }, () => engine(Claude)),
        (one) => Effect.exit(registry.register(one)),
        { concurrency: "unbounded" }
      )
      assert.strictEqual(exits.filter(Exit.isSuccess).length, 1)
    })
  )
})

describe("ReasoningEngineRegistry.registerScoped", () => {
  it.effect("keeps an engine for as long as the scope is open", () =>
    Effect.gen(function* () {
      const registry = yield* Registry.make
      yield* Effect.scoped(
        Effect.gen(function* () {
          yield* registry.registerScoped(engine(Claude))
          assert.deepStrictEqual(yield* providers(registry), [Claude])
        })
      )
      assert.deepStrictEqual(yield* providers(registry), [])
    })
  )

  it.effect("removes the engine also when the scope fails or is interrupted", () =>
    Effect.gen(function* () {
      const registry = yield* Registry.make
      for (const end of [Effect.fail("no"), Effect.interrupt]) {
        yield* Effect.exit(Effect.scoped(Effect.zipRight(registry.registerScoped(engine(Claude)), end)))
        assert.deepStrictEqual(yield* providers(registry), [])
      }
    })
  )

  it.effect("leaves an engine in place that took the provider meanwhile", () =>
    Effect.gen(function* () {
      const registry = yield* Registry.make
      const scope = yield* Scope.make()
      const second = engine(Claude, "second")
      yield* Scope.extend(registry.registerScoped(engine(Claude, "first")), scope)
      yield* registry.unregister(Claude)
      yield* registry.register(second)
      yield* Scope.close(scope, Exit.void)
      assert.strictEqual(Option.getOrUndefined(yield* registry.get(Claude)), second)
    })
  )

  it.effect("removes nothing when it was refused", () =>
    Effect.gen(function* () {
      const registry = yield* Registry.make
      const first = engine(Claude)
      yield* registry.register(first)
      const error = yield* Effect.flip(Effect.scoped(registry.registerScoped(engine(Claude))))
      assert.strictEqual(error._tag, "DuplicateEngineError")
      assert.strictEqual(Option.getOrUndefined(yield* registry.get(Claude)), first)
    })
  )

  it.effect("doesn't mind that the engine is gone already", () =>
    Effect.gen(function* () {
      const registry = yield* Registry.make
      yield* Effect.scoped(Effect.zipRight(registry.registerScoped(engine(Claude)), registry.clear))
      assert.deepStrictEqual(yield* registry.list, [])
    })
  )
})

describe("ReasoningEngineRegistry layers", () => {
  it.effect("start empty, and each has engines of its own", () =>
    Effect.gen(function* () {
      const use = Effect.gen(function* () {
        const registry = yield* Registry.ReasoningEngineRegistry
        assert.deepStrictEqual(yield* registry.list, [])
        yield* registry.register(engine(Claude))
      })
      yield* Effect.provide(use, Registry.layer)
      yield* Effect.provide(use, Layer.fresh(Registry.layer))
    })
  )

  it.effect("take a list of engines in its order", () =>
    Effect.gen(function* () {
      const registry = yield* Registry.ReasoningEngineRegistry
      assert.deepStrictEqual(yield* providers(registry), [Gpt4, Claude])
    }).pipe(Effect.provide(Registry.layerEngines([engine(Gpt4), engine(Claude)])))
  )

  it.effect("refuse a list with two engines of a provider", () =>
    Effect.gen(function* () {
      const layer = Registry.layerEngines([engine(Claude), engine(Gpt4), engine(Claude)])
      const error = yield* Effect.flip(Effect.provide(Registry.ReasoningEngineRegistry, layer))
      assert.strictEqual(error._tag, "DuplicateEngineError")
      assert.strictEqual(error.provider, Claude)
    })
  )

  it.effect("register one more engine for as long as they live", () =>
    Effect.gen(function* () {
      const registry = yield* Registry.make
      const here = Layer.succeed(Registry.ReasoningEngineRegistry, registry)
      const more = Registry.layerRegister(Effect.succeed(engine(Claude))).pipe(Layer.provideMerge(here))
      const during = Effect.flatMap(Registry.ReasoningEngineRegistry, providers)
      assert.deepStrictEqual(yield* Effect.provide(during, more), [Claude])
      assert.deepStrictEqual(yield* providers(registry), [])
    })
  )

  it.effect("fail as the making of the engine fails", () =>
    Effect.gen(function* () {
      const failing = Registry.layerRegister(Effect.fail("no key" as const)).pipe(
        Layer.provide(Registry.layer)
      )
      assert.strictEqual(yield* Effect.flip(Effect.scoped(Layer.build(failing))), "no key")
    })
  )
})

describe("ReasoningEngineRegistry log events", () => {
  const life = Effect.gen(function* () {
    const registry = yield* Registry.make
    yield* registry.register(engine(Claude))
    yield* Effect.ignore(registry.register(engine(Claude)))
    yield* registry.get(Claude)
    yield* registry.get(Gpt4)
    yield* registry.unregister(Claude)
    yield* registry.unregister(Claude)
    yield* registry.clear
    yield* Effect.scoped(registry.registerScoped(engine(Gpt4)))
  })

  it.effect("have fixed names, level debug and the provider", () =>
    Effect.gen(function* () {
      const level = "DEBUG"
      assert.deepStrictEqual(yield* logged(life, LogLevel.Debug), [
        { level, event: "engine_registered", fields: { provider: "claude" } },
        { level, event: "engine_retrieved", fields: { provider: "claude", found: true } },
        { level, event: "engine_retrieved", fields: { provider: "gpt4", found: false } },
        { level, event: "engine_unregistered", fields: { provider: "claude" } },
        { level, event: "registry_cleared", fields: {} },
        { level, event: "engine_registered", fields: { provider: "gpt4" } },
        { level, event: "engine_unregistered", fields: { provider: "gpt4" } }
      ])
    })
  )

  it.effect("are silent above their level", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* logged(life, LogLevel.Info), [])
    })
  )
})

describe("ReasoningEngineRegistry errors", () => {
  const duplicate = new Registry.DuplicateEngineError({ provider: Claude })
  const ghost = AIProvider.unsafeMake("ghost")
  const missing = new Registry.EngineNotRegisteredError({ provider: ghost, registered: [Claude, Gpt4] })
  const alone = new Registry.EngineNotRegisteredError({ provider: ghost, registered: [] })
  const empty = new Registry.EngineNotRegisteredError({ registered: [] })

  it("say what failed, for whom and what to do", () => {
    assert.strictEqual(
      duplicate.message,
      "An engine is already registered for claude. Unregister it first, or give the new one an id of its own"
    )
    assert.strictEqual(
      missing.message,
      "No engine is registered for ghost. Registered: claude, gpt4. Ask for one of these, or register one for ghost"
    )
    assert.strictEqual(empty.message, "No engine is registered. Register one first")
    assert.strictEqual(alone.message, "No engine is registered for ghost. Register one first")
  })

  it("go through JSON", () => {
    const Errors = Schema.Union(Registry.DuplicateEngineError, Registry.EngineNotRegisteredError)
    for (const error of [duplicate, missing, alone, empty]) {
      const json: unknown = JSON.parse(JSON.stringify(Schema.encodeSync(Errors)(error)))
      assert.deepStrictEqual(Schema.decodeUnknownSync(Errors)(json), error)
    }
  })
})
