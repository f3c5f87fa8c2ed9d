/** Patching the text of JSON, against parsing it, changing it and writing it again. */
import { assert, describe, it } from "@effect/vitest"
import * as FastCheck from "effect/FastCheck"
import * as jsonText from "../../src/internal/jsonText.js"
import { runs } from "../utils/property.js"

const space = FastCheck.constantFrom("", " ", "\n\t", "\r\n  ")
const name = FastCheck.constantFrom(
  "model",
  "mod\\u0065l",
  "a",
  'b\\"',
  "stream",
  "{",
  "__proto__",
  "constructor",
  "\\ud800"
)
const literal = FastCheck.constantFrom(
  "9007199254740993",
  "1e400",
  "1.0",
  "-0",
  "null",
  '"\\ud83d\\ude00 \\"model\\": 1, ]}"',
  '"\\\\"',
  '""',
  '"\\ud800"',
  "true"
)

/** JSON as it may be written. */
const { value: written } = FastCheck.letrec<{ value: string; list: string; object: string }>((tie) => ({
  value: FastCheck.oneof({ maxDepth: 3 }, literal, tie("list"), tie("object")),
  list: FastCheck.tuple(FastCheck.array(tie("value"), { maxLength: 3 }), space).map(
    ([values, gap]) => `[${gap}${values.join(`${gap},${gap}`)}${gap}]`
  ),
  object: FastCheck.tuple(FastCheck.array(FastCheck.tuple(name, tie("value")), { maxLength: 4 }), space).map(
    ([members, gap]) =>
      `{${gap}${members.map(([name, value]) => `"${name}"${gap}:${gap}${value}`).join(`${gap},${gap}`)}${gap}}`
  )
}))

const members = FastCheck.array(FastCheck.tuple(name, written), { maxLength: 5 })
const bodies = FastCheck.tuple(members, space).map(
  ([members, gap]) =>
    `${gap}{${members.map(([name, value]) => `"${name}":${gap}${value}`).join(`${gap},`)}}${gap}`
)

const parsed = (text: string): Readonly<Record<string, unknown>> => Object(JSON.parse(text))

describe("the text of an object", () => {
  it.prop(
    "has each name once, the last one, and says the same",
    [bodies],
    ([text]) => {
      const unique = jsonText.unique(text)
      assert.deepStrictEqual(parsed(unique), parsed(text))
      assert.strictEqual(jsonText.unique(unique), unique)
    },
    runs(300, 60)
  )

  it.prop(
    "says what was made of it, and nothing else is written anew",
    [bodies, FastCheck.subarray(["model", "a", "stream"]), FastCheck.boolean()],
    ([given, replaced, removes]) => {
      const text = jsonText.unique(given)
      const before = parsed(text)
      const after: Record<string, unknown> = { ...before }
      for (const name of replaced) after[name] = removes ? undefined : { is: "new" }
      const made = jsonText.patched(text, before, after)
      assert.deepStrictEqual(
        parsed(made),
        Object.fromEntries(Object.entries(after).filter(([, value]) => value !== undefined))
      )
      assert.strictEqual(jsonText.unique(made), made)
      // Put back, the rest is there byte for byte.
      if (!removes && replaced.every((name) => Object.hasOwn(before, name))) {
        const marked = jsonText.patched(text, before, {
          ...before,
          ...Object.fromEntries(replaced.map((n) => [n, "@@"]))
        })
        const pieces = marked.split('"@@"')
        assert.lengthOf(pieces, replaced.length + 1)
        let at = 0
        for (const piece of pieces) {
          const found = text.indexOf(piece, at)
          assert.isAtLeast(found, at)
          at = found + piece.length
        }
      }
    },
    runs(300, 60)
  )

  it("is changed within lists, behind them, and where elements go", () => {
    const text = '{"m":[ {"id": "long","n":1.0}, {"id":"x"} ,3 ],"k":9007199254740993}'
    const before: { m: [object, object, number] } = JSON.parse(text)
    const [first, second, third] = before.m
    const patched = (m: ReadonlyArray<unknown>) => jsonText.patched(text, before, { ...before, m })
    assert.strictEqual(
      patched([{ ...first, id: "s" }, second, third, { new: true }]),
      '{"m":[ {"id": "s","n":1.0}, {"id":"x"} ,3,{"new":true} ],"k":9007199254740993}'
    )
    assert.strictEqual(patched([second, third]), '{"m":[ {"id":"x"} ,3 ],"k":9007199254740993}')
    assert.strictEqual(patched([first]), '{"m":[ {"id": "long","n":1.0} ],"k":9007199254740993}')
    assert.strictEqual(patched([]), '{"m":[ ],"k":9007199254740993}')
    // Shorter, and with others: none of them is lost.
    assert.strictEqual(patched([second, "new"]), '{"m":[{"id":"x"},"new"],"k":9007199254740993}')
    assert.strictEqual(patched([third, second]), '{"m":[3,{"id":"x"}],"k":9007199254740993}')
  })

  it.prop(
    "is what a list was made into, whatever went and came",
    [
      FastCheck.array(FastCheck.nat(3), { maxLength: 5 }),
      FastCheck.array(FastCheck.nat(5), { maxLength: 5 })
    ],
    ([before, after]) => {
      const text = jsonText.patched(`{"m": [ ${before.join(" , ")} ]}`, { m: before }, { m: after })
      assert.deepStrictEqual(parsed(text), { m: after })
    },
    runs(300, 60)
  )

  it("may be nested however deep", () => {
    const deep = "[".repeat(200_000) + "]".repeat(200_000)
    const text = `{"model":"a","x":${deep}}`
    const before = { model: "a", x: 1 }
    assert.strictEqual(jsonText.unique(text), text)
    assert.strictEqual(jsonText.patched(text, before, { ...before, model: "b" }), `{"model":"b","x":${deep}}`)
  })
})
