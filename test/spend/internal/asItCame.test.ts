/** What a call that is sent as it came may use, of fields that the task knows nothing of. */
import { assert, describe, it } from "@effect/vitest"
import { AITask, Price } from "arc-saga"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import { worstCase } from "../../../src/spend/internal/worstCase.js"

type Json = Readonly<Record<string, unknown>>

const price = Option.some(Either.getOrThrow(Price.make({ input: 1, output: 1 })))

const worst = (body: Json, more: Partial<AITask.Options> = {}, requires: ReadonlyArray<string> = []) =>
  Effect.map(AITask.make({ prompt: "Hi", ...more }), (task) =>
    worstCase({ ...task, original: { wire: "messages", body, requires } }, undefined, 100, price)
  )

const said = (...content: ReadonlyArray<Json>): Json => ({ messages: [{ role: "user", content }] })
const long = "é".repeat(5000)

describe("the worst case of a call that is sent as it came", () => {
  for (const [where, body] of Object.entries<Json>({
    "a field of the body": { field_of_next_year: { text: long } },
    "the name of a field": { [long]: 1 },
    "a field of a message": { messages: [{ role: "user", content: "Hi", name: long }] },
    "a field of a part": said({ type: "text", text: "Hi", more: [long] }),
    "a field of a picture": said({
      type: "image",
      alt: long,
      source: { type: "url", url: "https://a.test/" }
    }),
    "an example of a tool": { tools: [{ name: "a", input_schema: {}, input_examples: [long] }] },
    "the instructions": { system: [{ type: "text", text: "Hi", more: long }] }
  })) {
    it.effect(`has the bytes of ${where}`, () =>
      Effect.map(worst(body), ({ inputTokens }) => assert.isAtLeast(inputTokens, 10_000))
    )
  }

  it.effect("has pictures and documents wherever they are, and not the bytes of a picture", () =>
    Effect.gen(function* () {
      const read = (body: Json) => Effect.map(worst(body), ({ inputTokens }) => inputTokens)
      const file = { type: "file", file_id: "file_1" }
      const picture = {
        type: "image",
        source: { type: "base64", media_type: "image/png", data: "A".repeat(200_000) }
      }
      assert.isAbove(yield* read(said({ type: "image", source: file })), 50_000)
      assert.isAbove(yield* read(said({ type: "document", source: file })), 1_000_000)
      assert.isAbove(
        yield* read(said({ type: "document", source: { type: "content", content: [picture] } })),
        100_000
      )
      const results = yield* read(
        said({ type: "tool_result", tool_use_id: "t", content: [picture, picture] })
      )
      assert.isAbove(results, 100_000)
      assert.isBelow(results, 102_000)
    })
  )

  it.effect("has as many answers as are asked for, in whatever way a number is written", () =>
    Effect.gen(function* () {
      for (const [body, answers] of [
        [{}, 1],
        [{ n: 50 }, 50],
        [{ n: "50" }, 50],
        [{ n: 2, best_of: 7 }, 7],
        [{ n: 0 }, 1],
        [{ n: "many" }, 1],
        [{ num_beams: 4 }, 4]
      ] as const) {
        assert.strictEqual((yield* worst(body)).outputTokens, 100 * answers, JSON.stringify(body))
      }
    })
  )

  it.effect("has no known cost where another price is charged than the engine's", () =>
    Effect.gen(function* () {
      for (const body of [
        { service_tier: "priority" },
        { speed: "fast" },
        { inference_geo: "us" },
        { fallbacks: [{ model: "dearer" }] }
      ]) {
        assert.isTrue(Option.isNone((yield* worst(body)).cost), JSON.stringify(body))
      }
      for (const body of [
        {},
        { service_tier: "auto" },
        { service_tier: "flex" },
        { speed: "standard" },
        { fallbacks: [] }
      ]) {
        assert.isTrue(Option.isSome((yield* worst(body)).cost), JSON.stringify(body))
      }
      assert.isTrue(Option.isNone((yield* worst({}, { serviceTier: "priority" })).cost))
    })
  )

  it.effect(
    "has what tools at the provider read, and not what the caller's read, and no known cost of theirs",
    () =>
      Effect.gen(function* () {
        const tool = (type: string) =>
          worst({}, { nativeTools: [{ wire: "messages", value: { type, name: "a" } }] })
        const search = yield* tool("web_search_20250305")
        assert.isAbove(search.inputTokens, 1_000_000)
        assert.isTrue(Option.isNone(search.cost))
        const bash = yield* tool("bash_20250124")
        assert.isBelow(bash.inputTokens, 5000)
        assert.isTrue(Option.isSome(bash.cost))
        const servers = yield* worst({ mcp_servers: [{}] }, {}, ["mcp_servers"])
        assert.isAbove(servers.inputTokens, 1_000_000)
        assert.isTrue(Option.isNone(servers.cost))
        const kept = yield* worst({ previous_response_id: "r" }, {}, ["previous_response_id"])
        assert.isAbove(kept.inputTokens, 1_000_000)
        assert.isTrue(Option.isSome(kept.cost))
      })
  )
})

describe("the worst case of a file of Responses", () => {
  it.effect("is counted once, where the body names it", () =>
    Effect.gen(function* () {
      const body = { input: [{ role: "user", content: [{ type: "input_file", file_id: "file_1" }] }] }
      const named = yield* worst(body, {}, ["input[].content[].file_id", "input[].output[].file_id"])
      assert.deepStrictEqual(named, yield* worst(body))
      assert.isAbove(named.inputTokens, 1_000_000)
      assert.isTrue(Option.isSome(named.cost))
    })
  )
})

describe("the worst case of a call with a word that isn't known", () => {
  it.effect("is that of its body, at the usual price", () =>
    Effect.gen(function* () {
      const body = { output_config: { format: { type: "grammar" } }, tool_choice: { type: "of_2027" } }
      const named = yield* worst(body, {}, ["output_config.format.type", "tool_choice.type"])
      assert.deepStrictEqual(named, yield* worst(body))
      assert.isTrue(Option.isSome(named.cost))
    })
  )
})
