/** `run`: a file of tasks in, a file of results out. */
import * as Args from "@effect/cli/Args"
import * as Command from "@effect/cli/Command"
import * as Options from "@effect/cli/Options"
import * as FileSystem from "@effect/platform/FileSystem"
import * as Path from "@effect/platform/Path"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type * as AIProvider from "../AIProvider.js"
import type * as AITask from "../AITask.js"
import * as ResultLine from "../batch/ResultLine.js"
import { TaskService } from "../routing/TaskService.js"
import * as Chosen from "./Chosen.js"
import * as Composition from "./Composition.js"
import * as Configuration from "./Configuration.js"
import * as Flags from "./Flags.js"
import * as Format from "./Format.js"
import * as Lock from "./Lock.js"
import * as Progress from "./Progress.js"
import { UnansweredError, UsageError } from "./Report.js"
import * as ResultFile from "./ResultFile.js"
import { FileError, StandardStreams } from "./StandardStreams.js"
import * as Tally from "./Tally.js"
import * as TaskFile from "./TaskFile.js"

const options = {
  tasks: Args.text({ name: "TASKS" }).pipe(
    Args.withDescription('A file with one task as a JSON object on each line: {"prompt": "…"}')
  ),
  out: Options.text("out").pipe(
    Options.withPseudoName("RESULTS"),
    Options.withDescription(
      "The file that results are appended to; a run that was interrupted goes on in it"
    ),
    Options.optional
  ),
  queue: Options.boolean("queue").pipe(
    Options.withDescription("Leave the tasks to workers as a batch, in the database of the ledger")
  ),
  name: Options.text("name").pipe(
    Options.withPseudoName("BATCH"),
    Options.withDescription(
      "What the batch is called; the same tasks have the same name when it isn't given"
    ),
    Options.optional
  ),
  concurrency: Flags.concurrency,
  ordered: Options.boolean("ordered").pipe(
    Options.withDescription("When all is done, put the results in the order of the tasks")
  ),
  strategy: Flags.strategy,
  provider: Flags.provider,
  model: Flags.model,
  config: Flags.config
}

/** A task that names no provider is for the chosen one. */
const pinned = (task: AITask.AITask, chosen: AIProvider.AIProvider | undefined): AITask.AITask =>
  chosen === undefined || task.provider !== undefined ? task : { ...task, provider: chosen, pinned: true }

/** The result of a task; `restore` lets the asking be interrupted. */
const answer = (
  task: TaskFile.TaskLine,
  chosen: AIProvider.AIProvider | undefined,
  restore: <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
): Effect.Effect<ResultLine.ResultLine, never, TaskService> =>
  Either.match(task.task, {
    onLeft: (error) => Effect.succeed(ResultLine.rejected(task, error)),
    onRight: (valid) =>
      Effect.flatMap(TaskService, (tasks) =>
        Effect.match(restore(tasks.complete(pinned(valid, chosen))), {
          onSuccess: (result) => ResultLine.answered(task, result),
          onFailure: (error) => ResultLine.failed(task, valid.id, error)
        })
      )
  })

/** Fails unless the tasks are in a file that can be read twice. */
const checkTasks = (tasks: string): Effect.Effect<void, FileError, FileSystem.FileSystem> =>
  Effect.gen(function* () {
    const fs = yield* FileSystem.FileSystem
    const info = yield* Effect.mapError(fs.stat(tasks), TaskFile.fileError(tasks))
    if (info.type !== "File") {
      return yield* new FileError({
        file: tasks,
        reason: "Expected a file that can be read again when the run goes on, actual something else"
      })
    }
  })

/** Fails unless the results go to another file than the tasks. */
const checkOut = (
  tasks: string,
  given: Option.Option<string>
): Effect.Effect<string, UsageError, Path.Path> =>
  Effect.gen(function* () {
    const path = yield* Path.Path
    if (Option.isNone(given)) {
      return yield* new UsageError({
        reason: "--out: Expected the file that results are appended to, or --queue, actual neither"
      })
    }
    const out = given.value
    if (path.resolve(tasks) === path.resolve(out)) {
      return yield* new UsageError({ reason: `--out: Expected another file than the tasks, actual ${out}` })
    }
    return out
  })

const badLinesTold = 20

/** Does what is missing of the run, and counts everything. */
const work = (given: {
  readonly tasks: string
  readonly out: string
  readonly concurrency: number
  readonly ordered: boolean
  readonly provider: AIProvider.AIProvider | undefined
}): Effect.Effect<
  Tally.Tally,
  FileError | ResultFile.ResultsMismatchError,
  FileSystem.FileSystem | TaskService | StandardStreams | Scope.Scope
> =>
  Effect.gen(function* () {
    const streams = yield* StandardStreams
    const tally = Tally.make()
    yield* Lock.hold(given.out)
    const before = yield* ResultFile.check(given, (line) => Tally.record(tally, line))
    const file = yield* ResultFile.open(given.out, before.bytes)
    const earlier = before.lines.size
    if (earlier > 0) {
      const some = `${earlier} of ${Format.count(before.total, "task")}`
      yield* streams.writeError(
        earlier < before.total
          ? `${some} have a result in ${given.out}: doing the rest.\n`
          : `${some} have a result in ${given.out}: nothing is left to do.\n`
      )
    }
    const state: Progress.State = {
      total: before.total,
      earlier,
      done: earlier,
      failed: tally.failed + tally.bad
    }
    let bad = 0

    const tell = (line: string): Effect.Effect<void> => streams.writeError(`${line}\n`)
    const turn = yield* Effect.makeSemaphore(1)
    const save = (line: ResultLine.ResultLine): Effect.Effect<void, FileError> =>
      Effect.gen(function* () {
        yield* file.append(line)
        Tally.record(tally, line)
        state.done += 1
        if ("result" in line) return
        state.failed += 1
        if (line.taskId !== null) return
        bad += 1
        if (bad > badLinesTold) return
        yield* tell(Format.plain(`${given.tasks}: line ${line.line}: ${line.error.message}`))
      }).pipe(turn.withPermits(1))

    yield* Effect.gen(function* () {
      yield* Progress.show(state)
      yield* TaskFile.lines(given.tasks).pipe(
        Stream.filter((line) => !before.lines.has(line.number)),
        Stream.mapEffect(
          (line) =>
            // An answer that has come is written, whole, and counted, whatever comes next.
            Effect.uninterruptibleMask((restore) =>
              Effect.flatMap(answer(TaskFile.parse(line), given.provider, restore), save)
            ),
          { concurrency: given.concurrency, unordered: true }
        ),
        Stream.runDrain
      )
      if (bad > badLinesTold) yield* tell(`${given.tasks}: ${bad - badLinesTold} more lines hold no task`)
    }).pipe(
      Effect.scoped,
      Effect.onInterrupt(() =>
        streams.writeError(
          `Interrupted: ${state.done} of ${Format.count(state.total, "task")} have a result. Run the same command again to do the rest.\n`
        )
      )
    )
    yield* file.sync
    if (given.ordered) yield* ResultFile.inOrder(given.out)
    return tally
  })

/** The command. Fails with an UnansweredError when a task failed or a line holds none. */
export const command = Command.make("run", options, (given) =>
  Effect.gen(function* () {
    const streams = yield* StandardStreams
    if (given.queue) {
      yield* checkTasks(given.tasks)
      const { submit } = yield* Effect.promise(() => import("./Batch/work.js"))
      return yield* submit(given, pinned)
    }
    const out = yield* checkOut(given.tasks, given.out)
    yield* checkTasks(given.tasks)
    if (Option.isSome(given.name)) {
      return yield* new UsageError({ reason: "--name: It is the name of a batch, for --queue" })
    }
    const configuration = yield* Chosen.load(given)
    if (configuration.simulated) yield* streams.writeError(`${Configuration.simulatedNotice}\n`)
    const tally = yield* Effect.scoped(work({ ...given, out, provider: configuration.chosen })).pipe(
      Effect.provide(Composition.layer(configuration, given.strategy))
    )
    const { bad, failed } = tally
    yield* streams.write(`${Tally.table(tally)}\n\n${Tally.counts(tally)}\n`)
    const dropped = Tally.dropped(tally)
    if (dropped !== undefined) yield* streams.writeError(`Note: ${Format.plain(dropped)}\n`)
    if (failed + bad > 0) return yield* new UnansweredError({ failed, bad, out })
  })
).pipe(Command.withDescription("Answer a file of tasks, one result a line as the answers come"))
