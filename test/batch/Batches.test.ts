import { assert, describe, it } from "@effect/vitest"
import { AIProvider, AITask } from "arc-saga"
import { Batches, BatchQueue, ResultLine } from "arc-saga/batch"
import type * as SqlClient from "@effect/sql/SqlClient"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as FastCheck from "effect/FastCheck"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { Arbitraries } from "arc-saga/testing"
import * as batches from "../utils/batches.js"
import { databases } from "../utils/databases.js"
import { runs } from "../utils/property.js"

const answerOf = (taken: BatchQueue.Taken, text = "An answer"): BatchQueue.Outcome => ({
  state: "failed",
  line: ResultLine.rejected(
    { number: taken.line, fingerprint: taken.input },
    { _tag: "SomeError", message: text },
    taken.taskId
  )
})

describe.each(databases)("Batches on $name", ({ fresh }) => {
  const test = <E>(
    name: string,
    body: Effect.Effect<void, E, Batches.Batches | BatchQueue.BatchQueue | SqlClient.SqlClient | Scope.Scope>
  ) =>
    it.scopedLive(name, () =>
      Effect.flatMap(fresh, (client) => Effect.provide(body, batches.layerOf(client)))
    )

  test(
    "tells how far a batch has come, and gives its results in the order of its lines",
    Effect.gen(function* () {
      const queue = yield* BatchQueue.BatchQueue
      const before = yield* batches.submit("b", [
        batches.entry(1),
        batches.invalid(2),
        batches.entry(4),
        batches.pinnedTo(7, AIProvider.Claude)
      ])
      assert.isFalse(Batches.isDone(before))
      assert.deepInclude(before, {
        batch: "b",
        submitted: true,
        cancelled: false,
        total: 4,
        waiting: 3,
        underWay: 0,
        rejected: 1,
        waitingFor: { claude: 1 }
      })
      const taken = yield* batches.take("w", 2)
      assert.deepStrictEqual(
        taken.map(({ line }) => line),
        [1, 4]
      )
      assert.deepInclude(yield* batches.status("b"), { waiting: 1, underWay: 2 })
      for (const each of taken.toReversed()) yield* queue.finish(each, answerOf(each))
      assert.deepInclude(yield* batches.status("b"), { waiting: 1, underWay: 0, failed: 2 })
      assert.deepStrictEqual(
        (yield* batches.results("b")).map(({ input, line, taskId }) => [line, input, taskId]),
        [
          [1, "input-1", "task-1"],
          [2, "input-2", null],
          [4, "input-4", "task-4"]
        ]
      )
      const [last] = yield* batches.take("w", 9)
      assert.strictEqual(last?.line, 7)
      if (last !== undefined) yield* queue.finish(last, answerOf(last))
      assert.isTrue(Batches.isDone(yield* batches.status("b")))
    })
  )

  test(
    "gives each task to one worker, however many take at once",
    Effect.gen(function* () {
      yield* batches.submit("b", batches.entries(60))
      const taken = yield* Effect.forEach(
        Array.from({ length: 20 }, (_, index) => `w${index}`),
        (worker) => batches.take(worker, 4),
        { concurrency: "unbounded" }
      )
      const lines = taken.flat().map(({ line }) => line)
      assert.lengthOf(lines, 60)
      assert.strictEqual(new Set(lines).size, 60)
    })
  )

  test(
    "keeps the first word of what became of a task",
    Effect.gen(function* () {
      const queue = yield* BatchQueue.BatchQueue
      yield* batches.submit("b", batches.entries(1))
      const [taken] = yield* batches.take("w", 1)
      assert.isDefined(taken)
      yield* queue.finish(taken, answerOf(taken, "first"))
      yield* queue.finish(taken, answerOf(taken, "second"))
      const [line, ...more] = yield* batches.results("b")
      assert.deepStrictEqual(more, [])
      assert.strictEqual(line !== undefined && "error" in line ? line.error.message : "", "first")
    })
  )

  test(
    "frees the tasks of a worker that died, says so in their results, and keeps those of others",
    Effect.gen(function* () {
      const queue = yield* BatchQueue.BatchQueue
      yield* batches.submit("b", batches.entries(3))
      const [mine] = yield* batches.take("dead", 1)
      const [other] = yield* batches.take("alive", 1)
      assert.isDefined(mine)
      assert.isDefined(other)
      yield* batches.die("dead")
      assert.deepInclude(yield* batches.status("b"), { waiting: 2, underWay: 1 })
      const held = yield* queue.renew("alive", batches.lease)
      assert.deepStrictEqual(held, [{ batch: "b", line: 2, cancelled: false }])
      const again = yield* queue.take("alive", 9)
      assert.deepStrictEqual(
        again.map(({ line, takenOver }) => [line, takenOver]),
        [
          [1, 1],
          [3, 0]
        ]
      )
      for (const each of [other, ...again]) yield* queue.finish(each, answerOf(each))
      assert.deepStrictEqual(
        (yield* batches.results("b")).map((line) => line.takenOver),
        [1, undefined, undefined]
      )
      assert.strictEqual((yield* batches.status("b")).takenOver, 1)
      // What the dead worker still says comes too late, and is no second result.
      yield* queue.finish(mine, answerOf(mine, "late"))
      assert.lengthOf(yield* batches.results("b"), 3)
      // One that wasn't dead learns that it has nothing any more.
      assert.deepStrictEqual(yield* queue.renew("dead", batches.lease), [])
    })
  )

  test(
    "gives up a task that outlives its workers",
    Effect.gen(function* () {
      const queue = yield* BatchQueue.BatchQueue
      yield* batches.submit("b", batches.entries(1))
      for (const worker of ["w1", "w2", "w3"]) {
        assert.lengthOf(yield* batches.take(worker, 1), 1)
        yield* batches.die(worker)
      }
      yield* queue.renew("w4", batches.lease)
      assert.lengthOf(yield* queue.take("w4", 1), 0)
      const [line] = yield* batches.results("b")
      assert.isDefined(line)
      assert.deepInclude(line, { line: 1, taskId: "task-1", takenOver: 3 })
      assert.strictEqual("error" in line ? line.error.tag : "", "AbandonedError")
    })
  )

  test(
    "leaves tasks that are pinned to what a worker doesn't have, and takes those that aren't",
    Effect.gen(function* () {
      const queue = yield* BatchQueue.BatchQueue
      yield* batches.submit("b", [
        batches.pinnedTo(1, AIProvider.Claude),
        batches.pinnedTo(2, AIProvider.Gpt4),
        batches.entry(3, { provider: AIProvider.Claude })
      ])
      const lines = (taken: ReadonlyArray<BatchQueue.Taken>) => taken.map(({ line }) => line)
      assert.deepStrictEqual(lines(yield* batches.take("none", 9, [])), [3])
      assert.deepStrictEqual(lines(yield* batches.take("openai", 9, [AIProvider.Gpt4])), [2])
      assert.deepInclude(yield* batches.status("b"), { waiting: 1, waitingFor: { claude: 1 } })
      yield* queue.release("openai", [{ batch: "b", line: 2 }])
      assert.deepStrictEqual(lines(yield* batches.take("all", 9)), [1, 2])
    })
  )

  test(
    "takes what was submitted first, a released task at its old place",
    Effect.gen(function* () {
      const queue = yield* BatchQueue.BatchQueue
      yield* batches.submit("z", batches.entries(2))
      yield* Effect.sleep("5 millis")
      yield* batches.submit("a", batches.entries(2))
      yield* batches.take("w", 1)
      yield* queue.release("w", [{ batch: "z", line: 1 }])
      const taken = yield* queue.take("w", 3)
      assert.sameDeepMembers(
        taken.map(({ batch, line, takenOver }) => [batch, line, takenOver]),
        [
          ["z", 1, 0],
          ["z", 2, 0],
          ["a", 1, 0]
        ]
      )
    })
  )

  test(
    "submits a batch once, goes on where that was broken off, and refuses another one under its name",
    Effect.gen(function* () {
      const service = yield* Batches.Batches
      const broken = Stream.concat(Stream.fromIterable(batches.entries(400)), Stream.fail("broken off"))
      assert.strictEqual(yield* Effect.flip(service.submit("b", broken)), "broken off")
      assert.deepInclude(yield* batches.status("b"), { submitted: false, total: 400 })
      assert.isFalse(Batches.isDone(yield* batches.status("b")))
      assert.deepInclude(yield* batches.submit("b", batches.entries(501)), { submitted: true, total: 501 })
      assert.deepInclude(yield* batches.submit("b", batches.entries(501)), { total: 501, waiting: 501 })

      const conflict = (tasks: ReadonlyArray<ResultLine.Entry>) =>
        Effect.map(Effect.flip(batches.submit("b", tasks)), ({ message }) => message)
      const other = batches.entries(501).with(3, { ...batches.entry(4), fingerprint: "another" })
      assert.match(yield* conflict(other), /"b" is there, and has another task on line 4\./)
      assert.match(yield* conflict(batches.entries(502)), /has another task on line 502/)
      assert.match(yield* conflict(batches.entries(500)), /has more tasks than these/)
      assert.deepInclude(yield* batches.status("b"), { total: 501, waiting: 501 })
    })
  )

  test(
    "has a batch of nothing, and of lines without a task, done at once",
    Effect.gen(function* () {
      const service = yield* Batches.Batches
      const empty = yield* batches.submit("empty", [])
      assert.deepInclude(empty, { total: 0, submitted: true })
      assert.isTrue(Batches.isDone(empty))
      assert.deepStrictEqual(yield* batches.results("empty"), [])
      yield* Effect.sleep("5 millis")
      assert.isTrue(Batches.isDone(yield* batches.submit("bad", [batches.invalid(1)])))
      assert.deepStrictEqual(
        (yield* service.list).map(({ batch, rejected }) => [batch, rejected]),
        [
          ["empty", 0],
          ["bad", 1]
        ]
      )
    })
  )

  test(
    "cancels what waits, tells workers of the rest, and what a worker had that died",
    Effect.gen(function* () {
      const service = yield* Batches.Batches
      const queue = yield* BatchQueue.BatchQueue
      yield* batches.submit("b", batches.entries(5))
      const [one] = yield* batches.take("one", 1)
      yield* batches.take("two", 1)
      yield* batches.take("three", 1)
      assert.deepInclude(yield* service.cancel("b"), { cancelled: true, waiting: 0, underWay: 3, dropped: 2 })
      assert.deepStrictEqual(yield* queue.renew("one", batches.lease), [
        { batch: "b", line: 1, cancelled: true }
      ])
      assert.isDefined(one)
      yield* queue.finish(one, { state: "cancelled" })
      yield* batches.die("two")
      yield* queue.renew("one", batches.lease)
      yield* queue.release("three", [{ batch: "b", line: 3 }])
      const done = yield* batches.status("b")
      assert.isTrue(Batches.isDone(done))
      assert.strictEqual(done.dropped, 5)
      const lines = yield* batches.results("b")
      assert.deepStrictEqual(
        lines.map((line) => ("error" in line ? line.error.tag : "")),
        Array.from({ length: 5 }, () => "CancelledError")
      )
      // What is submitted of it after that isn't answered either.
      assert.deepStrictEqual(yield* queue.take("one", 9), [])
    })
  )

  test(
    "removes a batch with all that belongs to it",
    Effect.gen(function* () {
      const service = yield* Batches.Batches
      const queue = yield* BatchQueue.BatchQueue
      yield* batches.submit("b", batches.entries(2))
      yield* batches.take("w", 1)
      yield* service.remove("b")
      assert.deepStrictEqual(yield* queue.renew("w", batches.lease), [])
      assert.deepStrictEqual(yield* queue.take("w", 9), [])
      for (const effect of [
        service.status("b"),
        service.cancel("b"),
        service.remove("b"),
        batches.results("b")
      ]) {
        const error = yield* Effect.flip(effect)
        assert.strictEqual(error._tag, "BatchNotFoundError")
        assert.match(error.message, /There is no batch "b"/)
      }
    })
  )

  it.live.prop(
    "gives workers every task as it was submitted",
    { made: FastCheck.array(Arbitraries.task(), { minLength: 1, maxLength: 5 }) },
    ({ made }) =>
      Effect.gen(function* () {
        const tasks = made.map((task) => ({ ...task, id: task.id ?? "made-up" }))
        const taken = yield* batches
          .submit(
            "b",
            tasks.map((task, index) => ({
              number: index + 1,
              fingerprint: String(index),
              task: Either.right(task)
            }))
          )
          .pipe(Effect.zipRight(batches.take("w", 9)), Effect.provide(batches.layerOf(yield* fresh)))
        assert.lengthOf(taken, tasks.length)
        for (const { line, task } of taken) {
          const decoded = Either.getOrThrow(AITask.decodeUnknown(JSON.parse(task)))
          assert.deepStrictEqual({ ...decoded }, { ...tasks[line - 1], id: decoded.id ?? "" })
        }
      }).pipe(Effect.scoped),
    runs(50, 3)
  )
})
