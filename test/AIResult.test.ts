import { assert, describe, it } from "@effect/vitest"
import * as FastCheck from "effect/FastCheck"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as AIProvider from "../src/AIProvider.js"
import * as AIResult from "../src/AIResult.js"
import * as EngineError from "../src/EngineError.js"
import * as TokenUsage from "../src/TokenUsage.js"
import * as Usd from "../src/Usd.js"

const failed: AIResult.Attempt = {
  provider: AIProvider.CopilotChat,
  model: "copilot",
  outcome: "failed",
  error: Option.some(
    new EngineError.RateLimitError({
      provider: AIProvider.CopilotChat,
      description: "slow down",
      status: 429,
      retryAfterMs: 1000
    })
  ),
  usage: TokenUsage.none,
  cost: Option.none(),
  startedAt: 0,
  durationMs: 20,
  firstTokenMs: Option.none()
}

const succeeded: AIResult.Attempt = {
  provider: AIProvider.Claude,
  model: "claude-x",
  outcome: "succeeded",
  error: Option.none(),
  usage: TokenUsage.make({ inputTokens: 10, outputTokens: 5 }),
  cost: Option.some(Usd.fromPico(105_000_001n)),
  startedAt: 20,
  durationMs: 300,
  firstTokenMs: Option.some(80)
}

const result: AIResult.AIResult = {
  taskId: "task-1",
  text: "Because of Rayleigh scattering.",
  toolCalls: [{ id: "1", name: "weather", arguments: `{"city":"Oslo"}` }],
  finishReason: "stop",
  provider: AIProvider.Claude,
  model: "claude-x",
  usage: succeeded.usage,
  cost: succeeded.cost,
  durationMs: 320,
  firstTokenMs: Option.some(100),
  streamAvailable: true,
  attempts: [failed, succeeded],
  warnings: ["temperature was dropped"]
}

const decode = Schema.decodeUnknownSync(AIResult.AIResult)
const throughJson = (value: AIResult.AIResult): AIResult.AIResult =>
  decode(JSON.parse(JSON.stringify(AIResult.toJson(value))))

const usd = FastCheck.bigInt({ min: 0n, max: 10n ** 24n }).map(Usd.fromPico)

describe("AIResult", () => {
  it("comes back from JSON as it was, its failed attempts included", () => {
    const back = throughJson(result)
    assert.deepStrictEqual(AIResult.toJson(back), AIResult.toJson(result))
    assert.deepStrictEqual(back.cost, result.cost)
    const [first, second] = back.attempts
    assert.deepStrictEqual(second, succeeded)
    assert.deepStrictEqual(
      Option.map(first?.error ?? Option.none(), (error) => [error._tag, error.message]),
      Option.map(failed.error, (error) => [error._tag, error.message])
    )
  })

  it("writes costs as exact decimals, and what is unknown or absent as null", () => {
    const json = AIResult.toJson({ ...result, firstTokenMs: Option.none() })
    assert.strictEqual(json.cost, "0.000105000001")
    assert.isNull(json.firstTokenMs)
    assert.isNull(json.attempts[0]?.cost)
    assert.isNull(json.attempts[1]?.error)
    assert.isNull(AIResult.toJson({ ...result, cost: Option.none() }).cost)
  })

  it("tells a cost of nothing from one that is unknown", () => {
    assert.deepStrictEqual(
      throughJson({ ...result, cost: Option.some(Usd.zero) }).cost,
      Option.some(Usd.zero)
    )
    assert.deepStrictEqual(throughJson({ ...result, cost: Option.none() }).cost, Option.none())
  })

  it.prop("keeps every picodollar", [usd, FastCheck.option(usd)], ([total, attempt]) => {
    const back = throughJson({
      ...result,
      cost: Option.some(total),
      attempts: [{ ...succeeded, cost: Option.fromNullable(attempt) }]
    })
    assert.deepStrictEqual(back.cost, Option.some(total))
    assert.deepStrictEqual(back.attempts[0]?.cost, Option.fromNullable(attempt))
  })

  it.prop("keeps any text as it is", [FastCheck.string({ unit: "grapheme" })], ([text]) => {
    assert.strictEqual(throughJson({ ...result, text }).text, text)
  })
})

describe("An attempt", () => {
  it("failed where an error ended it, and not where its caller went away or its answer wasn't needed", () => {
    assert.deepStrictEqual(
      AIResult.Outcome.literals.filter((outcome) => AIResult.isFailure({ outcome })),
      ["failed", "cut"]
    )
  })

  it("is unpriced where it used something and its cost isn't known", () => {
    const usage = TokenUsage.make({ outputTokens: 1 })
    const unpriced = (cost: Option.Option<Usd.Usd>, usage: TokenUsage.TokenUsage) =>
      AIResult.isUnpriced({ cost, usage })
    assert.isTrue(unpriced(Option.none(), usage))
    assert.isFalse(unpriced(Option.none(), TokenUsage.none))
    assert.isFalse(unpriced(Option.some(Usd.zero), usage))
  })
})

describe("AIResult.cacheSaved", () => {
  const attempts = (...saved: ReadonlyArray<bigint | undefined>) => ({
    attempts: saved.map((pico) =>
      pico === undefined ? succeeded : { ...succeeded, cacheSaved: Usd.fromPico(pico) }
    )
  })

  it("adds up what caches saved, and is none where there was nothing of one", () => {
    assert.deepStrictEqual(AIResult.cacheSaved(attempts()), Option.none())
    assert.deepStrictEqual(AIResult.cacheSaved(attempts(undefined)), Option.none())
    assert.deepStrictEqual(AIResult.cacheSaved(attempts(7n, undefined, -9n)), Option.some(Usd.fromPico(-2n)))
  })
})
