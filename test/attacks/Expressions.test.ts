/** Every regular expression of the code, on inputs that grow: the work for each character has to stay the same. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { transformSync } from "esbuild"
import * as fs from "node:fs"
import * as path from "node:path"
import { parseAst } from "vite"
import { patternOf } from "../../src/wire/secrets.js"

const root = new URL("../../src/", import.meta.url).pathname

/** The expressions of a syntax tree. */
const expressionsIn = (node: unknown): ReadonlyArray<RegExp> => {
  if (typeof node !== "object" || node === null) return []
  if ("regex" in node && node.regex !== null && typeof node.regex === "object") {
    const { flags, pattern } = node.regex as { readonly flags: string; readonly pattern: string }
    return [new RegExp(pattern, flags.replace("g", ""))]
  }
  return Object.values(node).flatMap(expressionsIn)
}

const files = fs
  .readdirSync(root, { recursive: true, encoding: "utf8" })
  .filter((file) => file.endsWith(".ts"))

/** One that is made of a secret, of characters with every form that they can have. */
const ofSecret = {
  file: "wire/secrets.ts",
  expression: new RegExp(patternOf("sk-test\\+/aaaa").source, "i")
}

const inFiles = files.flatMap((file) => {
  const source = fs.readFileSync(path.join(root, file), "utf8")
  if (!/\/.*\/[a-z]*/.test(source)) return []
  const { code } = transformSync(source, { loader: "ts" })
  return expressionsIn(parseAst(code)).map((expression) => ({ file, expression }))
})

const found = [...inFiles, ofSecret]

/** What an expression may be made to go back over: its own literal texts, and one character of each kind. */
const piecesOf = ({ source }: RegExp): ReadonlyArray<string> => {
  const literals = source
    .replaceAll(/\\u([0-9a-f]{4})/gi, (_, hex: string) => String.fromCharCode(parseInt(hex, 16)))
    .split(/\\[a-zA-Z]|[()[\]{}*+?|^$.]|\(\?[:=!<]*/)
    .map((text) => text.replaceAll("\\", ""))
    .filter((text) => text !== "" && text.length < 20)
  return [...new Set([...literals, " ", "\n", "a", "1", ",111", ".", "-", "/", "`", "<", "{", "\\"])]
}

const length = 12_000
const limitMs = 40

/** Milliseconds of the processor for one search, the least of three: what else the machine does isn't in it. */
const costOf = (expression: RegExp, text: string): number => {
  let least = Number.POSITIVE_INFINITY
  for (let time = 0; time < 3 && least > limitMs; time++) {
    const began = process.cpuUsage()
    expression.test(text)
    const { user } = process.cpuUsage(began)
    least = Math.min(least, user / 1000)
  }
  return least
}

/** The input on which an expression takes more than a pass over it would, if there is one. */
const weakness = (expression: RegExp): string | undefined => {
  const pieces = piecesOf(expression)
  for (const first of ["", ...pieces.slice(0, 3)]) {
    for (const piece of pieces) {
      for (const last of ["\u0000", "x"]) {
        const text = first + piece.repeat(length / piece.length) + last
        if (costOf(expression, text) > limitMs) return `${first}(${piece})*${last}`
      }
    }
  }
  return undefined
}

describe("a regular expression", () => {
  it.effect("is found wherever there is one", () =>
    Effect.sync(() => {
      assert.isAbove(found.length, 60)
      assert.isTrue(found.some(({ file }) => file === "savings/Comparison.ts"))
      // Those that are made while it runs aren't literals: the catalog's own, one behind a fixed beginning, and that of secrets.
      assert.deepStrictEqual(
        files
          .filter((file) => fs.readFileSync(path.join(root, file), "utf8").includes("new RegExp("))
          .toSorted(),
        ["spend/PriceCatalog/GenAIPrices.ts", "wire/secrets.ts", "wire/waits.ts"]
      )
    })
  )

  it.effect("is seen to be bad by this test where it is", () =>
    Effect.sync(() => {
      for (const bad of [/[\s\p{P}]+$/u, /```[^\n]*\n([\s\S]*?)```/, /\s*(?:[\r\n]|Trace ID:)/, /\/+$/]) {
        assert.isDefined(weakness(bad), bad.source)
      }
    })
  )

  for (const { expression, file } of found) {
    it(`does the same work for each character: ${file} ${expression.source}`, () => {
      assert.isUndefined(weakness(expression))
    })
  }
})
