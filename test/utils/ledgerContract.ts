/** What every ledger does, wherever it keeps its rows. */
import { assert, it } from "@effect/vitest"
import { SpendLedger, TokenUsage, Usd } from "arc-saga"
import * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import { attempt, brief, failedAttempt, provider, rowsOf, task } from "./ledger.js"

const day = 86_400_000

export type Made = Effect.Effect<Layer.Layer<SpendLedger.SpendLedger>, never, Scope.Scope>

export const ledgerContract = (made: Made): void => {
  const test = (
    name: string,
    body: (ledger: SpendLedger.Service) => Effect.Effect<void, SpendLedger.LedgerError>
  ) =>
    it.scopedLive(name, () =>
      Effect.flatMap(made, (layer) => Effect.provide(Effect.flatMap(SpendLedger.SpendLedger, body), layer))
    )

  test("keeps all of an attempt but its words", (ledger) =>
    Effect.gen(function* () {
      const usage = TokenUsage.make({
        inputTokens: 7,
        outputTokens: 6,
        cacheReadTokens: 5,
        cacheWriteTokens: 4,
        cacheWrite1hTokens: 3,
        reasoningTokens: 2,
        estimated: true
      })
      yield* ledger.observe(attempt({ usage }), task({ userId: "ada", keyId: "web" }))
      yield* ledger.observe(failedAttempt({ startedAt: 2000, cost: Option.none() }), task())
      const [first, second] = yield* rowsOf(ledger)
      assert(first !== undefined && second !== undefined)
      const { id, ...rest } = first
      assert.match(id, /^[0-9a-f]{32}$/)
      assert.deepStrictEqual(rest, {
        taskId: "task-1",
        userId: Option.some("ada"),
        keyId: Option.some("web"),
        provider: provider("claude"),
        model: "claude-1",
        outcome: "succeeded",
        error: Option.none(),
        usage,
        cost: Option.some(Usd.fromPico(1_234_567_890_123n)),
        startedAt: 1000,
        durationMs: 250.5,
        firstTokenMs: Option.some(12.25)
      })
      assert.deepStrictEqual(
        [second.outcome, second.error, second.userId, second.keyId, second.cost, second.firstTokenMs],
        ["failed", Option.some("TransientError"), ...Array.from({ length: 4 }, () => Option.none())]
      )
      assert.notInclude(JSON.stringify([first, second]), "secret")
    }))

  test("counts answers that were there already, which are no attempts", (ledger) =>
    Effect.gen(function* () {
      yield* ledger.observe(attempt({ cost: Option.some(Usd.fromPico(7n)) }), task())
      yield* ledger.observe(
        attempt({ outcome: "cached", usage: TokenUsage.none, cost: Option.some(Usd.zero) }),
        task()
      )
      const [group] = yield* ledger.summary({ by: "provider" })
      assert.deepInclude(group, { attempts: 1, cached: 1, succeeded: 1, cost: Usd.fromPico(7n) })
    }))

  test("keeps whose the cost is", (ledger) =>
    Effect.gen(function* () {
      yield* ledger.observe(attempt({ costSource: "provider" }), task())
      yield* ledger.observe(attempt({ startedAt: 2000 }), task())
      const rows = yield* rowsOf(ledger)
      assert.deepStrictEqual(
        rows.map(({ costSource }) => costSource),
        ["provider", undefined]
      )
    }))

  test("keeps what caches saved, exactly, and what it cost to fill them", (ledger) =>
    Effect.gen(function* () {
      const amounts = [
        undefined,
        ...[9_007_199_254_740_993_000_001n, -3_750_000_000_001n, 0n].map(Usd.fromPico)
      ]
      yield* Effect.forEach(amounts, (cacheSaved, startedAt) =>
        ledger.observe(attempt({ startedAt, ...(cacheSaved === undefined ? {} : { cacheSaved }) }), task())
      )
      assert.deepStrictEqual(
        (yield* rowsOf(ledger)).map((row) => row.cacheSaved),
        amounts
      )
      const [group] = yield* ledger.summary({ by: "provider" })
      assert.deepStrictEqual(group?.cacheSaved, Usd.fromPico(9_007_199_250_990_993_000_000n))
    }))

  test("gives the rows by the time of their beginning, as many as there are", (ledger) =>
    Effect.gen(function* () {
      const count = 1203
      yield* Effect.forEach(
        Array.from({ length: count }, (_, index) => (index * 7) % count),
        (startedAt) => ledger.observe(attempt({ startedAt }), task()),
        { concurrency: "unbounded", discard: true }
      )
      const rows = yield* rowsOf(ledger)
      assert.deepStrictEqual(
        rows.map(({ startedAt }) => startedAt),
        Array.from({ length: count }, (_, index) => index)
      )
      assert.strictEqual(new Set(rows.map(({ id }) => id)).size, count)
    }))

  test("looks only at the rows for which all of the filter holds", (ledger) =>
    Effect.gen(function* () {
      yield* ledger.observe(attempt({ startedAt: 10 }), task({ id: "a", userId: "ada", keyId: "web" }))
      yield* ledger.observe(attempt({ startedAt: 20 }), task({ id: "b", userId: "bob", keyId: "web" }))
      yield* ledger.observe(attempt({ startedAt: 30, provider: provider("gpt4") }), task({ id: "c" }))
      const found = (filter: SpendLedger.Filter) =>
        Effect.map(rowsOf(ledger, filter), (rows) => rows.map(({ taskId }) => taskId).join(""))
      assert.strictEqual(yield* found({}), "abc")
      assert.strictEqual(yield* found({ since: 20 }), "bc")
      assert.strictEqual(yield* found({ until: 20 }), "a")
      assert.strictEqual(yield* found({ provider: provider("gpt4") }), "c")
      assert.strictEqual(yield* found({ userId: "bob" }), "b")
      assert.strictEqual(yield* found({ keyId: "web" }), "ab")
      assert.strictEqual(yield* found({ taskId: "a" }), "a")
      assert.strictEqual(yield* found({ keyId: "web", since: 15 }), "b")
      assert.deepStrictEqual((yield* ledger.summary({ by: "provider", keyId: "web" })).map(brief), [
        ["claude", 2, "2.469135780246"]
      ])
    }))

  test("sums exactly, beyond what a double holds, and keeps unknown costs out of it", (ledger) =>
    Effect.gen(function* () {
      // Together more than 64 bits of picodollars.
      const dear = Usd.fromPico(9_007_199_254_740_993_000_001n)
      const usage = TokenUsage.make({ inputTokens: 3, outputTokens: 2, estimated: true })
      yield* ledger.observe(attempt({ cost: Option.some(dear) }), task())
      yield* ledger.observe(attempt({ cost: Option.some(dear), costSource: "provider", usage }), task())
      yield* ledger.observe(attempt({ cost: Option.none(), usage }), task())
      yield* ledger.observe(failedAttempt(), task())
      const [group, ...others] = yield* ledger.summary({ by: "provider" })
      assert.deepStrictEqual(others, [])
      assert.deepStrictEqual(group, {
        name: Option.some("claude"),
        attempts: 4,
        cached: 0,
        succeeded: 3,
        usage: TokenUsage.make({ inputTokens: 106, outputTokens: 24, estimated: true }),
        estimated: 2,
        cost: Usd.fromPico(18_014_398_509_481_986_000_002n),
        billed: dear,
        cacheSaved: Usd.zero,
        unpriced: 1
      })
    }))

  test("calls unpriced only what used something", (ledger) =>
    Effect.gen(function* () {
      yield* ledger.observe(failedAttempt({ cost: Option.none() }), task())
      yield* ledger.observe(attempt({ cost: Option.none() }), task())
      const [group] = yield* ledger.summary({ by: "provider" })
      assert.deepInclude(group, { attempts: 2, succeeded: 1, unpriced: 1 })
    }))

  test("knows the conversation of an attempt, and the agent of it that asked", (ledger) =>
    Effect.gen(function* () {
      const one = { cost: Option.some(Usd.fromNumber(1)) }
      yield* ledger.observe(attempt({ ...one, startedAt: 1 }), task({ session: "s-1" }))
      yield* ledger.observe(attempt({ ...one, startedAt: 2 }), task({ session: "s-1", agent: "review" }))
      yield* ledger.observe(attempt({ ...one, startedAt: 3 }), task({ session: "s-2" }))
      yield* ledger.observe(attempt({ ...one, startedAt: 4 }), task())
      const sessions = (yield* rowsOf(ledger)).map(({ agent, session }) => [session, agent])
      assert.deepStrictEqual(sessions, [
        ["s-1", undefined],
        ["s-1", "review"],
        ["s-2", undefined],
        [undefined, undefined]
      ])
      assert.lengthOf(yield* rowsOf(ledger, { session: "s-1" }), 2)
      assert.deepStrictEqual((yield* ledger.summary({ by: "session" })).map(brief), [
        [null, 1, "1"],
        ["s-1", 2, "2"],
        ["s-2", 1, "1"]
      ])
      assert.deepStrictEqual((yield* ledger.summary({ by: "agent", session: "s-1" })).map(brief), [
        [null, 1, "1"],
        ["review", 1, "1"]
      ])
    }))

  test("knows the team of a key, and sums by it", (ledger) =>
    Effect.gen(function* () {
      const one = { cost: Option.some(Usd.fromNumber(1)) }
      yield* ledger.observe(attempt({ ...one, startedAt: 1 }), task({ keyId: "a", team: "ml" }))
      yield* ledger.observe(attempt({ ...one, startedAt: 2 }), task({ keyId: "b", team: "ml" }))
      yield* ledger.observe(attempt({ ...one, startedAt: 3 }), task({ keyId: "c" }))
      assert.deepStrictEqual(
        (yield* rowsOf(ledger)).map(({ team }) => team),
        ["ml", "ml", undefined]
      )
      assert.lengthOf(yield* rowsOf(ledger, { team: "ml" }), 2)
      assert.deepStrictEqual((yield* ledger.summary({ by: "team" })).map(brief), [
        [null, 1, "1"],
        ["ml", 2, "2"]
      ])
      assert.deepStrictEqual((yield* ledger.summary({ by: "key", team: "ml" })).map(brief), [
        ["a", 1, "1"],
        ["b", 1, "1"]
      ])
    }))

  test("sums by provider, user, key, model and day", (ledger) =>
    Effect.gen(function* () {
      const one = { cost: Option.some(Usd.fromNumber(1)) }
      yield* ledger.observe(attempt({ ...one, startedAt: 20 * day - 1 }), task({ userId: "bob" }))
      yield* ledger.observe(attempt({ ...one, startedAt: 20 * day }), task({ userId: "ada", keyId: "k" }))
      yield* ledger.observe(
        attempt({ ...one, startedAt: 20 * day + 5, provider: provider("gpt4"), model: "gpt-4" }),
        task()
      )
      const by = (by: SpendLedger.By) => Effect.map(ledger.summary({ by }), (groups) => groups.map(brief))
      assert.deepStrictEqual(yield* by("provider"), [
        ["claude", 2, "2"],
        ["gpt4", 1, "1"]
      ])
      assert.deepStrictEqual(yield* by("user"), [
        [null, 1, "1"],
        ["ada", 1, "1"],
        ["bob", 1, "1"]
      ])
      assert.deepStrictEqual(yield* by("key"), [
        [null, 2, "2"],
        ["k", 1, "1"]
      ])
      assert.deepStrictEqual(yield* by("model"), [
        ["claude-1", 2, "2"],
        ["gpt-4", 1, "1"]
      ])
      assert.deepStrictEqual(yield* by("day"), [
        ["1970-01-20", 1, "1"],
        ["1970-01-21", 2, "2"]
      ])
      assert.deepStrictEqual(yield* ledger.summary({ by: "day", since: 30 * day }), [])
    }))
}
