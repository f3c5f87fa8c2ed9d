import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import * as Format from "../../src/cli/Format.js"
import * as Lines from "../../src/cli/Lines.js"
import * as Progress from "../../src/cli/Progress.js"
import * as Tally from "../../src/cli/Tally.js"
import * as TokenUsage from "../../src/TokenUsage.js"
import * as Usd from "../../src/Usd.js"
import * as AIProvider from "../../src/AIProvider.js"
import type * as AIResult from "../../src/AIResult.js"

describe("Format", () => {
  it("shows durations in the unit that reads best", () => {
    assert.deepStrictEqual([0, 85.4, 999.4, 999.6, 1240, 59_994, 59_995, 125_000].map(Format.duration), [
      "0 ms",
      "85 ms",
      "999 ms",
      "1.00 s",
      "1.24 s",
      "59.99 s",
      "1 m 00 s",
      "2 m 05 s"
    ])
  })

  it("shows costs, and marks those of estimated tokens", () => {
    const cost = Option.some(Usd.fromNumber(0.00123))
    assert.strictEqual(Format.cost(cost), "$0.001230")
    assert.strictEqual(Format.cost(cost, true), "~$0.001230")
    assert.strictEqual(Format.cost(Option.some(Usd.zero), true), "$0.000000")
    assert.strictEqual(Format.cost(Option.none(), true), "cost unknown")
  })

  it("shows tokens, and marks estimated ones", () => {
    const usage = TokenUsage.make({ inputTokens: 3, outputTokens: 4 })
    assert.strictEqual(Format.tokens(usage), "3 in + 4 out tokens")
    assert.strictEqual(Format.tokens({ ...usage, estimated: true }), "~3 in + ~4 out tokens")
  })

  it("aligns the columns of a table", () => {
    const columns = [
      { title: "name", align: "left" },
      { title: "n", align: "right" }
    ] as const
    assert.strictEqual(
      Format.table(columns, [["a", "10"], ["long name"]]),
      ["name        n", "a          10", "long name"].join("\n")
    )
  })

  it("takes from a text what a terminal would obey", () => {
    assert.strictEqual(Format.plain("a\u001B[2Jb\r\n\tc\u009Bd"), "a [2Jb c d")
  })

  it("parses durations", () => {
    const parsed = ["500ms", "30s", "1.5m", "1h", " 2s "].map((text) =>
      Either.getOrNull(Format.parseDuration(text))
    )
    assert.deepStrictEqual(parsed, [500, 30_000, 90_000, 3_600_000, 2000])
    for (const text of ["", "30", "s", "-5s", "5 s", "5w", "1e3s"]) {
      assert.isTrue(Either.isLeft(Format.parseDuration(text)), text)
    }
  })

  it("parses numbers", () => {
    assert.deepStrictEqual(
      ["1", "0.5", "-2"].map((text) => Either.getOrNull(Format.parseNumber(text))),
      [1, 0.5, -2]
    )
    for (const text of ["", " ", "x", "1x", "Infinity"]) {
      assert.isTrue(Either.isLeft(Format.parseNumber(text)), text)
    }
  })
})

describe("Lines", () => {
  const lines = (...parts: ReadonlyArray<string | Uint8Array>) =>
    Stream.fromIterable(parts).pipe(
      Stream.map((part) => (typeof part === "string" ? new TextEncoder().encode(part) : part)),
      Lines.fromBytes,
      Stream.runCollect,
      Effect.map((chunk) =>
        Array.from(chunk, (line) => [
          line.number,
          Either.getOrElse(Lines.text(line), () => "?"),
          line.end,
          line.terminated
        ])
      )
    )

  it.effect("splits bytes wherever they are cut, and says where each line ends", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* lines(), [])
      assert.deepStrictEqual(yield* lines("a\n"), [[1, "a", 2, true]])
      assert.deepStrictEqual(yield* lines("a\nb", "c", "\n\n", "é"), [
        [1, "a", 2, true],
        [2, "bc", 5, true],
        [3, "", 6, true],
        [4, "é", 8, false]
      ])
      const [first = 0, second = 0] = new TextEncoder().encode("é")
      assert.deepStrictEqual(yield* lines(new Uint8Array([first]), new Uint8Array([second, 10])), [
        [1, "é", 3, true]
      ])
    })
  )

  it.effect("says when a line isn't UTF-8", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* lines(new Uint8Array([255, 10])), [[1, "?", 2, true]])
    })
  )
})

describe("Progress", () => {
  it("shows how much is done and how long the rest takes, within the terminal's width", () => {
    const state = { total: 10, earlier: 2, done: 4, failed: 1 }
    assert.strictEqual(
      Progress.render(state, 2000, 100),
      `[${"#".repeat(12)}${".".repeat(18)}] 4/10, 1 failed, 6.00 s left`
    )
    assert.strictEqual(
      Progress.render({ ...state, done: 2, failed: 0 }, 0, 100),
      `[######${".".repeat(24)}] 2/10`
    )
    assert.strictEqual(Progress.render(state, 2000, 12).length, 11)
    assert.strictEqual(Progress.render(state, 2000, 0), "")
  })
})

describe("Tally", () => {
  const attempt = (provider: string, overrides: Partial<AIResult.Attempt> = {}): AIResult.Attempt => ({
    provider: AIProvider.unsafeMake(provider),
    model: "m",
    outcome: "succeeded",
    error: Option.none(),
    usage: TokenUsage.make({ inputTokens: 1, outputTokens: 2 }),
    cost: Option.some(Usd.fromNumber(0.5)),
    startedAt: 0,
    durationMs: 10,
    firstTokenMs: Option.none(),
    ...overrides
  })

  it("adds up what is known of a cost and says that the rest isn't", () => {
    const tally = Tally.make()
    const error = { tag: "AllProvidersFailedError", provider: "a", message: "" }
    const line = { line: 1, input: "", taskId: "t" }
    Tally.record(tally, {
      ...line,
      error: {
        ...error,
        attempts: [
          attempt("a"),
          attempt("a", { cost: Option.none(), outcome: "failed" }),
          attempt("b", {
            outcome: "cut",
            usage: TokenUsage.make({ inputTokens: 5, estimated: true })
          })
        ]
      }
    })
    const [head, a, b] = Tally.table(tally).split("\n")
    assert.match(head ?? "", / given up$/)
    assert.match(a ?? "", /^a +0 +1 +0 +2 +4 +\$0\.500000 \+ unknown +10 ms +10 ms +1: unknown$/)
    assert.match(b ?? "", /^b +0 +1 +0 +~5 +~0 +~\$0\.500000 +- +- +1: ~\$0\.500000$/)
    Tally.record(tally, { ...line, error: { tag: "NoAvailableProviderError", message: "", attempts: [] } })
    assert.deepStrictEqual([tally.answered, tally.failed, tally.bad, tally.rows.size], [0, 2, 0, 2])
  })

  it("counts no failure where an answer wasn't needed, and no unknown cost where nothing was used", () => {
    const tally = Tally.make()
    const none = { usage: TokenUsage.none, cost: Option.none() }
    const attempts = [
      attempt("a", { outcome: "discarded" }),
      attempt("a", { outcome: "interrupted" }),
      attempt("a", { outcome: "failed", ...none })
    ]
    const error = { tag: "AllProvidersFailedError", provider: "a", message: "", attempts }
    Tally.record(tally, { line: 1, input: "", taskId: "t", error })
    const [, a] = Tally.table(tally).split("\n")
    assert.match(a ?? "", /^a +0 +1 +0 +2 +4 +\$1\.000000 +- +- +2: \$1\.000000$/)
  })

  it("shows the exact percentiles of the answers' latencies", () => {
    const tally = Tally.make()
    const attempts = Array.from({ length: 200 }, (_, index) => attempt("a", { durationMs: 200 - index }))
    const error = { tag: "AllProvidersFailedError", provider: "a", message: "", attempts }
    Tally.record(tally, { line: 1, input: "", taskId: "t", error })
    assert.match(Tally.table(tally), / 100 ms +198 ms$/)
  })
})
