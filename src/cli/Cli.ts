/** The command line: its commands, what they log, and the code that the process ends with. */
import type * as CliApp from "@effect/cli/CliApp"
import * as CliConfig from "@effect/cli/CliConfig"
import * as Command from "@effect/cli/Command"
import * as HelpDoc from "@effect/cli/HelpDoc"
import * as Span from "@effect/cli/HelpDoc/Span"
import * as ValidationError from "@effect/cli/ValidationError"
import type * as HttpClient from "@effect/platform/HttpClient"
import * as Cause from "effect/Cause"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as LogLevel from "effect/LogLevel"
import packageJson from "../../package.json" with { type: "json" }
import * as Ask from "./Ask.js"
import * as Batch from "./Batch.js"
import * as Evaluate from "./Evaluate.js"
import * as Format from "./Format.js"
import * as Keys from "./Keys.js"
import type { Listener } from "./Listener.js"
import * as Login from "./Login.js"
import * as Providers from "./Providers.js"
import * as Report from "./Report.js"
import * as Run from "./Run.js"
import * as Serve from "./Serve.js"
import * as Spend from "./Spend.js"
import { StandardStreams } from "./StandardStreams.js"
import * as Train from "./Train.js"
import type { Workers } from "./Workers.js"

const root = Command.make("arc-saga").pipe(
  Command.withDescription("Asks the language model that serves a task best, and the next one when it fails"),
  Command.withSubcommands([
    Ask.command,
    Run.command,
    Spend.command,
    Serve.command,
    Providers.command,
    Keys.command,
    Batch.command,
    Batch.worker,
    Train.command,
    Evaluate.command,
    Login.login,
    Login.logout
  ])
)

const execute = Command.run(root, {
  name: "arc-saga",
  version: packageJson.version,
  summary: Span.text(packageJson.description),
  footer: HelpDoc.p(
    "Exit codes: 0 answered, 1 no provider answered (or not every task of a run), 2 wrong use, 130 interrupted"
  )
})

/** What colours a text on a terminal. */
const escapes = /\p{Cc}\[[0-9;]*m/gu

/** In the list of commands the description stands behind the longest usage; here on a line of its own. */
const described = /^( {2}- .*?\S) {2,}(\S.*)$/gm

const printed = (args: ReadonlyArray<unknown>): string =>
  `${args.map(String).join(" ").replaceAll(escapes, "").replaceAll(described, "$1\n      $2").trimEnd()}\n`

/** Sends what the library prints through the standard streams; all of it to standard error on wrong use. */
const withConsole = <A, E, R>(
  effect: Effect.Effect<A, E, R>,
  wrongUse: boolean
): Effect.Effect<A, E, R | StandardStreams> =>
  Effect.flatMap(StandardStreams, (streams) =>
    Console.consoleWith((console) =>
      Effect.withConsole(effect, {
        ...console,
        log: (...args) =>
          wrongUse ? streams.writeError(printed(args)) : Effect.ignore(streams.write(printed(args))),
        error: (...args) => streams.writeError(printed(args))
      })
    )
  )

/** Logs are for `--log-level`; without it standard error has only what the commands say. */
const logging: Layer.Layer<never, never, StandardStreams> = Layer.unwrapEffect(
  Effect.map(StandardStreams, (streams) =>
    Layer.merge(
      Logger.replace(Logger.defaultLogger, Logger.map(Logger.logfmtLogger, streams.unsafeLog)),
      Logger.minimumLogLevel(LogLevel.None)
    )
  )
)

/**
 * Runs a command line, `process.argv` as Node has it, and gives the code to end with. What fails has been
 * told on standard error.
 */
export const run = (
  argv: ReadonlyArray<string>
): Effect.Effect<
  number,
  never,
  CliApp.CliApp.Environment | HttpClient.HttpClient | Listener | StandardStreams | Workers
> =>
  Effect.gen(function* () {
    const streams = yield* StandardStreams
    // Without a command there is nothing to do but to show which there are.
    const wrongUse = argv.length <= 2
    return yield* withConsole(Effect.scoped(execute(wrongUse ? [...argv, "--help"] : argv)), wrongUse).pipe(
      Effect.as(wrongUse ? Report.exitCode.wrongUse : Report.exitCode.answered),
      Effect.catchAll((error) =>
        ValidationError.isValidationError(error)
          ? // The library has told it.
            Effect.succeed(Report.exitCode.wrongUse)
          : error._tag === "OutputClosedError"
            ? Effect.succeed(Report.exitCode.answered)
            : Effect.as(streams.writeError(`${Report.describe(error)}\n`), Report.codeOf(error))
      ),
      Effect.catchAllDefect((defect) =>
        Effect.as(
          streams.writeError(`${Format.plain(`A bug in arc-saga: ${String(defect)}`)}\n`),
          Report.exitCode.failed
        )
      )
    )
  }).pipe(Effect.provide(logging), Effect.provide(CliConfig.layer({ showBuiltIns: false })))

/** The code that a process ends with whose `run` ended so. */
export const codeOf = <E, A>(exit: Exit.Exit<E, A>): number => {
  if (Exit.isFailure(exit)) {
    return Cause.isInterruptedOnly(exit.cause) ? Report.exitCode.interrupted : Report.exitCode.failed
  }
  return typeof exit.value === "number" ? exit.value : Report.exitCode.answered
}
