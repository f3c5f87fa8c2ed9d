import { assert, describe, it } from "@effect/vitest"
import { Outcomes } from "arc-saga"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as FastCheck from "effect/FastCheck"
import * as outcomes from "../utils/outcomes.js"
import { runs } from "../utils/property.js"

const valid = {
  id: "a/1",
  family: "a",
  group: "g",
  prompt: "Why?",
  outcomes: { gpt4: { quality: 0.5, costUsd: 0.001, answer: "42", outputTokens: 12 } }
}

describe("Outcomes", () => {
  it("decodes what was recorded, with what may be absent absent", () => {
    assert.deepStrictEqual(Either.getOrThrow(Outcomes.decodeUnknown(valid)), valid)
  })

  it.effect.each([
    [{ ...valid, id: "" }, /^Outcome\.id: /],
    [{ ...valid, group: undefined }, /^Outcome\.group: /],
    [
      { ...valid, outcomes: { gpt4: { quality: 1.5, costUsd: 0 } } },
      /^Outcome\.outcomes\.gpt4\.quality: Expected a quality \(a number from 0 to 1\), actual 1\.5$/
    ],
    [
      { ...valid, outcomes: { gpt4: { quality: 1, costUsd: -1 } } },
      /costUsd: Expected USD \(a number from 0\), actual -1$/
    ],
    [
      { ...valid, outcomes: { gpt4: { quality: 1, costUsd: 0, outputTokens: 0.5 } } },
      /outputTokens: Expected a number of tokens/
    ],
    [
      { ...valid, outcomes: { "": { quality: 1, costUsd: 0 } } },
      /^Outcome\.outcomes\.\(a name of length 0\): /
    ],
    [{ ...valid, misspelt: 1 }, /^Outcome\.misspelt: is unexpected/]
  ] as const)("says what is wrong with %j", ([input, message]) =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(Outcomes.decodeUnknown(input))
      assert.match(error.message, message)
    })
  )

  it("knows who was asked and who wasn't", () => {
    const [outcome] = outcomes.make(1, { providers: [outcomes.cheap] })
    if (outcome === undefined) throw new Error("no outcome")
    assert.isDefined(Outcomes.answered(outcome, outcomes.cheap))
    assert.isUndefined(Outcomes.answered(outcome, outcomes.strong))
    assert.deepStrictEqual(Outcomes.providers([outcome]), [outcomes.cheap])
  })

  it("splits about 60 : 20 : 20", () => {
    const { test, train, validation } = Outcomes.split(outcomes.make(4000), "s0")
    assert.closeTo(train.length / 4000, 0.6, 0.03)
    assert.closeTo(validation.length / 4000, 0.2, 0.03)
    assert.closeTo(test.length / 4000, 0.2, 0.03)
  })

  it.effect.prop(
    "loses nothing, doubles nothing, and leaves no group in two parts, the same for the same salt",
    [FastCheck.string(), FastCheck.array(FastCheck.nat(20), { maxLength: 60 })],
    ([salt, groups]) =>
      Effect.sync(() => {
        const all = groups.map((group, index) => ({ ...valid, id: `${index}`, group: `g${group}` }))
        const decoded = all.map((each) => Either.getOrThrow(Outcomes.decodeUnknown(each)))
        const parts = Outcomes.split(decoded, salt)
        const listed = [parts.train, parts.validation, parts.test]
        assert.sameMembers(
          listed.flat().map(({ id }) => id),
          decoded.map(({ id }) => id)
        )
        const homes = new Map<string, number>()
        for (const [part, members] of listed.entries()) {
          for (const { group } of members) {
            assert.strictEqual(homes.get(group) ?? part, part)
            homes.set(group, part)
          }
        }
        assert.deepStrictEqual(Outcomes.split(decoded, salt), parts)
      }),
    runs()
  )
})
