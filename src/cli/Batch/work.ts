/** What the commands about batches do. Loaded with them. */
import { createHash } from "node:crypto"
import type * as FileSystem from "@effect/platform/FileSystem"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as FiberRef from "effect/FiberRef"
import * as LogLevel from "effect/LogLevel"
import * as Option from "effect/Option"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import * as AIProvider from "../../AIProvider.js"
import type * as AITask from "../../AITask.js"
import * as Batches from "../../batch/Batches.js"
import type * as BatchQueue from "../../batch/BatchQueue.js"
import * as BatchWorker from "../../batch/BatchWorker.js"
import * as TaskService from "../../routing/TaskService.js"
import type { ConfigurationError, StrategyName } from "../ConfigFile.js"
import * as Chosen from "../Chosen.js"
import * as Composition from "../Composition.js"
import * as Configuration from "../Configuration.js"
import { unshared } from "../Unshared.js"
import * as Format from "../Format.js"
import * as Ledger from "../Ledger.js"
import * as Progress from "../Progress.js"
import { UnansweredError, UnfinishedError, UsageError } from "../Report.js"
import * as ResultFile from "../ResultFile.js"
import { StandardStreams } from "../StandardStreams.js"
import * as Tally from "../Tally.js"
import * as TaskFile from "../TaskFile.js"

/** The batches beside a ledger; fails with a UsageError when there is none. */
const besideLedger = (ledger: Option.Option<Ledger.Ledger>): Effect.Effect<Ledger.Ledger, UsageError> =>
  Either.fromOption(
    ledger,
    () =>
      new UsageError({
        reason:
          'Batches are in the database of the ledger, and there is none. Set ARC_SAGA_LEDGER, or "ledger" in the configuration file, to postgres://…, or on one machine to sqlite:PATH'
      })
  )

/** Runs something over the batches. */
const over = <A, E, R>(
  config: Option.Option<string>,
  effect: Effect.Effect<A, E, R>
): Effect.Effect<
  A,
  E | UsageError | Configuration.LoadError | ConfigurationError,
  Exclude<R, Batches.Batches | BatchQueue.BatchQueue> | FileSystem.FileSystem
> =>
  Effect.gen(function* () {
    const ledger = yield* Effect.flatMap(Configuration.loadLedger(config), besideLedger)
    return yield* Effect.provide(effect, Ledger.batches(ledger))
  })

const note = (line: string) =>
  Effect.flatMap(StandardStreams, (streams) => streams.writeError(`Note: ${Format.plain(line)}\n`))

/** What a file of tasks is called: the same tasks, asked of the same provider, have the same name. */
const nameOf = (tasks: string, provider: string) =>
  Effect.map(
    Stream.runFold(TaskFile.lines(tasks), createHash("sha256").update(provider), (hash, line) =>
      hash.update(`${line.number}:${TaskFile.fingerprint(line.bytes)};`)
    ),
    (hash) => hash.digest("hex").slice(0, 16)
  )

const flagsOfWorkers = ["strategy", "model"] as const

/** Leaves a file of tasks to workers, and prints the name of the batch. */
export const submit = (
  given: {
    readonly tasks: string
    readonly out: Option.Option<string>
    readonly name: Option.Option<string>
    readonly ordered: boolean
    readonly strategy: Option.Option<string>
    readonly model: Option.Option<string>
    readonly provider: Option.Option<string>
    readonly config: Option.Option<string>
  },
  pinned: (task: AITask.AITask, provider: AIProvider.AIProvider | undefined) => AITask.AITask
) =>
  Effect.gen(function* () {
    const streams = yield* StandardStreams
    if (Option.isSome(given.out) || given.ordered) {
      return yield* new UsageError({
        reason: "--queue: The results are where batch results writes them: leave out --out and --ordered"
      })
    }
    const flag = flagsOfWorkers.find((name) => Option.isSome(given[name]))
    if (flag !== undefined) {
      return yield* new UsageError({
        reason: `--${flag}: It is the workers' to choose: leave it out with --queue`
      })
    }
    const chosen = Option.isSome(given.provider) ? yield* AIProvider.make(given.provider.value) : undefined
    const batch = Option.isSome(given.name) ? given.name.value : yield* nameOf(given.tasks, chosen ?? "")
    const tasks = TaskFile.lines(given.tasks).pipe(
      Stream.map(TaskFile.parse),
      Stream.map((line) => ({
        ...line,
        task: Either.map(line.task, (task) => ({ ...pinned(task, chosen), id: task.id }))
      }))
    )
    const status = yield* over(
      given.config,
      Effect.flatMap(Batches.Batches, (batches) => batches.submit(batch, tasks))
    )
    yield* streams.write(`${batch}\n`)
    const left = status.waiting + status.underWay
    yield* streams.writeError(
      `${Format.count(status.total, "task")} queued, ${left} of them without a result. Workers answer them: arc-saga worker\n`
    )
    if (status.rejected > 0) {
      yield* note(`${Format.count(status.rejected, "line")} of ${given.tasks} held no task`)
    }
  })

const stateOf = (status: Batches.Status): string =>
  !status.submitted
    ? "incomplete"
    : status.cancelled
      ? "cancelled"
      : Batches.isDone(status)
        ? "done"
        : "running"

const right = (title: string): Format.Column => ({ title, align: "right" })

const table = (statuses: ReadonlyArray<Batches.Status>): string =>
  Format.table(
    [
      { title: "batch", align: "left" },
      { title: "submitted", align: "left" },
      { title: "state", align: "left" },
      ...["tasks", "waiting", "under way", "answered", "failed", "bad lines", "cancelled", "taken over"].map(
        right
      )
    ],
    statuses.map((status) => [
      Format.plain(status.batch),
      Format.instant(status.createdAt),
      stateOf(status),
      ...[
        status.total,
        status.waiting,
        status.underWay,
        status.answered,
        status.failed,
        status.rejected,
        status.dropped,
        status.takenOver
      ].map(String)
    ])
  )

/** Tells how far batches have come. */
export const status = (given: {
  readonly batch: Option.Option<string>
  readonly json: boolean
  readonly config: Option.Option<string>
}) =>
  Effect.gen(function* () {
    const streams = yield* StandardStreams
    const statuses = yield* over(
      given.config,
      Effect.flatMap(Batches.Batches, (batches) =>
        Option.match(given.batch, {
          onNone: () => batches.list,
          onSome: (batch) => Effect.map(batches.status(batch), (one) => [one])
        })
      )
    )
    if (given.json) return yield* streams.write(`${JSON.stringify(statuses)}\n`)
    yield* streams.write(statuses.length === 0 ? "There are no batches.\n" : `${table(statuses)}\n`)
    for (const { batch, waitingFor } of statuses) {
      for (const [provider, tasks] of Object.entries(waitingFor)) {
        yield* note(
          `${Format.count(tasks, "task")} of ${batch} can be answered by workers with ${provider} alone`
        )
      }
    }
  })

/** Waits until every task of a batch has a result. */
const finished = (batch: string) =>
  Effect.gen(function* () {
    const batches = yield* Batches.Batches
    const first = yield* batches.status(batch)
    const doneOf = ({ total, underWay, waiting }: Batches.Status) => total - waiting - underWay
    const failedOf = ({ dropped, failed, rejected }: Batches.Status) => failed + rejected + dropped
    const state: Progress.State = {
      total: Math.max(1, first.total),
      earlier: doneOf(first),
      done: doneOf(first),
      failed: failedOf(first)
    }
    yield* Progress.show(state)
    const look = Effect.map(batches.status(batch), (now) => {
      state.done = doneOf(now)
      state.failed = failedOf(now)
      return Batches.isDone(now)
    }).pipe(
      // A database that is away for a while ends no wait.
      Effect.retry({
        schedule: Schedule.upTo(Schedule.spaced("1 second"), "1 minute"),
        while: ({ _tag }) => _tag === "BatchStoreError"
      })
    )
    yield* Effect.repeat(look, { until: (isDone) => isDone, schedule: Schedule.spaced("1 second") })
  }).pipe(Effect.scoped)

/** Writes the results that are there. Fails unless every task has one, and an answer. */
export const results = (given: {
  readonly batch: string
  readonly out: Option.Option<string>
  readonly wait: boolean
  readonly config: Option.Option<string>
}) =>
  Effect.gen(function* () {
    const streams = yield* StandardStreams
    const { left, tally } = yield* over(
      given.config,
      Effect.gen(function* () {
        const batches = yield* Batches.Batches
        if (given.wait) yield* finished(given.batch)
        const tally = Tally.make()
        const { total } = yield* batches.status(given.batch)
        const file = yield* Effect.transposeMapOption(given.out, (path) => ResultFile.open(path, 0))
        yield* Stream.runForEach(batches.results(given.batch), (line) => {
          Tally.record(tally, line)
          return Option.match(file, {
            onNone: () => streams.write(ResultFile.encode(line)),
            onSome: ({ append }) => append(line)
          })
        })
        if (Option.isSome(file)) {
          yield* file.value.sync
          yield* streams.write(`${Tally.table(tally)}\n\n${Tally.counts(tally)}\n`)
        }
        return { tally, left: total - tally.answered - tally.failed - tally.bad }
      }).pipe(Effect.scoped)
    )
    if (left > 0) return yield* new UnfinishedError({ batch: given.batch, left })
    const { bad, failed } = tally
    if (failed + bad > 0) {
      return yield* new UnansweredError({
        failed,
        bad,
        out: Option.getOrElse(given.out, () => "the results")
      })
    }
  })

/** Cancels a batch. */
export const cancel = (given: { readonly batch: string; readonly config: Option.Option<string> }) =>
  Effect.gen(function* () {
    const streams = yield* StandardStreams
    const { dropped, underWay } = yield* over(
      given.config,
      Effect.flatMap(Batches.Batches, (batches) => batches.cancel(given.batch))
    )
    yield* streams.writeError(
      `${Format.count(dropped, "task")} cancelled; workers interrupt ${Format.count(underWay, "call")} under way.\n`
    )
  })

/** Removes a batch. */
export const remove = (given: { readonly batch: string; readonly config: Option.Option<string> }) =>
  over(
    given.config,
    Effect.flatMap(Batches.Batches, (batches) => batches.remove(given.batch))
  )

/** The level that is logged from, of what answers tasks; what asks for it is told more. */
const quietly = Effect.gen(function* () {
  const level = yield* FiberRef.get(FiberRef.currentMinimumLogLevel)
  const tasks = yield* TaskService.TaskService
  return TaskService.make({
    complete: (task, options) =>
      Effect.locally(tasks.complete(task, options), FiberRef.currentMinimumLogLevel, level),
    stream: tasks.stream
  })
})

/** Answers the tasks of batches until it is stopped, or until none is left. */
export const answer = (given: {
  readonly concurrency: number
  readonly once: boolean
  readonly strategy: Option.Option<StrategyName>
  readonly config: Option.Option<string>
}) =>
  Effect.gen(function* () {
    const streams = yield* StandardStreams
    const configuration = yield* Chosen.load({ ...given, provider: Option.none(), model: Option.none() })
    const ledger = yield* besideLedger(configuration.ledger)
    if (configuration.simulated) yield* streams.writeError(`${Configuration.simulatedNotice}\n`)
    yield* Effect.forEach(unshared(configuration), note)
    const providers = configuration.providers.flatMap(({ id, status: { _tag } }) =>
      _tag === "Ready" ? [id] : []
    )
    yield* streams.writeError(
      `Answering the tasks of batches, ${given.concurrency} at once, with ${providers.join(", ")}.\n`
    )
    const least = yield* FiberRef.get(FiberRef.currentMinimumLogLevel)
    // Who runs a worker sees what becomes of the queue, and of other workers' tasks.
    const told = LogLevel.lessThan(least, LogLevel.Info) ? least : LogLevel.Info
    yield* Effect.provideServiceEffect(
      Effect.locally(
        BatchWorker.run({ concurrency: given.concurrency, once: given.once, providers }),
        FiberRef.currentMinimumLogLevel,
        told
      ),
      TaskService.TaskService,
      quietly
    ).pipe(
      Effect.provide(Ledger.batches(ledger)),
      Effect.provide(Composition.layer(configuration, given.strategy, Composition.guards(configuration)))
    )
  })
