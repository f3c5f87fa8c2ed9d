/** What saves money per task, from the configuration file: in `ask`, `run` and `serve`. */
import { assert, describe, it } from "@effect/vitest"
import { Outcomes, QualityModel } from "arc-saga"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import * as ConfigFile from "../../src/cli/ConfigFile.js"
import * as data from "../utils/outcomes.js"
import { eventually, post, request } from "../gateway/harness.js"
import { command, directory, platform, readFile, run } from "./harness.js"

const trained = JSON.stringify(Either.getOrThrow(QualityModel.train(Outcomes.split(data.make(1200), "s0"))))

/** The providers of the model, and one that gives the same answers as `cheap` does. */
const simulated = [
  { id: "strong", firstTokenMs: 10, tokensPerSecond: 10_000, price: { input: 30, output: 60 } },
  { id: "middle", firstTokenMs: 10, tokensPerSecond: 10_000, price: { input: 3, output: 6 } },
  { id: "cheap", firstTokenMs: 10, tokensPerSecond: 10_000, price: { input: 1, output: 2 } }
]

const [easy, hard] = ["Of rivers, name simply which rivers?", "Of rivers, prove rigorously why rivers?"]

/** The simulated providers repeat the question, which has a number. */
const countable = "What is 42?"

const agreement = {
  accept: "agreement",
  comparison: "number",
  asks: ["cheap", "middle"],
  last: "strong"
}

/** A directory with a model, tasks, and a file of the given settings. */
const world = (settings: Readonly<Record<string, unknown>>) =>
  Effect.gen(function* () {
    const file = yield* directory({
      "model.json": trained,
      "tasks.jsonl": [easy, hard].map((prompt) => JSON.stringify({ prompt })).join("\n"),
      "torn.json": trained.slice(0, -9)
    })
    const config = { ollama: false, simulated, ...settings }
    const named = Object.fromEntries(
      Object.entries(config).map(([key, value]) => [key, key === "model" ? file(String(value)) : value])
    )
    const all = yield* directory({ "config.json": JSON.stringify(named) })
    return { file, config: all("config.json") }
  })

const savings = { model: "model.json", savings: { keep: 0.97 } }

describe("savings of the configuration file", () => {
  it.scoped("are what ask goes by, and it says what they saved", () =>
    Effect.gen(function* () {
      const { config } = yield* world(savings)
      const cheap = yield* run(["ask", easy, "--config", config])
      assert.match(cheap.err, /cheap \(.*saved \$0\.\d+ against strong/)
      const strong = yield* run(["ask", hard, "--config", config])
      assert.match(strong.err, /strong \(.*saved \$0\.000000 against strong/)
      // Another strategy can be named.
      const other = yield* run(["ask", hard, "--config", config, "--strategy", "cheapest"])
      assert.match(other.err, /cheap \(/)
      assert.notInclude(other.err, "saved")
    }).pipe(Effect.provide(platform))
  )

  it.scoped("are what run goes by, whose end says what they saved", () =>
    Effect.gen(function* () {
      const { config, file } = yield* world(savings)
      const { out } = yield* run(["run", file("tasks.jsonl"), "--out", file("r.jsonl"), "--config", config])
      assert.match(out, /2 tasks answered, 0 failed, 0 bad lines, saved \$0\.\d+ against strong\n$/)
      const results = (yield* readFile(file("r.jsonl"))).trim().split("\n")
      assert.deepStrictEqual(
        results
          .map((line) => JSON.parse(line))
          .toSorted((one, other) => one.line - other.line)
          .map(({ result }) => [result.provider, result.baseline.provider]),
        [
          ["cheap", "strong"],
          ["strong", "strong"]
        ]
      )
    }).pipe(Effect.provide(platform))
  )

  it.scopedLive("and a cascade are what clients of serve can name", () =>
    Effect.gen(function* () {
      const { config } = yield* world({ ...savings, cascade: agreement, strategy: "savings" })
      const { effect, printed } = command(["serve", "--port", "0", "--config", config])
      yield* Effect.forkScoped(effect)
      yield* eventually(Effect.sync(() => printed.err.join("").includes("Listening at ")))
      const url = /Listening at (http:\/\/\S+:\d+)\./.exec(printed.err.join(""))?.[1] ?? ""
      const ask = (model: string, content: string, stream = false) =>
        Effect.map(
          post(`${url}/v1/chat/completions`, { model, stream, messages: [{ role: "user", content }] }),
          ({ headers }) =>
            ["strategy", "provider", "attempts", "saved", "asked"].map((name) =>
              headers.get(`x-saga-${name}`)
            )
        )
      const [, provider, attempts, saved] = yield* ask("saga/auto", easy)
      assert.deepStrictEqual([provider, attempts], ["cheap", "1"])
      assert.isAbove(Number(saved), 0)
      assert.deepStrictEqual(yield* ask("saga/savings", hard), ["savings", "strong", "1", "0", null])
      const cascaded = yield* ask("saga/cascade", countable)
      assert.deepStrictEqual(cascaded.slice(0, 3), ["cascade", "cheap", "2"])
      assert.strictEqual(cascaded.at(4), "cheap, middle")
      assert.deepStrictEqual(yield* ask("saga/cascade", countable, true), [
        "cascade",
        "cheap",
        "2",
        null,
        null
      ])
      assert.deepStrictEqual(yield* ask("saga/cheapest", hard), ["cheapest", "cheap", "1", null, null])
      assert.deepStrictEqual(yield* ask("strong", easy), [null, "strong", "1", null, null])
      // The model learns from what is said of its choices.
      const said = yield* post(`${url}/v1/feedback`, { id: "any", score: 1 })
      assert.deepStrictEqual(JSON.parse(said.text), { id: "any", score: 1, kept: false })
      const models = JSON.parse((yield* request(`${url}/v1/models`)).text)
      const ids = models.data.map(({ id }: { id: string }) => id)
      assert.includeMembers(ids, ["saga/savings", "saga/cascade"])
    }).pipe(Effect.provide(platform))
  )
})

describe("what can't be promised", () => {
  it.scopedLive("is told when serve begins, with the reason", () =>
    Effect.gen(function* () {
      const { config } = yield* world({
        model: "model.json",
        savings: { keep: 1 },
        cascade: { accept: "learned", comparison: "shortAnswer", keep: 1 },
        strategy: "savings"
      })
      const { effect, printed } = command(["serve", "--port", "0", "--config", config])
      yield* Effect.forkScoped(effect)
      yield* eventually(Effect.sync(() => printed.err.join("").includes("Listening at ")))
      const notes = printed.err
        .join("")
        .split("\n")
        .filter((line) => line.startsWith("Note: "))
      assert.isAbove(notes.length, 1)
      for (const note of notes) {
        assert.match(note, /^Note: (savings|cascade): (sums|facts): left to strong, because .+/)
      }
    }).pipe(Effect.provide(platform))
  )
})

describe("a cascade of the configuration file", () => {
  it.scoped("asks cheap providers first, which agree, and says what that saved", () =>
    Effect.gen(function* () {
      const { config } = yield* world({ cascade: agreement })
      const { err } = yield* run(["ask", countable, "--config", config])
      assert.match(err, /cheap \(.*2 attempts.*saved \$0\.\d+ against strong/)
    }).pipe(Effect.provide(platform))
  )

  it.scoped("goes by what the model has learned", () =>
    Effect.gen(function* () {
      const { config } = yield* world({
        model: "model.json",
        cascade: {
          accept: "learned",
          comparison: "shortAnswer",
          keep: 0.9,
          scope: "whole",
          timeoutMs: 5000
        }
      })
      const { code, err } = yield* run(["ask", easy, "--config", config])
      assert.strictEqual(code, 0)
      assert.match(err, /against strong/)
    }).pipe(Effect.provide(platform))
  )

  it.scoped("doesn't begin without the providers that it asks", () =>
    Effect.gen(function* () {
      const { config } = yield* world({
        simulated: simulated.slice(0, 2),
        model: "model.json",
        cascade: { accept: "learned", comparison: "shortAnswer", keep: 0.9 }
      })
      const { code, err } = yield* run(["ask", easy, "--config", config])
      assert.strictEqual(code, 2)
      assert.match(
        err,
        /cascade: Expected providers that can be asked \(strong, middle\), actual "cheap", too/
      )
    }).pipe(Effect.provide(platform))
  )
})

describe("what can't be used", () => {
  it.scoped("is a model that isn't there or is damaged", () =>
    Effect.gen(function* () {
      for (const [model, message] of [
        ["none.json", /config\.json: model: .*none\.json/],
        ["torn.json", /config\.json: model: .*torn\.json: Expected a model in JSON/],
        ["tasks.jsonl", /config\.json: model: .*tasks\.jsonl: Expected a model in JSON/]
      ] as const) {
        const { config } = yield* world({ model, savings: { keep: 0.9 } })
        const { code, err } = yield* run(["ask", easy, "--config", config])
        assert.strictEqual(code, 2, model)
        assert.match(err, message)
      }
    }).pipe(Effect.provide(platform))
  )

  it.scoped("is a strategy that the file doesn't set up", () =>
    Effect.gen(function* () {
      const { config } = yield* world({ cascade: agreement })
      for (const more of [[], ["--provider", "cheap"]]) {
        const { code, err } = yield* run(["ask", easy, "--config", config, "--strategy", "savings", ...more])
        assert.strictEqual(code, 2)
        assert.match(
          err,
          /--strategy: Expected a strategy that the configuration file sets up, actual savings/
        )
      }
    }).pipe(Effect.provide(platform))
  )

  const reason = (config: unknown) =>
    Either.match(ConfigFile.parse("c.json", JSON.stringify(config)), {
      onLeft: ({ message }) => message,
      onRight: () => "taken"
    })

  it.each([
    [{ savings: { keep: 0.9 } }, /model: Expected the file of a trained model, actual none/],
    [
      { cascade: { accept: "learned", comparison: "json", keep: 1 } },
      /model: Expected the file of a trained model, actual none/
    ],
    [{ strategy: "savings" }, /strategy: Expected a strategy that the file sets up, actual "savings"/],
    [{ strategy: "cascade" }, /strategy: Expected a strategy that the file sets up, actual "cascade"/],
    [
      { ...savings, cascade: agreement, simulated },
      /strategy: Expected "savings" or "cascade", where both are set up, actual none/
    ],
    [{ model: "m", savings: { keep: 2 } }, /savings\.keep: Expected a share of quality .*, actual 2/],
    [{ model: "m", savings: {} }, /savings\.keep: /],
    [{ model: "m", savings: { keep: 1, kept: 1 } }, /savings\.kept: /],
    [{ model: "m", savings: { keep: 1, scope: "all" } }, /savings\.scope: Expected "families" or "whole"/],
    [{ model: "m", savings: { keep: 1, explore: { share: 2, seed: 1 } } }, /savings\.explore\.share: /],
    [{ simulated, cascade: { ...agreement, last: "nobody" } }, /cascade\.last: Expected a provider/],
    [
      { simulated, cascade: { ...agreement, asks: ["cheap", ["no"]] } },
      /cascade\.asks\[1\]: Expected a provider/
    ],
    [{ simulated, cascade: { ...agreement, asks: [] } }, /cascade\.asks/],
    [{ simulated, cascade: { ...agreement, comparison: "words" } }, /cascade\.comparison: /],
    [{ simulated, cascade: { ...agreement, accept: "always" } }, /cascade\.accept: /],
    [{ simulated, cascade: { ...agreement, last: undefined } }, /cascade\.last: /],
    [{ simulated, cascade: { ...agreement, keep: 1 } }, /cascade\.keep: /]
  ])("is %j", (config, message) => {
    assert.match(reason(config), message)
  })

  it("isn't a file that says which of two strategies it goes by, or that has one", () => {
    const strategyOf = (config: unknown) =>
      Option.map(Either.getRight(ConfigFile.parse("c.json", JSON.stringify(config))), ConfigFile.strategyOf)
    const both = { ...savings, cascade: agreement, simulated }
    assert.deepStrictEqual(strategyOf({ ...both, strategy: "fastest" }), Option.some("fastest"))
    assert.deepStrictEqual(strategyOf(savings), Option.some("savings"))
    assert.deepStrictEqual(strategyOf({ cascade: agreement, simulated }), Option.some("cascade"))
    assert.deepStrictEqual(strategyOf({}), Option.some("balanced"))
  })
})
