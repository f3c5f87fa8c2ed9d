import { assert, describe, it } from "@effect/vitest"
import * as FastCheck from "effect/FastCheck"
import * as state from "../../../../src/gateway/internal/responses/state.js"
import { runs } from "../../../utils/property.js"

const item = (encrypted_content: unknown) => ({ type: "reasoning", summary: [], encrypted_content })

describe("The state of a thought among items of Responses", () => {
  it("comes back as it was", () => {
    const value = FastCheck.dictionary(FastCheck.string(), FastCheck.jsonValue({ maxDepth: 2 })).map(
      (given): Readonly<Record<string, unknown>> => JSON.parse(JSON.stringify(given))
    )
    FastCheck.assert(
      FastCheck.property(
        value,
        FastCheck.constantFrom("messages" as const, "chatCompletions" as const),
        (value, wire) => {
          const sealed = item(state.seal({ wire, value }))
          assert.isTrue(state.isSealed(sealed))
          assert.deepStrictEqual(state.of(sealed), { wire, value })
        }
      ),
      runs(300).fastCheck
    )
  })

  it("is none of a thought that had none, or that somebody changed", () => {
    for (const content of [state.seal(undefined), "saga:!", "saga:e30", "saga:bm90aGluZw"]) {
      assert.isTrue(state.isSealed(item(content)))
      assert.isUndefined(state.of(item(content)))
    }
  })

  it("is the item where it is one of the wire's own", () => {
    for (const content of ["gAAA", "", null, undefined]) {
      assert.isFalse(state.isSealed(item(content)))
      assert.deepStrictEqual(state.of(item(content)), { wire: "responses", value: item(content) })
    }
    for (const other of [17, null, { type: "message", encrypted_content: "saga:" }]) {
      assert.isFalse(state.isSealed(other))
    }
  })
})
