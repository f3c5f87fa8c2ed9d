/** The flags that several commands share. */
import * as HelpDoc from "@effect/cli/HelpDoc"
import * as Options from "@effect/cli/Options"
import * as ValidationError from "@effect/cli/ValidationError"
import * as Either from "effect/Either"
import type * as Option from "effect/Option"
import * as ConfigFile from "./ConfigFile.js"
import * as Format from "./Format.js"

/** `--config FILE`. */
export const config: Options.Options<Option.Option<string>> = Options.text("config").pipe(
  Options.withPseudoName("FILE"),
  Options.withDescription("A JSON file with providers, chains, limits and a strategy (or ARC_SAGA_CONFIG)"),
  Options.optional
)

/** `--provider ID`. */
export const provider: Options.Options<Option.Option<string>> = Options.text("provider").pipe(
  Options.withPseudoName("ID"),
  Options.withDescription("The provider to ask first, whatever the strategy says"),
  Options.optional
)

/** A flag whose value is parsed from its text; what is wrong with it is told with the flag's name. */
export const parsed = <A>(
  name: string,
  placeholder: string,
  description: string,
  parse: (text: string) => Either.Either<A, string>
): Options.Options<A> =>
  Options.text(name).pipe(
    Options.withPseudoName(placeholder),
    Options.withDescription(description),
    Options.mapEffect((text) =>
      Either.mapLeft(parse(text), (expected) =>
        ValidationError.invalidValue(
          HelpDoc.p(`--${name}: Expected ${expected}, actual ${JSON.stringify(text)}`)
        )
      )
    )
  )

/** `--model NAME`. */
export const model: Options.Options<Option.Option<string>> = parsed(
  "model",
  "NAME",
  "The model that this provider is asked for, instead of the configured one",
  (name) => (name.trim() === "" ? Either.left("the name of a model") : Either.right(name))
).pipe(Options.optional)

/** `--strategy NAME`. */
export const strategy: Options.Options<Option.Option<ConfigFile.StrategyName>> = parsed(
  "strategy",
  "NAME",
  "By what the provider is chosen: cheapest, fastest, quality, balanced (the default), or, as the file sets them up, savings or cascade",
  (name) =>
    Either.fromNullable(
      ConfigFile.strategies.find((strategy) => strategy === name),
      () => `one of ${ConfigFile.strategies.join(", ")}`
    )
).pipe(Options.optional)

/** A flag whose value is a duration such as `30s`, in milliseconds. */
export const duration = (name: string, description: string): Options.Options<number> =>
  parsed(name, "DURATION", description, Format.parseDuration)

/** A flag whose value is a number; a task or a command says which ones it can use. */
export const number = (name: string, description: string): Options.Options<number> =>
  parsed(name, "NUMBER", description, Format.parseNumber)

/** A flag whose value is a whole number within bounds. */
export const whole = (name: string, description: string, most: number): Options.Options<number> =>
  parsed(name, "NUMBER", description, (text) =>
    Either.filterOrLeft(
      Format.parseNumber(text),
      (n) => Number.isInteger(n) && n >= 1 && n <= most,
      () => `a whole number from 1 to ${most}`
    )
  )

/** `--concurrency NUMBER`. */
export const concurrency: Options.Options<number> = whole(
  "concurrency",
  "How many tasks are under way at once; 4 when it isn't given",
  10_000
).pipe(Options.withDefault(4))
