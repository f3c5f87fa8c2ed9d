import { assert, describe, it } from "@effect/vitest"
import {
  AITask,
  Budgets,
  BudgetStore,
  Hedging,
  Price,
  ProviderRouter,
  SpendLedger,
  TokenUsage,
  Usd
} from "arc-saga"
import { Behaviour, ScriptedEngine, VirtualTime } from "arc-saga/testing"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as FastCheck from "effect/FastCheck"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import { provider, rowsOf } from "../utils/ledger.js"
import { runs } from "../utils/property.js"

const maxOutputTokens = 400

const prices = [
  { input: 3, output: 15, cacheRead: 0.3, cacheWrite: 3.75, cacheWrite1h: 6 },
  { input: 2, output: 10, tiers: [{ above: 60, input: 5, output: 40 }] },
  { input: 0.1, output: 0.7 }
].map((options) => Either.getOrThrow(Price.make(options)))

/** At most what a task allows, and at least as much as the text is estimated to be. */
const usages = FastCheck.record({
  inputTokens: FastCheck.integer({ min: 20, max: 200 }),
  cacheReadTokens: FastCheck.nat(10),
  cacheWriteTokens: FastCheck.nat(10),
  outputTokens: FastCheck.integer({ min: 200, max: maxOutputTokens })
}).map(TokenUsage.make)

const paces = FastCheck.record({
  chunks: FastCheck.array(FastCheck.constant("word"), { minLength: 1, maxLength: 20 }),
  firstTokenMs: FastCheck.nat(3000),
  msPerChunk: FastCheck.nat(300),
  metered: FastCheck.constantFrom("end" as const, "always" as const),
  usage: usages
})

const errors = FastCheck.constantFrom(
  "RateLimitError" as const,
  "TransientError" as const,
  "QuotaExhaustedError" as const,
  "AuthenticationError" as const
).map((_tag) => ({ _tag }))

const behaviours: FastCheck.Arbitrary<Behaviour.Behaviour> = FastCheck.oneof(
  { weight: 4, arbitrary: paces.map(Behaviour.answer) },
  FastCheck.tuple(errors, FastCheck.nat(2000)).map(([error, afterMs]) => Behaviour.fail(error, { afterMs })),
  FastCheck.tuple(paces, FastCheck.nat(10), errors).map(([pace, after, error]) =>
    Behaviour.failAfter({ ...pace, after, error })
  ),
  FastCheck.tuple(paces, FastCheck.nat(10)).map(([pace, after]) => Behaviour.cut({ ...pace, after })),
  FastCheck.tuple(paces, FastCheck.nat(10)).map(([pace, after]) => Behaviour.stall({ ...pace, after })),
  FastCheck.constant(Behaviour.never())
)

const scripts = FastCheck.array(behaviours, { minLength: 1, maxLength: 6 })

interface Call {
  readonly atMs: number
  readonly userId: string | undefined
  readonly streaming: boolean
  readonly interruptAfterMs: number | undefined
}

const calls: FastCheck.Arbitrary<Call> = FastCheck.record({
  atMs: FastCheck.nat(4000),
  userId: FastCheck.option(FastCheck.constantFrom("ada", "bob"), { nil: undefined }),
  streaming: FastCheck.boolean(),
  interruptAfterMs: FastCheck.option(FastCheck.nat(8000), { nil: undefined })
})

/** Budgets that let some of the calls in. */
const budgets: Budgets.Options = {
  budgets: [
    { name: "all", scope: "overall", period: "day", usd: 0.05 },
    { name: "each", scope: "user", period: "month", usd: 0.02 },
    { name: "tokens", scope: "user", subject: "ada", period: "day", tokens: 4000 }
  ],
  maxOutputTokens
}

/** A store that looks after each change whether an account has more than it allows. */
const watched = Effect.map(BudgetStore.makeMemory, (store) => {
  const accounts = new Map<string, BudgetStore.Account>()
  const exceeded: Array<string> = []
  const look = Effect.gen(function* () {
    const all = Array.from(accounts.values())
    for (const [index, { reserved, spent }] of (yield* store.balances(all)).entries()) {
      const limit = all[index]?.limit ?? 0n
      if (spent + reserved > limit || reserved < 0n) exceeded.push(`${spent} + ${reserved} of ${limit}`)
    }
  }).pipe(Effect.orDie)
  const service: BudgetStore.Service = {
    balances: store.balances,
    reserve: (charges, deadline) =>
      Effect.suspend(() => {
        for (const { account } of charges) accounts.set(account.id, account)
        return Effect.zipLeft(store.reserve(charges, deadline), look)
      }),
    settle: (charges) => Effect.zipRight(store.settle(charges), look)
  }
  return { service, exceeded, accounts }
})

const scenario = (
  script: ReadonlyArray<ReadonlyArray<Behaviour.Behaviour>>,
  calls: ReadonlyArray<Call>,
  hedged: boolean
) =>
  Effect.gen(function* () {
    const engines = yield* Effect.forEach(script, ([first = Behaviour.never(), ...others], index) =>
      ScriptedEngine.make({
        provider: provider(`engine-${index}`),
        capabilities: { prefill: index === 1 },
        ...Option.match(Option.fromNullable(prices[index]), {
          onNone: () => ({}),
          onSome: (price) => ({ price })
        }),
        script: [first, ...others]
      })
    )
    const { accounts, exceeded, service } = yield* watched
    const layer = ProviderRouter.layer({ maxRetryAfterMs: 500 }).pipe(
      Layer.provide(hedged ? alwaysHedged : Layer.empty),
      Layer.provideMerge(Budgets.layerStore(budgets)),
      Layer.provide(Layer.succeed(BudgetStore.BudgetStore, service)),
      Layer.provideMerge(SpendLedger.layer),
      Layer.provide(ScriptedEngine.layerRegistry(engines))
    )
    return yield* Effect.provide(
      Effect.gen(function* () {
        const router = yield* ProviderRouter.ProviderRouter
        const serve = ({ atMs, interruptAfterMs, streaming, userId }: Call, index: number) =>
          Effect.gen(function* () {
            const task = yield* AITask.make({
              id: `task-${index}`,
              prompt: "ask",
              ...(userId === undefined ? {} : { userId })
            })
            yield* Effect.sleep(atMs)
            const call = yield* Effect.fork(
              Effect.ignore(streaming ? Stream.runDrain(router.stream(task)) : router.complete(task))
            )
            if (interruptAfterMs === undefined) return yield* Fiber.await(call)
            yield* Effect.sleep(interruptAfterMs)
            return yield* Fiber.interrupt(call)
          })
        yield* Effect.forEach(calls, serve, { concurrency: "unbounded", discard: true })
        const rows = yield* rowsOf(yield* SpendLedger.SpendLedger)
        const all = Array.from(accounts.values())
        const balances = yield* service.balances(all)
        const made = yield* Effect.forEach(engines, (engine) => engine.calls)
        const open = yield* Effect.forEach(engines, (engine) => engine.open)
        return { rows, balances, exceeded, accounts: all, made, open }
      }),
      layer
    )
  }).pipe(VirtualTime.simulate())

/** Whoever hasn't begun to answer after 300 ms isn't waited for alone. */
const alwaysHedged = Layer.succeed(Hedging.Hedging, {
  unsafeCall: () => {},
  unsafeDelayMs: () => 300,
  unsafeTake: () => true
})

const pico = (amounts: ReadonlyArray<bigint>): bigint => amounts.reduce((sum, amount) => sum + amount, 0n)

describe.concurrent("ledger and budgets, whatever happens to the calls", () => {
  it.effect.prop(
    "account for what the engines charged, never exceed a budget, and leave nothing reserved",
    [
      FastCheck.array(scripts, { minLength: 1, maxLength: 3 }),
      FastCheck.array(calls, { minLength: 1, maxLength: 25 }),
      FastCheck.boolean()
    ],
    ([script, calls, hedged]) =>
      Effect.gen(function* () {
        const { accounts, balances, exceeded, made, open, rows } = yield* scenario(script, calls, hedged)
        assert.deepStrictEqual(exceeded, [])
        assert.isTrue(balances.every(({ reserved }) => reserved === 0n))
        assert.isTrue(open.every((count) => count === 0))

        // One row for each request, and no other.
        assert.strictEqual(new Set(rows.map(({ id }) => id)).size, rows.length)
        assert.strictEqual(rows.length, made.flat().length)
        for (const [index, requests] of made.entries()) {
          const own = rows.filter((row) => row.provider === `engine-${index}`)
          const price = prices[index]
          assert(price !== undefined)
          const charged = requests.flatMap(({ usage }) =>
            Option.toArray(Option.map(usage, (usage) => Price.cost(price, usage).pico))
          )
          const recorded = own.flatMap(({ cost, usage }) =>
            usage.estimated ? [] : Option.toArray(Option.map(cost, ({ pico }) => pico))
          )
          assert.strictEqual(pico(recorded), pico(charged))
          // What is estimated is what its engine never told.
          const silent = requests.filter(({ usage }) => Option.isNone(usage)).length
          assert.isAtMost(own.filter(({ usage }) => usage.estimated).length, silent)
        }

        // What the budgets count is what the ledger has.
        const spentBy = (of: (row: SpendLedger.Row) => boolean) =>
          rows.filter(of).map((row) => ({ row, cost: Option.getOrElse(row.cost, () => Usd.zero).pico }))
        for (const [index, { id }] of accounts.entries()) {
          const [name, , , , , subject]: ReadonlyArray<string> = JSON.parse(id)
          const counted = spentBy(({ userId }) => name === "all" || Option.contains(userId, subject ?? ""))
          const expected =
            name === "tokens"
              ? counted.map(({ row }) => BigInt(row.usage.inputTokens + row.usage.outputTokens))
              : counted.map(({ cost }) => cost)
          assert.strictEqual(balances[index]?.spent, pico(expected), id)
        }
      }),
    runs()
  )
})
