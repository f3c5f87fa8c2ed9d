import * as Arr from "effect/Array"
import * as Either from "effect/Either"
import type { AIProvider } from "../../AIProvider.js"
import type { ReasoningEngine } from "../../ReasoningEngine.js"
import type { ApiKey } from "../ApiKeys.js"
import * as models from "./models.js"
import { RejectedRequest } from "./rejection.js"

/** What of a key says whom its calls may be answered by. */
export type Permission = Pick<ApiKey, "models" | "strategies">

const permits = (names: ReadonlyArray<string>, { model, provider }: ReasoningEngine): boolean =>
  names.some((name) => models.matches(name, provider) || models.matches(name, model))

/** The providers that calls of a key may be answered by; undefined where any may. */
export const providersOf = (
  key: Permission | undefined,
  engines: ReadonlyArray<ReasoningEngine>
): ReadonlyArray<AIProvider> | undefined => {
  const names = key?.models
  return names && engines.filter((engine) => permits(names, engine)).map(({ provider }) => provider)
}

const modelNotAllowed = (model: string, providers: ReadonlyArray<AIProvider>): RejectedRequest =>
  new RejectedRequest({
    reason: "model-not-allowed",
    param: "model",
    description: `This key doesn't allow the model ${models.quoted(model)}. ${
      providers.length === 0 ? "It allows none that there is" : `It allows ${providers.join(", ")}`
    }`
  })

/** Whether a key allows a strategy, which `auto` is too; undefined where nothing is to be chosen. */
export const permitsStrategy = (
  { strategies }: Permission,
  names: ReadonlyArray<string | undefined>
): boolean =>
  strategies === undefined || names.some((name) => name !== undefined && strategies.includes(name))

/** What of a call a key is asked about. */
export interface Asked {
  /** As the call names it. */
  readonly model: string
  readonly target: models.Target
  /** What the call says itself of the strategy. */
  readonly choice: models.Choice | undefined
  /** The name of that by which its provider is chosen; undefined where the call names its provider. */
  readonly strategy: string | undefined
}

/**
 * The providers that a call may be asked of, undefined where that is any; or why the call isn't allowed.
 */
export const check = (
  key: Permission | undefined,
  engines: ReadonlyArray<ReasoningEngine>,
  { choice, model, strategy, target }: Asked
): Either.Either<Arr.NonEmptyReadonlyArray<AIProvider> | undefined, RejectedRequest> => {
  if (key === undefined) return Either.right(undefined)
  const chooses = target._tag === "Choice" || choice !== undefined
  if (chooses && !permitsStrategy(key, [strategy, choice === undefined ? "auto" : undefined])) {
    const { strategies = [] } = key
    return Either.left(
      new RejectedRequest({
        reason: "strategy-not-allowed",
        param: choice === undefined || target._tag === "Choice" ? "model" : "x-saga-strategy",
        description: `This key doesn't allow the strategy ${models.quoted(strategy ?? "auto")}. It allows ${strategies.join(", ")}`
      })
    )
  }
  const providers = providersOf(key, engines)
  if (providers === undefined) return Either.right(undefined)
  return Arr.isNonEmptyReadonlyArray(providers) &&
    (target._tag === "Choice" || providers.includes(target.provider))
    ? Either.right(providers)
    : Either.left(modelNotAllowed(model, providers))
}

/** Whether a key allows a name of the list of models. */
export const isVisible =
  (
    key: Permission | undefined,
    engines: ReadonlyArray<ReasoningEngine>,
    choices: models.Choices,
    aliases: models.Aliases
  ) =>
  (model: string): boolean =>
    key === undefined ||
    (key.models === undefined && key.strategies === undefined) ||
    Either.isRight(
      Either.flatMap(
        Either.orElse(models.resolve(model, engines, choices, aliases), () =>
          models.embedder(model, engines, aliases)
        ),
        (target) => {
          const choice = target._tag === "Choice" ? target.choice : undefined
          return check(key, engines, { model, target, choice, strategy: choice?.name })
        }
      )
    )
