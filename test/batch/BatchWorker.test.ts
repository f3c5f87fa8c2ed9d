import { assert, describe, it } from "@effect/vitest"
import { type AIResult, type AITask, AIProvider, EngineError, TaskService } from "arc-saga"
import { Batches, BatchQueue, BatchWorker } from "arc-saga/batch"
import * as SqlClient from "@effect/sql/SqlClient"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import * as batches from "../utils/batches.js"
import { databases } from "../utils/databases.js"
import { flaky, refused } from "../utils/flakySql.js"
import { logged } from "../utils/logged.js"

const [database] = databases
const fresh = Effect.flatMap(Effect.fromNullable(database), (each) => each.fresh)

const resultOf = (task: AITask.AITask): AIResult.AIResult => ({
  taskId: task.id ?? "",
  text: `Answer of ${task.id}`,
  toolCalls: [],
  finishReason: "stop",
  provider: AIProvider.Claude,
  model: "m",
  usage: {
    inputTokens: 1,
    outputTokens: 1,
    cacheReadTokens: 0,
    cacheWriteTokens: 0,
    cacheWrite1hTokens: 0,
    reasoningTokens: 0,
    estimated: false
  },
  cost: Option.none(),
  durationMs: 1,
  firstTokenMs: Option.none(),
  streamAvailable: false,
  attempts: [],
  warnings: []
})

/** What answers tasks as it is told to, and counts them. */
const answering = (
  how: (task: AITask.AITask) => Effect.Effect<void, TaskService.TaskError> = () => Effect.void
) => {
  const state = { begun: Array.of<string>(), interrupted: 0, open: 0, most: 0 }
  const complete = (task: AITask.AITask) =>
    Effect.suspend(() => {
      state.begun.push(task.id ?? "")
      state.open++
      state.most = Math.max(state.most, state.open)
      return Effect.as(how(task), resultOf(task))
    }).pipe(
      Effect.onInterrupt(() => Effect.sync(() => state.interrupted++)),
      Effect.ensuring(Effect.sync(() => state.open--))
    )
  const service = TaskService.make({ complete, stream: () => Stream.die("not asked") })
  return { state, layer: Layer.succeed(TaskService.TaskService, service) }
}

const quick = { leaseMs: 4000, pollMs: 10 }
const once = { pollMs: 10, once: true }

/** Waits until something holds. */
const until = <E, R>(holds: Effect.Effect<boolean, E, R>): Effect.Effect<void, E, R> =>
  Effect.flatMap(holds, (does) => (does ? Effect.void : Effect.delay(until(holds), "10 millis")))

const untilDone = (batch: string) => until(Effect.map(batches.status(batch), Batches.isDone))

/** Every lease has expired. */
const expire = Effect.flatMap(
  SqlClient.SqlClient,
  (sql) => sql`UPDATE arc_saga_batch_workers SET expires_at = 0`
)

const test = <E>(
  name: string,
  body: Effect.Effect<void, E, Batches.Batches | BatchQueue.BatchQueue | SqlClient.SqlClient>
) =>
  it.scopedLive(name, () => Effect.flatMap(fresh, (client) => Effect.provide(body, batches.layerOf(client))))

describe("BatchWorker", () => {
  test(
    "answers each task once, beside others, with so many under way at once",
    Effect.gen(function* () {
      yield* batches.submit("b", batches.entries(30))
      const tasks = answering(() => Effect.sleep("5 millis"))
      yield* Effect.all(
        [1, 2].map(() => BatchWorker.run({ ...once, concurrency: 4 })),
        { concurrency: "unbounded" }
      ).pipe(Effect.provide(tasks.layer))
      assert.lengthOf(tasks.state.begun, 30)
      assert.strictEqual(new Set(tasks.state.begun).size, 30)
      assert.isAtMost(tasks.state.most, 8)
      assert.deepInclude(yield* batches.status("b"), { answered: 30, takenOver: 0 })
      const [first] = yield* batches.results("b")
      assert.isDefined(first)
      assert.strictEqual("result" in first ? first.result.text : "", "Answer of task-1")
    })
  )

  test(
    "has whatever a task fails with be its result",
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      yield* batches.submit("b", batches.entries(4))
      yield* sql`UPDATE arc_saga_batch_tasks SET task = '{"prompt": 1}' WHERE line = 3`
      yield* sql`UPDATE arc_saga_batch_tasks SET task = '{' WHERE line = 4`
      const tasks = answering(({ id }) =>
        id === "task-1"
          ? new EngineError.AuthenticationError({ provider: AIProvider.Claude, description: "refused" })
          : Effect.die("a defect")
      )
      yield* Effect.provide(BatchWorker.run(once), tasks.layer)
      assert.deepStrictEqual(
        (yield* batches.results("b")).map((line) => ("error" in line ? line.error.tag : "")),
        ["AuthenticationError", "UnexpectedError", "InvalidArgumentError", "UnexpectedError"]
      )
    })
  )

  test(
    "has a call that interrupts itself fail",
    Effect.gen(function* () {
      yield* batches.submit("b", batches.entries(1))
      yield* Effect.provide(BatchWorker.run(once), answering(() => Effect.interrupt).layer)
      assert.deepInclude(yield* batches.status("b"), { failed: 1 })
    })
  )

  test(
    "gives its tasks back when it ends, and interrupts their calls",
    Effect.gen(function* () {
      yield* batches.submit("b", batches.entries(2))
      const first = answering(() => Effect.never)
      const fiber = yield* Effect.fork(Effect.provide(BatchWorker.run(quick), first.layer))
      yield* until(Effect.sync(() => first.state.open === 2))
      yield* Fiber.interrupt(fiber)
      assert.strictEqual(first.state.interrupted, 2)
      assert.deepInclude(yield* batches.status("b"), { waiting: 2, underWay: 0, takenOver: 0 })
      const second = answering()
      yield* Effect.provide(BatchWorker.run(once), second.layer)
      assert.lengthOf(second.state.begun, 2)
      assert.deepInclude(yield* batches.status("b"), { answered: 2, takenOver: 0 })
    })
  )

  test(
    "takes over what a worker that died had begun, and tells of it",
    Effect.gen(function* () {
      yield* batches.submit("b", batches.entries(3))
      yield* batches.take("dead", 2)
      yield* expire
      const { lines } = yield* logged(Effect.provide(BatchWorker.run(once), answering().layer))
      assert.lengthOf(
        lines.filter((line) => line.name === "batch_task_taken_over"),
        2
      )
      assert.deepStrictEqual(
        (yield* batches.results("b")).map(({ takenOver }) => takenOver ?? 0),
        [1, 1, 0]
      )
    })
  )

  test(
    "interrupts a call whose task another worker has by now, and gives no second result",
    Effect.gen(function* () {
      const queue = yield* BatchQueue.BatchQueue
      yield* batches.submit("b", batches.entries(1))
      const paused = answering(() => Effect.never)
      const fiber = yield* Effect.fork(Effect.provide(BatchWorker.run(quick), paused.layer))
      yield* until(Effect.sync(() => paused.state.open === 1))
      yield* expire
      const [taken] = yield* batches.take("other", 1)
      assert.isDefined(taken)
      assert.strictEqual(taken.takenOver, 1)
      yield* until(Effect.sync(() => paused.state.interrupted === 1))
      assert.deepStrictEqual(yield* queue.renew("other", batches.lease), [
        { batch: "b", line: 1, cancelled: false }
      ])
      yield* Fiber.interrupt(fiber)
      assert.deepInclude(yield* batches.status("b"), { underWay: 1 })
    })
  )

  test(
    "interrupts the calls of a batch that is cancelled, and of none other",
    Effect.gen(function* () {
      const { cancel } = yield* Batches.Batches
      yield* batches.submit("b", batches.entries(2))
      yield* batches.submit("c", batches.entries(1))
      const go = yield* Deferred.make<void>()
      const tasks = answering(() => Deferred.await(go))
      const fiber = yield* Effect.fork(Effect.provide(BatchWorker.run(quick), tasks.layer))
      yield* until(Effect.sync(() => tasks.state.open === 3))
      yield* cancel("b")
      yield* untilDone("b")
      assert.deepInclude(yield* batches.status("b"), { dropped: 2 })
      assert.strictEqual(tasks.state.interrupted, 2)
      yield* Deferred.succeed(go, undefined)
      yield* untilDone("c")
      yield* Fiber.interrupt(fiber)
      assert.deepInclude(yield* batches.status("c"), { answered: 1 })
    })
  )

  test(
    "leaves what is pinned to a provider that it doesn't have",
    Effect.gen(function* () {
      yield* batches.submit("b", [batches.pinnedTo(1, AIProvider.Gpt4), batches.entry(2)])
      yield* Effect.provide(BatchWorker.run({ ...once, providers: [AIProvider.Claude] }), answering().layer)
      assert.deepInclude(yield* batches.status("b"), { answered: 1, waitingFor: { gpt4: 1 } })
    })
  )

  it.scopedLive(
    "goes on with its calls while the database is away, and writes their results when it is back",
    () =>
      Effect.gen(function* () {
        const broken = flaky(yield* fresh)
        yield* Effect.gen(function* () {
          yield* batches.submit("b", batches.entries(2))
          const go = yield* Deferred.make<void>()
          const tasks = answering(() => Deferred.await(go))
          const working = yield* Effect.fork(logged(Effect.provide(BatchWorker.run(once), tasks.layer)))
          yield* until(Effect.sync(() => tasks.state.open === 2))
          broken.before = refused
          yield* Deferred.succeed(go, undefined)
          yield* Effect.sleep("300 millis")
          broken.before = Effect.void
          const { lines } = yield* Fiber.join(working)
          assert.lengthOf(tasks.state.begun, 2)
          assert.deepInclude(yield* batches.status("b"), { answered: 2 })
          assert.lengthOf(
            lines.filter((line) => line.name === "batch_queue_away"),
            1
          )
          assert.lengthOf(
            lines.filter((line) => line.name === "batch_queue_back"),
            1
          )
        }).pipe(Effect.provide(batches.layerOf(broken.client)))
      })
  )

  it.scopedLive("ends in time while the database is away", () =>
    Effect.gen(function* () {
      const broken = flaky(yield* fresh)
      yield* Effect.gen(function* () {
        yield* batches.submit("b", batches.entries(2))
        const go = yield* Deferred.make<void>()
        const tasks = answering(({ id }) => (id === "task-1" ? Deferred.await(go) : Effect.never))
        const working = yield* Effect.fork(logged(Effect.provide(BatchWorker.run(quick), tasks.layer)))
        yield* until(Effect.sync(() => tasks.state.open === 2))
        broken.before = refused
        yield* Deferred.succeed(go, undefined)
        yield* until(Effect.sync(() => tasks.state.open === 1))
        yield* Fiber.interrupt(working)
      }).pipe(Effect.provide(batches.layerOf(broken.client)))
    })
  )

  it.scopedLive("gives back what it was given without hearing of it", () =>
    Effect.gen(function* () {
      const broken = flaky(yield* fresh)
      yield* Effect.gen(function* () {
        const queue = yield* BatchQueue.BatchQueue
        yield* batches.submit("b", batches.entries(3))
        let times = 0
        const deaf = BatchQueue.BatchQueue.of({
          ...queue,
          take: (...args) =>
            Effect.flatMap(queue.take(...args), (taken) =>
              times++ === 0
                ? new Batches.BatchStoreError({ operation: "written", reason: "cut off" })
                : Effect.succeed(taken)
            )
        })
        const fiber = yield* Effect.fork(
          BatchWorker.run(quick).pipe(
            Effect.provideService(BatchQueue.BatchQueue, deaf),
            Effect.provide(answering().layer),
            logged
          )
        )
        yield* untilDone("b")
        yield* Fiber.interrupt(fiber)
        assert.deepInclude(yield* batches.status("b"), { answered: 3, takenOver: 0 })
      }).pipe(Effect.provide(batches.layerOf(broken.client)))
    })
  )

  test(
    "works beside a program as a Layer, which refuses what it can't be",
    Effect.gen(function* () {
      const error = yield* Effect.flip(
        Effect.scoped(
          Layer.build(BatchWorker.layer({ concurrency: 0 }).pipe(Layer.provide(answering().layer)))
        )
      )
      assert.match(error.message, /concurrency: Expected a number of tasks/)
      yield* batches.submit("b", batches.entries(2))
      yield* untilDone("b").pipe(
        Effect.provide(BatchWorker.layer({ pollMs: 10 }).pipe(Layer.provide(answering().layer)))
      )
    })
  )
})
