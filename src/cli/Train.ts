/** `train`: outcomes in, a quality model out. */
import * as Args from "@effect/cli/Args"
import * as Command from "@effect/cli/Command"
import * as Options from "@effect/cli/Options"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import * as Outcomes from "../savings/Outcomes.js"
import * as QualityModel from "../savings/QualityModel.js"
import * as Flags from "./Flags.js"
import * as Format from "./Format.js"
import * as Guarantee from "./Guarantee.js"
import * as ModelFile from "./ModelFile.js"
import * as OutcomesFile from "./OutcomesFile.js"
import { StandardStreams } from "./StandardStreams.js"

/** The file that outcomes are read from. */
export const outcomes: Args.Args<string> = Args.text({ name: "OUTCOMES" }).pipe(
  Args.withDescription("A file with what providers answered to one prompt as a JSON object on each line")
)

/** The salt of the split: what `train` leaves untouched, `evaluate` measures a model by. */
export const salt = "s0"

const keep = Flags.parsed(
  "keep",
  "SHARE",
  "The share of the best provider's quality that its cascade is to keep; 0.99 when it isn't given",
  (text) =>
    Either.filterOrLeft(
      Format.parseNumber(text),
      (n) => n >= 0 && n <= 1,
      () => "a share from 0 to 1"
    )
).pipe(Options.withDefault(0.99))

/** How sure a promise is. */
export const confidence: Options.Options<number> = Flags.parsed(
  "confidence",
  "SHARE",
  "How sure it must be that an asked share of quality is kept; 0.9 when it isn't given",
  (text) =>
    Either.filterOrLeft(
      Format.parseNumber(text),
      (n) => n >= 0 && n < 1,
      () => "a number from 0 to below 1"
    )
).pipe(Options.withDefault(0.9))

const seed = Flags.parsed("seed", "NUMBER", "What chance is drawn from; 1 when it isn't given", (text) =>
  Either.filterOrLeft(Format.parseNumber(text), Number.isSafeInteger, () => "a whole number")
).pipe(Options.withDefault(1))

/** What the model does and promises, in words. */
const summary = (model: QualityModel.Model, keep: number): string => {
  const [families, whole] = [
    QualityModel.guaranteesOf(model, keep),
    QualityModel.guaranteesOf(model, keep, "whole")
  ]
  const both = (...guarantees: ReadonlyArray<QualityModel.Guarantee>) =>
    guarantees.flatMap((guarantee) => Guarantee.lines(guarantee, model.best).map((line) => `  ${line}`))
  return [
    `best provider: ${model.best}`,
    `families: ${model.families.map(({ name }) => name).join(", ")}`,
    model.cascade === undefined
      ? "no cascade: no answers were recorded that could be compared"
      : `cascade: ${[...model.cascade.stages.map(({ provider }) => provider), model.cascade.last].join(" → ")}`,
    `${Guarantee.percent(keep)} of ${model.best}'s quality, with ${Guarantee.percent(model.shown.confidence)} confidence`,
    ...Option.match(Option.all([families.cascade, whole.cascade]), {
      onNone: () => [],
      onSome: (guarantees) => ["by the cascade:", ...both(...guarantees)]
    }),
    "by prediction alone:",
    ...both(families.prediction, whole.prediction)
  ].join("\n")
}

/** The command. */
export const command = Command.make(
  "train",
  {
    outcomes,
    out: Options.text("out").pipe(
      Options.withPseudoName("MODEL"),
      Options.withDescription("The file that the model is written to")
    ),
    keep,
    confidence,
    seed
  },
  (given) =>
    Effect.gen(function* () {
      const streams = yield* StandardStreams
      const { test, ...parts } = Outcomes.split(yield* OutcomesFile.read(given.outcomes), salt)
      const model = yield* QualityModel.train(parts, {
        keep: given.keep,
        confidence: given.confidence,
        seed: given.seed
      })
      yield* ModelFile.write(given.out, model)
      yield* streams.write(`${summary(model, given.keep)}\n`)
      yield* streams.writeError(
        `Trained on ${Format.count(parts.train.length + parts.validation.length, "outcome")}; ${test.length} are left to evaluate ${given.out} by.\n`
      )
    })
).pipe(Command.withDescription("Learn from outcomes which provider is good at what"))
