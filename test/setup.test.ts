import { assert, describe, it } from "@effect/vitest"
import * as Data from "effect/Data"
import * as Either from "effect/Either"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"

class Failed extends Data.TaggedError("Failed")<{ readonly why: string }> {}

const different: ReadonlyArray<readonly [unknown, unknown]> = [
  [Option.some(1), Option.none()],
  [Option.some(1), Option.some(2)],
  [Option.some({ a: Option.some(1) }), Option.some({ a: Option.none() })],
  [Option.none(), undefined],
  [Either.right(1), Either.left(1)],
  [Either.right(1), Either.right(2)],
  [Exit.succeed(1), Exit.succeed(2)],
  [Exit.succeed(1), Exit.fail(1)],
  [new Failed({ why: "one" }), new Failed({ why: "another" })]
]

describe("assert in these tests", () => {
  it("tells values apart that differ in what they hold", () => {
    for (const [left, right] of different) {
      assert.notDeepEqual(left, right)
      assert.notDeepEqual([{ left }], [{ left: right }])
      assert.throws(() => assert.deepStrictEqual({ left }, { left: right }))
      assert.throws(() => assert.deepInclude({ left }, { left: right }))
    }
  })

  it("takes those for equal that hold the same", () => {
    assert.deepStrictEqual(Option.some({ a: [Option.none()] }), Option.some({ a: [Option.none()] }))
    assert.deepStrictEqual(Either.left(Option.some(1)), Either.left(Option.some(1)))
    assert.deepStrictEqual(Exit.fail(new Failed({ why: "one" })), Exit.fail(new Failed({ why: "one" })))
  })
})
