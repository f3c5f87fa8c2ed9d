import * as DateTime from "effect/DateTime"
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import type { AIProvider } from "../../AIProvider.js"
import { InvalidArgumentError } from "../../InvalidArgument.js"
import { embedsOnly, type ReasoningEngine } from "../../ReasoningEngine.js"
import * as Strategy from "../../routing/Strategy.js"
import type * as TaskService from "../../routing/TaskService.js"
import { RejectedRequest } from "./rejection.js"

/** What stands before the name of a strategy where a model is expected. */
export const prefix = "saga/"

/** The gateway's own strategy, whatever it is. */
const auto = "saga/auto"

export const quoted = (name: string): string => JSON.stringify(name.slice(0, 128))

/** What a call can name as `saga/<name>`: a strategy of the gateway's own service, or another service. */
export interface Choice {
  readonly name: string
  readonly strategy?: Strategy.Strategy | undefined
  readonly service?: TaskService.Service | undefined
}

/** The target of a model's name: one provider, or the one that is chosen (as the gateway's service does when absent). */
export type Target =
  | {
      readonly _tag: "Provider"
      readonly provider: AIProvider
      /** Whether it is the first of several whose model has the name: it was none of them that was named. */
      readonly isShared?: boolean | undefined
    }
  | { readonly _tag: "Choice"; readonly choice?: Choice | undefined }

export type Choices = ReadonlyMap<string, Choice>

/** What a call can name: the usual strategies and those that are given, and services. */
export const choicesOf = (
  strategies: ReadonlyArray<Strategy.Strategy>,
  services: ReadonlyArray<readonly [string, TaskService.Service]> = []
): Choices => {
  const choices = new Map<string, Choice>()
  for (const strategy of [...Object.values(Strategy.named), ...strategies]) {
    choices.set(strategy.name, { name: strategy.name, strategy })
  }
  for (const [name, service] of services) {
    if (!choices.has(name)) choices.set(name, { name, service })
  }
  return choices
}

/** Other names for models, or patterns of names with `*` for any text, and what is meant by them. */
export type Aliases = Readonly<Record<string, string>>

/** The names that `model` may have; patterns aren't names. */
export const names = (
  engines: ReadonlyArray<ReasoningEngine>,
  choices: Choices,
  aliases: Aliases = {}
): ReadonlyArray<string> => [
  ...engines.map(({ provider }): string => provider),
  auto,
  ...Array.from(choices.keys(), (name) => prefix + name),
  ...Object.keys(aliases).filter((name) => !name.includes("*"))
]

/** Whether a name is of a pattern: its pieces come one after the other, from the beginning to the end. */
export const matches = (pattern: string, name: string): boolean => {
  const [first = "", ...rest] = pattern.split("*")
  const last = rest.pop()
  if (last === undefined) return name === pattern
  if (!name.startsWith(first) || !name.endsWith(last)) return false
  let at = first.length
  for (const piece of rest) {
    const found = name.indexOf(piece, at)
    if (found === -1) return false
    at = found + piece.length
  }
  return at <= name.length - last.length
}

/** What a name is mapped to: by itself, or by the longest pattern that it is of. */
const meant = (model: string, aliases: Aliases): string | undefined => {
  if (Object.hasOwn(aliases, model)) return aliases[model]
  const [pattern] = Object.keys(aliases)
    .filter((pattern) => matches(pattern, model))
    .toSorted((one, other) => other.length - one.length)
  return pattern === undefined ? undefined : aliases[pattern]
}

const unknown = (model: string, known: ReadonlyArray<string>): RejectedRequest =>
  new RejectedRequest({
    reason: "no-model",
    param: "model",
    description: `There is no model ${quoted(model)}. There are ${known.join(", ")}`
  })

const targetOf = (
  name: string,
  engines: ReadonlyArray<ReasoningEngine>,
  choices: Choices
): Target | undefined => {
  const engine = engines.find(({ provider }) => provider === name)
  if (engine !== undefined) return { _tag: "Provider", provider: engine.provider }
  if (name === auto) return { _tag: "Choice" }
  const choice = name.startsWith(prefix) ? choices.get(name.slice(prefix.length)) : undefined
  return choice && { _tag: "Choice", choice }
}

/**
 * The target of a model's name: a provider or a choice by its own name, what the name is mapped to, or the
 * first provider whose model has the name.
 */
export const resolve = (
  model: string,
  engines: ReadonlyArray<ReasoningEngine>,
  choices: Choices,
  aliases: Aliases = {}
): Either.Either<Target, RejectedRequest> => {
  const alias = meant(model, aliases)
  const [named, ...others] = engines.filter((engine) => engine.model === model)
  const target =
    targetOf(model, engines, choices) ??
    (alias === undefined ? undefined : targetOf(alias, engines, choices)) ??
    (named && { _tag: "Provider", provider: named.provider, isShared: others.length > 0 })
  return Either.fromNullable(target, () => unknown(model, names(engines, choices, aliases)))
}

/** A provider and its model. */
export interface Embedder extends Extract<Target, { readonly _tag: "Provider" }> {
  readonly model: string
}

/**
 * Who embeds for a model's name: a provider by its own name, what the name is mapped to, or the first that embeds whose
 * model has the name. A strategy can't choose: embeddings of two models can't be compared.
 */
export const embedder = (
  model: string,
  engines: ReadonlyArray<ReasoningEngine>,
  aliases: Aliases = {}
): Either.Either<Embedder, RejectedRequest> => {
  const embedding = engines.filter(({ wires }) => wires.includes("embeddings"))
  const by = (field: "provider" | "model", name: string | undefined) =>
    embedding.find((engine) => engine[field] === name)
  const alias = meant(model, aliases)
  const found = by("provider", model) ?? by("provider", alias) ?? by("model", alias) ?? by("model", model)
  if (found !== undefined) {
    return Either.right({ _tag: "Provider", provider: found.provider, model: found.model })
  }
  const there =
    embedding.length === 0
      ? "No provider has the wire embeddings"
      : `There are ${embedding.map(({ provider }) => provider).join(", ")}`
  return Either.left(
    new RejectedRequest({
      reason: "no-model",
      param: "model",
      description: `There is no model ${quoted(model)} that embeds. ${there}`
    })
  )
}

/** What the header of strategies names. */
export const choiceOf = (name: string, choices: Choices): Either.Either<Choice, RejectedRequest> =>
  Either.fromNullable(
    choices.get(name),
    () =>
      new RejectedRequest({
        reason: "malformed",
        param: "x-saga-strategy",
        description: `There is no strategy ${quoted(name)}. There are ${Array.from(choices.keys()).join(", ")}`
      })
  )

/** Fails where a setting is for a strategy that there isn't. */
export const checkNames = (
  field: string,
  given: ReadonlyArray<string>,
  choices: Choices
): Either.Either<void, InvalidArgumentError> => {
  const known = names([], choices)
  const missing = given.find((name) => name.startsWith(prefix) && !known.includes(name))
  return missing === undefined
    ? Either.void
    : Either.left(
        new InvalidArgumentError({
          subject: "Gateway",
          field,
          reason: `Expected a provider or one of ${known.join(", ")}, actual ${quoted(missing)}`
        })
      )
}

/** The paths that take a conversation with a model. */
const conversations = ["/v1/chat/completions", "/v1/messages", "/v1/responses"]

/** What may be asked of a name. */
interface About {
  /** By which paths. */
  readonly endpoints: ReadonlyArray<string>
  /** What of a conversation its provider takes, where it is one provider's. */
  readonly capabilities?: ReadonlyArray<string> | undefined
}

const about = (
  name: string,
  engines: ReadonlyArray<ReasoningEngine>,
  choices: Choices,
  aliases: Aliases
): About => {
  const target = Option.getOrUndefined(Either.getRight(resolve(name, engines, choices, aliases)))
  const isOne = target?._tag === "Provider"
  const asked = isOne ? engines.filter(({ provider }) => provider === target.provider) : engines
  const [one] = asked.filter((engine) => !embedsOnly(engine))
  return {
    endpoints: [
      ...(target === undefined || one === undefined ? [] : conversations),
      ...(Either.isRight(embedder(name, engines, aliases)) ? ["/v1/embeddings"] : [])
    ],
    ...(isOne && one !== undefined
      ? {
          capabilities: Object.entries(one.capabilities).flatMap(([name, can]) =>
            can === true ? [name] : []
          )
        }
      : {})
  }
}

const entry = (id: string, saga: About, createdAt: number) => ({
  id,
  object: "model",
  created: Math.floor(createdAt / 1000),
  owned_by: "arc-saga",
  type: "model",
  display_name: id,
  created_at: DateTime.formatIso(DateTime.unsafeMake(createdAt)),
  saga
})

/** A list that OpenAI's clients understand as well as Anthropic's. */
export const list = (
  engines: ReadonlyArray<ReasoningEngine>,
  choices: Choices,
  aliases: Aliases,
  createdAt: number,
  isAllowed: (name: string) => boolean = () => true
): { readonly data: ReadonlyArray<ReturnType<typeof entry>>; readonly [field: string]: unknown } => {
  const known = names(engines, choices, aliases).filter(isAllowed)
  return {
    object: "list",
    data: known.map((id) => entry(id, about(id, engines, choices, aliases), createdAt)),
    first_id: known.at(0) ?? null,
    last_id: known.at(-1) ?? null,
    has_more: false
  }
}

/** A name as it is in a path; none where it can't be one. */
export const decodePath = Option.liftThrowable(decodeURIComponent)

/** One of the list, by its name as it is in a path. */
export const describe = (
  path: string,
  engines: ReadonlyArray<ReasoningEngine>,
  choices: Choices,
  aliases: Aliases,
  createdAt: number,
  isAllowed: (name: string) => boolean = () => true
): Either.Either<unknown, RejectedRequest> => {
  const id = Option.getOrElse(decodePath(path), () => path)
  const known = names(engines, choices, aliases).filter(isAllowed)
  return known.includes(id)
    ? Either.right(entry(id, about(id, engines, choices, aliases), createdAt))
    : Either.left(unknown(id, known))
}
