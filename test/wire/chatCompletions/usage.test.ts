import { assert, describe, it } from "@effect/vitest"
import * as FastCheck from "effect/FastCheck"
import * as Option from "effect/Option"
import * as usage from "../../../src/wire/chatCompletions/usage.js"
import { decodeChunk } from "../../../src/wire/chatCompletions/wire.js"
import * as Usd from "../../../src/Usd.js"
import { runs } from "../../utils/property.js"

/** What chunks amount to: input, cached, output, reasoning, and whether it is marked; none where nothing is told. */
const metered = (...chunks: ReadonlyArray<object>) => {
  const meter = new usage.Meter()
  for (const chunk of chunks) meter.read(Option.getOrThrow(decodeChunk(chunk)))
  return Option.getOrUndefined(meter.take())
}

const of = (...usages: ReadonlyArray<unknown>) => {
  const event = metered(...usages.map((each) => ({ choices: [], usage: each })))
  if (event === undefined) return undefined
  const { cacheReadTokens, estimated, inputTokens, outputTokens, reasoningTokens } = event.usage
  return [inputTokens, cacheReadTokens, outputTokens, reasoningTokens, estimated ? "estimated" : "counted"]
}

const plain = { prompt_tokens: 100, completion_tokens: 20, total_tokens: 120 }

const cached = (cached_tokens: unknown) => ({ prompt_tokens_details: { cached_tokens } })

const reasoned = (reasoning_tokens: unknown) => ({ completion_tokens_details: { reasoning_tokens } })

describe("usage in all its names", () => {
  it.each([
    ["OpenAI's", { ...plain, ...cached(30), ...reasoned(5) }, [100, 30, 20, 5, "counted"]],
    ["as texts", { prompt_tokens: "100", completion_tokens: " 20 " }, [100, 0, 20, 0, "counted"]],
    [
      "DeepSeek's",
      { ...plain, prompt_cache_hit_tokens: 64, prompt_cache_miss_tokens: 36 },
      [100, 64, 20, 0, "counted"]
    ],
    [
      "DeepSeek's without their sum",
      { completion_tokens: 20, prompt_cache_hit_tokens: 64, prompt_cache_miss_tokens: 36 },
      [100, 64, 20, 0, "counted"]
    ],
    ["Kimi's", { ...plain, cached_tokens: 70 }, [100, 70, 20, 0, "counted"]],
    ["Kimi's beside a default", { ...plain, ...cached(0), cached_tokens: 70 }, [100, 70, 20, 0, "counted"]],
    [
      "those of Responses",
      {
        input_tokens: 100,
        output_tokens: 20,
        input_tokens_details: { cached_tokens: 1 },
        output_tokens_details: { reasoning_tokens: 2 }
      },
      [100, 1, 20, 2, "counted"]
    ],
    ["Ollama's", { prompt_eval_count: 100, eval_count: 20 }, [100, 0, 20, 0, "counted"]],
    ["Perplexity's reasoning", { ...plain, reasoning_tokens: 7 }, [100, 0, 20, 7, "counted"]],
    // Reasoning beside what was written.
    [
      "xAI's",
      {
        prompt_tokens: 10_120,
        completion_tokens: 1499,
        total_tokens: 14_428,
        ...cached(128),
        ...reasoned(2809)
      },
      [10_120, 128, 4308, 2809, "counted"]
    ],
    [
      "xAI's without its total",
      { ...plain, total_tokens: undefined, ...reasoned(50) },
      [100, 0, 70, 50, "counted"]
    ],
    ["Gemini's", { ...plain, total_tokens: 820 }, [100, 0, 720, 700, "counted"]],
    [
      "Gemini's, that has only thought",
      { ...plain, completion_tokens: 0, total_tokens: 820 },
      [100, 0, 720, 720, "counted"]
    ],
    // Cached tokens beside what was read.
    ["Anthropic's, passed on", { ...plain, total_tokens: 420, ...cached(300) }, [400, 300, 20, 0, "counted"]],
    [
      "Anthropic's, passed on, with reasoning beside",
      { ...plain, total_tokens: 425, ...cached(300), ...reasoned(5) },
      [400, 300, 25, 5, "counted"]
    ],
    // What follows of a sum.
    ["without what was read", { completion_tokens: 20, total_tokens: 120 }, [100, 0, 20, 0, "estimated"]],
    ["without what was written", { prompt_tokens: 100, total_tokens: 120 }, [100, 0, 20, 0, "estimated"]],
    ["with nothing read", { ...plain, prompt_tokens: 0 }, [100, 0, 20, 0, "estimated"]],
    // Contradictions.
    ["more cached than read", { ...plain, ...cached(101) }, [100, 100, 20, 0, "estimated"]],
    ["more reasoning than fits", { ...plain, ...reasoned(50) }, [100, 0, 20, 20, "estimated"]],
    ["a total that is too small", { ...plain, total_tokens: 7 }, [100, 0, 20, 0, "estimated"]],
    [
      "a total that nothing explains",
      { ...plain, total_tokens: 140, ...reasoned(5) },
      [100, 0, 40, 5, "estimated"]
    ],
    ["no total", { ...plain, total_tokens: 0 }, [100, 0, 20, 0, "counted"]],
    // One senseless part.
    [
      "a cache that is no count",
      { ...plain, ...cached(-3), ...reasoned("many") },
      [100, 0, 20, 0, "counted"]
    ],
    [
      "details that are none",
      { ...plain, prompt_tokens_details: 3, completion_tokens_details: [] },
      [100, 0, 20, 0, "counted"]
    ],
    ["a negative prompt", { ...plain, prompt_tokens: -1, total_tokens: null }, [0, 0, 20, 0, "estimated"]],
    ["a huge prompt", { ...plain, prompt_tokens: 1e15, total_tokens: 1e15 }, [0, 0, 20, 0, "estimated"]],
    ["half a token", { ...plain, completion_tokens: 0.5, total_tokens: null }, [100, 0, 0, 0, "estimated"]]
  ] as const)("reads %s", (_, told, expected) => {
    assert.deepStrictEqual(of(told), [...expected])
  })

  it.each([
    [{}],
    ["many"],
    [17],
    [null],
    [{ total_tokens: 4 }],
    [{ prompt_tokens: -1, completion_tokens: {} }]
  ])("has none of %j", (told) => {
    assert.isUndefined(of(told))
  })

  it("is read wherever it stands", () => {
    const choice = { index: 0, delta: {}, finish_reason: "stop" }
    for (const chunk of [
      { choices: [{ ...choice, usage: plain }] },
      { choices: [choice], x_groq: { id: "r", usage: plain } },
      { choices: [choice], usage: plain },
      { model: "m", choices: [{ index: 0, delta: { content: "Hi" }, usage: plain }] }
    ]) {
      assert.deepInclude(metered(chunk)?.usage, { inputTokens: 100, outputTokens: 20, estimated: false })
    }
    assert.isUndefined(metered({ choices: [choice] }))
  })
})

describe("usage over an answer", () => {
  const told = (prompt_tokens: number, completion_tokens: number) => ({ prompt_tokens, completion_tokens })

  it("takes the latest that can be meant, and no zero for an earlier count", () => {
    assert.deepStrictEqual(of(told(100, 1), told(100, 9), told(100, 20)), [100, 0, 20, 0, "counted"])
    assert.deepStrictEqual(of(told(100, 20), told(0, 0)), [100, 0, 20, 0, "counted"])
    assert.deepStrictEqual(of(told(100, 20), { prompt_tokens: -1 }), [100, 0, 20, 0, "counted"])
    assert.deepStrictEqual(of({ ...plain, ...cached(30) }, plain), [100, 30, 20, 0, "counted"])
    assert.deepStrictEqual(of({ prompt_tokens: 100 }, { completion_tokens: 20 }), [
      100,
      0,
      20,
      0,
      "estimated"
    ])
    assert.deepStrictEqual(of({ ...plain, total_tokens: 7 }, plain), [100, 0, 20, 0, "counted"])
  })

  it("is told once for what was read together", () => {
    const meter = new usage.Meter()
    const chunk = Option.getOrThrow(decodeChunk({ choices: [], usage: plain }))
    meter.read(chunk)
    assert.isTrue(Option.isSome(meter.take()))
    assert.isTrue(Option.isNone(meter.take()))
  })

  it("is a sum of parts, never negative and never more than they are parts of, whatever is told", () => {
    const count = FastCheck.oneof(
      FastCheck.integer({ min: -5, max: 1000 }),
      FastCheck.integer({ min: 0, max: 50 }).map(String),
      FastCheck.constantFrom(null, undefined, 1e30, 0.5, "x", {}, [])
    )
    const parts = FastCheck.record(
      {
        prompt_tokens: count,
        completion_tokens: count,
        total_tokens: count,
        prompt_cache_hit_tokens: count,
        prompt_cache_miss_tokens: count,
        cached_tokens: count,
        reasoning_tokens: count,
        cache_creation_input_tokens: count,
        prompt_tokens_details: FastCheck.record({ cached_tokens: count, cache_write_tokens: count }),
        completion_tokens_details: FastCheck.record({ reasoning_tokens: count }),
        cost: count
      },
      { requiredKeys: [] }
    )
    FastCheck.assert(
      FastCheck.property(FastCheck.array(parts, { maxLength: 4 }), (usages) => {
        const event = metered(...usages.map((each) => ({ choices: [], usage: each })))
        if (event === undefined) return
        const { estimated, ...counts } = event.usage
        for (const each of Object.values(counts)) assert.isTrue(Number.isSafeInteger(each) && each >= 0)
        assert.isAtMost(counts.cacheReadTokens + counts.cacheWriteTokens, counts.inputTokens)
        assert.isAtMost(counts.reasoningTokens, counts.outputTokens)
        assert.isBoolean(estimated)
        assert.isTrue(event.cost === undefined || event.cost.pico >= 0n)
        // The order of the fields means nothing.
        const turned = usages.map((each) => Object.fromEntries(Object.entries(each).toReversed()))
        assert.deepStrictEqual(metered(...turned.map((each) => ({ choices: [], usage: each }))), event)
      }),
      runs(500).fastCheck
    )
  })
})

describe("a cost that is told", () => {
  const costOf = (...usages: ReadonlyArray<object>) => {
    const cost = metered(...usages.map((each) => ({ choices: [], usage: each })))?.cost
    return cost === undefined ? undefined : Usd.toDecimal(cost)
  }

  it.each([
    [
      "OpenRouter's",
      { cost: 0.00482, is_byok: false, cost_details: { upstream_inference_cost: 0.00482 } },
      "0.00482"
    ],
    [
      "of a key of one's own",
      { cost: 0.001, is_byok: true, cost_details: { upstream_inference_cost: 0.02 } },
      "0.021"
    ],
    ["as a text", { cost: "0.5" }, "0.5"],
    ["Perplexity's", { cost: { input_tokens_cost: 0.1, total_cost: 0.6 } }, "0.6"],
    ["DeepInfra's", { estimated_cost: 0.25 }, "0.25"],
    ["xAI's", { cost_in_usd_ticks: 318_319_000 }, "0.0318319"],
    ["nothing", { cost: 0 }, "0"],
    ["negative", { cost: -1 }, undefined],
    ["no number", { cost: "free" }, undefined],
    ["more than a request costs", { cost: 1e9 }, undefined],
    ["empty", { cost: "" }, undefined]
  ] as const)("is read: %s", (_, told, expected) => {
    assert.strictEqual(costOf({ ...plain, ...told }), expected)
  })

  it("is the latest, and stays where a later usage has none", () => {
    assert.strictEqual(costOf({ ...plain, cost: 0.1 }, { ...plain, cost: 0.2 }), "0.2")
    assert.strictEqual(costOf({ ...plain, cost: 0.1 }, plain), "0.1")
    assert.strictEqual(costOf({ ...plain, cost: 0.1 }, { ...plain, cost: 0 }), "0.1")
    assert.strictEqual(costOf({ cost: 0.1 }), "0.1")
  })
})

describe("cached tokens of Mistral", () => {
  it.each([{ num_cached_tokens: 64 }, { prompt_token_details: { cached_tokens: 64 } }])(
    "are read in its names: %o",
    (told) => {
      const plain = { prompt_tokens: 100, completion_tokens: 5, total_tokens: 105 }
      assert.deepStrictEqual(of({ ...plain, ...told }), [100, 64, 5, 0, "counted"])
    }
  )
})

describe("usage in camel case and in Gemini's names", () => {
  const gemini = { promptTokenCount: 100, candidatesTokenCount: 20, totalTokenCount: 120 }

  it.each([
    ["camel case", { promptTokens: 100, completionTokens: 20, totalTokens: 120 }, [100, 0, 20, 0, "counted"]],
    [
      "camel case with its parts",
      {
        promptTokens: 100,
        completionTokens: 20,
        promptTokensDetails: { cachedTokens: 30 },
        completionTokensDetails: { reasoningTokens: 5 }
      },
      [100, 30, 20, 5, "counted"]
    ],
    [
      "another's camel case",
      { inputTokens: 100, outputTokens: 20, cachedInputTokens: 30, reasoningTokens: 5 },
      [100, 30, 20, 5, "counted"]
    ],
    [
      "camel case beside a default",
      { prompt_tokens: 0, completion_tokens: 0, promptTokens: 100, completionTokens: 20 },
      [100, 0, 20, 0, "counted"]
    ],
    ["Gemini's", gemini, [100, 0, 20, 0, "counted"]],
    [
      "Gemini's with thoughts and a cache",
      { ...gemini, thoughtsTokenCount: 50, cachedContentTokenCount: 64, totalTokenCount: 170 },
      [100, 64, 70, 50, "counted"]
    ],
    [
      "Gemini's with thoughts and no total",
      { ...gemini, thoughtsTokenCount: 10, totalTokenCount: undefined },
      [100, 0, 30, 10, "counted"]
    ],
    [
      "Gemini's that has only thought",
      { promptTokenCount: 100, thoughtsTokenCount: 50, totalTokenCount: 150 },
      [100, 0, 50, 50, "counted"]
    ],
    [
      "what tools of Gemini's own had read",
      { ...gemini, toolUsePromptTokenCount: 40, totalTokenCount: 160 },
      [140, 0, 20, 0, "counted"]
    ],
    [
      "senseless parts",
      { ...gemini, thoughtsTokenCount: -1, totalTokenCount: "many" },
      [100, 0, 20, 0, "counted"]
    ]
  ] as const)("reads %s", (_, told, expected) => {
    assert.deepStrictEqual(of(told), [...expected])
  })

  it("is read where Gemini has it", () => {
    for (const name of ["usageMetadata", "usage_metadata"]) {
      const chunk = { choices: [{ index: 0, delta: { content: "Hi" } }], [name]: gemini }
      assert.deepInclude(metered(chunk)?.usage, { inputTokens: 100, outputTokens: 20, estimated: false })
    }
  })
})

describe("Anthropic's counts of its cache, passed on", () => {
  const cache = (read: number, written = 0) => ({
    cache_read_input_tokens: read,
    cache_creation_input_tokens: written
  })

  it.each([
    ["part of the prompt, by the total", { ...plain, ...cache(30) }, [100, 30, 20, 0, "counted"]],
    [
      "beside the prompt, by the total",
      { ...plain, ...cache(30), total_tokens: 150 },
      [130, 30, 20, 0, "counted"]
    ],
    [
      "beside the prompt, read and written",
      { ...plain, ...cache(300, 50), total_tokens: 470 },
      [450, 300, 20, 0, "counted"]
    ],
    [
      "more than the prompt, which the total leaves out",
      { ...plain, ...cache(300) },
      [400, 300, 20, 0, "estimated"]
    ],
    [
      "more than the prompt, without a total",
      { prompt_tokens: 100, completion_tokens: 20, ...cache(300) },
      [400, 300, 20, 0, "counted"]
    ],
    [
      "less than the prompt, without a total",
      { prompt_tokens: 100, completion_tokens: 20, ...cache(30) },
      [100, 30, 20, 0, "counted"]
    ],
    [
      "in Anthropic's own names",
      { input_tokens: 100, output_tokens: 20, ...cache(30) },
      [130, 30, 20, 0, "counted"]
    ],
    [
      "in Anthropic's own names, with a total",
      { input_tokens: 100, output_tokens: 20, ...cache(30), total_tokens: 120 },
      [100, 30, 20, 0, "counted"]
    ]
  ] as const)("are %s", (_, told, expected) => {
    assert.deepStrictEqual(of(told), [...expected])
  })
})
