import { assert, describe, it } from "@effect/vitest"
import { Acceptance, type AIProvider, type AIResult, Comparison, Outcomes, QualityModel } from "arc-saga"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import * as TokenUsage from "../../src/TokenUsage.js"
import { task } from "../utils/fleet.js"
import * as data from "../utils/outcomes.js"

const { cheap, middle, strong } = data

const says = (provider: AIProvider.AIProvider, text: string): AIResult.AIResult => ({
  taskId: "a",
  text,
  toolCalls: [],
  finishReason: "stop",
  provider,
  model: "m",
  usage: TokenUsage.none,
  cost: Option.none(),
  durationMs: 0,
  firstTokenMs: Option.none(),
  streamAvailable: true,
  attempts: [],
  warnings: []
})

const accepted = (
  acceptance: Acceptance.Acceptance,
  answers: ReadonlyArray<AIResult.AIResult>,
  asked: ReadonlyArray<AIProvider.AIProvider> = answers.map(({ provider }) => provider)
) =>
  Effect.gen(function* () {
    const asking = yield* task({ prompt: "Of rivers, name simply which rivers?" })
    const evidence = { task: asking, answers, asked, latest: answers.slice(-1) }
    const answer = yield* acceptance.accept(evidence)
    return Option.getOrUndefined(Option.map(answer, ({ provider }) => String(provider)))
  })

const trained = Either.getOrThrow(
  QualityModel.train(Outcomes.split(data.make(1200, { telling: false }), "s0"))
)

const words = { comparison: Comparison.shortAnswer } as const

describe("Acceptance", () => {
  it.effect("by agreement takes the first answer when another is the same, and says why not otherwise", () =>
    Effect.gen(function* () {
      const agreement = Acceptance.agreement(Comparison.shortAnswer)
      assert.strictEqual(agreement.name, "agreement (short answer)")
      assert.strictEqual(yield* accepted(agreement, [says(cheap, "Paris."), says(middle, "paris")]), "cheap")
      assert.isUndefined(yield* accepted(agreement, [says(cheap, "Paris")]))
      assert.isUndefined(yield* accepted(agreement, [says(cheap, "Paris"), says(middle, "Rome")]))
      assert.isUndefined(yield* accepted(agreement, [says(cheap, ""), says(middle, "")]))
      assert.isUndefined(yield* accepted(agreement, []))
    })
  )

  it.effect("by a check of one's own looks at the latest answers", () =>
    Effect.gen(function* () {
      const seen: Array<string> = []
      const checked = Acceptance.verified("tests", ({ text }) =>
        Effect.sync(() => {
          seen.push(text)
          return text === "good"
        })
      )
      assert.strictEqual(yield* accepted(checked, [says(cheap, "bad"), says(middle, "good")]), "middle")
      assert.isUndefined(yield* accepted(checked, [says(cheap, "bad")]))
      assert.deepStrictEqual(seen, ["good", "bad"])
    })
  )

  it.effect("by either asks the second only when the first accepts nothing", () =>
    Effect.gen(function* () {
      let checks = 0
      const checked = Acceptance.verified("tests", () => Effect.sync(() => (checks += 1) > 0))
      const either = Acceptance.orElse(Acceptance.agreement(Comparison.shortAnswer), checked)
      assert.strictEqual(either.name, "agreement (short answer) or tests")
      assert.strictEqual(yield* accepted(either, [says(cheap, "a"), says(middle, "a")]), "cheap")
      assert.strictEqual(checks, 0)
      assert.strictEqual(yield* accepted(either, [says(cheap, "a"), says(middle, "b")]), "middle")
      assert.isTrue(Acceptance.applies(either, yield* task()))
      const neither = { ...checked, applies: () => false }
      assert.isFalse(Acceptance.applies(Acceptance.orElse(neither, neither), yield* task()))
    })
  )

  it.effect("as it was learned takes what two agree on and not what nobody confirms", () =>
    Effect.gen(function* () {
      const learned = yield* Acceptance.learned({ keep: 0.95, ...words })
      assert.deepStrictEqual(
        learned.guarantee.parts.map(({ families, verdict }) => [families, verdict._tag]),
        [
          [["facts"], "Kept"],
          [["sums"], "Kept"]
        ]
      )
      assert.deepStrictEqual(learned.asks, [cheap, middle])
      assert.strictEqual(learned.last, strong)
      assert.strictEqual(yield* accepted(learned, [says(cheap, "a"), says(middle, "A.")]), "cheap")
      assert.isUndefined(yield* accepted(learned, [says(cheap, "a"), says(middle, "b")]))
      assert.isUndefined(yield* accepted(learned, [says(cheap, "a")]))
      // The first has failed: the second alone is little evidence.
      assert.isUndefined(yield* accepted(learned, [says(middle, "b")], [cheap, middle]))
      assert.isUndefined(yield* accepted(learned, [], [cheap]))
      assert.isUndefined(yield* accepted(learned, [], []))
      assert.isTrue(Acceptance.applies(learned, yield* task()))
    }).pipe(Effect.provide(QualityModel.layer(trained)))
  )

  it.effect("as it was learned applies to nothing where no quality may be traded", () =>
    Effect.gen(function* () {
      const learned = yield* Acceptance.learned({ keep: 1, ...words })
      assert.isFalse(Acceptance.applies(learned, yield* task()))
      assert.isUndefined(yield* accepted(learned, [says(cheap, "a"), says(middle, "a")]))
    }).pipe(
      Effect.provide(
        QualityModel.layer({
          ...trained,
          cascade: { ...trained.cascade, shown: { ...trained.shown, families: [] } }
        })
      )
    )
  )

  it.effect("can't be learned from outcomes without answers, or for a share that isn't one", () =>
    Effect.gen(function* () {
      const { cascade: _, ...without } = trained
      const none = yield* Acceptance.learned({ keep: 0.99, ...words }).pipe(
        Effect.provide(QualityModel.layer(without)),
        Effect.flip
      )
      assert.match(
        none.message,
        /^QualityModel\.cascade: is missing: the outcomes .* had no answers to compare$/
      )
      const share = yield* Acceptance.learned({ keep: 2, ...words }).pipe(
        Effect.provide(QualityModel.layer(trained)),
        Effect.flip
      )
      assert.match(share.message, /^Acceptance\.keep: Expected a share of quality/)
    })
  )
})
