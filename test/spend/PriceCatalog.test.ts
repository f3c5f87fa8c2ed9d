import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import { pipe } from "effect/Function"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as AIProvider from "../../src/AIProvider.js"
import * as Price from "../../src/Price.js"
import * as PriceCatalog from "../../src/spend/PriceCatalog.js"
import * as ReasoningEngine from "../../src/ReasoningEngine.js"

const made = (entries: ReadonlyArray<PriceCatalog.Options>): PriceCatalog.Service =>
  Either.getOrThrow(PriceCatalog.make(entries))

const priceOf = (options: Price.Options): Price.Price => Either.getOrThrow(Price.make(options))

/** Without Options: chai takes some and none for the same. */
const seen = ({ contextWindow, price }: PriceCatalog.Entry) => ({
  price: Option.getOrNull(price),
  contextWindow: Option.getOrNull(contextWindow)
})

const nothing = { price: null, contextWindow: null }

const cheap = { input: 1, output: 2 }
const dear = { input: 10, output: 20 }
const here = "https://models.example/v1"

const engine = (options: Partial<ReasoningEngine.Options> = {}): ReasoningEngine.ReasoningEngine =>
  ReasoningEngine.fromEffect({
    provider: AIProvider.unsafeMake("house"),
    model: "m",
    answer: () => Effect.succeed({ text: "" }),
    ...options
  })

describe("A catalogue of one's own", () => {
  it.effect("knows a model by its name, wherever it is asked", () =>
    Effect.gen(function* () {
      const catalog = made([{ model: "m", price: cheap, contextWindow: 8000 }])
      for (const baseUrl of [here, "http://127.0.0.1:11434/v1"]) {
        assert.deepStrictEqual(seen(yield* catalog.find({ model: "m", baseUrl })), {
          price: priceOf(cheap),
          contextWindow: 8000
        })
      }
    })
  )

  it.effect("knows nothing of another model", () =>
    Effect.gen(function* () {
      const catalog = made([{ model: "m", price: cheap }])
      assert.deepStrictEqual(seen(yield* catalog.find({ model: "m-2", baseUrl: here })), nothing)
    })
  )

  it.effect("may know a model at one address only, with or without a last slash", () =>
    Effect.gen(function* () {
      const catalog = made([
        { model: "m", baseUrl: `${here}/`, price: cheap },
        { model: "m", price: dear }
      ])
      const at = (baseUrl: string) =>
        Effect.map(catalog.find({ model: "m", baseUrl }), (entry) => seen(entry).price)
      assert.deepStrictEqual(yield* at(here), priceOf(cheap))
      assert.deepStrictEqual(yield* at(`${here}//`), priceOf(cheap))
      assert.deepStrictEqual(yield* at(`${here}/other`), priceOf(dear))
    })
  )

  it.effect("may know the window of a model whose price is unknown", () =>
    Effect.gen(function* () {
      const entry = yield* made([{ model: "m", contextWindow: 9 }]).find({ model: "m", baseUrl: here })
      assert.deepStrictEqual(seen(entry), { price: null, contextWindow: 9 })
    })
  )

  it.effect.each([
    [{ model: "", price: cheap }, 'PriceCatalog.entries[0].model: Expected a non empty string, actual ""'],
    [
      { model: "m", price: { input: -1, output: 0 } },
      "PriceCatalog.entries[0].price.input: Expected a price from 0 to 1000000 USD per million tokens, actual -1"
    ],
    [
      { model: "m", contextWindow: 0 },
      "PriceCatalog.entries[0].contextWindow: Expected a number of tokens (a whole number above 0), actual 0"
    ]
  ] as const)("refuses %j", ([entry, message]) =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(PriceCatalog.make([entry]))
      assert.strictEqual(error.message, message)
      const layered = yield* Effect.flip(Layer.build(PriceCatalog.layer([entry])))
      assert.strictEqual(layered.message, message)
    }).pipe(Effect.scoped)
  )
})

describe("PriceCatalog.orElse", () => {
  const first = made([
    { model: "m", price: cheap },
    { model: "only-first", price: cheap }
  ])
  const second = made([
    { model: "m", price: dear, contextWindow: 8000 },
    { model: "only-second", price: dear }
  ])

  it.effect.each([
    ["m", { price: priceOf(cheap), contextWindow: 8000 }],
    ["only-first", { price: priceOf(cheap), contextWindow: null }],
    ["only-second", { price: priceOf(dear), contextWindow: null }],
    ["neither", nothing]
  ] as const)("asks the second for what the first doesn't know of %s", ([model, expected]) =>
    Effect.gen(function* () {
      const query = { model, baseUrl: here }
      assert.deepStrictEqual(seen(yield* PriceCatalog.orElse(first, second).find(query)), expected)
      assert.deepStrictEqual(seen(yield* pipe(first, PriceCatalog.orElse(second)).find(query)), expected)
    })
  )
})

describe("PriceCatalog.layerOverride", () => {
  it.effect("puts single models of one's own before the catalogue below", () =>
    Effect.gen(function* () {
      const below = PriceCatalog.layer([
        { model: "a", price: cheap, contextWindow: 8000 },
        { model: "b", price: cheap }
      ])
      const { find } = yield* PriceCatalog.PriceCatalog.pipe(
        Effect.provide(PriceCatalog.layerOverride([{ model: "a", price: dear }]).pipe(Layer.provide(below)))
      )
      const a = yield* find({ model: "a", baseUrl: here })
      assert.deepStrictEqual(seen(a), { price: priceOf(dear), contextWindow: 8000 })
      assert.deepStrictEqual(seen(yield* find({ model: "b", baseUrl: here })).price, priceOf(cheap))
    })
  )
})

describe("PriceCatalog.resolve", () => {
  const known = ({ capabilities, price }: ReasoningEngine.ReasoningEngine) =>
    seen({ price, contextWindow: capabilities.contextWindow })

  const provide = Effect.provideService(
    PriceCatalog.PriceCatalog,
    made([{ model: "m", baseUrl: here, price: cheap, contextWindow: 8000 }])
  )

  it.effect("leaves an engine as it is where there is no catalogue", () =>
    Effect.gen(function* () {
      const plain = engine()
      assert.strictEqual(yield* PriceCatalog.resolve(plain, here), plain)
    })
  )

  it.effect("gives an engine the price and the window that it wasn't told", () =>
    Effect.gen(function* () {
      const resolved = yield* PriceCatalog.resolve(engine(), here).pipe(provide)
      assert.deepStrictEqual(known(resolved), { price: priceOf(cheap), contextWindow: 8000 })
      assert.isFalse(resolved.capabilities.streaming)
    })
  )

  it.effect("leaves each of the two as it was told", () =>
    Effect.gen(function* () {
      const priced = yield* PriceCatalog.resolve(engine({ price: priceOf(dear) }), here).pipe(provide)
      assert.deepStrictEqual(known(priced), { price: priceOf(dear), contextWindow: 8000 })
      const small = { contextWindow: Option.some(7) }
      const windowed = yield* PriceCatalog.resolve(engine({ capabilities: small }), here).pipe(provide)
      assert.deepStrictEqual(known(windowed), { price: priceOf(cheap), contextWindow: 7 })
    })
  )

  it.effect("asks no catalogue when there is nothing to find", () =>
    Effect.gen(function* () {
      const told = engine({
        price: priceOf(dear),
        capabilities: { contextWindow: Option.some(7) }
      })
      const find = () => Effect.dieMessage("nobody should ask")
      const resolved = yield* Effect.provideService(
        PriceCatalog.resolve(told, here),
        PriceCatalog.PriceCatalog,
        { find }
      )
      assert.strictEqual(resolved, told)
    })
  )

  it.effect("leaves unknown what the catalogue doesn't know either", () =>
    Effect.gen(function* () {
      const resolved = yield* PriceCatalog.resolve(engine(), "http://127.0.0.1:8000/v1").pipe(provide)
      assert.deepStrictEqual(known(resolved), nothing)
    })
  )
})
