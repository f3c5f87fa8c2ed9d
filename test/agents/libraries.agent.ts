/** Programs of the libraries for agents, unchanged but for base URL and key. */
import { assert, describe, it } from "@effect/vitest"
import * as NodeWireServer from "arc-saga/testing/WireServer/Node"
import * as Effect from "effect/Effect"
import * as Predicate from "effect/Predicate"
import type { Wire } from "../../src/Wire.js"
import * as gateway from "./gateway.js"
import type { Answer, Call } from "./upstream.js"

type Json = Readonly<Record<string, unknown>>

const at = (value: unknown, ...path: ReadonlyArray<string>): unknown =>
  path.reduce<unknown>((found, name) => (Predicate.isRecord(found) ? found[name] : undefined), value)

/** Whether a call asks for an object, in the way of its wire. */
const wantsObject = ({ body }: Call): boolean =>
  [
    at(body, "response_format", "type"),
    at(body, "text", "format", "type"),
    at(body, "output_config", "format", "type")
  ].some((type) => type === "json_schema")

const namesOf = ({ body }: Call): ReadonlyArray<unknown> =>
  Array.isArray(body["tools"])
    ? body["tools"].map((tool: unknown) => at(tool, "name") ?? at(tool, "function", "name"))
    : []

const report = { city: "Rome", degrees: 9 }

/** Looks up two cities, one after the other, then compares them; makes an object, or thinks, where that is asked. */
const traveller = (call: Call): Answer => {
  if (wantsObject(call)) return { text: JSON.stringify(report) }
  // Where a wire has no other way, a tool takes the object.
  const [only = "weather", ...others] = namesOf(call)
  if (only !== "weather" && others.length === 0) return { calls: [{ name: String(only), input: report }] }
  if (namesOf(call).length === 0) return { thinking: "Light scatters.", text: "Hello there" }
  const city = ["Oslo", "Rome"][call.results.length]
  return city === undefined
    ? { text: `Found: ${call.results.join(", ").replaceAll('"', "")}` }
    : { text: "Looking.", calls: [{ name: "weather", input: { city } }] }
}

const both = "Found: Oslo: 9 degrees, Rome: 9 degrees"

const providerOf = (wire: Wire) => (wire === "messages" ? "claude" : "gpt4")
const apiOf = (wire: Wire) => (wire === "messages" ? "anthropic" : "openai")

const headings = {
  "ai-sdk": "AI SDK",
  langchain: "LangChain",
  "openai-agents": "OpenAI Agents",
  "effect-ai": "Effect AI"
}

type Program = keyof typeof headings

/** Runs a program over a wire, with these providers; what it prints. */
const ran = (program: Program, wire: Wire, providers: Readonly<Record<string, gateway.Provider>>) =>
  Effect.gen(function* () {
    const served = yield* gateway.over(providers)
    const { code, err, out } = yield* gateway.run(
      process.execPath,
      [`${gateway.folder}programs/${program}.mjs`, wire],
      { cwd: gateway.folder, env: gateway.documented(served, headings[program]).env }
    )
    assert.strictEqual(code, 0, err)
    // Some say other things before.
    const said: Json = JSON.parse(out.split("\n").at(-1) ?? "")
    return { served, said }
  })

/** The same with a provider of the program's wire, which was told what the program said. */
const printed = (program: Program, wire: Wire) =>
  Effect.gen(function* () {
    const id = providerOf(wire)
    const { said, served } = yield* ran(program, wire, { [id]: { api: apiOf(wire), script: traveller } })
    yield* gateway.assertCarried(served, id, traveller)
    return said
  })

describe("the AI SDK", () => {
  it.scoped.each(["messages", "chatCompletions", "responses"] as const)(
    "uses tools, makes objects and thinks: %s",
    (wire) =>
      Effect.gen(function* () {
        const { object, streamed, thought, whole } = yield* printed("ai-sdk", wire)
        assert.deepInclude(whole, { text: both, steps: 3 })
        assert.strictEqual(at(streamed, "steps"), 3)
        assert.deepStrictEqual(object, report)
        assert.strictEqual(at(thought, "text"), "Hello there")
        if (wire === "messages") assert.strictEqual(at(thought, "reasoning"), "Light scatters.")
      }).pipe(Effect.provide(NodeWireServer.layer))
  )
})

describe("LangChain", () => {
  it.scoped.each(["messages", "chatCompletions", "responses"] as const)(
    "has an agent use tools: %s",
    (wire) =>
      Effect.gen(function* () {
        const said = yield* printed("langchain", wire)
        assert.deepInclude(said, { text: both, messages: 6 })
        assert.include(said["streamed"], both)
      }).pipe(Effect.provide(NodeWireServer.layer))
  )
})

describe("OpenAI's Agents SDK", () => {
  it.scoped.each(["chatCompletions", "responses"] as const)(
    "has an agent use tools, and gives objects: %s",
    (wire) =>
      Effect.gen(function* () {
        const said = yield* printed("openai-agents", wire)
        assert.deepInclude(said, { text: both, object: report })
        assert.include(said["streamed"], both)
      }).pipe(Effect.provide(NodeWireServer.layer))
  )
})

describe("Effect AI", () => {
  it.scoped.each(["messages", "responses"] as const)(
    "uses a toolkit, streams, and makes objects: %s",
    (wire) =>
      Effect.gen(function* () {
        const said = yield* printed("effect-ai", wire)
        assert.deepInclude(said, { text: both, streamed: "Hello there", object: report })
      }).pipe(Effect.provide(NodeWireServer.layer))
  )
})

const programs = [
  ["ai-sdk", "messages"],
  ["langchain", "chatCompletions"],
  ["openai-agents", "responses"],
  ["effect-ai", "messages"]
] as const

const others = [
  ["ai-sdk", "chatCompletions"],
  ["ai-sdk", "responses"],
  ["langchain", "messages"],
  ["langchain", "responses"],
  ["openai-agents", "chatCompletions"],
  ["effect-ai", "responses"]
] as const

const textOf = (said: Json): unknown => said["text"] ?? at(said, "whole", "text")

describe("a program", () => {
  it.scoped.each([...programs, ...others])(
    "is served by a provider of another wire: %s, %s",
    ([program, wire]) =>
      Effect.gen(function* () {
        const api = wire === "messages" ? "openai" : "anthropic"
        const { said } = yield* ran(program, wire, { [providerOf(wire)]: { api, script: traveller } })
        assert.strictEqual(textOf(said), both)
        if (program !== "langchain") assert.deepStrictEqual(said["object"], report)
      }).pipe(Effect.provide(NodeWireServer.layer))
  )

  it.scoped.each(programs)(
    "goes on when its provider dies after a tool's result: %s, %s",
    ([program, wire]) =>
      Effect.gen(function* () {
        const dying = (call: Call): Answer =>
          call.results.length === 0 ? traveller(call) : { ...traveller(call), breaks: true }
        const [own, other] = [wire, wire === "messages" ? "chatCompletions" : "messages"] as const
        const { said, served } = yield* ran(program, wire, {
          [providerOf(own)]: { api: apiOf(own), script: dying },
          [providerOf(other)]: { api: apiOf(other), script: traveller }
        })
        assert.strictEqual(textOf(said), both)
        assert.isNotEmpty(yield* served.arrived(providerOf(other)))
      }).pipe(Effect.provide(NodeWireServer.layer))
  )
})
