/** `batch`: what came of the tasks that `run --queue` left to workers. `worker`: answers them. */
import * as Args from "@effect/cli/Args"
import * as Command from "@effect/cli/Command"
import * as Options from "@effect/cli/Options"
import * as Effect from "effect/Effect"
import * as Flags from "./Flags.js"

/** What the commands do is loaded with them. */
const loaded = Effect.promise(() => import("./Batch/work.js"))

const batch = Args.text({ name: "BATCH" }).pipe(Args.withDescription("The name of the batch"))

const status = Command.make(
  "status",
  {
    batch: Args.optional(batch),
    json: Options.boolean("json").pipe(Options.withDescription("Print a JSON array instead of a table")),
    config: Flags.config
  },
  (given) => Effect.flatMap(loaded, (work) => work.status(given))
).pipe(Command.withDescription("Tell how far batches have come: one, or all of them"))

const results = Command.make(
  "results",
  {
    batch,
    out: Options.text("out").pipe(
      Options.withPseudoName("RESULTS"),
      Options.withDescription("The file that the results are written to, in place of standard output"),
      Options.optional
    ),
    wait: Options.boolean("wait").pipe(Options.withDescription("Wait until every task has a result")),
    config: Flags.config
  },
  (given) => Effect.flatMap(loaded, (work) => work.results(given))
).pipe(Command.withDescription("Print the results of a batch, one a line in the order of its tasks"))

const cancel = Command.make("cancel", { batch, config: Flags.config }, (given) =>
  Effect.flatMap(loaded, (work) => work.cancel(given))
).pipe(Command.withDescription("Have no task of a batch begin any more, and interrupt those under way"))

const remove = Command.make("remove", { batch, config: Flags.config }, (given) =>
  Effect.flatMap(loaded, (work) => work.remove(given))
).pipe(Command.withDescription("Remove a batch from the database, with its prompts and answers"))

/** The command group. */
export const command = Command.make("batch").pipe(
  Command.withDescription("Look after the batches that workers answer"),
  Command.withSubcommands([status, results, cancel, remove])
)

/** The command that answers. */
export const worker = Command.make(
  "worker",
  {
    concurrency: Flags.concurrency,
    once: Options.boolean("once").pipe(
      Options.withDescription("End when no task is left that this worker can take")
    ),
    strategy: Flags.strategy,
    config: Flags.config
  },
  (given) => Effect.flatMap(loaded, (work) => work.answer(given))
).pipe(Command.withDescription("Answer the tasks of batches, beside any number of other workers"))
