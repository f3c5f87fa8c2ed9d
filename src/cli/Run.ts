/**
 * `run`: a file of tasks in, a file of results out.
 *
 * @since 0.1.0
 */
import * as Args from "@effect/cli/Args"
import * as Command from "@effect/cli/Command"
import * as Options from "@effect/cli/Options"
import * as FileSystem from "@effect/platform/FileSystem"
import * as Path from "@effect/platform/Path"
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type * as AIProvider from "../AIProvider.js"
import type * as AITask from "../AITask.js"
import { MultiLLMOrchestrator } from "../routing/MultiLLMOrchestrator.js"
import * as Chosen from "./Chosen.js"
import * as Configuration from "./Configuration.js"
import * as Flags from "./Flags.js"
import * as Format from "./Format.js"
import * as Lock from "./Lock.js"
import * as Pending from "./Pending.js"
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
    Options.withDescription("The file that results are appended to; a run that was interrupted goes on in it")
  ),
  concurrency: Flags.parsed(
    "concurrency",
    "NUMBER",
    "How many tasks are under way at once; 4 when it isn't given",
    (text) =>
      Either.filterOrLeft(
        Format.parseNumber(text),
        (n) => Number.isInteger(n) && n >= 1 && n <= 10_000,
        () => "a whole number from 1 to 10000"
      )
  ).pipe(Options.withDefault(4)),
  strategy: Flags.strategy,
  provider: Flags.provider,
  model: Flags.model,
  config: Flags.config
}

/** A task that names no provider is for the chosen one. */
const pinned = (task: AITask.AITask, chosen: AIProvider.AIProvider | undefined): AITask.AITask =>
  chosen === undefined || task.provider !== undefined ? task : { ...task, provider: chosen, pinned: true }

/** How far results may be ahead of the one that is written next: what a slow task holds back is bounded. */
const windowOf = (concurrency: number): number => Math.max(64, 4 * concurrency)

/** The result of a task: that of an earlier run whose turn hadn't come, or else a new one. */
const serve = (
  task: TaskFile.TaskLine,
  chosen: AIProvider.AIProvider | undefined,
  pending: Pending.Pending
): Effect.Effect<ResultFile.ResultLine, FileError, MultiLLMOrchestrator> =>
  Option.match(pending.find(task), {
    onSome: Effect.succeed,
    onNone: () =>
      // An answer that has come is kept, whatever comes next.
      Effect.uninterruptibleMask((restore) =>
        Effect.tap(
          Either.match(task.task, {
            onLeft: (error) => Effect.succeed(ResultFile.rejected(task, error)),
            onRight: (valid) =>
              Effect.flatMap(MultiLLMOrchestrator, (orchestrator) =>
                Effect.match(restore(orchestrator.complete(pinned(valid, chosen))), {
                  onSuccess: (result) => ResultFile.answered(task, result),
                  onFailure: (error) => ResultFile.failed(task, valid.id, error)
                })
              )
          }),
          pending.keep
        )
      )
  })

/** Fails unless the tasks are in a file that can be read twice, and the results go to another. */
const checkFiles = (
  tasks: string,
  out: string
): Effect.Effect<void, FileError | UsageError, FileSystem.FileSystem | Path.Path> =>
  Effect.gen(function* () {
    const fs = yield* FileSystem.FileSystem
    const path = yield* Path.Path
    const info = yield* Effect.mapError(fs.stat(tasks), TaskFile.fileError(tasks))
    if (info.type !== "File") {
      return yield* new FileError({
        file: tasks,
        reason: "Expected a file that can be read again when the run goes on, actual something else"
      })
    }
    if (path.resolve(tasks) === path.resolve(out)) {
      return yield* new UsageError({ reason: `--out: Expected another file than the tasks, actual ${out}` })
    }
  })

const badLinesTold = 20

/** Does what is missing of the run, and counts everything. */
const work = (given: {
  readonly tasks: string
  readonly out: string
  readonly concurrency: number
  readonly provider: AIProvider.AIProvider | undefined
}): Effect.Effect<
  Tally.Tally,
  FileError | ResultFile.ResultsMismatchError,
  FileSystem.FileSystem | MultiLLMOrchestrator | StandardStreams | Scope.Scope
> =>
  Effect.gen(function* () {
    const streams = yield* StandardStreams
    const tally = Tally.make()
    yield* Lock.hold(given.out)
    const before = yield* ResultFile.check(given, (line) => Tally.record(tally, line))
    const file = yield* Pending.openBehind(given.out, before.bytes)
    const pending = yield* Pending.open(given.out)
    if (before.done > 0) {
      const some = `${before.done} of ${Format.count(before.total, "task")}`
      yield* streams.writeError(
        before.done < before.total
          ? `${some} have a result in ${given.out}: doing the rest.\n`
          : `${some} have a result in ${given.out}: nothing is left to do.\n`
      )
    }
    const state: Progress.State = {
      total: before.total,
      earlier: before.done,
      done: before.done,
      failed: tally.failed + tally.bad
    }
    let bad = 0

    const tell = (line: string): Effect.Effect<void> => streams.writeError(`${line}\n`)
    const save = (lines: Chunk.Chunk<ResultFile.ResultLine>): Effect.Effect<void, FileError> =>
      Effect.gen(function* () {
        const text = Chunk.toReadonlyArray(lines).map(ResultFile.encode).join("")
        yield* Effect.mapError(file.writeAll(new TextEncoder().encode(text)), TaskFile.fileError(given.out))
        yield* pending.written(lines.length)
        for (const line of lines) {
          Tally.record(tally, line)
          state.done += 1
          if ("result" in line) continue
          state.failed += 1
          if (line.taskId !== null) continue
          bad += 1
          if (bad > badLinesTold) continue
          yield* tell(Format.plain(`${given.tasks}: line ${line.line}: ${line.error.message}`))
        }
        // A line is written whole or not at all, and is counted when it is written.
      }).pipe(Effect.uninterruptible)

    const permits = yield* Effect.makeSemaphore(given.concurrency)
    yield* Effect.gen(function* () {
      yield* Progress.show(state)
      yield* TaskFile.lines(given.tasks).pipe(
        Stream.drop(before.done),
        Stream.mapEffect(
          (line) => permits.withPermits(1)(serve(TaskFile.parse(line), given.provider, pending)),
          {
            concurrency: windowOf(given.concurrency)
          }
        ),
        Stream.runForEachChunk(save)
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
    yield* Effect.mapError(file.sync, TaskFile.fileError(given.out))
    yield* pending.remove
    return tally
  })

/**
 * The command. Fails with an UnansweredError when a task failed or a line holds none.
 *
 * @since 0.1.0
 * @category commands
 */
export const command = Command.make("run", options, (given) =>
  Effect.gen(function* () {
    const streams = yield* StandardStreams
    yield* checkFiles(given.tasks, given.out)
    const configuration = yield* Chosen.load(given)
    if (configuration.simulated) yield* streams.writeError(`${Configuration.simulatedNotice}\n`)
    const tally = yield* Effect.scoped(work({ ...given, provider: configuration.chosen })).pipe(
      Effect.provide(Configuration.layer(configuration, given.strategy))
    )
    const { answered, bad, failed } = tally
    yield* streams.write(
      `${Tally.table(tally)}\n\n${Format.count(answered, "task")} answered, ${failed} failed, ${Format.count(bad, "bad line")}\n`
    )
    if (failed + bad > 0) return yield* new UnansweredError({ failed, bad, out: given.out })
  })
).pipe(Command.withDescription("Answer a file of tasks, one result a line in the order of the tasks"))
