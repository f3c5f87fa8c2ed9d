import { assert, describe, it } from "@effect/vitest"
import { type AIResult, Comparison } from "arc-saga"
import * as Effect from "effect/Effect"
import * as FastCheck from "effect/FastCheck"
import * as Option from "effect/Option"
import * as AIProvider from "../../src/AIProvider.js"
import * as TokenUsage from "../../src/TokenUsage.js"
import { runs } from "../utils/property.js"

const { choice, code, json, number, shortAnswer } = Comparison

const result = (changes: Partial<AIResult.AIResult>): AIResult.AIResult => ({
  taskId: "a",
  text: "",
  toolCalls: [],
  finishReason: "stop",
  provider: AIProvider.Claude,
  model: "m",
  usage: TokenUsage.none,
  cost: Option.none(),
  durationMs: 0,
  firstTokenMs: Option.none(),
  streamAvailable: true,
  attempts: [],
  warnings: [],
  ...changes
})

describe("Comparison", () => {
  it.each([
    [shortAnswer, "Paris", "paris"],
    [shortAnswer, "  The answer is: **Paris**.\n", "paris"],
    [shortAnswer, "“An apple”", "apple"],
    [shortAnswer, "New   York", "new york"],
    [shortAnswer, "Thinking…\n#### Rome", "rome"],
    [shortAnswer, "...", ""],
    [number, "18", "18"],
    [number, "18.0", "18"],
    [number, "It costs $1,250.50 in all.", "1250.5"],
    [number, "First 3, then 4. The answer is 12.", "12"],
    [number, "The answer is 12. I checked it 2 times", "12"],
    [number, "Answer: 3 + 4 = 7", "7"],
    [number, "1 and 2.\nThe answer is unclear", "2"],
    [number, "\\boxed{-7}", "-7"],
    [number, "so $x = \\boxed{42}$", "42"],
    [number, "−5 °C", "-5"],
    [number, "1e3", "1000"],
    [number, ".5", "0.5"],
    [number, "-0", "0"],
    [number, "#### 70000", "70000"],
    [number, "12%", "12"],
    [number, "none", ""],
    [number, "1e999", ""],
    [number, "version v2x", ""],
    [choice, "B", "B"],
    [choice, "(C)", "C"],
    [choice, "**D.** Because", "D"],
    [choice, "The answer is (b).", "B"],
    [choice, "Final answer: option C", "C"],
    [choice, "A cat sat", ""],
    [choice, "I think so", ""],
    [choice, "the first", ""],
    [choice, "The answer is none of them", ""],
    [json, '{"b": 1, "a": [1, {"d": 2, "c": 3}]}', '{"a":[1,{"c":3,"d":2}],"b":1}'],
    [json, 'Here:\n```json\n{"a":null}\n```', '{"a":null}'],
    [json, "{a: 1}", ""],
    [code, "```ts\nconst a = 1  \r\n\r\n  return a\n```", "const a = 1\n  return a"],
    [code, "x = 1\n\n", "x = 1"]
  ] as const)("of $name brings %j into the form %j", (comparison, text, form) => {
    assert.strictEqual(comparison.normalize(text), form)
  })

  it.effect.prop(
    "finds a number again however it is written",
    [FastCheck.integer({ min: -1e9, max: 1e9 }), FastCheck.constantFrom("", "The answer is ", "#### ", "$")],
    ([value, before]) =>
      Effect.sync(() => {
        const written = value.toLocaleString("en-US")
        assert.strictEqual(number.normalize(`${before}${written}`), String(value))
        assert.strictEqual(number.normalize(`${before}${value}.0`), String(value))
      }),
    runs()
  )

  it.effect.prop(
    "takes JSON for the same whatever the order of its keys",
    [FastCheck.dictionary(FastCheck.string(), FastCheck.jsonValue())],
    ([value]) =>
      Effect.sync(() => {
        const reversed = Object.fromEntries(Object.entries(value).toReversed())
        assert.strictEqual(json.normalize(JSON.stringify(reversed)), json.normalize(JSON.stringify(value)))
        assert.notStrictEqual(json.normalize(JSON.stringify(value)), "")
      }),
    runs()
  )

  it("compares tool calls by name and arguments, whatever the ids", () => {
    const call = (id: string, args: string) =>
      Comparison.keyOf(
        shortAnswer,
        result({ finishReason: "tool_calls", toolCalls: [{ id, name: "find", arguments: args }] })
      )
    assert.strictEqual(call("1", '{"a":1,"b":2}'), call("2", '{"b":2, "a":1}'))
    assert.notStrictEqual(call("1", '{"a":1}'), call("1", '{"a":2}'))
  })

  it("takes an answer that was cut short for none", () => {
    assert.strictEqual(Comparison.keyOf(number, result({ text: "42" })), "42")
    assert.strictEqual(Comparison.keyOf(number, result({ text: "42", finishReason: "length" })), "")
  })
})
