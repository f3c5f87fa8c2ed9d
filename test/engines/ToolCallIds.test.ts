import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as FastCheck from "effect/FastCheck"
import * as AITask from "../../src/AITask.js"
import type * as OpenAICompatible from "../../src/engines/OpenAICompatible.js"
import * as toolCallIds from "../../src/wire/toolCallIds.js"
import * as attempts from "../utils/attempts.js"
import * as chat from "../utils/chatCompletions.js"
import { runs } from "../utils/property.js"
import * as RawServer from "../utils/RawServer.js"

const conversation = (ids: ReadonlyArray<string>, args = "{}"): AITask.AITask =>
  Either.getOrThrow(
    AITask.make({
      messages: [
        { role: "user", content: "What time is it?" },
        {
          role: "assistant",
          content: "",
          toolCalls: ids.map((id) => ({ id, name: "now", arguments: args }))
        },
        ...ids.map((toolCallId) => ({ role: "tool", toolCallId, content: "Noon" }) as const)
      ]
    })
  )

const rules = [
  ["nine alphanumerics", toolCallIds.nineAlphanumerics, /^[A-Za-z0-9]{9}$/],
  ["forty characters", toolCallIds.fortyCharacters, /^.{1,40}$/s],
  ["words", toolCallIds.words, /^[A-Za-z0-9_-]+$/]
] as const

describe("ids of tool calls", () => {
  const id = FastCheck.oneof(
    FastCheck.string({ minLength: 1 }),
    FastCheck.stringMatching(/^call_[A-Za-z0-9]{24}$/),
    FastCheck.stringMatching(/^[A-Za-z0-9]{9}$/),
    FastCheck.constantFrom(
      "a.b",
      "a_b",
      "a-b",
      "call_0",
      "call_1",
      "0000call0",
      "x".repeat(50),
      "x".repeat(51)
    )
  )

  it("fit the provider, stay where they fit, and are never two calls' own", () => {
    FastCheck.assert(
      FastCheck.property(FastCheck.uniqueArray(id, { minLength: 1, maxLength: 12 }), (ids) => {
        for (const [name, rule, fits] of rules) {
          const idOf = toolCallIds.fitting(rule, conversation(ids))
          const made = ids.map(idOf)
          assert.strictEqual(new Set(made).size, ids.length, name)
          for (const [at, id] of ids.entries()) {
            assert.match(made[at] ?? "", fits)
            if (fits.test(id)) assert.strictEqual(made[at], id)
          }
          // The results of tools have the ids of their calls, whatever order they come in.
          assert.deepStrictEqual(ids.toReversed().map(idOf), made.toReversed())
          assert.deepStrictEqual(ids.map(toolCallIds.fitting(rule, conversation(ids))), made)
        }
      }),
      runs(500).fastCheck
    )
  })

  it("keep the end of random ones", () => {
    const idOf = toolCallIds.fitting(
      toolCallIds.nineAlphanumerics,
      conversation(["call_PTLP8xhu3uwZk4l3nlnrrJha"])
    )
    assert.strictEqual(idOf("call_PTLP8xhu3uwZk4l3nlnrrJha"), "3nlnrrJha")
    assert.strictEqual(idOf("t1"), "0000000t1")
  })

  /** What is sent of a conversation with two calls: the calls, and the ids of their results. */
  const sent = (changes: Partial<OpenAICompatible.Options>, args?: string) =>
    Effect.gen(function* () {
      const server = yield* RawServer.make(chat.whole)
      yield* attempts.events(
        yield* chat.engine(server.url, changes),
        conversation(["call_PTLP8xhu3uwZk4l3nlnrrJha", "toolu_01"], args)
      )
      const body: unknown = JSON.parse(server.requests[0]?.body ?? "")
      return body as {
        readonly messages: ReadonlyArray<{
          readonly tool_calls?: ReadonlyArray<{ readonly id: string; readonly function: unknown }>
          readonly tool_call_id?: string
        }>
      }
    }).pipe(Effect.scoped, Effect.provide(FetchHttpClient.layer))

  const idsOf = ({ messages }: Effect.Effect.Success<ReturnType<typeof sent>>) => ({
    calls: messages.flatMap(({ tool_calls = [] }) => tool_calls.map(({ id }) => id)),
    results: messages.flatMap(({ tool_call_id }) => (tool_call_id === undefined ? [] : [tool_call_id]))
  })

  it.live("are made to fit Mistral's models by their names, or where the engine is told so", () =>
    Effect.gen(function* () {
      const nine = ["3nlnrrJha", "0toolu01"].map((id) => id.padStart(9, "0"))
      const own = ["call_PTLP8xhu3uwZk4l3nlnrrJha", "toolu_01"]
      for (const [changes, expected] of [
        [{ model: "mistral-large-latest" }, nine],
        [{ model: "mistralai/Devstral-Small-2507" }, nine],
        [{ model: "magistral-medium" }, nine],
        [{ model: "house-model", toolCallIds: "nine-alphanumerics" }, nine],
        [{ model: "mistral-large-latest", toolCallIds: "any" }, own],
        [{ model: "gpt-4o" }, own]
      ] as const) {
        assert.deepStrictEqual(idsOf(yield* sent(changes)), { calls: expected, results: expected })
      }
    })
  )

  it.live("come with {} where a call has no arguments", () =>
    Effect.gen(function* () {
      for (const args of ["", " ", "null"]) {
        const { messages } = yield* sent({}, args)
        const [call] = messages.flatMap(({ tool_calls = [] }) => tool_calls)
        assert.deepStrictEqual(call?.function, { name: "now", arguments: "{}" })
      }
    })
  )
})
