/** `evaluate`: what policies would have saved and kept on outcomes that they haven't seen. */
import * as Command from "@effect/cli/Command"
import * as Options from "@effect/cli/Options"
import * as FileSystem from "@effect/platform/FileSystem"
import * as Path from "@effect/platform/Path"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import * as Outcomes from "../savings/Outcomes.js"
import type * as QualityModel from "../savings/QualityModel.js"
import * as Flags from "./Flags.js"
import * as Format from "./Format.js"
import * as ModelFile from "./ModelFile.js"
import * as OutcomesFile from "./OutcomesFile.js"
import { UsageError } from "./Report.js"
import { StandardStreams } from "./StandardStreams.js"
import * as TaskFile from "./TaskFile.js"
import * as Train from "./Train.js"

/** A model must know the providers that it is to choose between. */
const check = (
  model: QualityModel.Model,
  outcomes: ReadonlyArray<Outcomes.Outcome>
): Effect.Effect<void, UsageError> => {
  const answering = Outcomes.providers(outcomes)
  const missing = model.providers.filter(({ provider }) => !answering.includes(provider))
  return missing.length === 0
    ? Effect.void
    : new UsageError({
        reason: `--model: Expected a model of providers with outcomes, actual one of ${missing.map(({ provider }) => provider).join(", ")}, too`
      })
}

/** The command. */
export const command = Command.make(
  "evaluate",
  {
    outcomes: Train.outcomes,
    model: Options.text("model").pipe(
      Options.withPseudoName("MODEL"),
      Options.withDescription(
        "A model to measure, on what train left of the outcomes; one is trained for each split when it isn't given"
      ),
      Options.optional
    ),
    picture: Options.text("picture").pipe(
      Options.withPseudoName("SVG"),
      Options.withDescription("The file that a picture of cost and quality is written to"),
      Options.optional
    ),
    confidence: Train.confidence,
    splits: Flags.parsed(
      "splits",
      "NUMBER",
      "How many splits to measure on, at most 20; 20 when it isn't given",
      (text) =>
        Either.filterOrLeft(
          Format.parseNumber(text),
          (n) => Number.isInteger(n) && n >= 1 && n <= Outcomes.salts.length,
          () => `a whole number from 1 to ${Outcomes.salts.length}`
        )
    ).pipe(Options.withDefault(Outcomes.salts.length)),
    json: Options.boolean("json").pipe(Options.withDescription("Print a JSON document instead of tables"))
  },
  (given) =>
    Effect.gen(function* () {
      const streams = yield* StandardStreams
      // What only this command needs is read when it runs.
      const [{ evaluate }, EvaluationPicture, EvaluationReport] = yield* Effect.promise(() =>
        Promise.all([
          import("../savings/Evaluation.js"),
          import("./EvaluationPicture.js"),
          import("./EvaluationReport.js")
        ])
      )
      const outcomes = yield* OutcomesFile.read(given.outcomes)
      const model = Option.getOrUndefined(yield* Effect.transposeMapOption(given.model, ModelFile.read))
      if (model !== undefined) yield* check(model, outcomes)
      const report = yield* evaluate(
        outcomes,
        model === undefined
          ? { confidence: given.confidence, salts: Outcomes.salts.slice(0, given.splits) }
          : { model, salts: [Train.salt] }
      )
      if (Option.isSome(given.picture)) {
        const file = given.picture.value
        const name = (yield* Path.Path).basename(given.outcomes)
        yield* Effect.mapError(
          (yield* FileSystem.FileSystem).writeFileString(file, EvaluationPicture.svg(report, name)),
          TaskFile.fileError(file)
        )
      }
      yield* streams.write(
        given.json ? `${JSON.stringify(report)}\n` : `${EvaluationReport.tables(report)}\n`
      )
    })
).pipe(Command.withDescription("Measure on outcomes what routing saves, and what quality it keeps"))
