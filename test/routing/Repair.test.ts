import { assert, describe, it } from "@effect/vitest"
import { AIProvider, type AIResult, type AITask, Budgets, Price, RetryBudget, Usd } from "arc-saga"
import { Behaviour } from "arc-saga/testing"
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as FastCheck from "effect/FastCheck"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import { answered, fleet, simulated, task } from "../utils/fleet.js"
import { runs } from "../utils/property.js"

const { Claude, Gpt4 } = AIProvider
const { answer, fail, never } = Behaviour

const price = Either.getOrThrow(Price.make({ input: 1, output: 2 }))
const usage = {
  inputTokens: 10,
  outputTokens: 4,
  cacheReadTokens: 0,
  cacheWriteTokens: 0,
  cacheWrite1hTokens: 0,
  reasoningTokens: 0,
  estimated: false
}

const schema = { type: "object", properties: { n: { type: "integer" } }, required: ["n"] }
const responseFormat: typeof AITask.ResponseFormat.Type = { type: "json_schema", name: "n", schema }
const good = '{"n": 1}'
const bad = '{"n": "one"}'

const saying = (text: string, options: object = {}) => answer({ text, usage, firstTokenMs: 100, ...options })

const asking = (
  options: Partial<AITask.Options>,
  ...script: readonly [Behaviour.Behaviour, ...ReadonlyArray<Behaviour.Behaviour>]
) =>
  Effect.gen(function* () {
    const made = yield* fleet([{ provider: Claude, price, script }])
    const asked = yield* task({ responseFormat, repair: 1, ...options })
    const { ms, value } = yield* answered(made.router.complete(asked))
    return { ...made, ms, value, calls: yield* made.calls }
  })

const outcomes = ({ attempts }: AIResult.AIResult) => attempts.map(({ outcome }) => outcome)

describe("an answer that doesn't fit", () => {
  it.effect("is asked for again, with its fault, and accounted for", () =>
    Effect.gen(function* () {
      const { calls, ms, observed, value } = yield* asking({}, saying(bad), saying(good))
      assert.strictEqual(value.text, good)
      assert.deepStrictEqual(value.warnings, [])
      assert.deepStrictEqual(outcomes(value), ["succeeded", "succeeded"])
      assert.deepStrictEqual(observed, value.attempts)
      // The tokens are the answer's, the cost is everything's.
      assert.strictEqual(value.usage.inputTokens, 10)
      assert.deepStrictEqual(value.cost, Option.some(Usd.fromNumber(0.000036)))
      assert.strictEqual(ms, 200)
      assert.deepStrictEqual(value.firstTokenMs, Option.some(200))
      assert.deepStrictEqual(calls[1]?.request.task.messages, [
        { role: "user", content: "ask" },
        { role: "assistant", content: [{ type: "text", text: bad }] },
        {
          role: "user",
          content:
            "The answer doesn't fit its schema: $.n: Expected integer, actual string\nAnswer again, with nothing but the JSON."
        }
      ])
    })
  )

  it.effect("is given as it is where repair isn't asked for, and not looked at", () =>
    Effect.gen(function* () {
      const { calls, value } = yield* asking({ repair: undefined }, saying(bad))
      assert.strictEqual(value.text, bad)
      assert.deepStrictEqual(value.warnings, [])
      assert.strictEqual(calls.length, 1)
    })
  )

  it.effect("is asked for again once or twice, and then given with its fault", () =>
    Effect.gen(function* () {
      for (const repair of [1, 2] as const) {
        const { calls, value } = yield* asking({ repair }, saying(bad, { warnings: ["no seed"] }))
        assert.strictEqual(calls.length, 1 + repair)
        assert.strictEqual(calls[repair]?.request.task.messages.length, 1 + 2 * repair)
        assert.strictEqual(value.text, bad)
        assert.deepStrictEqual(value.warnings, [
          "no seed",
          "The answer doesn't fit its schema: $.n: Expected integer, actual string"
        ])
        assert.strictEqual(value.usage.inputTokens, 10)
      }
    })
  )

  const call = (args: string, name = "f", id = "c1") => ({ id, name, arguments: args })
  const tools: readonly [AITask.Tool] = [{ name: "f", parameters: { type: "object" } }]

  /** A task, an answer to it, and the beginning of what is told; undefined where it is as it should be. */
  const table: ReadonlyArray<
    readonly [Partial<AITask.Options>, { text?: string; toolCalls?: ReadonlyArray<AITask.ToolCall> }, string?]
  > = [
    [{}, { text: good }],
    [{}, { text: "One." }, "The answer isn't JSON: "],
    [{}, { text: `\`\`\`json\n${good}\n\`\`\`` }, "The answer isn't JSON: "],
    [{}, { text: "{}" }, "The answer doesn't fit its schema: $.n is missing"],
    [{}, { text: "[".repeat(200) }, "The answer isn't JSON: Expected at most 100 levels"],
    [{ responseFormat: { type: "json" } }, { text: "{}" }],
    [{ responseFormat: { type: "json" } }, { text: "{" }, "The answer isn't JSON: "],
    [{ responseFormat: { type: "text" } }, { text: "{" }],
    [{ responseFormat: undefined }, { text: "{" }],
    [{ tools }, { text: "Let me look", toolCalls: [call("{}")] }],
    [{ tools }, { toolCalls: [call("")] }],
    [{ tools }, { toolCalls: [call("{torn")] }, "The arguments of the call of f aren't JSON: "],
    [{ tools }, { toolCalls: [call("[1]")] }, "The arguments of the call of f are JSON, and no object"],
    // A tool of the wire's own takes what it takes.
    [{ tools }, { toolCalls: [call("ls -l", "shell")] }]
  ]

  it.effect.each(table)(
    "is told from one that does: %j %j",
    ([options, { text = "", toolCalls = [] }, fault]) =>
      Effect.gen(function* () {
        const reply = saying(text, {
          toolCalls,
          ...(toolCalls.length > 0 ? { finishReason: "tool_calls" } : {})
        })
        const { calls, value } = yield* asking(options, reply)
        assert.strictEqual(calls.length, fault === undefined ? 1 : 2)
        assert.strictEqual(value.warnings.length, fault === undefined ? 0 : 1)
        if (fault !== undefined) assert.include(value.warnings[0], fault)
      })
  )

  it.effect("has its calls answered with what is wrong, as JSON that a server can read", () =>
    Effect.gen(function* () {
      const toolCalls = [call("{torn"), call("{}", "f", "c2")]
      const { calls, value } = yield* asking(
        { tools },
        saying("", { toolCalls, finishReason: "tool_calls" }),
        saying("", { toolCalls: [call("{}")], finishReason: "tool_calls" })
      )
      assert.deepStrictEqual(value.toolCalls, [call("{}")])
      const [, said, first, second] = calls[1]?.request.task.messages ?? []
      assert.deepStrictEqual(said, {
        role: "assistant",
        content: [],
        toolCalls: [call('{"INVALID_JSON":"{torn"}'), call("{}", "f", "c2")]
      })
      assert.containSubset(first, { role: "tool", toolCallId: "c1", isError: true })
      assert.match(
        String(first?.content),
        /^The arguments of the call of f aren't JSON: .*\. Call it again\.$/
      )
      assert.deepStrictEqual(second, {
        role: "tool",
        toolCallId: "c2",
        content: "Not run, because another call was wrong. Call it again.",
        isError: true
      })
    })
  )

  it.effect(
    "isn't asked for again where that can't help: it was cut, or what is sent isn't the task's own",
    () =>
      Effect.gen(function* () {
        const cut = yield* asking({}, saying(bad, { finishReason: "length" }))
        assert.strictEqual(cut.calls.length, 1)
        assert.strictEqual(cut.value.warnings.length, 1)
        const original = { wire: "messages", body: { model: "m" } } as const
        const foreign = yield* asking({ original }, saying(bad))
        assert.strictEqual(foreign.calls.length, 1)
      })
  )

  it.effect("asks without the answer where there was none", () =>
    Effect.gen(function* () {
      const { calls } = yield* asking({}, saying(" "), saying(good))
      assert.strictEqual(calls[1]?.request.task.messages.length, 2)
    })
  )

  it.effect("stays the answer where asking again fails, and says so", () =>
    Effect.gen(function* () {
      const { calls, value } = yield* asking({ repair: 2 }, saying(bad), fail({ _tag: "TransientError" }))
      assert.strictEqual(calls.length, 2)
      assert.strictEqual(value.text, bad)
      assert.deepStrictEqual(outcomes(value), ["succeeded", "failed"])
      assert.match(value.warnings[0] ?? "", /^The answer couldn't be asked for again: claude/)
      assert.match(value.warnings[1] ?? "", /^The answer doesn't fit/)
    })
  )

  it.effect("has no more than the time of the call", () =>
    Effect.gen(function* () {
      const { ms, value } = yield* asking({ timeoutMs: 500 }, saying(bad), never())
      assert.strictEqual(ms, 500)
      assert.strictEqual(value.text, bad)
      assert.match(value.warnings[0] ?? "", /^The answer couldn't be asked for again: /)
    })
  )

  it.effect("has no more than the budget", () =>
    Effect.gen(function* () {
      const budgets = Layer.orDie(
        Budgets.layer({ budgets: [{ name: "all", scope: "overall", period: "day", tokens: 1600 }] })
      )
      const made = yield* fleet([{ provider: Claude, price, script: [saying(bad)] }], {}, budgets)
      const asked = yield* task({ responseFormat, repair: 1, maxTokens: 50 })
      const { value } = yield* answered(made.router.complete(asked))
      assert.strictEqual((yield* made.calls).length, 1)
      assert.match(value.warnings[0] ?? "", /^The answer couldn't be asked for again: .*budget/)
    })
  )

  it.effect("is asked for again at the provider that answered, after a fallback too", () =>
    Effect.gen(function* () {
      const made = yield* fleet([
        { provider: Claude, script: [fail({ _tag: "ModelNotFoundError" })] },
        { provider: Gpt4, script: [saying(bad), saying(good)] }
      ])
      const asked = yield* task({ responseFormat, repair: 1, provider: "claude" })
      const { value } = yield* answered(made.router.complete(asked))
      assert.strictEqual(value.text, good)
      assert.deepStrictEqual(yield* made.asked, ["claude", "gpt4", "gpt4"])
    })
  )

  it.effect("is told of at the end of a stream, which isn't asked for again", () =>
    Effect.gen(function* () {
      const made = yield* fleet([{ provider: Claude, script: [saying(bad)] }])
      const asked = yield* task({ responseFormat, repair: 2 })
      const { value } = yield* answered(Stream.runCollect(made.router.stream(asked)))
      const last = Option.getOrThrow(Chunk.last(value))
      assert.containSubset(last, {
        result: {
          text: bad,
          warnings: ["The answer doesn't fit its schema: $.n: Expected integer, actual string"]
        }
      })
      assert.strictEqual((yield* made.calls).length, 1)
    })
  )

  const behaviours = FastCheck.constantFrom(
    saying(good),
    saying(bad),
    saying("no"),
    fail({ _tag: "TransientError" }),
    fail({ _tag: "AuthenticationError" }),
    never()
  )

  it.effect.prop(
    "makes no call fail that would succeed, asks no oftener than it may, ends in time, and leaves nothing open",
    {
      first: behaviours,
      rest: FastCheck.array(behaviours, { maxLength: 4 }),
      repair: FastCheck.constantFrom(1, 2)
    },
    ({ first, repair, rest }) =>
      Effect.gen(function* () {
        const run = (times: 1 | 2 | undefined) =>
          Effect.gen(function* () {
            const made = yield* fleet([{ provider: Claude, price, script: [first, ...rest] }])
            const asked = yield* task({ id: "t", responseFormat, repair: times, timeoutMs: 1000 })
            const { exit, ms } = yield* simulated(made.router.complete(asked))
            assert.isAtMost(ms, 1000)
            assert.strictEqual(yield* made.open, 0)
            return { exit, count: made.observed.length }
          })
        const without = yield* run(undefined)
        const within = yield* run(repair === 1 ? 1 : 2)
        assert.strictEqual(within.exit._tag, without.exit._tag)
        assert.isAtMost(within.count, without.count + repair)
        if (within.exit._tag === "Failure") return
        const { attempts, text, warnings } = within.exit.value
        assert.strictEqual(attempts.length, within.count)
        assert.strictEqual(text === good, warnings.length === 0)
      }),
    runs()
  )
})

describe("asking again and the budget of retries", () => {
  it.effect("have nothing to do with each other: a provider that answered hasn't failed", () =>
    Effect.gen(function* () {
      let calls = 0
      let taken = 0
      const budget = Layer.succeed(RetryBudget.RetryBudget, {
        unsafeCall: () => void calls++,
        unsafeTake: () => {
          taken++
          return false
        }
      })
      const script = [saying(bad), saying(bad), saying(good)] as const
      const { router } = yield* fleet([{ provider: Claude, price, script }], {}, budget)
      const { value } = yield* answered(router.complete(yield* task({ responseFormat, repair: 2 })))
      assert.strictEqual(value.text, good)
      assert.deepStrictEqual(outcomes(value), ["succeeded", "succeeded", "succeeded"])
      assert.deepStrictEqual({ calls, taken }, { calls: 1, taken: 0 })
    })
  )
})
