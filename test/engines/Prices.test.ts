import { assert, describe, it } from "@effect/vitest"
import * as HttpClient from "@effect/platform/HttpClient"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as AIProvider from "../../src/AIProvider.js"
import * as AITask from "../../src/AITask.js"
import * as Claude from "../../src/engines/Claude.js"
import * as OpenAI from "../../src/engines/OpenAI.js"
import * as OpenAICompatible from "../../src/engines/OpenAICompatible.js"
import * as MultiLLMOrchestrator from "../../src/routing/MultiLLMOrchestrator.js"
import * as Price from "../../src/Price.js"
import * as PriceCatalog from "../../src/spend/PriceCatalog.js"
import * as GenAIPrices from "../../src/spend/PriceCatalog/GenAIPrices.js"
import type * as ProviderMetrics from "../../src/ProviderMetrics.js"
import type { ReasoningEngine } from "../../src/ReasoningEngine.js"
import * as Registry from "../../src/ReasoningEngineRegistry.js"
import * as Strategy from "../../src/routing/Strategy.js"
import * as Usd from "../../src/Usd.js"
import * as harness from "../cli/harness.js"
import * as messages from "../utils/messages.js"

const apiKey = Redacted.make("key")

/** Anthropic's answers have 3 tokens of input and 2 of output, all others 10 and 5. */
const http = harness.http((url) =>
  url.pathname.endsWith("/messages")
    ? new Response(messages.hi + messages.rest, { headers: { "content-type": "text/event-stream" } })
    : harness.sse("Hi")
)

const listed = ({ price }: ReasoningEngine): Price.Options | undefined =>
  Option.getOrUndefined(Option.map(price, Price.toOptions))

const claude = (changes: Partial<Claude.Options> = {}) =>
  Claude.make({ model: "claude-haiku-4-5", apiKey, ...changes })

const gpt = (changes: Partial<OpenAI.Options> = {}) =>
  OpenAI.make({ model: "gpt-4o-mini", apiKey, ...changes })

const server = (changes: Partial<OpenAICompatible.Options> = {}) =>
  OpenAICompatible.make({
    provider: AIProvider.unsafeMake("server"),
    baseUrl: "http://127.0.0.1:11434/v1",
    model: "gpt-4o-mini",
    ...changes
  })

const own = { input: 7, output: 9 }

/** Without an Option: chai takes some and none for the same. */
const windowOf = ({ capabilities }: ReasoningEngine): number | undefined =>
  Option.getOrUndefined(capabilities.contextWindow)

/** A catalogue that counts how often it is asked. */
const counting = () => {
  const asked: Array<PriceCatalog.Query> = []
  const find: PriceCatalog.Service["find"] = (query) => {
    asked.push(query)
    return GenAIPrices.catalog.find(query)
  }
  return { asked, layer: Layer.succeed(PriceCatalog.PriceCatalog, { find }) }
}

const withPrices = Effect.provide(Layer.merge(http, GenAIPrices.layer))

describe("The price of an engine", () => {
  it.effect("is that of its model where it is asked, and so is its window", () =>
    Effect.gen(function* () {
      const anthropic = yield* claude()
      assert.deepInclude(listed(anthropic), { input: 1, output: 5, cacheRead: 0.1, cacheWrite1h: 2 })
      assert.strictEqual(windowOf(anthropic), 200_000)
      const openAI = yield* gpt()
      assert.deepInclude(listed(openAI), { input: 0.15, output: 0.6, cacheRead: 0.075 })
      assert.strictEqual(windowOf(openAI), 128_000)
      const groq = yield* server({
        baseUrl: "https://api.groq.com/openai/v1",
        model: "llama-3.3-70b-versatile"
      })
      assert.deepInclude(listed(groq), { input: 0.59, output: 0.79 })
    }).pipe(withPrices)
  )

  it.effect("is unknown at a server of one's own or a proxy, whatever the model is called", () =>
    Effect.gen(function* () {
      const proxied = "https://proxy.example"
      for (const engine of [
        yield* server(),
        yield* server({ model: "llama3" }),
        yield* gpt({ baseUrl: `${proxied}/v1` }),
        yield* claude({ baseUrl: proxied }),
        yield* claude({ model: "claude-of-tomorrow" })
      ]) {
        assert.deepStrictEqual([listed(engine), windowOf(engine)], [undefined, undefined])
      }
    }).pipe(withPrices)
  )

  it.effect("is unknown without a catalogue", () =>
    Effect.gen(function* () {
      assert.isUndefined(listed(yield* claude()))
      assert.isUndefined(listed(yield* gpt()))
    }).pipe(Effect.provide(http))
  )

  it.effect("is what the options say before what the catalogue says", () =>
    Effect.gen(function* () {
      const price = Either.getOrThrow(Price.make(own))
      const contextWindow = Option.some(1000)
      for (const engine of [
        yield* claude({ price, capabilities: { contextWindow } }),
        yield* gpt({ price, capabilities: { contextWindow } })
      ]) {
        assert.deepInclude(listed(engine), own)
        assert.strictEqual(windowOf(engine), 1000)
      }
    }).pipe(withPrices)
  )

  it.effect("is what an entry of one's own says, the rest the list's", () =>
    Effect.gen(function* () {
      assert.deepInclude(listed(yield* claude()), own)
      assert.deepInclude(listed(yield* gpt()), { input: 0.15, output: 0.6 })
    }).pipe(
      Effect.provide(http),
      Effect.provide(
        PriceCatalog.layerOverride([{ model: "claude-haiku-4-5", price: own }]).pipe(
          Layer.provide(GenAIPrices.layer)
        )
      )
    )
  )

  it.effect("is found for engines that are configured by Config and registered by a Layer", () =>
    Effect.gen(function* () {
      const registry = yield* Registry.ReasoningEngineRegistry
      assert.deepStrictEqual(
        (yield* registry.list).map((engine) => [engine.provider, listed(engine)?.input]),
        [
          [AIProvider.Claude, 1],
          [AIProvider.Gpt4, 0.15]
        ]
      )
    }).pipe(
      Effect.provide(
        Layer.mergeAll(Claude.layerConfig(Claude.config), OpenAI.layerConfig(OpenAI.config)).pipe(
          Layer.provideMerge(Registry.layer),
          Layer.provide(Layer.merge(http, GenAIPrices.layer))
        )
      ),
      Effect.withConfigProvider(
        ConfigProvider.fromMap(
          new Map([
            ["ANTHROPIC_API_KEY", "key"],
            ["ANTHROPIC_MODEL", "claude-haiku-4-5"],
            ["OPENAI_API_KEY", "key"],
            ["OPENAI_MODEL", "gpt-4o-mini"]
          ])
        )
      )
    )
  )
})

/** An orchestrator over engines. */
const orchestrator = (
  engines: ReadonlyArray<ReasoningEngine>,
  options: {
    readonly providers?: ReadonlyArray<ProviderMetrics.Options>
    readonly strategy?: Strategy.Strategy
  } = {}
) =>
  Effect.provide(
    MultiLLMOrchestrator.MultiLLMOrchestrator,
    Layer.provide(MultiLLMOrchestrator.layerFor(options), Registry.layerEngines(engines))
  )

describe("A catalogue", () => {
  it.effect("is asked once per engine, not once per task, and its price is exact in every result", () => {
    const catalog = counting()
    return Effect.gen(function* () {
      const { complete } = yield* orchestrator([yield* claude()])
      const task = yield* AITask.make({ prompt: "Hi" })
      const results = yield* Effect.replicateEffect(complete(task), 100)
      assert.deepStrictEqual(catalog.asked, [
        { model: "claude-haiku-4-5", baseUrl: "https://api.anthropic.com", embeds: false }
      ])
      const costs = results.map(({ cost }) => Option.getOrElse(cost, () => Usd.zero))
      // 3 × 1 + 2 × 5 dollars per million, a hundred times
      assert.strictEqual(Usd.toDecimal(costs.reduce(Usd.add, Usd.zero)), "0.0013")
    }).pipe(Effect.provide(Layer.merge(http, catalog.layer)))
  })

  it.effect("that doesn't know a model leaves its cost unknown, to the result", () =>
    Effect.gen(function* () {
      const { complete } = yield* orchestrator([yield* server()])
      const result = yield* complete(yield* AITask.make({ prompt: "Hi" }))
      assert.strictEqual(result.usage.inputTokens, 10)
      assert.isTrue(Option.isNone(result.cost))
      assert.deepStrictEqual(
        result.attempts.map(({ cost }) => Option.isNone(cost)),
        [true]
      )
    }).pipe(withPrices)
  )

  it.effect("lets the cheapest be chosen among engines of which nothing else is known", () =>
    Effect.gen(function* () {
      const dear = yield* claude({ model: "claude-opus-4-1", provider: AIProvider.unsafeMake("claude/opus") })
      const engines = [yield* server(), dear, yield* claude(), yield* gpt()]
      const task = yield* AITask.make({ prompt: "Hi" })
      for (const [strategy, provider] of [
        [Strategy.cheapest, AIProvider.Gpt4],
        [Strategy.balanced, AIProvider.Gpt4],
        // All are alike: the first.
        [Strategy.quality, AIProvider.unsafeMake("server")]
      ] as const) {
        const { complete } = yield* orchestrator(engines, { strategy })
        assert.strictEqual((yield* complete(task)).provider, provider, strategy.name)
      }
    }).pipe(withPrices)
  )

  it.effect("doesn't change a cost per token that is given", () =>
    Effect.gen(function* () {
      const { complete } = yield* orchestrator([yield* claude(), yield* gpt()], {
        providers: [{ provider: "gpt4", costPerToken: 1 }, { provider: "claude" }, { provider: "absent" }],
        strategy: Strategy.cheapest
      })
      assert.strictEqual((yield* complete(yield* AITask.make({ prompt: "Hi" }))).provider, AIProvider.Claude)
    }).pipe(withPrices)
  )
})

describe("The usage of Claude", () => {
  const usageOf = (usage: unknown) =>
    Effect.gen(function* () {
      const events =
        messages.wire(messages.start(usage), messages.block(), messages.text("Hi")) + messages.rest
      const respond = () => new Response(events, { headers: { "content-type": "text/event-stream" } })
      const { complete } = yield* orchestrator([yield* claude().pipe(Effect.provide(harness.http(respond)))])
      return (yield* complete(yield* AITask.make({ prompt: "Hi" }))).usage
    })

  it.effect("tells what is cached for an hour, never more than is cached at all", () =>
    Effect.gen(function* () {
      const cached = { ephemeral_5m_input_tokens: 4, ephemeral_1h_input_tokens: 6 }
      const plain = { input_tokens: 3, output_tokens: 1, cache_creation: cached }
      assert.deepInclude(yield* usageOf(plain), {
        inputTokens: 13,
        cacheWriteTokens: 10,
        cacheWrite1hTokens: 6
      })
      assert.deepInclude(yield* usageOf({ ...plain, cache_creation_input_tokens: 2 }), {
        inputTokens: 5,
        cacheWriteTokens: 2,
        cacheWrite1hTokens: 2
      })
    })
  )
})

describe("The table of prices", () => {
  it.effect("needs no client: nothing is asked of the network", () =>
    Effect.gen(function* () {
      const requests: Array<string> = []
      const client = HttpClient.make((request) => {
        requests.push(request.url)
        return Effect.dieMessage("nobody should ask")
      })
      const { fetch } = globalThis
      globalThis.fetch = async (input) => {
        requests.push(String(input))
        throw new TypeError("nobody should ask")
      }
      yield* Effect.addFinalizer(() => Effect.sync(() => void (globalThis.fetch = fetch)))
      const engine = yield* claude().pipe(
        Effect.provideService(HttpClient.HttpClient, client),
        Effect.provide(GenAIPrices.layer)
      )
      assert.isTrue(Option.isSome(engine.price))
      assert.deepStrictEqual(requests, [])
    }).pipe(Effect.scoped)
  )
})
