import { assert, describe, it } from "@effect/vitest"
import { AIProvider, AITask, Outcomes, QualityModel } from "arc-saga"
import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import * as FileSystem from "@effect/platform/FileSystem"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import * as data from "../utils/outcomes.js"

const { cheap, middle, strong } = data

const partsOf = (outcomes: ReadonlyArray<Outcomes.Outcome>) => Outcomes.split(outcomes, "s0")

const trained = Either.getOrThrow(QualityModel.train(partsOf(data.make(900))))

const json = (model: QualityModel.Model): unknown => JSON.parse(JSON.stringify(model))

const task = (prompt: string) => Either.getOrThrow(AITask.make({ prompt }))
const easy = task("Of rivers, name simply which rivers?")
const hard = task("Of rivers, prove rigorously why rivers?")

const qualityOf = (model: QualityModel.Service, asked: AITask.AITask, provider: string): number =>
  model.predict(asked).estimates.find((estimate) => estimate.provider === provider)?.quality ?? Number.NaN

describe("QualityModel.train", () => {
  it.effect("learns who is good at what, what it costs, and which family a task is of", () =>
    Effect.gen(function* () {
      const model = yield* QualityModel.make(trained)
      assert.isAbove(qualityOf(model, easy, cheap), 0.85)
      assert.isBelow(qualityOf(model, hard, cheap), 0.45)
      assert.isAbove(qualityOf(model, hard, strong), 0.75)
      const { estimates, family } = model.predict(easy)
      assert.strictEqual(family, "facts")
      assert.strictEqual(model.predict(task("Sum 4 + 4: name simply which rivers")).family, "sums")
      const costs = estimates.map(({ costUsd }) => costUsd)
      for (const [index, cost] of [0.0001, 0.0003, 0.004].entries()) {
        assert.closeTo((costs[index] ?? 0) / cost, 1, 0.1)
      }
      assert.strictEqual(model.best, strong)
      assert.isUndefined(estimates[0]?.outputTokens)
    })
  )

  it.effect("predicts the gain of the stronger, which is small where both are good", () =>
    Effect.gen(function* () {
      const model = yield* QualityModel.make(trained)
      const gain = (asked: AITask.AITask) => Option.getOrThrow(model.gain(asked, strong, cheap))
      assert.isBelow(gain(easy), 0.15)
      assert.isAbove(gain(hard), 0.4)
      assert.deepStrictEqual(model.gain(easy, strong, AIProvider.Gpt4), Option.none())
    })
  )

  it("gives the same model for the same outcomes and seed, and another for another seed", () => {
    const again = (seed: number) =>
      JSON.stringify(Either.getOrThrow(QualityModel.train(partsOf(data.make(300)), { seed })))
    assert.strictEqual(again(1), again(1))
    assert.notStrictEqual(again(1), again(2))
  })

  it.effect("learns the length of answers where it was recorded", () =>
    Effect.gen(function* () {
      const parts = partsOf(data.make(600, { tokens: true }))
      const model = yield* QualityModel.make(yield* QualityModel.train(parts))
      const lengths = model.predict(hard).estimates.map(({ outputTokens }) => outputTokens ?? Number.NaN)
      for (const length of lengths) assert.isTrue(length > 100 && length < 500)
    })
  )

  it.effect("learns of outcomes of single providers, too, as a ledger has them", () =>
    Effect.gen(function* () {
      const { train, validation } = partsOf(data.make(900))
      const single = train.map((outcome, index): Outcomes.Outcome => {
        const provider = [cheap, middle, strong][index % 3] ?? cheap
        const own = Outcomes.answered(outcome, provider)
        return { ...outcome, outcomes: own === undefined ? {} : { [provider]: own } }
      })
      const model = yield* QualityModel.make(yield* QualityModel.train({ train: single, validation }))
      assert.isAbove(qualityOf(model, easy, cheap) - qualityOf(model, hard, cheap), 0.3)
      assert.isTrue(Option.isSome(model.worth(0.9, "facts")))
    })
  )

  it.effect("has no cascade where no answers were recorded", () =>
    Effect.gen(function* () {
      const parts = partsOf(data.make(300, { answers: false }))
      const model = yield* QualityModel.make(yield* QualityModel.train(parts))
      assert.isTrue(Option.isNone(model.cascade))
    })
  )

  it.effect("refuses one provider alone, and too few outcomes to calibrate on", () =>
    Effect.gen(function* () {
      const alone = yield* Effect.flip(QualityModel.train(partsOf(data.make(100, { providers: [cheap] }))))
      assert.strictEqual(
        alone.message,
        "QualityModel.train: Expected outcomes of two providers at least, actual 1"
      )
      const few = yield* Effect.flip(QualityModel.train(partsOf(data.make(20))))
      assert.match(few.message, /^QualityModel\.train: Expected 20 outcomes at least/)
    })
  )
})

describe("a model's file", () => {
  it.effect("holds all of it in a few hundred kB", () =>
    Effect.gen(function* () {
      const text = JSON.stringify(trained)
      assert.isBelow(text.length, 300_000)
      const [one, other] = yield* Effect.all([
        QualityModel.make(trained),
        QualityModel.make(JSON.parse(text))
      ])
      assert.deepStrictEqual(other.predict(hard), one.predict(hard))
      assert.deepStrictEqual(other.cascade, one.cascade)
    })
  )

  it.effect.each([
    [{}, /^QualityModel\.format: is missing$/],
    [{ format: "other" }, /^QualityModel\.format: Expected "arc-saga\/quality-model", actual "other"$/],
    [
      { version: 1 },
      /^QualityModel\.version: Expected 2 or 3 \(train the model again with this release\), actual 1$/
    ],
    [
      { families: [{ name: "a", head: { words: "AAAA", scale: 1, form: [] } }] },
      /^QualityModel\.families\[0\]\.head\.words: Expected 16384 bytes in base64/
    ],
    [{ best: "" }, /^QualityModel\.best: /]
  ] as const)("is refused when it is damaged: %j", ([change, message]) =>
    Effect.gen(function* () {
      const whole = Object.keys(change).length === 0 ? {} : Object.assign({}, json(trained), change)
      const error = yield* Effect.flip(QualityModel.make(whole))
      assert.match(error.message, message)
    })
  )

  it.effect("is refused when a head is too short", () =>
    Effect.gen(function* () {
      const [first, ...others] = trained.providers
      const short = { ...trained, providers: [{ ...first, head: { ...first.head, form: [1] } }, ...others] }
      const error = yield* Effect.flip(QualityModel.make(short))
      assert.match(error.message, /head\.form: Expected a list of \d+ numbers/)
    })
  )

  it.scoped("is read by layerFile, which says what is wrong with it", () =>
    Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      const directory = yield* fs.makeTempDirectoryScoped()
      const path = `${directory}/model.json`
      const read = Effect.map(QualityModel.QualityModel, ({ best }) => best).pipe(
        Effect.provide(QualityModel.layerFile(path))
      )
      yield* fs.writeFileString(path, JSON.stringify(trained))
      assert.strictEqual(yield* read, strong)
      yield* fs.writeFileString(path, "{")
      const error = yield* Effect.flip(read)
      assert.match(error.message, /Expected a model in JSON, actual text that isn't JSON, in .*model\.json$/)
    }).pipe(Effect.provide(NodeFileSystem.layer))
  )
})

describe("feedback", () => {
  it.effect("moves what is expected of the provider that answered, of such tasks", () =>
    Effect.gen(function* () {
      const model = yield* QualityModel.make(trained, { learningRate: 0.2 })
      const before = { easy: qualityOf(model, easy, cheap), other: qualityOf(model, easy, strong) }
      for (const round of Array.from({ length: 20 }, (_, index) => index)) {
        yield* model.remember(`t${round}`, easy, cheap)
        yield* model.feedback(`t${round}`, 0)
      }
      assert.isBelow(qualityOf(model, easy, cheap), before.easy - 0.2)
      assert.strictEqual(qualityOf(model, easy, strong), before.other)
      assert.deepStrictEqual(model.experience("facts", cheap), { good: 0, bad: 20 })
      assert.deepStrictEqual(model.experience("facts", strong), { good: 0, bad: 0 })
    })
  )

  it.effect("is taken once, of what is remembered, and of scores from 0 to 1", () =>
    Effect.gen(function* () {
      const model = yield* QualityModel.make(trained, { remembered: 2 })
      for (const id of ["a", "b", "c"]) yield* model.remember(id, easy, cheap)
      const forgotten = yield* Effect.flip(model.feedback("a", 1))
      assert.strictEqual(
        forgotten.message,
        'The task "a" isn\'t among the last 2 that were answered: give feedback once, and earlier, or have the model remember more'
      )
      const wrong = yield* Effect.flip(model.feedback("b", 2))
      assert.strictEqual(wrong.message, "QualityModel.score: Expected a number from 0 to 1, actual 2")
      yield* model.feedback("b", 1)
      assert.strictEqual((yield* Effect.flip(model.feedback("b", 1)))._tag, "UnknownTaskError")
      yield* model.feedback("c", 0.5)
      assert.deepStrictEqual(model.experience("facts", cheap), { good: 1.5, bad: 0.5 })
    })
  )

  it.effect("of a provider that the model doesn't know counts as experience alone", () =>
    Effect.gen(function* () {
      const model = yield* QualityModel.make(trained)
      const before = model.predict(easy)
      yield* model.remember("a", easy, AIProvider.Gpt4)
      yield* model.feedback("a", 1)
      assert.deepStrictEqual(model.predict(easy), before)
      assert.deepStrictEqual(model.experience("facts", AIProvider.Gpt4), { good: 1, bad: 0 })
    })
  )

  it.effect.each([
    [{ remembered: -1 }, /^QualityModel\.remembered: Expected a number of tasks/],
    [{ learningRate: 2 }, /^QualityModel\.learningRate: Expected a rate/]
  ] as const)("refuses the options %j", ([options, message]) =>
    Effect.gen(function* () {
      assert.match((yield* Effect.flip(QualityModel.make(trained, options))).message, message)
    })
  )
})

describe("what a model sees", () => {
  it.effect("is the same for the same task, however long, and of the whole conversation its form", () =>
    Effect.gen(function* () {
      const model = yield* QualityModel.make(trained)
      const long = task(`${"rivers and engines ".repeat(5000)} prove rigorously why`)
      assert.deepStrictEqual(model.predict(long), model.predict(task(AITask.promptText(long))))
      const tools = Either.getOrThrow(
        AITask.make({
          prompt: AITask.promptText(easy),
          systemPrompt: "Be brief",
          tools: [{ name: "search", parameters: {} }],
          responseFormat: { type: "json" }
        })
      )
      assert.notDeepEqual(model.predict(tools).estimates, model.predict(easy).estimates)
      const marked = model.predict(task(`${AITask.promptText(easy)}\n1 + 2 = 3\n(A) für {x}`))
      assert.notDeepEqual(marked.estimates, model.predict(easy).estimates)
    })
  )
})

describe("what an agent is reminded of beside results of tools", () => {
  it.effect("doesn't change what its task is taken for", () =>
    Effect.gen(function* () {
      const model = yield* QualityModel.make(trained)
      const asked = (beside: ReadonlyArray<AITask.Message>) =>
        Either.getOrThrow(
          AITask.make({
            messages: [
              { role: "user", content: AITask.promptText(hard) },
              { role: "assistant", content: "", toolCalls: [{ id: "c", name: "f", arguments: "{}" }] },
              { role: "tool", toolCallId: "c", content: "r" },
              ...beside
            ]
          })
        )
      const reminded = asked([{ role: "user", content: AITask.promptText(easy) }])
      assert.closeTo(qualityOf(model, reminded, cheap), qualityOf(model, asked([]), cheap), 0.1)
      assert.isAbove(qualityOf(model, easy, cheap) - qualityOf(model, reminded, cheap), 0.3)
    })
  )
})
