import { assert, describe, it } from "@effect/vitest"
import * as Arbitrary from "effect/Arbitrary"
import * as FastCheck from "effect/FastCheck"
import * as JSONSchema from "effect/JSONSchema"
import * as Schema from "effect/Schema"
import * as jsonSchema from "../../src/internal/jsonSchema.js"
import { runs } from "../utils/property.js"

type Json = Readonly<Record<string, unknown>>

const object = { type: "object", properties: { a: { type: "integer" } }, required: ["a"] }
const list = { $ref: "#/$defs/list", $defs: { list: { properties: { next: { $ref: "#/$defs/list" } } } } }
const either = { anyOf: [{ type: "string" }, { type: "object", required: ["b"] }] }

/** A schema, values that fit it, and values that don't with the fault that is told. */
const table: ReadonlyArray<
  readonly [Json, ReadonlyArray<unknown>, ReadonlyArray<readonly [unknown, string]>]
> = [
  [{}, [1, null, { a: [] }], []],
  [{ type: "null" }, [null], [[0, "$: Expected null, actual number"]]],
  [{ type: "integer" }, [1, -2, 1e3], [[1.5, "$: Expected integer, actual number"]]],
  [{ type: ["string", "null"] }, ["", null], [[[], "$: Expected string or null, actual array"]]],
  [{ type: "object" }, [{}], [[[], "$: Expected object, actual array"]]],
  [object, [{ a: 1 }, { a: 1, z: null }], [[{}, "$.a is missing"]]],
  [object, [], [[{ a: "1" }, "$.a: Expected integer, actual string"]]],
  [
    { ...object, additionalProperties: false },
    [{ a: 1 }],
    [[{ a: 1, b: 2 }, "$.b isn't allowed: the schema knows a"]]
  ],
  [
    { additionalProperties: { type: "number" } },
    [{ a: 1 }, 5],
    [[{ a: "x" }, "$.a: Expected number, actual string"]]
  ],
  [{ additionalProperties: false, patternProperties: { "^x": {} } }, [{ x1: 1 }], []],
  [{ items: object }, [[], [{ a: 1 }]], [[[{ a: 1 }, {}], "$[1].a is missing"]]],
  [
    { prefixItems: [{ type: "string" }], items: { type: "number" } },
    [[], ["a"], ["a", 1]],
    [
      [[1], "$[0]: Expected string, actual number"],
      [["a", "b"], "$[1]: Expected number, actual string"]
    ]
  ],
  [{ items: [{ type: "string" }] }, [["a", 1]], [[[1], "$[0]: Expected string, actual number"]]],
  [{ items: false }, [[]], [[[1], "$[0]: Expected nothing, actual number"]]],
  [
    { enum: ["a", { b: [1, { c: 2 }] }] },
    ["a", { b: [1, { c: 2 }] }],
    [[{ b: [1] }, '$: Expected one of ["a",{"b":[1,{"c":2}]}], actual {"b":[1]}']]
  ],
  [{ const: { a: 1, b: 2 } }, [{ b: 2, a: 1 }], [[{ a: 1 }, '$: Expected {"a":1,"b":2}, actual {"a":1}']]],
  [{ minimum: 1, maximum: 3 }, [1, 3, "x"], [[0, "$: Expected at least 1, actual 0"]]],
  [
    { exclusiveMinimum: 1, exclusiveMaximum: 3 },
    [2],
    [
      [1, "$: Expected more than 1, actual 1"],
      [3, "$: Expected less than 3, actual 3"]
    ]
  ],
  [
    { minLength: 2, maxLength: 2 },
    ["ab", "😀😀", 5],
    [
      ["a", "$: Expected a length of at least 2, actual 1"],
      ["abc", "$: Expected a length of at most 2, actual 3"]
    ]
  ],
  [
    { minItems: 1, maxItems: 1 },
    [[0]],
    [
      [[], "$: Expected a length of at least 1, actual 0"],
      [[0, 0], "$: Expected a length of at most 1, actual 2"]
    ]
  ],
  [{ allOf: [object, { required: ["b"] }] }, [{ a: 1, b: 1 }], [[{ a: 1 }, "$.b is missing"]]],
  [
    either,
    ["x", { b: 1 }],
    [
      [
        1,
        "$: Expected one of 2 forms, actual none: $: Expected string, actual number; $: Expected object, actual number"
      ]
    ]
  ],
  [{ oneOf: [{ type: "number" }, { type: "integer" }] }, [1, 1.5], []],
  [{ oneOf: [object] }, [{ a: 1 }], [[{}, "$.a is missing"]]],
  [list, [{ next: { next: {} } }], []],
  [
    { definitions: { "a/b": { type: "string" } }, properties: { x: { $ref: "#/definitions/a~1b" } } },
    [{ x: "y" }],
    [[{ x: 1 }, "$.x: Expected string, actual number"]]
  ],
  [
    { definitions: { "a~1b": { type: "string" } }, properties: { x: { $ref: "#/definitions/a~01b" } } },
    [{ x: "y" }],
    [[{ x: 1 }, "$.x: Expected string, actual number"]]
  ],
  [{ const: [1] }, [[1]], [[[1, 2], "$: Expected [1], actual [1,2]"]]],
  [{ const: { a: 1 } }, [{ a: 1 }], [[{ a: 1, b: 2 }, '$: Expected {"a":1}, actual {"a":1,"b":2}']]],
  // What else is said of a value is of its type.
  [{ type: "string", enum: ["a"] }, ["a"], [[1, "$: Expected string, actual number"]]],
  // What isn't known, or leads elsewhere, is passed.
  [{ format: "date", pattern: "^a", not: {}, $ref: "https://example.org/s" }, ["b"], []],
  [{ $defs: { a: { type: "null" } }, properties: { x: { $ref: "s.json/$defs/a" } } }, [{ x: 1 }], []],
  [{ $ref: "#/nowhere" }, [1], []],
  [{ $ref: "#/%" }, [1], []],
  [{ allOf: [{ type: "string" }], $ref: "#/allOf/0" }, ["x"], [[1, "$: Expected string, actual number"]]],
  // One that leads to itself ends.
  [{ $ref: "#" }, [1], []],
  [{ anyOf: [{ $ref: "#" }, { allOf: [{ $ref: "#" }] }] }, [1], []]
]

describe("what a value is checked for", () => {
  it.each(table)("%j", (schema, fitting, misfits) => {
    for (const value of fitting) assert.deepStrictEqual(jsonSchema.faults(schema, value), [])
    for (const [value, fault] of misfits) assert.deepStrictEqual(jsonSchema.faults(schema, value), [fault])
    assert.strictEqual(jsonSchema.problem({ type: [], ...schema }), undefined)
  })

  it("is told all at once, up to eight faults", () => {
    const schema = { items: { type: "string" } }
    assert.strictEqual(jsonSchema.faults(schema, [1, "a", 2]).length, 2)
    assert.strictEqual(
      jsonSchema.faults(
        schema,
        Array.from({ length: 20 }, () => 1)
      ).length,
      8
    )
  })
})

describe("how far a value is looked at", () => {
  const chain = { type: "object", properties: { next: { $ref: "#" } } }
  const nested = (depth: number): unknown => (depth === 0 ? 1 : { next: nested(depth - 1) })

  // A reference is a level, too.
  it.each([
    [90, 1],
    [150, 0]
  ])("%d objects within each other have %d faults told", (depth, count) => {
    assert.lengthOf(jsonSchema.faults(chain, nested(depth)), count)
  })

  it.each([
    [2000, 1],
    [120_000, 0]
  ])("the last of %d items has %d faults told", (length, count) => {
    const items = Array.from({ length }, (_, index) => (index === length - 1 ? 1 : "a"))
    assert.lengthOf(jsonSchema.faults({ items: { type: "string" } }, items), count)
  })
})

const Node = Schema.Struct({
  name: Schema.NonEmptyString.pipe(Schema.maxLength(9)),
  size: Schema.Union(Schema.Int.pipe(Schema.between(0, 9)), Schema.Null),
  kind: Schema.Literal("leaf", "branch"),
  tags: Schema.Array(Schema.Struct({ of: Schema.optional(Schema.String) })).pipe(Schema.maxItems(3))
})

interface Tree {
  readonly node: typeof Node.Type
  readonly children: ReadonlyArray<Tree>
}
const Tree: Schema.Schema<Tree> = Schema.Struct({
  node: Node,
  children: Schema.Array(Schema.suspend(() => Tree)).pipe(Schema.maxItems(2))
}).annotations({ identifier: "Tree" })

const tree: Json = { ...JSONSchema.make(Tree) }

describe("checking a value", () => {
  it.prop(
    "finds no fault in what fits",
    [Arbitrary.make(Tree)],
    ([value]) => {
      assert.deepStrictEqual(jsonSchema.faults(tree, JSON.parse(JSON.stringify(value))), [])
    },
    runs()
  )

  const breaks: ReadonlyArray<(value: Tree) => unknown> = [
    (value) => ({ ...value, children: null }),
    ({ node }) => ({ node }),
    (value) => ({ ...value, more: 1 }),
    ({ node, ...rest }) => ({ ...rest, node: { ...node, kind: "root" } }),
    ({ node, ...rest }) => ({ ...rest, node: { ...node, size: 9.5 } }),
    ({ node, ...rest }) => ({ ...rest, node: { ...node, name: "" } }),
    (value) => ({ ...value, children: [value, value, value] }),
    (value) => ({ ...value, children: [{ ...value, node: {} }] })
  ]

  it.prop(
    "finds one in what doesn't",
    [Arbitrary.make(Tree), FastCheck.constantFrom(...breaks)],
    ([value, broken]) => {
      const text = JSON.stringify(broken(value))
      assert.isAbove(jsonSchema.faults(tree, JSON.parse(text)).length, 0, text)
    },
    runs()
  )

  it.prop(
    "ends, whatever the schema and the value are",
    [
      FastCheck.object({
        key: FastCheck.constantFrom("$ref", "type", "items", "properties", "anyOf", "a", "required"),
        values: [FastCheck.constantFrom("#", "object", "a", true, 1, null)]
      }),
      FastCheck.jsonValue()
    ],
    ([schema, value]) => {
      const isRecord = !Array.isArray(schema)
      assert.isTrue(isRecord)
      assert.isAtMost(jsonSchema.faults({ ...schema }, value).length, 8)
      jsonSchema.problem({ ...schema })
    },
    runs()
  )
})
