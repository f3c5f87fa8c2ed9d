import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as FastCheck from "effect/FastCheck"
import * as Schema from "effect/Schema"
import * as AIProvider from "../src/AIProvider.js"
import * as AITask from "../src/AITask.js"
import * as InvalidArgument from "../src/InvalidArgument.js"
import * as Price from "../src/Price.js"
import * as ProviderMetrics from "../src/ProviderMetrics.js"
import * as RoutingPolicy from "../src/routing/RoutingPolicy.js"
import * as Strategy from "../src/routing/Strategy.js"
import { runs } from "./utils/property.js"

/** Texts as people write them, and keys as vendors make them: what must never be repeated. */
const secret = FastCheck.oneof(
  FastCheck.stringMatching(/^sk-(ant-|proj-)[A-Za-z0-9_-]{40,90}$/),
  FastCheck.stringMatching(/^eyJ[A-Za-z0-9_-]{20,40}\.[A-Za-z0-9_-]{20,40}$/),
  FastCheck.array(FastCheck.stringMatching(/^[a-zA-Zäöü0-9'",.?%]{4,9}$/), {
    minLength: 2,
    maxLength: 12
  }).map((words) => words.join(" ")),
  FastCheck.array(FastCheck.stringMatching(/^[a-z]{5,9}$/), { minLength: 2, maxLength: 4 }).map((lines) =>
    lines.join(", actual\n")
  ),
  FastCheck.stringMatching(/^[一-龯]{6,20}$/)
)

/** A task with the secret in one place where it isn't valid. */
const misplaced: ReadonlyArray<(text: string) => unknown> = [
  (text) => text,
  (text) => [text],
  (text) => ({ [text]: "a" }),
  (text) => ({ prompt: text, [text]: text }),
  (text) => ({ prompt: [text] }),
  (text) => ({ prompt: { text } }),
  (text) => ({ prompt: text, messages: [{ role: "user", content: text }] }),
  (text) => ({ prompt: text, systemPrompt: [text] }),
  (text) => ({ prompt: text, systemPrompt: { text } }),
  (text) => ({ prompt: text, mode: text }),
  (text) => ({ prompt: text, provider: ` ${text}` }),
  (text) => ({ prompt: text, provider: { text } }),
  (text) => ({ prompt: text, pinned: text }),
  (text) => ({ prompt: text, pinned: true }),
  (text) => ({ prompt: text, id: [text] }),
  (text) => ({ prompt: text, userId: [text] }),
  (text) => ({ prompt: text, maxTokens: text }),
  (text) => ({ prompt: text, temperature: text }),
  (text) => ({ prompt: text, temperature: 3 }),
  (text) => ({ prompt: text, topP: [text] }),
  (text) => ({ prompt: text, timeoutMs: text }),
  (text) => ({ prompt: text, stop: text }),
  (text) => ({ prompt: text, stop: [text, ""] }),
  (text) => ({ prompt: text, tools: text }),
  (text) => ({ prompt: text, tools: [text] }),
  (text) => ({ prompt: text, tools: [{ name: `${text}+`, parameters: {} }] }),
  (text) => ({ prompt: text, tools: [{ name: "a", description: [text], parameters: {} }] }),
  (text) => ({ prompt: text, tools: [{ name: "a", parameters: text }] }),
  (text) => ({ prompt: text, toolChoice: text }),
  (text) => ({ prompt: text, tools: [{ name: "a", parameters: {} }], toolChoice: { name: [text] } }),
  (text) => ({ prompt: text, responseFormat: text }),
  (text) => ({ prompt: text, responseFormat: { type: text } }),
  (text) => ({ prompt: text, responseFormat: { type: "json_schema", name: "a", schema: text } }),
  (text) => ({ prompt: text, metadata: text }),
  (text) => ({ prompt: text, metadata: { note: [text] } }),
  (text) => ({ messages: text }),
  (text) => ({ messages: [text] }),
  (text) => ({ messages: [{ role: text, content: text }] }),
  (text) => ({ messages: [{ role: "critic", content: text }] }),
  (text) => ({ messages: [{ role: "user", content: { text } }] }),
  (text) => ({ messages: [{ role: "user", content: [text] }] }),
  (text) => ({ messages: [{ role: "user", content: [{ type: text, text }] }] }),
  (text) => ({ messages: [{ role: "user", content: [{ type: "image", url: text }] }] }),
  (text) => ({ messages: [{ role: "user", content: text, [text]: text }] }),
  (text) => ({ messages: [{ role: "assistant", content: text, toolCalls: text }] }),
  (text) => ({
    messages: [{ role: "assistant", content: text, toolCalls: [{ id: "", name: "a", arguments: text }] }]
  }),
  (text) => ({ messages: [{ role: "tool", content: text, toolCallId: [text] }] })
]

/** Every text that the error shows to anybody. */
const shown = (error: InvalidArgument.InvalidArgumentError): string =>
  [error.message, error.field, error.reason, String(error), JSON.stringify(error), error.stack].join("\n")

describe("InvalidArgumentError", () => {
  it("names what was given, the field and the reason", () => {
    const error = new InvalidArgument.InvalidArgumentError({
      subject: "AITask",
      field: "temperature",
      reason: "Expected a number from 0 to 2, actual 3"
    })
    assert.strictEqual(error.message, "AITask.temperature: Expected a number from 0 to 2, actual 3")
  })

  it("names only what was given when it is the whole", () => {
    const error = new InvalidArgument.InvalidArgumentError({ subject: "AITask", field: "", reason: "no" })
    assert.strictEqual(error.message, "AITask: no")
  })

  it("goes through JSON", () => {
    const error = new InvalidArgument.InvalidArgumentError({ subject: "a", field: "b", reason: "c" })
    const json = Schema.encodeSync(InvalidArgument.InvalidArgumentError)(error)
    assert.deepStrictEqual(json, { _tag: "InvalidArgumentError", subject: "a", field: "b", reason: "c" })
    assert.deepStrictEqual(Schema.decodeSync(InvalidArgument.InvalidArgumentError)(json), error)
  })

  it.prop(
    "never repeats a prompt or a key, wherever in a task it was put",
    [FastCheck.constantFrom(...misplaced), secret],
    ([place, text]) => {
      const error = Either.getOrThrow(Either.flip(AITask.decodeUnknown(place(text))))
      assert.notInclude(shown(error), text)
      assert.notInclude(shown(error), JSON.stringify(text).slice(1, -1))
    },
    runs(2000)
  )

  it.prop("never repeats a prompt that was given as something else", [secret], ([text]) => {
    // What isn't a task: the caller's types are wrong, as with JSON that nobody has checked.
    const untyped: ReadonlyArray<
      (input: never) => Either.Either<unknown, InvalidArgument.InvalidArgumentError>
    > = [
      (input) => AIProvider.make(input),
      (input) => Price.make({ input, output: 1 }),
      (input) => ProviderMetrics.make({ provider: "a", available: input }),
      (input) => Strategy.weighted("a", { cost: input, latency: 0, quality: 0 }),
      (input) => RoutingPolicy.make({ chains: { a: [input] } }),
      (input) => RoutingPolicy.make({ chains: { [`${text} `]: [input] } })
    ]
    for (const make of untyped) {
      const error = Either.getOrThrow(Either.flip(make(` ${text}` as never)))
      assert.notInclude(shown(error), text)
    }
  })

  it.effect.each([
    [3, "3"],
    [true, "true"],
    [null, "null"],
    ["", '""'],
    ["word", '"word"'],
    ["two words", "a text of length 9"],
    ["x".repeat(32), `"${"x".repeat(32)}"`],
    ["x".repeat(33), "a text of length 33"],
    [["a"], "a list"],
    [{ a: 1 }, "an object"]
  ] as const)("tells of %j that it is %s", ([value, told]) =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(AITask.decodeUnknown({ prompt: "a", mode: value }))
      assert.strictEqual(error.reason, `Expected "complete" or "streaming", actual ${told}`)
    })
  )

  it.effect("names a field that can be a name and only the length of any other", () =>
    Effect.gen(function* () {
      const misspelt = yield* Effect.flip(AITask.decodeUnknown({ temprature: 1 }))
      const sentence = yield* Effect.flip(AITask.decodeUnknown({ "a whole sentence": 1 }))
      assert.strictEqual(misspelt.field, "temprature")
      assert.strictEqual(sentence.field, "(a name of length 16)")
    })
  )
})
