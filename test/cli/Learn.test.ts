/** What serve learns while it serves, from the configuration file. */
import { pathToFileURL } from "node:url"
import * as perf from "node:perf_hooks"
import { assert, describe, it } from "@effect/vitest"
import { Outcomes, QualityModel } from "arc-saga"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as ConfigFile from "../../src/cli/ConfigFile.js"
import * as Trainer from "../../src/cli/Trainer.js"
import * as NodeTrainer from "../../src/cli/Trainer/Node.js"
import { eventually, post, request } from "../gateway/harness.js"
import * as data from "../utils/outcomes.js"
import { built } from "../utils/program.js"
import { command, directory, platform, readFile, run, writeFile } from "./harness.js"

const pair = { answers: false, providers: [data.cheap, data.strong] }
const lines = (outcomes: ReadonlyArray<Outcomes.Outcome>): string =>
  outcomes.map((outcome) => `${JSON.stringify(outcome)}\n`).join("")

const recorded = data.make(750, pair)

/** A model of a time at which the cheap provider was never right: it saves little. */
const careful = Either.getOrThrow(
  QualityModel.train(
    Outcomes.split(
      data.make(300, pair).map((outcome) => ({
        ...outcome,
        outcomes: Object.fromEntries(
          Object.entries(outcome.outcomes).map(([id, answered]) => [
            id,
            { ...answered, quality: id === "cheap" ? 0 : answered.quality }
          ])
        )
      })),
      "s0"
    )
  )
)

const simulated = [
  { id: "strong", firstTokenMs: 5, tokensPerSecond: 10_000, price: { input: 30, output: 60 }, quality: 9 },
  { id: "cheap", firstTokenMs: 5, tokensPerSecond: 10_000, price: { input: 1, output: 2 }, quality: 5 }
]

const judge = { by: "agreement", comparison: "number", reference: data.strong } as const

/** A gateway over a configuration, until the scope closes. Without a thread it trains by itself. */
const gateway = (
  settings: Readonly<Record<string, unknown>>,
  files: Readonly<Record<string, string>> = {},
  thread: Layer.Layer<never> = Layer.empty
) =>
  Effect.gen(function* () {
    const file = yield* directory({ "outcomes.jsonl": "", ...files })
    const config = {
      ollama: false,
      simulated,
      ...settings,
      ...(settings["model"] === undefined ? {} : { model: file("model.json") }),
      learn: { outcomes: file("outcomes.jsonl"), judge, budget: { usd: 1 }, ...Object(settings["learn"]) }
    }
    yield* writeFile(file("config.json"), JSON.stringify(config))
    const { effect, printed } = command(["serve", "--port", "0", "--config", file("config.json")])
    yield* Effect.forkScoped(Effect.provide(effect, thread))
    const err = () => printed.err.join("")
    yield* eventually(Effect.sync(() => err().includes("Listening at ")))
    const url = /Listening at (http:\/\/\S+:\d+)\./.exec(err())?.[1] ?? ""
    return {
      err,
      file,
      url,
      ask: (content: string, model = "saga/auto", headers: Readonly<Record<string, string>> = {}) =>
        Effect.map(
          post(`${url}/v1/chat/completions`, { model, messages: [{ role: "user", content }] }, headers),
          ({ headers, text }) => ({
            id: String(JSON.parse(text).id),
            provider: headers.get("x-saga-provider")
          })
        )
    }
  })

describe("what serve learns", () => {
  it.scopedLive("is in the file of outcomes, with what feedback says, and without prompts", () =>
    Effect.gen(function* () {
      const { ask, file, url } = yield* gateway({ strategy: "cheapest", learn: { share: 1 } })
      yield* ask("Of nobody else, what is 41?", "saga/auto", { "x-saga-fallback": "off" })
      const { id, provider } = yield* ask("Secretly, what is 42?")
      assert.strictEqual(provider, "cheap")
      const outcomes = Effect.map(Effect.provide(readFile(file("outcomes.jsonl")), platform), (text) =>
        text
          .split("\n")
          .filter((line) => line !== "")
          .map((line) => Either.getOrThrow(Outcomes.decodeUnknown(JSON.parse(line))))
      )
      yield* eventually(Effect.map(outcomes, ({ length }) => length === 1))
      yield* post(`${url}/v1/feedback`, { id, score: 0.5 })
      yield* eventually(Effect.map(outcomes, ({ length }) => length === 2))
      assert.strictEqual(`chatcmpl-${(yield* outcomes)[0]?.id}`, id)
      const told = (yield* outcomes).map(({ family, outcomes: all, prompt }) => [
        family,
        prompt,
        Object.entries(all).map(([by, { quality }]) => [by, quality])
      ])
      assert.deepStrictEqual(told, [
        [
          "all",
          undefined,
          [
            ["cheap", 1],
            ["strong", 1]
          ]
        ],
        ["all", undefined, [["cheap", 0.5]]]
      ])
      const metrics = (yield* request(`${url}/metrics`)).text
      assert.match(metrics, /^arc_saga_learning\{ending="compared"\} [1-9]/m)
    }).pipe(Effect.provide(platform))
  )

  it.scopedLive("is a model that takes the place of a worse one, in its file, too", () =>
    Effect.gen(function* () {
      const { ask, err, file, url } = yield* gateway(
        {
          model: "model.json",
          savings: { keep: 0.9 },
          learn: {
            share: 0,
            retrain: "300ms",
            judge: { by: "provider", provider: "strong", comparison: "json" }
          }
        },
        { "outcomes.jsonl": lines(recorded), "model.json": JSON.stringify(careful) }
      )
      const easy = "Of rivers, name simply which rivers?"
      yield* eventually(Effect.sync(() => err().includes("trained anew")))
      assert.match(
        err(),
        /^Note: the model that was trained anew is in use: on \d+ outcomes that it hasn't seen it saves \d+\.\d % and keeps \d+\.\d %$/m
      )
      assert.strictEqual((yield* ask(easy, "saga/savings")).provider, "cheap")
      assert.strictEqual((yield* ask(easy)).provider, "cheap")
      const model: unknown = JSON.parse(yield* readFile(file("model.json")))
      assert.isTrue(Either.isRight(QualityModel.decodeUnknown(model)))
      assert.notDeepEqual(model, JSON.parse(JSON.stringify(careful)))
      // The file has changed and its outcomes haven't: what comes of them is no better than what is there.
      yield* writeFile(file("outcomes.jsonl"), `\n${lines(recorded)}`)
      yield* eventually(Effect.sync(() => err().includes("not used")))
      assert.match(err(), /^Note: the model that was trained anew is not used: it saves /m)
      assert.match((yield* request(`${url}/metrics`)).text, /^arc_saga_retraining\{outcome="taken"\} [1-9]/m)
      const { learned } = JSON.parse((yield* request(`${url}/status.json`)).text)
      assert.strictEqual(learned.model.file, file("model.json"))
      assert.strictEqual(learned.model.best, "strong")
      assert.isTrue(learned.model.promises.some((each: { isKept: boolean }) => each.isKept))
      assert.deepInclude(learned.learning, { spentUsd: 0, usd: 1, period: "day" })
      assert.isAtLeast(learned.training.count, 2)
      assert.match(learned.training.last.reason, /^it saves /)
      assert.isNull(learned.escalation)
    }).pipe(Effect.provide(platform))
  )

  it.scopedLive("is told where nothing can be trained", () =>
    Effect.gen(function* () {
      const { err } = yield* gateway(
        { model: "model.json", savings: { keep: 0.9 }, learn: { share: 0, retrain: "100ms" } },
        { "outcomes.jsonl": lines(recorded.slice(0, 3)), "model.json": JSON.stringify(careful) }
      )
      yield* eventually(Effect.sync(() => err().includes("not used: QualityModel.train: Expected")))
    }).pipe(Effect.provide(platform))
  )

  it.scopedLive("is tried again after a training that has died", () =>
    Effect.gen(function* () {
      let times = 0
      const thread = Layer.succeed(Trainer.Trainer, {
        decide: () => Effect.suspend(() => Effect.die(`bug ${(times += 1)}`))
      })
      const { err, file } = yield* gateway(
        { model: "model.json", savings: { keep: 0.9 }, learn: { share: 0, retrain: "50ms" } },
        { "outcomes.jsonl": lines(recorded.slice(0, 3)), "model.json": JSON.stringify(careful) },
        thread
      )
      yield* eventually(Effect.sync(() => err().includes("not used: bug 1")))
      yield* writeFile(file("outcomes.jsonl"), lines(recorded.slice(0, 4)))
      yield* eventually(Effect.sync(() => err().includes("not used: bug 2")))
    }).pipe(Effect.provide(platform))
  )
})

describe("a line that a process was killed in", () => {
  it.scoped("is left out of the outcomes, and told", () =>
    Effect.gen(function* () {
      const whole = lines(data.make(300, { answers: false }))
      const file = yield* directory({ "o.jsonl": `${whole}${whole.slice(0, 100)}` })
      const { code, err } = yield* run(["train", file("o.jsonl"), "--out", file("m.json")])
      assert.strictEqual(code, 0, err)
      assert.match(err, /^Note: 1 line of .*o\.jsonl cut short, and left out$/m)
    }).pipe(Effect.provide(platform))
  )
})

describe("learn in the configuration file", () => {
  const learn = { share: 0.02, budget: { usd: 1 }, outcomes: "o.jsonl", judge }

  it.each([
    [{ learn: { ...learn, share: 2 } }, /learn\.share: Expected a share of the tasks/],
    [{ learn: { ...learn, budget: {} } }, /learn\.budget\.usd: is missing/],
    [{ learn: { ...learn, judge: { by: "luck" } } }, /learn\.judge/],
    [
      { learn: { ...learn, retrain: "1d" } },
      /learn\.retrain: Expected "savings" or a learned cascade beside it/
    ],
    [{ learn: { ...learn, retrain: "soon" } }, /learn\.retrain: Expected a duration above 0/],
    [
      { learn: { ...learn, judge: { ...judge, reference: "nobody" } } },
      /learn\.judge\.reference: Expected a provider/
    ],
    [
      { learn: { ...learn, judge: { by: "provider", provider: "nobody" } } },
      /learn\.judge\.provider: Expected a provider/
    ],
    [{ learn: { ...learn, providers: ["strong", "nobody"] } }, /learn\.providers\[1\]: Expected a provider/]
  ])("is refused as %j", (settings, message) => {
    const parsed = ConfigFile.parse("config.json", JSON.stringify({ simulated, ...settings }))
    assert.match(Either.isLeft(parsed) ? parsed.left.message : "", message)
  })

  it("has what isn't said", () => {
    const { learn: read } = Either.getOrThrow(
      ConfigFile.parse("config.json", JSON.stringify({ simulated, learn }))
    )
    assert.deepStrictEqual(read, {
      ...learn,
      budget: { usd: 1, period: "day" },
      concurrency: 1,
      seed: 1,
      prompts: false,
      remembered: 1000
    })
  })
})

describe("a thread that trains", () => {
  const decide = (worker: URL, file = "") =>
    Effect.flatMap(Trainer.Trainer, (trainer) =>
      trainer.decide({ file, options: { promises: [{ by: "prediction", keep: 0.9 }] } })
    ).pipe(Effect.provide(NodeTrainer.layer(worker)))

  it.scopedLive("decides as the process would, which goes on meanwhile", () =>
    Effect.gen(function* () {
      const file = yield* directory({ "outcomes.jsonl": lines(recorded) })
      const delay = perf.monitorEventLoopDelay({ resolution: 5 })
      delay.enable()
      const outcome = yield* decide(pathToFileURL(`${built()}/bin/trainer.js`), file("outcomes.jsonl"))
      delay.disable()
      assert.strictEqual(outcome._tag, "Taken")
      // Training takes seconds.
      assert.isBelow(delay.max / 1e6, 500)
    }).pipe(Effect.provide(platform))
  )

  it.scopedLive("is ended with the fiber that waits for it, and tells of a bug in it", () =>
    Effect.gen(function* () {
      const file = yield* directory({
        "bug.mjs": "throw new Error('a bug')",
        "gone.mjs": "process.exit(3)",
        "long.mjs": "setInterval(() => {}, 1000)"
      })
      assert.deepStrictEqual(yield* decide(pathToFileURL(file("bug.mjs"))), {
        _tag: "Failed",
        reason: "Error: a bug"
      })
      assert.deepStrictEqual(yield* decide(pathToFileURL(file("gone.mjs"))), {
        _tag: "Failed",
        reason: "the thread that trains has ended by itself, with 3"
      })
      const fiber = yield* Effect.fork(decide(pathToFileURL(file("long.mjs"))))
      yield* Effect.sleep("50 millis")
      yield* Fiber.interrupt(fiber)
    }).pipe(Effect.provide(platform))
  )
})
