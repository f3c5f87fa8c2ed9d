import * as FileSystem from "@effect/platform/FileSystem"
import { assert, describe, it } from "@effect/vitest"
import * as SqlClient from "@effect/sql/SqlClient"
import * as Sqlite from "arc-saga/SpendLedger/Sqlite"
import * as Effect from "effect/Effect"
import { directory, platform, run } from "./harness.js"

const tasks = [
  '{"id": "sky", "prompt": "Why is the sky blue?"}',
  "",
  '{"prompt": "Why is grass green?"}',
  "not a task"
].join("\n")

const config = JSON.stringify({
  simulated: [{ id: "rehearsal", firstTokenMs: 10, tokensPerSecond: 5000 }],
  ollama: false
})

const test = <E>(
  name: string,
  body: (world: {
    readonly at: (file: string) => string
    readonly saga: (...args: ReadonlyArray<string>) => ReturnType<typeof run>
  }) => Effect.Effect<void, E, FileSystem.FileSystem>
) =>
  it.scoped(name, () =>
    Effect.gen(function* () {
      const at = yield* directory({ "tasks.jsonl": tasks, "empty.jsonl": "\n", "c.json": config })
      const env = { ARC_SAGA_CONFIG: at("c.json"), ARC_SAGA_LEDGER: `sqlite:${at("saga.db")}` }
      yield* body({ at, saga: (...args) => run(args, { env }) })
    }).pipe(Effect.provide(platform))
  )

describe("batches of the command line", () => {
  test("are queued once, answered by a worker, and told as run tells it", ({ at, saga }) =>
    Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      const queued = yield* saga("run", at("tasks.jsonl"), "--queue")
      assert.strictEqual(queued.code, 0, queued.err)
      const name = queued.out.trim()
      assert.match(name, /^[0-9a-f]{16}$/)
      assert.match(queued.err, /^3 tasks queued, 2 of them without a result/)
      assert.match(queued.err, /Note: 1 line of .* held no task/)
      assert.strictEqual((yield* saga("run", at("tasks.jsonl"), "--queue")).out.trim(), name)

      const before = yield* saga("batch", "results", name)
      assert.strictEqual(before.code, 1)
      assert.match(before.err, /UnfinishedError: 2 tasks of \S+ had no result yet/)

      const worker = yield* saga("worker", "--once")
      assert.deepInclude(worker, { code: 0, out: "" })
      assert.match(worker.err, /Answering the tasks of batches, 4 at once, with rehearsal\./)

      const status = yield* saga("batch", "status")
      assert.match(
        status.out,
        /batch +submitted +state +tasks +waiting +under way +answered +failed +bad lines +cancelled +taken over\n\S+ +\S+ \S+ UTC +done +3 +0 +0 +2 +0 +1 +0 +0\n$/
      )
      const [json] = JSON.parse((yield* saga("batch", "status", name, "--json")).out)
      assert.deepInclude(json, { batch: name, total: 3, answered: 2 })

      const printed = yield* saga("batch", "results", name)
      assert.strictEqual(printed.code, 1)
      assert.match(printed.err, /UnansweredError: 1 line held no task\. The reasons are in the results/)
      const lines = printed.out
        .trim()
        .split("\n")
        .map((line) => JSON.parse(line))
      assert.deepStrictEqual(
        lines.map(({ line, taskId }) => [line, taskId]),
        [
          [1, "sky"],
          [3, "line-3"],
          [4, null]
        ]
      )

      const written = yield* saga("batch", "results", name, "--out", at("results.jsonl"), "--wait")
      assert.strictEqual(written.code, 1)
      assert.match(written.out, /rehearsal +2 +0 [^]*2 tasks answered, 0 failed, 1 bad line\n$/)
      assert.strictEqual(yield* fs.readFileString(at("results.jsonl")), printed.out)
      // A run of the same file finds each of its tasks done there.
      const again = yield* saga("run", at("tasks.jsonl"), "--out", at("results.jsonl"))
      assert.match(again.err, /3 of 3 tasks have a result/)

      const spend = yield* saga("spend", "--json")
      assert.strictEqual(JSON.parse(spend.out)[0].attempts, 2)
    }))

  test("have all of their tasks answered, and then results exit with 0", ({ at, saga }) =>
    Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      yield* fs.writeFileString(at("good.jsonl"), '{"prompt": "Hi"}')
      assert.deepInclude(yield* saga("run", at("good.jsonl"), "--queue", "--name", "good"), { out: "good\n" })
      const [waited] = yield* Effect.all(
        [saga("batch", "results", "good", "--wait"), saga("worker", "--once")],
        { concurrency: "unbounded" }
      )
      assert.strictEqual(waited.code, 0, waited.err)
      assert.include(waited.out, '"line":1')
    }))

  test("wait for a worker that has the provider they are asked of", ({ at, saga }) =>
    Effect.gen(function* () {
      yield* saga("run", at("tasks.jsonl"), "--queue", "--name", "b", "--provider", "gpt4")
      yield* saga("worker", "--once")
      const status = yield* saga("batch", "status", "b")
      assert.match(status.out, / running +3 +2 +0 +0 /)
      assert.match(status.err, /Note: 2 tasks of b can be answered by workers with gpt4 alone/)
    }))

  test("tell who runs a worker of tasks that another one had begun, and of no calls", ({ at, saga }) =>
    Effect.gen(function* () {
      const name = (yield* saga("run", at("tasks.jsonl"), "--queue")).out.trim()
      // A worker that died at its first task.
      yield* Effect.flatMap(
        SqlClient.SqlClient,
        (sql) => sql`UPDATE arc_saga_batch_tasks SET worker = 'gone' WHERE line = 1`
      ).pipe(Effect.provide(Sqlite.layer({ path: at("saga.db") })))
      const worked = yield* saga("worker", "--once")
      assert.strictEqual(worked.code, 0, worked.err)
      assert.match(worked.err, /batch_task_taken_over/)
      assert.notMatch(worked.err, /routing_|orchestrator_|engine_/)
      const { out } = yield* saga("batch", "results", name)
      assert.deepStrictEqual(
        out
          .trim()
          .split("\n")
          .map((line) => JSON.parse(line).takenOver),
        [1, undefined, undefined]
      )
    }))

  test("are cancelled and removed", ({ at, saga }) =>
    Effect.gen(function* () {
      yield* saga("run", at("tasks.jsonl"), "--queue", "--name", "b")
      const cancelled = yield* saga("batch", "cancel", "b")
      assert.match(cancelled.err, /2 tasks cancelled; workers interrupt 0 calls under way\./)
      assert.match((yield* saga("batch", "status")).out, / cancelled +3 +0 +0 +0 +0 +1 +2 +0\n/)
      yield* saga("worker", "--once")
      assert.match((yield* saga("batch", "results", "b")).out, /"tag":"CancelledError"/)
      assert.strictEqual((yield* saga("batch", "remove", "b")).code, 0)
      assert.strictEqual((yield* saga("batch", "status")).out, "There are no batches.\n")
      const gone = yield* saga("batch", "cancel", "b")
      assert.strictEqual(gone.code, 2)
      assert.match(gone.err, /^BatchNotFoundError: There is no batch "b"/)
    }))

  test("can be of nothing, and are of one file", ({ at, saga }) =>
    Effect.gen(function* () {
      yield* saga("run", at("empty.jsonl"), "--queue", "--name", "b")
      assert.match((yield* saga("batch", "status", "b")).out, / done +0 +0 /)
      assert.deepInclude(yield* saga("batch", "results", "b"), { code: 0, out: "" })
      const other = yield* saga("run", at("tasks.jsonl"), "--queue", "--name", "b")
      assert.strictEqual(other.code, 2)
      assert.match(other.err, /^BatchConflictError: The batch "b" is there, and has another task on line 1\./)
    }))

  test("refuse flags that can't be kept to", ({ at, saga }) =>
    Effect.gen(function* () {
      for (const [flags, reason] of [
        [["--queue", "--out", "r.jsonl"], /leave out --out and --ordered/],
        [["--queue", "--ordered"], /leave out --out and --ordered/],
        [["--queue", "--strategy", "cheapest"], /--strategy: It is the workers' to choose/],
        [["--queue", "--model", "m"], /--model: It is the workers' to choose/],
        [["--name", "b", "--out", "r.jsonl"], /--name: It is the name of a batch/],
        [[], /--out: Expected the file that results are appended to, or --queue/]
      ] as const) {
        const { code, err } = yield* saga("run", at("tasks.jsonl"), ...flags)
        assert.strictEqual(code, 2)
        assert.match(err, reason)
      }
    }))

  it.scoped("are nowhere without a ledger", () =>
    Effect.gen(function* () {
      const at = yield* directory({ "tasks.jsonl": tasks, "c.json": config })
      const env = { ARC_SAGA_CONFIG: at("c.json") }
      for (const args of [["run", at("tasks.jsonl"), "--queue"], ["batch", "status"], ["worker"]]) {
        const { code, err } = yield* run(args, { env })
        assert.strictEqual(code, 2)
        assert.match(err, /UsageError: Batches are in the database of the ledger, and there is none/)
      }
    }).pipe(Effect.provide(platform))
  )
})
