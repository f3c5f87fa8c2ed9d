import { assert, describe, it } from "@effect/vitest"
import * as Either from "effect/Either"
import * as Schema from "effect/Schema"
import * as numbers from "../../src/internal/numbers.js"
import * as validation from "../../src/internal/validation.js"

const candidates = [-1, 0, 0.5, 1, 2 ** 31 - 1, 2 ** 31, 2 ** 53, Number.POSITIVE_INFINITY, Number.NaN]

describe("numbers", () => {
  it.each([
    ["a n (a whole number above 0)", numbers.count("a n"), [1, 2 ** 31 - 1, 2 ** 31]],
    ["a n (a whole number from 0)", numbers.countFrom0("a n"), [0, 1, 2 ** 31 - 1, 2 ** 31]],
    ["a n (a number above 0)", numbers.above0("a n"), [0.5, 1, 2 ** 31 - 1, 2 ** 31, 2 ** 53]],
    ["a n (a number from 0)", numbers.from0("a n"), [0, 0.5, 1, 2 ** 31 - 1, 2 ** 31, 2 ** 53]],
    ["a n (a number from 0 to 1)", numbers.upTo("a n", 1), [0, 0.5, 1]],
    ["milliseconds above 0 (at most 2147483647)", numbers.timeoutMs, [0.5, 1, 2 ** 31 - 1]]
  ])("%s", (description, schema, passing) => {
    assert.deepStrictEqual(candidates.filter(Schema.is(schema)), passing)
    assert.strictEqual(
      Either.match(validation.decoder("It", schema)(-1), {
        onLeft: ({ message }) => message,
        onRight: String
      }),
      `It: Expected ${description}, actual -1`
    )
  })
})
