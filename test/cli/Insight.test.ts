import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import { assert, describe, it } from "@effect/vitest"
import { Outcomes, QualityModel } from "arc-saga"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import type { Learn } from "../../src/cli/ConfigFile/savings.js"
import * as Insight from "../../src/cli/Insight.js"
import type * as Learned from "../../src/cli/Learned.js"
import * as data from "../utils/outcomes.js"

const model = Either.getOrThrow(
  QualityModel.train(Outcomes.split(data.make(1200), "a"), { keep: 0.9, seed: 1 })
)

const settingsOf = (given: Partial<Learned.Settings>): Learned.Settings => ({
  savings: undefined,
  cascade: undefined,
  origin: "c.json",
  model,
  file: "/nowhere/model.json",
  ...given
})

const cascade = { accept: "learned", comparison: "shortAnswer", keep: 0.9 } as const
const learn: Learn = {
  share: 0.1,
  seed: 1,
  concurrency: 1,
  prompts: false,
  remembered: 100,
  budget: { usd: 2, period: "day" },
  outcomes: "outcomes.jsonl",
  judge: { by: "agreement", comparison: "shortAnswer", reference: data.strong }
}

const snapshotOf = (sources: Partial<Insight.Sources>) =>
  Effect.flatMap(
    Insight.make({ settings: () => undefined, learning: undefined, escalates: false, ...sources }),
    (made) => made.snapshot
  ).pipe(Effect.provide(NodeFileSystem.layer))

/** What is promised, by how the provider is chosen. */
const promisedBy = (given: Partial<Learned.Settings>) =>
  Effect.map(snapshotOf({ settings: () => settingsOf(given) }), (snapshot) => [
    ...new Set(snapshot.model?.promises.map(({ by }) => by))
  ])

describe("what is learned, as the gateway shows it", () => {
  it.effect("is nothing where nothing is", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* snapshotOf({}), {})
      assert.deepStrictEqual(yield* snapshotOf({ settings: () => settingsOf({ model: undefined }) }), {})
      assert.deepStrictEqual(yield* snapshotOf({ settings: () => settingsOf({ file: undefined }) }), {})
    })
  )

  it.effect("has the promises of what is set up, and a file that is gone", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* promisedBy({}), [])
      assert.deepStrictEqual(yield* promisedBy({ savings: { keep: 0.9 } }), ["prediction"])
      assert.deepStrictEqual(yield* promisedBy({ cascade }), ["cascade"])
      assert.deepStrictEqual(yield* promisedBy({ savings: { keep: 0.9 }, cascade }), [
        "prediction",
        "cascade"
      ])
      const told = yield* snapshotOf({ settings: () => settingsOf({}) })
      assert.deepInclude(told.model, { file: "/nowhere/model.json", writtenAt: undefined, best: data.strong })
    })
  )

  it.effect("has what learning spent, and no training that isn't asked for or can't be read", () =>
    Effect.gen(function* () {
      const counts = { compared: 3 }
      const service = { counts: Effect.succeed(counts), spentUsd: Effect.succeed(Option.some(0.5)) }
      const settings = () => settingsOf({})
      const without = yield* snapshotOf({ settings, learning: { service, settings: learn } })
      assert.deepStrictEqual(without.learning, { counts, spentUsd: 0.5, usd: 2, period: "day" })
      assert.isUndefined(without.training)
      const retrain = { ...learn, retrain: "1d" }
      const training = { count: 0 }
      const own = { service, settings: retrain }
      assert.deepStrictEqual((yield* snapshotOf({ settings, learning: own })).training, training)
      assert.isUndefined((yield* snapshotOf({ learning: own })).training)
    })
  )
})
