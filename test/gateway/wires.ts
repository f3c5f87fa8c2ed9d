/** A gateway over one provider of each wire, called as the wire is, and calls that ask them over any wire. */
import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import { AIProvider } from "arc-saga"
import { Claude, OpenAICompatible } from "arc-saga/engines"
import { Behaviour, type ScriptedEngine } from "arc-saga/testing"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as RawServer from "../utils/RawServer.js"
import { post, type Setup, start } from "./harness.js"

export const wires = ["messages", "chatCompletions", "responses"] as const

/** A wire of conversations. */
export type Wire = (typeof wires)[number]

export const paths = {
  messages: "/v1/messages",
  chatCompletions: "/v1/chat/completions",
  responses: "/v1/responses"
} as const satisfies Record<Wire, string>

/** The key of the providers. */
export const upstreamKey = "sk-test-upstream/+key"

/** A provider that would answer, and isn't to be asked. */
export const other: ScriptedEngine.Options = {
  provider: AIProvider.unsafeMake("other"),
  script: [Behaviour.answer({ text: "I know better." })]
}

/** Providers of each wire at one address, named as their wire is. */
export const providers = (baseUrl: string) => {
  const apiKey = Redacted.make(upstreamKey)
  const compatible = (wire: "chatCompletions" | "responses") =>
    OpenAICompatible.make({
      provider: AIProvider.unsafeMake(wire),
      baseUrl,
      model: "m",
      apiKey,
      wires: [wire],
      capabilities: { images: true, documents: true }
    })
  return Effect.all([
    Claude.make({ provider: AIProvider.unsafeMake("messages"), baseUrl, model: "m", apiKey }),
    compatible("chatCompletions"),
    compatible("responses")
  ]).pipe(Effect.orDie, Effect.provide(FetchHttpClient.layer))
}

/** A gateway over providers that answer each call with the next steps, and one that would answer. */
export const over = (steps: ReadonlyArray<ReadonlyArray<RawServer.Step>>, setup: Partial<Setup> = {}) =>
  Effect.gen(function* () {
    const upstream = yield* RawServer.make(...steps)
    const gateway = yield* start({
      engines: [other],
      registered: yield* providers(upstream.url),
      // Neither waits nor other providers.
      policy: { rules: { TransientError: { _tag: "fail-over" }, RateLimitError: { _tag: "fail-over" } } },
      ...setup
    })
    return { ...gateway, upstream }
  })

/** What a caller of a wire says to a provider. */
export const bodyOf = (wire: Wire, model: string, stream: boolean, more: object = {}): object => ({
  model,
  ...(wire === "responses" ? { input: "Hi" } : { messages: [{ role: "user", content: "Hi" }] }),
  ...(wire === "messages" ? { max_tokens: 99 } : {}),
  ...(stream ? { stream } : {}),
  // Counts that the caller hasn't asked for aren't for him.
  ...(stream && wire === "chatCompletions" ? { stream_options: { include_usage: true } } : {}),
  ...more
})

/** Asks over a wire for a provider. */
export const ask = (
  url: string,
  wire: Wire,
  model: string,
  stream: boolean,
  headers: Readonly<Record<string, string>> = {}
) => post(url + paths[wire], bodyOf(wire, model, stream), headers)
