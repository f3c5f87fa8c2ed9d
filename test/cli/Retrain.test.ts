/** How serve trains its model anew, again and again, in virtual time. */
import { assert, describe, it } from "@effect/vitest"
import { AITask, Outcomes, QualityModel } from "arc-saga"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as ExecutionStrategy from "effect/ExecutionStrategy"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Scope from "effect/Scope"
import * as TestClock from "effect/TestClock"
import * as Composition from "../../src/cli/Composition.js"
import * as Configuration from "../../src/cli/Configuration.js"
import * as Learn from "../../src/cli/Learn.js"
import * as StandardStreams from "../../src/cli/StandardStreams.js"
import * as Trainer from "../../src/cli/Trainer.js"
import * as data from "../utils/outcomes.js"
import { directory, http, platform, readFile, streams, writeFile } from "./harness.js"

const model = Either.getOrThrow(
  QualityModel.train(
    Outcomes.split(data.make(100, { answers: false, providers: [data.cheap, data.strong] }), "s0")
  )
)

const simulated = [
  {
    id: "strong",
    firstTokenMs: 3_600_000,
    tokensPerSecond: 100,
    price: { input: 30, output: 60 },
    quality: 9
  },
  { id: "cheap", firstTokenMs: 3_600_000, tokensPerSecond: 100, price: { input: 1, output: 2 }, quality: 5 }
]

/** A scope that knows how many scopes it has that are open. */
const counting = (inner: Scope.Scope) => {
  const open = { count: 0 }
  const fork = () =>
    Effect.tap(Scope.fork(inner, ExecutionStrategy.sequential), (child) => {
      open.count += 1
      return Scope.addFinalizer(
        child,
        Effect.sync(() => (open.count -= 1))
      )
    })
  const scope = new Proxy(inner, {
    get: (target, key): unknown => (key === "fork" ? fork : Reflect.get(target, key))
  })
  return { open, scope }
}

/** What serve has answer tasks, trained anew each minute by what decides. */
const serving = (decide: (job: Trainer.Job) => Trainer.Outcome, file: (name: string) => string) =>
  Effect.gen(function* () {
    const configuration = yield* Configuration.load(Option.some(file("config.json")))
    const learn = yield* Effect.orDie(configuration.learn)
    const printed = { out: [], err: [] as Array<string> }
    const inner = yield* Scope.make()
    const { open, scope } = counting(inner)
    const services = yield* Learn.services(configuration, learn).pipe(
      Effect.provide(Composition.engines(configuration)),
      Effect.provideService(Scope.Scope, scope),
      Effect.provideService(StandardStreams.StandardStreams, streams({}, printed)),
      Effect.provideService(Trainer.Trainer, { decide: (job) => Effect.sync(() => decide(job)) })
    )
    return { end: Scope.close(inner, Exit.void), open, printed, services }
  }).pipe(Effect.provide(http()))

const files = (file: (name: string) => string) =>
  writeFile(
    file("config.json"),
    JSON.stringify({
      ollama: false,
      simulated,
      limits: { timeoutMs: 10_000_000, firstTokenMs: 10_000_000, idleMs: 10_000_000 },
      cache: {},
      model: file("model.json"),
      savings: { keep: 0.9 },
      learn: {
        share: 0,
        budget: { usd: 1 },
        outcomes: file("outcomes.jsonl"),
        judge: { by: "agreement", comparison: "number", reference: "strong" },
        retrain: "1m"
      }
    })
  )

const made = Effect.tap(directory({ "outcomes.jsonl": "", "model.json": JSON.stringify(model) }), files)

/** Until one more training has been told of, for which an outcome has come. */
const again = (file: (name: string) => string, { err }: { readonly err: ReadonlyArray<string> }, n: number) =>
  Effect.gen(function* () {
    yield* writeFile(file("outcomes.jsonl"), "\n".repeat(n))
    const told = err.length
    yield* TestClock.adjust("1 minute")
    // Files are real.
    while (err.length === told) yield* Effect.promise(() => new Promise((resolve) => setImmediate(resolve)))
  })

const taken: Trainer.Outcome = { _tag: "Taken", model, saved: 0.5, kept: 0.9, tasks: 100 }

describe("training anew", () => {
  it.scoped("lets go what it has replaced once no call uses it, which ends on what it began with", () =>
    Effect.gen(function* () {
      const file = yield* made
      const { end, open, printed, services } = yield* serving(() => taken, file)
      assert.strictEqual(open.count, 1)
      const call = yield* Effect.fork(services.tasks.complete(yield* AITask.make({ prompt: "Slowly" })))
      yield* TestClock.adjust("1 second")
      for (let n = 1; n <= 50; n++) {
        yield* again(file, printed, n)
        assert.isAtMost(open.count, 2)
      }
      yield* TestClock.adjust("1 hour")
      yield* Fiber.join(call)
      assert.strictEqual(open.count, 1)
      yield* end
      assert.strictEqual(open.count, 0)
    }).pipe(Effect.provide(platform))
  )

  it.scoped("ends where another configuration has taken its place, while calls go on", () =>
    Effect.gen(function* () {
      const file = yield* made
      let trained = 0
      const { end, open, printed, services } = yield* serving(() => {
        trained += 1
        return taken
      }, file)
      const call = yield* Effect.fork(services.tasks.complete(yield* AITask.make({ prompt: "Slowly" })))
      yield* again(file, printed, 1)
      yield* services.retire
      yield* writeFile(file("outcomes.jsonl"), "many\n")
      yield* TestClock.adjust("30 minutes")
      assert.deepStrictEqual([trained, open.count], [1, 2])
      yield* TestClock.adjust("1 hour")
      yield* Fiber.join(call)
      yield* end
    }).pipe(Effect.provide(platform))
  )

  it.scoped("counts its trainings beside the model, through starts of the process", () =>
    Effect.gen(function* () {
      const file = yield* made
      const seen: Array<number | undefined> = []
      const decide = ({ options }: Trainer.Job): Trainer.Outcome => {
        seen.push(options.training)
        return { _tag: "Refused", why: "saves-no-more", reason: "it saves 0 %" }
      }
      const first = yield* serving(decide, file)
      for (let n = 1; n <= 3; n++) yield* again(file, first.printed, n)
      yield* first.end
      const second = yield* serving(decide, file)
      yield* again(file, second.printed, 4)
      assert.deepStrictEqual(seen, [1, 2, 3, 4])

      // What can't be counted isn't trained.
      yield* writeFile(file("model.json.trainings"), "many")
      yield* again(file, second.printed, 5)
      assert.strictEqual(seen.length, 4)
      assert.include(second.printed.err.join(""), "Expected how often the model was trained")
      assert.strictEqual(yield* readFile(file("model.json.trainings")), "many")
      yield* second.end
    }).pipe(Effect.provide(platform))
  )
})
