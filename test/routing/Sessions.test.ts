import { assert, describe, it } from "@effect/vitest"
import {
  AIProvider,
  type AIResult,
  AITask,
  CostOptimizer,
  Price,
  type ProviderMetrics,
  Sessions,
  SessionStore,
  Strategy,
  TokenUsage,
  Usd
} from "arc-saga"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as FastCheck from "effect/FastCheck"
import * as Option from "effect/Option"
import * as TestClock from "effect/TestClock"
import { runs } from "../utils/property.js"
import { entry } from "../utils/sessionStoreContract.js"

const minute = 60_000

const price = (options: Price.Options): Price.Price => Either.getOrThrow(Price.make(options))

/** Caches what is marked, and charges for it. */
const claude = price({ input: 3, output: 15, cacheRead: 0.3, cacheWrite: 3.75, cacheWrite1h: 6 })
/** Caches by itself. */
const gpt = price({ input: 2.5, output: 10, cacheRead: 1.25 })
const uncached = price({ input: 1, output: 2 })

const outlook = (fields: Partial<Sessions.Outlook> = {}): Sessions.Outlook => ({
  now: minute,
  characters: 44_000,
  inputTokens: 11_000,
  addedTokens: 1000,
  outputTokens: 100,
  calls: 4,
  mark: undefined,
  entries: [],
  lifetimes: {},
  ...fields
})

describe("Sessions.cachedTokens", () => {
  const marked = { marked: true, readTokens: 8000, writtenTokens: 2000 }
  const cases: ReadonlyArray<
    readonly [string, number, Price.Price, Partial<SessionStore.Entry>, Partial<Sessions.Outlook>]
  > = [
    ["what was read and written, where it is marked", 10_000, claude, marked, { mark: "5m" }],
    ["nothing once its five minutes are over", 0, claude, marked, { mark: "5m", now: 5 * minute }],
    ["all of it just before", 10_000, claude, marked, { mark: "5m", now: 5 * minute - 1 }],
    [
      "what is kept for an hour",
      6000,
      claude,
      { ...marked, hourTokens: 6000 },
      { mark: "1h", now: 59 * minute }
    ],
    ["nothing after the hour", 0, claude, { ...marked, hourTokens: 6000 }, { mark: "1h", now: 60 * minute }],
    ["nothing where the next call marks nothing", 0, claude, marked, {}],
    ["nothing of a call that marked nothing", 0, claude, {}, { mark: "5m" }],
    ["what is reported without marks", 9000, claude, { writtenTokens: 9000 }, {}],
    ["whole steps of 128, where it is cached by itself", 9984, gpt, {}, {}],
    ["the same after a read, marked or not", 9984, gpt, { marked: true, readTokens: 8064 }, {}],
    ["nothing after five minutes", 0, gpt, {}, { now: 5 * minute }],
    [
      "as long as is said of the provider",
      9984,
      gpt,
      {},
      { now: 23 * minute, lifetimes: { claude: 24 * minute } }
    ],
    ["nothing below 1,024 tokens", 0, gpt, { inputTokens: 1023 }, {}],
    ["nothing once there was nothing to be read", 0, gpt, { missed: true }, {}],
    ["nothing of estimates", 0, gpt, { counted: false }, {}],
    ["nothing where the cache saves nothing", 0, uncached, {}, {}],
    ["no more than the call has", 5000, gpt, {}, { inputTokens: 5000, characters: 40_000 }],
    ["nothing of a conversation that has become shorter", 0, gpt, {}, { characters: 39_999 }]
  ]
  it.each(cases)("is %s", (_, expected, of, fields, around) => {
    const known = outlook({ ...around, entries: [entry(fields)] })
    assert.strictEqual(Sessions.cachedTokens(known, AIProvider.Claude, of), expected)
    assert.strictEqual(Sessions.cachedTokens(known, AIProvider.CopilotChat, of), 0)
  })
})

/** USD of a call with so many tokens. */
const usd = (of: Price.Price, counts: Partial<TokenUsage.TokenUsage>): number =>
  Usd.toNumber(Price.cost(of, TokenUsage.make(counts)))

describe("Sessions.expectedCost", () => {
  // This call, and half as many more as the four that there were.
  const mean = (now: number, later: number): number => (now + 2 * later) / 3

  it("reads what is cached, writes the rest, and has the calls to come find it", () => {
    const warm = entry({ marked: true, readTokens: 8000, writtenTokens: 2000 })
    assert.closeTo(
      Sessions.expectedCost(outlook({ mark: "5m", entries: [warm] }), AIProvider.Claude, claude),
      mean(
        usd(claude, {
          inputTokens: 11_000,
          cacheReadTokens: 10_000,
          cacheWriteTokens: 1000,
          outputTokens: 100
        }),
        usd(claude, {
          inputTokens: 12_000,
          cacheReadTokens: 11_000,
          cacheWriteTokens: 1000,
          outputTokens: 100
        })
      ),
      1e-12
    )
  })

  it("counts what it costs to fill the cache of another provider, and what that saves later", () => {
    const later = {
      inputTokens: 12_000,
      cacheReadTokens: 11_000,
      cacheWriteTokens: 1000,
      outputTokens: 100
    }
    const whole = { inputTokens: 11_000, cacheWriteTokens: 11_000, outputTokens: 100 }
    assert.closeTo(
      Sessions.expectedCost(outlook({ mark: "5m" }), AIProvider.Claude, claude),
      mean(usd(claude, whole), usd(claude, later)),
      1e-12
    )
    assert.closeTo(
      Sessions.expectedCost(outlook({ mark: "1h" }), AIProvider.Claude, claude),
      mean(
        usd(claude, { ...whole, cacheWrite1hTokens: 11_000 }),
        usd(claude, { ...later, cacheWrite1hTokens: 1000 })
      ),
      1e-12
    )
    assert.closeTo(
      Sessions.expectedCost(outlook(), AIProvider.Gpt4, gpt),
      mean(
        usd(gpt, { inputTokens: 11_000, outputTokens: 100 }),
        usd(gpt, { inputTokens: 12_000, cacheReadTokens: 11_000, outputTokens: 100 })
      ),
      1e-12
    )
  })

  const plain = (of: Price.Price) =>
    mean(
      usd(of, { inputTokens: 11_000, outputTokens: 100 }),
      usd(of, { inputTokens: 12_000, outputTokens: 100 })
    )

  it.each([
    ["has no use for marks that a task doesn't have", claude, outlook()],
    ["saves nothing", uncached, outlook({ mark: "5m" })],
    ["has shown that it caches nothing", gpt, outlook({ entries: [entry({ missed: true })] })]
  ])("is the whole price at a provider that %s", (_, of, known) => {
    assert.closeTo(Sessions.expectedCost(known, AIProvider.Claude, of), plain(of), 1e-12)
  })

  it("takes the length of an answer that is predicted better", () => {
    const more = Sessions.expectedCost(outlook(), AIProvider.Claude, uncached, 1100)
    assert.closeTo(more - plain(uncached), 1000 * 2e-6, 1e-12)
  })
})

const amount = FastCheck.integer({ min: 0, max: 100_000 })

const prices = FastCheck.record({
  input: FastCheck.integer({ min: 1, max: 20 }),
  output: FastCheck.integer({ min: 0, max: 80 }),
  read: FastCheck.double({ min: 0, max: 1, noNaN: true }),
  write: FastCheck.constantFrom(1, 1.25, 2)
}).map(({ input, output, read, write }) =>
  price({ input, output, cacheRead: input * read, cacheWrite: input * write })
)

const entries = FastCheck.record({
  startedAt: FastCheck.nat(2 * 3_600_000),
  calls: FastCheck.integer({ min: 1, max: 50 }),
  counted: FastCheck.boolean(),
  marked: FastCheck.boolean(),
  characters: amount,
  inputTokens: amount,
  readTokens: amount,
  writtenTokens: amount,
  hourTokens: amount,
  missed: FastCheck.boolean()
}).map(entry)

const outlooks = FastCheck.record({
  now: FastCheck.nat(2 * 3_600_000),
  characters: amount,
  inputTokens: amount,
  addedTokens: FastCheck.nat(5000),
  outputTokens: FastCheck.nat(2000),
  calls: FastCheck.integer({ min: 1, max: 50 }),
  mark: FastCheck.constantFrom(undefined, "5m" as const, "1h" as const),
  entries: FastCheck.array(entries, { maxLength: 1 })
}).map(outlook)

describe("what is expected of a session", () => {
  it.prop(
    "costs at least what it would with everything cached, and at most what it would with nothing",
    [outlooks, prices],
    ([known, of]) => {
      const { addedTokens, inputTokens, outputTokens } = known
      const cost = Sessions.expectedCost(known, AIProvider.Claude, of)
      const least = usd(of, { inputTokens, cacheReadTokens: inputTokens, outputTokens })
      const all = inputTokens + addedTokens
      const most = usd(of, {
        inputTokens: all,
        cacheWriteTokens: all,
        cacheWrite1hTokens: all,
        outputTokens
      })
      assert.isAtLeast(cost, least * (1 - 1e-9))
      assert.isAtMost(cost, most * (1 + 1e-9))
    },
    runs(300)
  )

  it.prop(
    "takes nothing that is out of date, that failed to be read, or more than there is, for cached",
    [outlooks, prices],
    ([known, of]) => {
      const cached = Sessions.cachedTokens(known, AIProvider.Claude, of)
      assert.isAtMost(cached, known.inputTokens)
      for (const { hourTokens, missed, readTokens, startedAt, writtenTokens } of known.entries) {
        const age = known.now - startedAt
        if (age >= 5 * minute) assert.isAtMost(cached, hourTokens)
        if (age >= 60 * minute) assert.strictEqual(cached, 0)
        if (missed) assert.isAtMost(cached, readTokens + writtenTokens)
      }
    },
    runs(300)
  )
})

const claudeMetrics: ProviderMetrics.Options = {
  provider: "claude",
  price: { input: 3, output: 15, cacheRead: 0.3, cacheWrite: 3.75 },
  costPerToken: Price.blendedPerToken(claude),
  qualityScore: 8,
  p50LatencyMs: 900
}
const gptMetrics: ProviderMetrics.Options = {
  provider: "gpt4",
  price: { input: 2.5, output: 10, cacheRead: 1.25 },
  costPerToken: Price.blendedPerToken(gpt),
  qualityScore: 8,
  p50LatencyMs: 900
}

/** A task of as many tokens, by the rule of four characters. */
const taskOf = (tokens: number, fields: Partial<AITask.Options> = {}): AITask.AITask =>
  Either.getOrThrow(
    AITask.make({
      id: "t",
      session: "s",
      messages: [
        {
          role: "user",
          content: [{ type: "text", text: "tok ".repeat(tokens), cache: { ttl: "5m" } }]
        }
      ],
      ...fields
    })
  )

const attempt = (fields: Partial<AIResult.Attempt> = {}, usage: Partial<TokenUsage.TokenUsage> = {}) => ({
  provider: AIProvider.Claude,
  model: "m",
  outcome: "succeeded" as const,
  error: Option.none(),
  usage: TokenUsage.make({ inputTokens: 20_000, outputTokens: 100, ...usage }),
  cost: Option.none(),
  startedAt: 0,
  durationMs: 1000,
  firstTokenMs: Option.none(),
  ...fields
})

const written = { cacheWriteTokens: 20_000 }

/** The optimizer, beside the sessions that it asks. */
const optimizerOf = (
  providers: ReadonlyArray<ProviderMetrics.Options> = [gptMetrics, claudeMetrics],
  options: Sessions.Options & SessionStore.Options = {}
) =>
  Effect.gen(function* () {
    const sessions = yield* Sessions.Sessions
    const optimizer = yield* CostOptimizer.make(providers)
    const first = (task: AITask.AITask, strategy: Strategy.Strategy) =>
      Effect.zipWith(optimizer.select(task, strategy), optimizer.rank(task, strategy), (selected, [best]) => {
        assert.strictEqual(selected, best)
        return selected
      })
    return { sessions, optimizer, first }
  }).pipe(Effect.provide(Sessions.layer(options)))

describe("Sessions", () => {
  it.effect("has the cheapest provider be the one that has the session cached", () =>
    Effect.gen(function* () {
      const { first, sessions } = yield* optimizerOf()
      const task = taskOf(20_000)
      assert.strictEqual(yield* first(task, Strategy.cheapest), "gpt4")
      yield* sessions.observe(attempt({}, written), task)
      assert.strictEqual(yield* first(taskOf(21_000), Strategy.cheapest), "claude")
      assert.strictEqual(yield* first(taskOf(21_000), Strategy.balanced), "claude")
      // Another conversation, another agent of it, another user of the same name, another key.
      for (const other of [{ session: "t" }, { agent: "a" }, { userId: "u" }, { keyId: "k" }]) {
        assert.strictEqual(yield* first(taskOf(21_000, other), Strategy.cheapest), "gpt4")
      }
      yield* TestClock.adjust("5 minutes")
      assert.strictEqual(yield* first(taskOf(21_000), Strategy.cheapest), "gpt4")
    })
  )

  it.effect.prop(
    "selects for a cold session exactly as without the service",
    [
      FastCheck.array(
        FastCheck.record({
          // The last is dear by the usual mix of tokens, and cheap by that of a long conversation.
          price: FastCheck.constantFrom(claudeMetrics.price, undefined, { input: 1, output: 30 }),
          costPerToken: FastCheck.constantFrom(undefined, 1e-6, 5e-6),
          qualityScore: FastCheck.constantFrom(7, 8),
          p50LatencyMs: FastCheck.constantFrom(500, 900)
        }),
        { minLength: 1, maxLength: 4 }
      ),
      FastCheck.constantFrom(...Object.values(Strategy.named))
    ],
    ([fleet, strategy]) =>
      Effect.gen(function* () {
        const providers = fleet.map((each, index) => ({ ...each, provider: `p${index}` }))
        const { optimizer, sessions } = yield* optimizerOf(providers)
        const plain = yield* (yield* CostOptimizer.make(providers)).rank(taskOf(2000), strategy)
        assert.deepStrictEqual(yield* optimizer.rank(taskOf(2000), strategy), plain)
        // What has run out, or came of a failure, is as good as nothing.
        for (const { provider } of yield* optimizer.metrics) {
          const past = attempt({ provider, startedAt: -5 * minute }, written)
          yield* sessions.observe(past, taskOf(2000))
          yield* sessions.observe({ ...past, outcome: "failed", startedAt: 0 }, taskOf(2000))
        }
        assert.deepStrictEqual(yield* optimizer.rank(taskOf(2100), strategy), plain)
      }),
    runs(100)
  )

  it.effect("goes by the call that began last, whichever ends last", () =>
    Effect.gen(function* () {
      const { sessions } = yield* optimizerOf()
      yield* TestClock.adjust("1 minute")
      yield* sessions.observe(attempt({ startedAt: 2000 }, written), taskOf(20_000))
      yield* sessions.observe(attempt({ startedAt: 1000 }, TokenUsage.none), taskOf(10_000))
      const known = yield* sessions.outlook(taskOf(21_000))
      const [kept] = known?.entries ?? []
      assert.deepInclude(kept, { startedAt: 2000, characters: 80_000, calls: 2 })
      assert.isAbove(kept?.writtenTokens ?? 0, 0)
    })
  )

  it.effect("breaks ties of quality and speed by what a call is expected to cost", () =>
    Effect.gen(function* () {
      const { first, sessions } = yield* optimizerOf()
      assert.strictEqual(yield* first(taskOf(20_000), Strategy.quality), "gpt4")
      yield* sessions.observe(attempt({}, written), taskOf(20_000))
      assert.strictEqual(yield* first(taskOf(21_000), Strategy.quality), "claude")
      assert.strictEqual(yield* first(taskOf(21_000), Strategy.fastest), "claude")
    })
  )

  it.effect("leaves the better and the faster provider where they are", () =>
    Effect.gen(function* () {
      const { first, sessions } = yield* optimizerOf([
        { ...gptMetrics, qualityScore: 8.1, p50LatencyMs: 899 },
        claudeMetrics
      ])
      yield* sessions.observe(attempt({}, written), taskOf(20_000))
      assert.strictEqual(yield* first(taskOf(21_000), Strategy.quality), "gpt4")
      assert.strictEqual(yield* first(taskOf(21_000), Strategy.fastest), "gpt4")
    })
  )

  it.effect("ranks the rest by what they are expected to cost, and those of unknown price last", () =>
    Effect.gen(function* () {
      const { optimizer, sessions } = yield* optimizerOf([
        { provider: "unknown", qualityScore: 8 },
        { provider: "free", costPerToken: 0, price: { input: 0, output: 0 }, qualityScore: 8 },
        gptMetrics,
        claudeMetrics
      ])
      yield* sessions.observe(attempt({}, written), taskOf(20_000))
      const order = ["free", "claude", "gpt4", "unknown"]
      assert.deepStrictEqual([...(yield* optimizer.rank(taskOf(21_000), Strategy.cheapest))], order)
      assert.deepStrictEqual([...(yield* optimizer.rank(taskOf(21_000), Strategy.quality))], order)
    })
  )

  it.effect("changes a cost that was given as the price's changes", () =>
    Effect.gen(function* () {
      // At a hundredth of the list price the cold one stays cheaper.
      const rebate = { ...gptMetrics, costPerToken: Price.blendedPerToken(gpt) / 100 }
      const { first, sessions } = yield* optimizerOf([rebate, claudeMetrics])
      yield* sessions.observe(attempt({}, written), taskOf(20_000))
      assert.strictEqual(yield* first(taskOf(21_000), Strategy.cheapest), "gpt4")
    })
  )

  it.effect("switches when the switch is worth its price", () =>
    Effect.gen(function* () {
      const { first, sessions } = yield* optimizerOf()
      const ask = (turn: number) => taskOf(10_000 + 1000 * turn)
      const answered: Array<AIProvider.AIProvider> = []
      for (let turn = 0; turn < 8; turn++) {
        const provider = yield* first(ask(turn), Strategy.cheapest)
        answered.push(provider)
        const inputTokens = 10_000 + 1000 * turn
        const known = Math.max(0, answered.filter((each) => each === provider).length - 1) > 0
        const cached = known ? inputTokens - 1000 : 0
        const usage =
          provider === "claude"
            ? { inputTokens, cacheReadTokens: cached, cacheWriteTokens: inputTokens - cached }
            : { inputTokens, cacheReadTokens: Math.floor(cached / 128) * 128 }
        yield* sessions.observe(attempt({ provider }, usage), ask(turn))
      }
      // It isn't worth it for the second call, and is for the sixth: then there are some more to come.
      assert.deepStrictEqual(answered.slice(0, 2), ["gpt4", "gpt4"])
      assert.strictEqual(answered.at(-1), "claude")
      assert.strictEqual(answered.lastIndexOf(AIProvider.Gpt4), answered.indexOf(AIProvider.Claude) - 1)
    })
  )

  it.effect("learns nothing from failures, and from an answer that was given up what is reported", () =>
    Effect.gen(function* () {
      const cases = [
        ["failed", written, false],
        ["cut", written, false],
        ["interrupted", {}, false],
        ["interrupted", written, true],
        ["discarded", written, true],
        ["succeeded", written, true]
      ] as const
      for (const [outcome, usage, isLearned] of cases) {
        const { sessions } = yield* optimizerOf()
        yield* sessions.observe(attempt({ outcome }, usage), taskOf(20_000))
        const known = yield* sessions.outlook(taskOf(20_000))
        assert.strictEqual(known !== undefined, isLearned, outcome)
      }
    })
  )

  it.effect("believes a provider that caches by itself until it doesn't", () =>
    Effect.gen(function* () {
      const { sessions } = yield* optimizerOf()
      const cached = (tokens: number) =>
        Effect.map(sessions.outlook(taskOf(tokens)), (known) =>
          known === undefined ? 0 : Sessions.cachedTokens(known, AIProvider.Gpt4, gpt)
        )
      const call = (startedAt: number, usage: Partial<TokenUsage.TokenUsage>) =>
        sessions.observe(attempt({ provider: AIProvider.Gpt4, startedAt }, usage), taskOf(20_000))
      yield* call(0, {})
      assert.strictEqual(yield* cached(20_000), 19_968)
      yield* call(1000, {})
      assert.strictEqual(yield* cached(20_000), 0)
      yield* call(2000, {})
      assert.strictEqual(yield* cached(20_000), 0)
      yield* call(3000, { cacheReadTokens: 19_968 })
      assert.strictEqual(yield* cached(20_000), 19_968)
      // After its time nothing can be expected to be read: that says nothing.
      yield* call(3000 + 5 * minute, {})
      assert.strictEqual(yield* cached(20_000), 19_968)
    })
  )

  it.effect("knows how much is kept for an hour while it is read", () =>
    Effect.gen(function* () {
      const { sessions } = yield* optimizerOf()
      const hourly = () =>
        Effect.map(sessions.outlook(taskOf(20_000)), (known) => known?.entries[0]?.hourTokens)
      yield* sessions.observe(
        attempt({}, { cacheWriteTokens: 20_000, cacheWrite1hTokens: 15_000 }),
        taskOf(20_000)
      )
      assert.strictEqual(yield* hourly(), 15_000)
      yield* sessions.observe(
        attempt({ startedAt: minute }, { cacheReadTokens: 20_000, cacheWriteTokens: 1000 }),
        taskOf(21_000)
      )
      assert.strictEqual(yield* hourly(), 15_000)
      yield* sessions.observe(attempt({ startedAt: 2 * minute }, { cacheReadTokens: 4000 }), taskOf(21_000))
      assert.strictEqual(yield* hourly(), 4000)
      yield* sessions.observe(attempt({ startedAt: 62 * minute }, { cacheReadTokens: 4000 }), taskOf(21_000))
      assert.strictEqual(yield* hourly(), 0)
    })
  )

  it.effect("expects of a call what the session's calls were like", () =>
    Effect.gen(function* () {
      const { sessions } = yield* optimizerOf()
      assert.isUndefined(yield* sessions.outlook(taskOf(100)))
      assert.isUndefined(yield* sessions.outlook(taskOf(100, { session: undefined })))
      yield* sessions.observe(attempt({}, { inputTokens: 12_000 }), taskOf(10_000))
      yield* sessions.observe(
        attempt({ provider: AIProvider.Gpt4, startedAt: 1 }, { inputTokens: 11_000, outputTokens: 300 }),
        taskOf(11_000)
      )
      const known = yield* sessions.outlook(taskOf(22_000))
      assert.strictEqual(known?.calls, 2)
      assert.strictEqual(known?.outputTokens, 200)
      // By how gpt4, the last, counts.
      assert.strictEqual(known?.inputTokens, 22_000)
      assert.strictEqual(known?.addedTokens, 5500)
      assert.strictEqual(known?.mark, "5m")
    })
  )

  it.effect("knows a session by its name, its key for caches, or over a wire by its beginning", () =>
    Effect.gen(function* () {
      const original: AITask.Options["original"] = { wire: "messages", body: {} }
      const text = "tok ".repeat(20_000)
      const conversation = (options: Partial<AITask.Options>, ...more: ReadonlyArray<AITask.Message>) =>
        taskOf(1, { session: undefined, ...options, messages: [{ role: "user", content: text }, ...more] })
      const more: AITask.Message = { role: "assistant", content: "and so on" }
      const other: AITask.Options["messages"] = [{ role: "user", content: `${text}!` }]
      const cases: ReadonlyArray<readonly [boolean, AITask.AITask, AITask.AITask]> = [
        [true, conversation({ cacheKey: "k" }), conversation({ cacheKey: "k" }, more)],
        [false, conversation({ cacheKey: "k" }), conversation({ cacheKey: "l" }, more)],
        [false, conversation({ session: "k" }), conversation({ cacheKey: "k" }, more)],
        [true, conversation({ session: "s" }), conversation({ session: "s", cacheKey: "k" }, more)],
        [true, conversation({ original }), conversation({ original }, more)],
        [false, conversation({ original }), conversation({ original, systemPrompt: "Be brief" }, more)],
        [false, conversation({ original }), taskOf(1, { session: undefined, original, messages: other })],
        [false, taskOf(1, { session: undefined, original, messages: [more] }), conversation({ original })],
        [false, conversation({}), conversation({}, more)],
        [
          false,
          conversation({ original: { ...original, wire: "embeddings" } }),
          conversation({ original: { ...original, wire: "embeddings" } })
        ]
      ]
      for (const [index, [isSame, first, second]] of cases.entries()) {
        const { sessions } = yield* optimizerOf()
        yield* sessions.observe(attempt({}, written), first)
        const known = yield* sessions.outlook(second)
        assert.strictEqual(known !== undefined, isSame, String(index))
      }
    })
  )

  it.effect("looks for the last mark of a task, in its messages, its tools and its original", () =>
    Effect.gen(function* () {
      const text = (content: string, ttl?: "5m" | "1h") =>
        ({ type: "text", text: content, cache: ttl === undefined ? undefined : { ttl } }) as const
      const user = (ttl?: "5m" | "1h"): AITask.Message => ({ role: "user", content: [text("a", ttl)] })
      const tool: AITask.Message = { role: "tool", toolCallId: "c", content: "b", cache: {} }
      const tools: AITask.Options["tools"] = [{ name: "t", parameters: {}, cache: { ttl: "1h" } }]
      const original = (body: Readonly<Record<string, unknown>>, wire: "messages" | "responses") => ({
        original: { wire, body }
      })
      const mark = { cache_control: { type: "ephemeral", ttl: "1h" } }
      const cases: ReadonlyArray<readonly ["5m" | "1h" | undefined, Partial<AITask.Options>]> = [
        [undefined, { messages: [{ role: "user", content: "a" }] }],
        ["1h", { messages: [user("1h")] }],
        ["5m", { messages: [user("1h"), user("5m"), user()] }],
        ["5m", { messages: [user("1h"), tool] }],
        ["1h", { messages: [user()], tools }],
        ["1h", { messages: [user("5m")], ...original(mark, "messages") }],
        ["5m", { messages: [user()], ...original({ system: [{}, { cache_control: {} }] }, "messages") }],
        [undefined, { messages: [user()], ...original({ system: "x" }, "messages") }],
        [undefined, { messages: [user()], ...original(mark, "responses") }]
      ]
      for (const [index, [expected, options]] of cases.entries()) {
        const { sessions } = yield* optimizerOf()
        const task = taskOf(1, options)
        yield* sessions.observe(attempt({}, written), task)
        assert.strictEqual((yield* sessions.outlook(task))?.mark, expected, String(index))
      }
    })
  )

  it.effect("refuses a lifetime that isn't one", () =>
    Effect.gen(function* () {
      const { message } = yield* Effect.flip(
        Effect.provide(Sessions.make({ lifetimes: { gpt4: 0 } }), SessionStore.layerMemory())
      )
      assert.include(message, "Sessions.lifetimes")
    })
  )
})
