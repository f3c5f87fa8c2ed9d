/** What is translated from one wire to another, against the types of the vendors' own packages. */
import * as HttpClient from "@effect/platform/HttpClient"
import * as HttpClientError from "@effect/platform/HttpClientError"
import { assert, describe, it } from "@effect/vitest"
import { AIProvider, AITask, type InvalidArgument, type ReasoningEngine } from "arc-saga"
import { Claude, OpenAICompatible } from "arc-saga/engines"
import { Arbitraries } from "arc-saga/testing"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as FastCheck from "effect/FastCheck"
import * as Redacted from "effect/Redacted"
import * as Struct from "effect/Struct"
import { taskOf } from "../../src/gateway/internal/call.js"
import * as chat from "../../src/gateway/internal/chat/request.js"
import * as messages from "../../src/gateway/internal/messages/request.js"
import * as responses from "../../src/gateway/internal/responses/request.js"
import { project } from "../utils/docs.js"
import { seed, sized } from "../utils/property.js"
import { bodies } from "../utils/wireBodies.js"

type Wire = keyof typeof bodies
type Json = Readonly<Record<string, unknown>>

const wires = ["chatCompletions", "messages", "responses"] as const

/** The types of requests: their packages' modules, and their names there. */
const types = {
  chatCompletions: ["openai/resources/chat/completions/completions", "ChatCompletionCreateParams"],
  messages: ["@anthropic-ai/sdk/resources/messages/messages", "MessageCreateParams"],
  responses: ["openai/resources/responses/responses", "ResponseCreateParams"]
} as const satisfies Record<Wire, readonly [string, string]>

const readers = { chatCompletions: chat.question, messages: messages.question, responses: responses.question }

/** What bodies have on purpose that their vendors' types haven't, and why. */
const beyond: Readonly<Record<Wire, Readonly<Record<string, string>>>> = {
  chatCompletions: {},
  messages: {
    temperature: "Models before Claude 5 take it, and other makers' on this wire",
    top_p: "as temperature",
    top_k: "as temperature"
  },
  responses: {}
}

const provider = AIProvider.unsafeMake("p")
const baseUrl = "http://127.0.0.1"
const apiKey = Redacted.make("sk-test-key")

const compatible = (wire: "chatCompletions" | "responses", model: string, more: object = {}) =>
  OpenAICompatible.make({ provider, baseUrl, model, apiKey, wires: [wire], ...more })

type Engine = Effect.Effect<
  ReasoningEngine.ReasoningEngine,
  InvalidArgument.InvalidArgumentError,
  HttpClient.HttpClient
>

/** Providers of each wire, by how their models are asked. */
const engines: Readonly<Record<Wire, ReadonlyArray<Engine>>> = {
  chatCompletions: [
    compatible("chatCompletions", "plain"),
    compatible("chatCompletions", "mistral"),
    compatible("chatCompletions", "gpt-5", {
      maxTokensField: "max_completion_tokens",
      extraFields: true,
      capabilities: { reasoning: true, sampling: false }
    })
  ],
  messages: ["claude-3-5-haiku", "claude-opus-4-5", "claude-opus-4-8"].map((model) =>
    Claude.make({ provider, baseUrl, model, apiKey })
  ),
  responses: [
    compatible("responses", "plain"),
    compatible("responses", "gpt-5", { extraFields: true, capabilities: { reasoning: true } })
  ]
}

/** What an engine sends of a task; nothing where the task can't be asked of it. */
const sent = (made: Engine, task: AITask.AITask, prefill: string | undefined) =>
  Effect.gen(function* () {
    const seen: Array<Json> = []
    const client = HttpClient.make((request) => {
      if (request.body._tag === "Uint8Array")
        seen.push(JSON.parse(new TextDecoder().decode(request.body.body)))
      return Effect.fail(new HttpClientError.RequestError({ request, reason: "Transport" }))
    })
    const engine = yield* Effect.provideService(made, HttpClient.HttpClient, client)
    yield* Effect.ignore(
      Effect.scoped(engine.attempt({ task, mode: task.mode, ...(prefill === undefined ? {} : { prefill }) }))
    )
    return seen
  })

/** The task of a body; it is translated also to its own wire. */
const read = (wire: Wire, body: Json): AITask.AITask => {
  const question = Either.getOrThrow(readers[wire](body))
  const { original: _, ...task } = Either.getOrThrow(taskOf(question.fields, question, { wire, body }))
  return task
}

/** A task without what is for one wire alone, which is sent as it is given. */
const own = (options: AITask.Options): AITask.AITask => {
  const { nativeTools: _, options: __, original: ___, serviceTier, unsupported: ____, ...task } = options
  return Either.getOrThrow(
    AITask.decodeUnknown({
      ...task,
      ...(task.messages === undefined ? {} : { messages: task.messages.map(Struct.omit("options")) }),
      ...(serviceTier === undefined ? {} : { serviceTier: "flex" })
    })
  )
}

const sample = <A>(of: FastCheck.Arbitrary<A>): ReadonlyArray<A> =>
  FastCheck.sample(of, { numRuns: sized(100, 25), seed })

/** What the vendors' types don't have in bodies, each with its line; nothing where all are valid. */
const check = async (
  files: Readonly<Record<string, readonly [Wire, ReadonlyArray<Json>]>>
): Promise<string> => {
  const codes = Object.entries(files).map(([name, [wire, bodies]]) => {
    const [module, type] = types[wire]
    const blocks = bodies.map((body) => {
      const known = Object.entries(body).filter(([field]) => !Object.hasOwn(beyond[wire], field))
      return `{\nconst body: Params = ${JSON.stringify(Object.fromEntries(known), null, 1)}\nvoid body\n}`
    })
    return [
      `${name}.ts`,
      [`import type { ${type} as Params } from "${module}"`, ...blocks].join("\n")
    ] as const
  })
  const written = project(
    codes.map(([name, code]) => ({ document: "bodies", language: "ts", name, line: 1, code }))
  )
  const said = await written.check().finally(written.remove)
  const lines = new Map(codes.map(([name, code]) => [name, code.split("\n")]))
  return said.replaceAll(
    /^bodies\/(.+)\((\d+),.*$/gm,
    (error, name, line) => `${error}\n  ${lines.get(name)?.[Number(line) - 1]?.trim()}`
  )
}

describe("what is translated", () => {
  it.live(
    "is valid by the types of the wire's vendor, of callers of every wire and of tasks",
    () =>
      Effect.gen(function* () {
        const files: Record<string, readonly [Wire, ReadonlyArray<Json>]> = {}
        const tasks = sample(Arbitraries.taskOptions()).map(own)
        for (const to of wires) {
          const origins: Record<string, ReadonlyArray<AITask.AITask>> = { tasks }
          for (const from of wires) origins[from] = sample(bodies[from]).map((body) => read(from, body))
          for (const [from, asked] of Object.entries(origins)) {
            const made: Array<Json> = []
            for (const [index, task] of asked.entries()) {
              const engine = engines[to][index % engines[to].length]
              if (engine !== undefined)
                made.push(...(yield* sent(engine, task, index % 5 === 4 ? "Once" : undefined)))
            }
            assert.isAbove(made.length, asked.length / 2, `${from} to ${to}`)
            files[`${from}-to-${to}`] = [to, made]
          }
          // What is generated is valid itself.
          files[`callers-of-${to}`] = [to, sample(bodies[to])]
        }
        assert.strictEqual(yield* Effect.promise(() => check(files)), "")
      }),
    120_000
  )
})
