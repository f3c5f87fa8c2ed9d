import { assert, describe, it } from "@effect/vitest"
import * as Option from "effect/Option"
import { quantile } from "../../src/internal/samples.js"

describe("quantile", () => {
  it("is the value of the nearest rank, from the least to the greatest", () => {
    const sorted = [10, 20, 30, 40]
    assert.deepStrictEqual(
      [0, 0.25, 0.26, 0.5, 0.99, 1].map((share) => Option.getOrNull(quantile(sorted, share))),
      [10, 10, 20, 20, 40, 40]
    )
  })

  it("is none of nothing", () => {
    assert.deepStrictEqual(quantile([], 0.5), Option.none())
  })
})
