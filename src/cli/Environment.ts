/** The providers that the environment configures, and what is found running. */
import type * as HttpClient from "@effect/platform/HttpClient"
import * as Config from "effect/Config"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as AIProvider from "../AIProvider.js"
import * as Claude from "../engines/Claude.js"
import * as OpenAI from "../engines/OpenAI.js"
import type { InvalidArgumentError } from "../InvalidArgument.js"
import * as Configured from "./ConfiguredProvider.js"
import * as Server from "./Server.js"

/** The origin of what the environment configures. */
export const origin = "environment"

/** The model to ask a provider for, given the one that is configured. */
export type ModelOf = (provider: AIProvider.AIProvider, configured: string) => string

const ollama = AIProvider.unsafeMake("ollama")

/** A variable; one that is empty counts as one that isn't set. */
export const variable = (name: string): Effect.Effect<Option.Option<Redacted.Redacted>> =>
  Effect.map(
    // A variable that can't be read isn't there.
    Effect.option(Config.redacted(name)),
    Option.filter((value) => Redacted.value(value).trim() !== "")
  )

/** The text of a variable. */
export const text = (name: string): Effect.Effect<Option.Option<string>> =>
  Effect.map(variable(name), Option.map(Redacted.value))

/** The variable that an option comes from: ANTHROPIC_API_KEY for `apiKey`. */
export const variableOf = (prefix: string, option: string): string =>
  `${prefix}_${option.replaceAll(/[A-Z]/g, "_$&").toUpperCase()}`

const blame =
  (prefix: "ANTHROPIC" | "OPENAI") =>
  ({ field, reason }: InvalidArgumentError): Configured.Status =>
    Configured.broken(origin, variableOf(prefix, field), reason)

/** OpenAI itself, or the server that stands in for it. */
export const openAI = (modelOf: ModelOf): Effect.Effect<Configured.Provider, never, HttpClient.HttpClient> =>
  Effect.gen(function* () {
    const apiKey = Option.getOrUndefined(yield* variable("OPENAI_API_KEY"))
    const baseUrl = Option.getOrUndefined(yield* text("OPENAI_BASE_URL"))
    const model = modelOf(
      AIProvider.Gpt4,
      Option.getOrElse(yield* text("OPENAI_MODEL"), () => "gpt-4o-mini")
    )
    const described = { id: AIProvider.Gpt4, model }
    if (apiKey === undefined && baseUrl === undefined) {
      return Configured.make(described, origin, Configured.off("OPENAI_API_KEY isn't set"))
    }
    const server = { ...described, apiKey, baseUrl: baseUrl ?? OpenAI.defaultBaseUrl }
    return yield* Configured.server(server, origin, blame("OPENAI"))
  })

/** Anthropic's Claude, or the server that stands in for Anthropic's. */
export const claude = (modelOf: ModelOf): Effect.Effect<Configured.Provider, never, HttpClient.HttpClient> =>
  Effect.gen(function* () {
    const apiKey = Option.getOrUndefined(yield* variable("ANTHROPIC_API_KEY"))
    const baseUrl = Option.getOrElse(yield* text("ANTHROPIC_BASE_URL"), () => Claude.defaultBaseUrl)
    const model = modelOf(
      AIProvider.Claude,
      Option.getOrElse(yield* text("ANTHROPIC_MODEL"), () => "claude-haiku-4-5")
    )
    const described = { id: AIProvider.Claude, model }
    return yield* apiKey === undefined
      ? Effect.succeed(Configured.make(described, origin, Configured.off("ANTHROPIC_API_KEY isn't set")))
      : Configured.server({ ...described, api: "anthropic", baseUrl, apiKey }, origin, blame("ANTHROPIC"))
  })

/** OLLAMA_HOST as Ollama reads it: a host, a host and port, or a URL; where it binds to all, ask this one. */
const ollamaUrl = (host: string): string => {
  const url = host.includes("://") ? host : `http://${host}`
  const port = /:\d+\/?$/.test(url) || host.includes("://") ? "" : ":11434"
  return `${url.replace(/(?<!\/)\/+$/, "").replace("://0.0.0.0", "://127.0.0.1")}${port}/v1`
}

/** A server of Ollama, if one is running. */
export const findOllama = (
  modelOf: ModelOf
): Effect.Effect<Configured.Provider, never, HttpClient.HttpClient> =>
  Effect.gen(function* () {
    const host = Option.getOrElse(yield* text("OLLAMA_HOST"), () => "127.0.0.1:11434")
    const baseUrl = ollamaUrl(host)
    const answer = yield* Server.models({ baseUrl, limit: "300 millis" })
    const first = answer._tag === "Models" ? answer.models[0] : undefined
    if (first === undefined) {
      const why =
        answer._tag === "Absent"
          ? `no server answers at ${baseUrl}`
          : `the server at ${baseUrl} has no model: ollama pull one`
      return Configured.make({ id: ollama }, "looked for", Configured.off(why))
    }
    const model = modelOf(ollama, first)
    // What runs on one's own machine charges nothing.
    const described = { id: ollama, baseUrl, model, price: { input: 0, output: 0 } }
    return yield* Configured.server(described, `found at ${baseUrl}`, ({ reason }) =>
      Configured.broken(origin, "OLLAMA_HOST", reason)
    )
  })
