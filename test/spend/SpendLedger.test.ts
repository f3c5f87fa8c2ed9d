import { assert, describe, it } from "@effect/vitest"
import { AIProvider, SpendLedger, TokenUsage, Usd } from "arc-saga"
import * as Effect from "effect/Effect"
import * as FastCheck from "effect/FastCheck"
import * as Option from "effect/Option"
import * as TestRandom from "effect/Random"
import { attempt, rowsOf, task } from "../utils/ledger.js"
import { ledgerContract } from "../utils/ledgerContract.js"
import { runs } from "../utils/property.js"

const day = 86_400_000

const attempts = FastCheck.array(
  FastCheck.record({
    provider: FastCheck.constantFrom("a", "b").map(AIProvider.unsafeMake),
    model: FastCheck.constantFrom("m", "n"),
    outcome: FastCheck.constantFrom("succeeded" as const, "failed" as const),
    userId: FastCheck.constantFrom(undefined, "ada", "bob"),
    keyId: FastCheck.constantFrom(undefined, "web"),
    cost: FastCheck.option(FastCheck.bigInt({ min: 0n, max: 10n ** 20n })),
    tokens: FastCheck.nat(1000),
    estimated: FastCheck.boolean(),
    startedAt: FastCheck.nat(3 * day)
  }),
  { maxLength: 60 }
)

const filters = FastCheck.record(
  {
    since: FastCheck.nat(3).map((days) => days * day),
    until: FastCheck.nat(3).map((days) => days * day),
    provider: FastCheck.constantFrom("a", "b").map(AIProvider.unsafeMake),
    userId: FastCheck.constantFrom("ada", "bob"),
    keyId: FastCheck.constant("web")
  },
  { requiredKeys: [] }
)

describe("SpendLedger in memory", () => {
  ledgerContract(Effect.succeed(SpendLedger.layer))

  it.effect.prop(
    "sums as exactly when it keeps few rows as when it keeps all of them",
    [attempts, FastCheck.nat(20), filters, FastCheck.constantFrom(...SpendLedger.By.literals)],
    ([all, capacity, filter, by]) =>
      Effect.gen(function* () {
        const few = yield* SpendLedger.makeMemory({ capacity })
        const every = yield* SpendLedger.makeMemory()
        for (const { cost, estimated, keyId, tokens, userId, ...fields } of all) {
          const ended = attempt({
            ...fields,
            cost: Option.map(Option.fromNullable(cost), Usd.fromPico),
            usage: TokenUsage.make({ inputTokens: tokens, outputTokens: tokens, estimated })
          })
          const asked = task({
            ...(userId === undefined ? {} : { userId }),
            ...(keyId === undefined ? {} : { keyId })
          })
          yield* few.observe(ended, asked)
          yield* every.observe(ended, asked)
        }
        assert.deepStrictEqual(yield* few.summary({ by, ...filter }), yield* every.summary({ by, ...filter }))
        const kept = yield* rowsOf(few)
        assert.strictEqual(kept.length, Math.min(capacity, all.length))
      }),
    runs()
  )

  it.effect("gives up the oldest rows first, and with them the filter by task and the time of day", () =>
    Effect.gen(function* () {
      const ledger = yield* SpendLedger.makeMemory({ capacity: 2 })
      for (const id of ["a", "b", "c", "d", "e"]) {
        yield* ledger.observe(attempt({ startedAt: day + 5000 }), task({ id }))
      }
      assert.deepStrictEqual(
        (yield* rowsOf(ledger)).map(({ taskId }) => taskId),
        ["d", "e"]
      )
      const attempts = (filter: SpendLedger.Filter) =>
        Effect.map(ledger.summary({ by: "provider", ...filter }), ([group]) => group?.attempts ?? 0)
      assert.strictEqual(yield* attempts({}), 5)
      assert.strictEqual(yield* attempts({ taskId: "a" }), 0)
      assert.strictEqual(yield* attempts({ taskId: "e" }), 1)
      assert.strictEqual(yield* attempts({ since: day + 1000 }), 2)
    })
  )

  it.effect("gives ids that differ even where chance doesn't", () =>
    Effect.gen(function* () {
      const id = (startedAt: number) =>
        Effect.map(SpendLedger.rowOf(attempt({ startedAt }), task()), (row) => row.id).pipe(
          Effect.withRandom(TestRandom.make("the same"))
        )
      const [one, same, other] = [yield* id(1000), yield* id(1000), yield* id(1001)]
      assert.strictEqual(one, same)
      assert.notStrictEqual(one, other)
      assert.isTrue(one < other)
    })
  )

  it.effect("rejects a capacity that means nothing", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(SpendLedger.makeMemory({ capacity: -1 }))
      assert.strictEqual(
        error.message,
        "SpendLedger.capacity: Expected a number of rows (a whole number from 0), actual -1"
      )
    })
  )
})
