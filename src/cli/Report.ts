/** What the commands say when they fail, and the code that the process ends with. */
import * as Schema from "effect/Schema"
import type { AccessTokenError } from "../auth/AccessTokens.js"
import type { BatchConflictError, BatchNotFoundError, BatchStoreError } from "../batch/Batches.js"
import type { InvalidArgumentError } from "../InvalidArgument.js"
import type { SoleTaskError, TaskError } from "../routing/TaskService.js"
import type { KeyChangeError, KeyStoreError } from "../gateway/KeyStore.js"
import type { LedgerError } from "../spend/SpendLedger.js"
import type { StreamInterruptedError } from "../StreamEvent.js"
import type { UnprotectedGatewayError } from "../gateway/Gateway.js"
import type { ConfigurationError } from "./ConfigFile.js"
import * as Format from "./Format.js"
import type { ListenError } from "./Listener.js"
import type { ResultsMismatchError } from "./ResultFile.js"
import type { FileError } from "./StandardStreams.js"
import type { WorkerError } from "./Workers/primary.js"

/** The command line asks for something that can't be done. */
export class UsageError extends Schema.TaggedError<UsageError>("arc-saga/cli/UsageError")("UsageError", {
  reason: Schema.String
}) {
  override get message(): string {
    return this.reason
  }
}

/** The run went through to its end, and not every line has an answer. */
export class UnansweredError extends Schema.TaggedError<UnansweredError>("arc-saga/cli/UnansweredError")(
  "UnansweredError",
  { failed: Schema.Int, bad: Schema.Int, out: Schema.String }
) {
  override get message(): string {
    const parts = [
      ...(this.failed === 0 ? [] : [`${Format.count(this.failed, "task")} failed`]),
      ...(this.bad === 0 ? [] : [`${Format.count(this.bad, "line")} held no task`])
    ]
    return `${parts.join(" and ")}. The reasons are in ${this.out}`
  }
}

/** Not every task of a batch has a result yet. */
export class UnfinishedError extends Schema.TaggedError<UnfinishedError>("arc-saga/cli/UnfinishedError")(
  "UnfinishedError",
  { batch: Schema.String, left: Schema.Int }
) {
  override get message(): string {
    return `${Format.count(this.left, "task")} of ${this.batch} had no result yet. Look again later, or say --wait`
  }
}

/** Everything that a command fails with and that is told to the user. */
export type CommandError =
  | TaskError
  | SoleTaskError
  | StreamInterruptedError
  | InvalidArgumentError
  | AccessTokenError
  | ConfigurationError
  | LedgerError
  | KeyChangeError
  | KeyStoreError
  | ResultsMismatchError
  | FileError
  | ListenError
  | UnprotectedGatewayError
  | UnansweredError
  | UnfinishedError
  | BatchConflictError
  | BatchNotFoundError
  | BatchStoreError
  | UsageError
  | WorkerError

/** The codes that the process ends with. */
export const exitCode = {
  /** All that was asked was answered. */
  answered: 0,
  /** No provider answered, or not every task of a run has an answer. */
  failed: 1,
  /** The command line, the configuration or a file can't be used. */
  wrongUse: 2,
  /** Ctrl-C. */
  interrupted: 130
} as const

/** The code of an error. */
export const codeOf = (error: CommandError): number => {
  switch (error._tag) {
    case "InvalidArgumentError":
    case "ConfigurationError":
    case "KeyChangeError":
    case "ResultsMismatchError":
    case "FileError":
    case "ListenError":
    case "UnprotectedGatewayError":
    case "SignInSettingError":
    case "UsageError":
    case "BatchConflictError":
    case "BatchNotFoundError":
    case "EngineNotRegisteredError":
      return exitCode.wrongUse
    case "WorkerError":
      return error.code
    default:
      return exitCode.failed
  }
}

const providerOf = (error: CommandError): string => {
  if (error._tag === "AllProvidersFailedError") return ` (${error.primary.provider})`
  return "provider" in error ? ` (${error.provider})` : ""
}

/** An error on one line: its tag, the provider, what happened and what to do. */
export const describe = (error: CommandError): string =>
  Format.plain(`${error._tag}${providerOf(error)}: ${error.message}`)
