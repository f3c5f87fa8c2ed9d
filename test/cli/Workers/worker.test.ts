import { assert, describe, it } from "@effect/vitest"
import { Outcomes, QualityModel } from "arc-saga"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as NodeWorkers from "../../../src/cli/Workers/Node.js"
import * as Workers from "../../../src/cli/Workers.js"
import { eventually, post, request } from "../../gateway/harness.js"
import * as data from "../../utils/outcomes.js"
import { command, directory, instant, platform, runLive, writeFile } from "../harness.js"
import * as fake from "./fake.js"

const model = Either.getOrThrow(
  QualityModel.train(
    Outcomes.split(data.make(100, { answers: false, providers: [data.cheap, data.strong] }), "s0")
  )
)

const chat = { model: "a", messages: [{ role: "user", content: "Hello" }] }

const budgets = [{ name: "all", scope: "overall", period: "month", usd: 10 }]

/** A worker of two, which serves a file. */
const served = (config: string, tells: boolean) =>
  Effect.gen(function* () {
    const file = yield* directory({ "c.json": config })
    const port = yield* Effect.provide(
      Effect.flatMap(Workers.Workers, ({ freePort }) => freePort("127.0.0.1")),
      NodeWorkers.layer
    )
    const { said, service, tell } = yield* fake.own({ number: 2, count: 2, port, tells })
    const { effect, printed } = command(
      ["serve", "--port", "0", "--workers", "2", "--config", file("c.json")],
      { workers: Layer.succeed(Workers.Workers, service) }
    )
    const fiber = yield* Effect.forkScoped(effect)
    yield* eventually(Effect.sync(() => said.some(({ _tag }) => _tag === "Ready")))
    /** What it answered to what it was asked with an id. */
    const answered = (id: number) =>
      Effect.gen(function* () {
        const find = () => said.find((message) => message._tag === "Answer" && message.id === id)
        yield* eventually(Effect.sync(() => find() !== undefined))
        const found = find()
        assert(found?._tag === "Answer")
        return found.text
      })
    return { answered, fiber, file, port, said, tell, told: () => printed.err.splice(0).join("") }
  })

describe("a worker", () => {
  it.scopedLive(
    "listens where it is told, says so to the primary alone, and ends when that says to stop",
    () =>
      Effect.gen(function* () {
        const { fiber, port, said, tell, told } = yield* served(instant(), false)
        const address = `http://127.0.0.1:${port}`
        assert.deepStrictEqual(said, [{ _tag: "Ready", address }])
        assert.strictEqual(told(), "")
        const { instance } = JSON.parse((yield* request(`${address}/status.json`)).text)
        assert.match(instance, /^\S+:\d+, worker 2 of 2$/)
        yield* tell({ _tag: "Stop" })
        assert.strictEqual((yield* Fiber.await(fiber))._tag, "Failure")
      }).pipe(Effect.provide(platform))
  )

  it.scopedLive("tells what isn't shared, where it is the one that tells", () =>
    Effect.gen(function* () {
      const settings = {
        judge: { by: "agreement", reference: "a", comparison: "json" },
        outcomes: "o.jsonl",
        share: 0
      }
      for (const [config, notes] of [
        [instant(), [/limits, circuits.*up to 2 times a limit/]],
        [instant({ budgets }), [/up to 2 times a limit/, /budgets of its own.*up to 2 times/]],
        [
          instant({ redis: { url: "redis://127.0.0.1:9" }, budgets }),
          [/budgets of its own, though limits are shared/]
        ],
        [
          instant({ learn: { ...settings, budget: { usd: 1, period: "day" } } }),
          [/up to 2 times a limit/, /learns on a budget of its own.*up to 2 times/]
        ]
      ] as const) {
        const { told } = yield* served(config, true)
        const lines = told().match(/^Note: .*$/gm) ?? []
        assert.lengthOf(lines, notes.length, lines.join("\n"))
        for (const [index, note] of notes.entries()) assert.match(lines[index] ?? "", note)
      }
    }).pipe(Effect.provide(platform))
  )

  it.scopedLive("answers with its metrics, and has the primary answer with those of all", () =>
    Effect.gen(function* () {
      const { answered, port, said, tell } = yield* served(instant(), false)
      yield* post(`http://127.0.0.1:${port}/v1/chat/completions`, chat)
      yield* tell({ _tag: "Measure", id: 5 })
      const own = yield* answered(5)
      assert.include(own, 'arc_saga_gateway_calls_total{ending="answered"} 1')
      assert.match(
        own,
        /arc_saga_gateway_info\{process="[^"]+, worker 2 of 2",configuration="[0-9a-f]{16}"\} 1/
      )
      const scrape = yield* Effect.fork(request(`http://127.0.0.1:${port}/metrics`))
      const asked = () => said.find(({ _tag }) => _tag === "MeasureAll")
      yield* eventually(Effect.sync(() => asked() !== undefined))
      const message = asked()
      assert(message?._tag === "MeasureAll")
      yield* tell({ _tag: "Answer", id: message.id, text: "of all 3\n" })
      assert.strictEqual((yield* Fiber.join(scrape)).text, "of all 3\n")
    }).pipe(Effect.provide(platform))
  )

  it.scopedLive("takes a configuration when it is told to, and says why not", () =>
    Effect.gen(function* () {
      const { answered, file, port, tell, told } = yield* served(instant(), false)
      const status = Effect.map(request(`http://127.0.0.1:${port}/status.json`), ({ text }) =>
        JSON.parse(text)
      )
      yield* writeFile(file("c.json"), instant({ simulated: [{ id: "c" }] }))
      yield* tell({ _tag: "Reload", id: 1, quiet: true })
      assert.strictEqual(yield* answered(1), "")
      assert.strictEqual(told(), "")
      assert.deepStrictEqual(
        (yield* status).providers.map(({ provider }: { provider: string }) => provider),
        ["c"]
      )
      yield* tell({ _tag: "Refuse", reason: "no" })
      yield* eventually(Effect.map(status, ({ configuration }) => configuration.refused?.reason === "no"))
      yield* writeFile(file("model.json"), JSON.stringify(model))
      const learn = {
        share: 0.1,
        budget: { usd: 1 },
        outcomes: file("o.jsonl"),
        judge: { by: "agreement", reference: "strong", comparison: "json" },
        retrain: "1d"
      }
      const simulated = [
        { id: "strong", quality: 9 },
        { id: "cheap", quality: 5 }
      ]
      yield* writeFile(
        file("c.json"),
        instant({ learn, simulated, model: file("model.json"), savings: { keep: 0.9 } })
      )
      yield* tell({ _tag: "Reload", id: 2, quiet: false })
      const reason = yield* answered(2)
      assert.match(reason, /c\.json: learn\.retrain: Expected none with several workers/)
      assert.strictEqual(told(), `Note: the configuration stays as it was: ${reason}\n`)
    }).pipe(Effect.provide(platform))
  )
})

describe("serve --workers", () => {
  it.scopedLive("has as many processes serve", () =>
    Effect.gen(function* () {
      const { service, started } = fake.make()
      const file = yield* directory({ "c.json": instant() })
      const { effect, printed } = command(
        ["serve", "--port", "4123", "--workers", "2", "--config", file("c.json"), "--watch"],
        { workers: Layer.succeed(Workers.Workers, service) }
      )
      const fiber = yield* Effect.fork(effect)
      yield* eventually(Effect.sync(() => started.length === 1))
      for (const index of [0, 1]) {
        yield* eventually(Effect.sync(() => started[index] !== undefined))
        assert.deepInclude(started[index]?.place, { number: index + 1, count: 2, port: 4123 })
        yield* started[index]?.say({ _tag: "Ready", address: "http://127.0.0.1:4123" }) ?? Effect.void
      }
      yield* eventually(Effect.sync(() => printed.err.join("").includes("Listening at ")))
      process.emit("SIGHUP")
      yield* eventually(Effect.sync(() => started[0]?.told.length === 1))
      yield* Effect.forEach(started, ({ end }) => end("has ended", 0))
      yield* Fiber.interrupt(fiber)
    }).pipe(Effect.provide(platform))
  )

  it.scopedLive("is a whole number from 1 to 64", () =>
    Effect.gen(function* () {
      for (const count of ["0", "-1", "1.5", "65"]) {
        const { code, err } = yield* runLive(["serve", "--workers", count])
        assert.strictEqual(code, 2, err)
        assert.include(err, "--workers: Expected a whole number from 1 to 64, actual")
      }
    })
  )

  it.scopedLive("ends with the code of a worker that can't begin", () =>
    Effect.gen(function* () {
      const { service, started } = fake.make()
      const { effect, printed } = command(["serve", "--workers", "2"], {
        workers: Layer.succeed(Workers.Workers, service)
      })
      const fiber = yield* Effect.fork(effect)
      yield* eventually(Effect.sync(() => started.length === 1))
      yield* started[0]?.end("has ended with 2", 2) ?? Effect.void
      assert.strictEqual(yield* Fiber.join(fiber), 2)
      assert.strictEqual(
        printed.err.join(""),
        "WorkerError: Worker 1 has ended with 2 before all workers listened\n"
      )
    })
  )
})
