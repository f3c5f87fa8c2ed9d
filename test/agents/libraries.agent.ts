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

/** Runs a program over a wire; what it prints, and that its provider was told what it said. */
const printed = (program: string, wire: Wire, basePath: string) =>
  Effect.gen(function* () {
    const id = providerOf(wire)
    const api = wire === "messages" ? "anthropic" : "openai"
    const served = yield* gateway.over({ [id]: { api, script: traveller } })
    const vendor = wire === "messages" ? "ANTHROPIC" : "OPENAI"
    const { code, err, out } = yield* gateway.run(
      process.execPath,
      [`${gateway.folder}programs/${program}.mjs`, wire],
      {
        cwd: gateway.folder,
        env: {
          [`${vendor}_BASE_URL`]: served.url + basePath,
          [`${vendor}_API_KEY`]: "test-key-of-the-client"
        }
      }
    )
    assert.strictEqual(code, 0, err)
    yield* gateway.assertCarried(served, id, traveller)
    // Some say other things before.
    const said: Json = JSON.parse(out.split("\n").at(-1) ?? "")
    return said
  })

describe("the AI SDK", () => {
  it.scoped.each(["messages", "chatCompletions"] as const)(
    "uses tools, makes objects and thinks: %s",
    (wire) =>
      Effect.gen(function* () {
        const { object, streamed, thought, whole } = yield* printed("ai-sdk", wire, "/v1")
        assert.deepInclude(whole, { text: both, steps: 3 })
        assert.strictEqual(at(streamed, "steps"), 3)
        assert.deepStrictEqual(object, report)
        assert.strictEqual(at(thought, "text"), "Hello there")
        if (wire === "messages") assert.strictEqual(at(thought, "reasoning"), "Light scatters.")
      }).pipe(Effect.provide(NodeWireServer.layer))
  )
})

describe("LangChain", () => {
  it.scoped.each(["messages", "chatCompletions"] as const)("has an agent use tools: %s", (wire) =>
    Effect.gen(function* () {
      const said = yield* printed("langchain", wire, wire === "messages" ? "" : "/v1")
      assert.deepInclude(said, { text: both, messages: 6 })
      assert.include(said["streamed"], both)
    }).pipe(Effect.provide(NodeWireServer.layer))
  )
})

describe("OpenAI's Agents SDK", () => {
  it.scoped.each(["chatCompletions"] as const)("has an agent use tools, and gives objects: %s", (wire) =>
    Effect.gen(function* () {
      const said = yield* printed("openai-agents", wire, "/v1")
      assert.deepInclude(said, { text: both, object: report })
      assert.include(said["streamed"], both)
    }).pipe(Effect.provide(NodeWireServer.layer))
  )
})

describe("Effect AI", () => {
  it.scoped.each(["messages"] as const)("uses a toolkit, streams, and makes objects: %s", (wire) =>
    Effect.gen(function* () {
      const said = yield* printed("effect-ai", wire, wire === "messages" ? "" : "/v1")
      assert.deepInclude(said, { text: both, streamed: "Hello there", object: report })
    }).pipe(Effect.provide(NodeWireServer.layer))
  )
})
