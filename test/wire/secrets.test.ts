import { assert, describe, it } from "@effect/vitest"
import * as FastCheck from "effect/FastCheck"
import { hide } from "../../src/wire/secrets.js"
import { runs } from "../utils/property.js"

const json = (text: string): string => JSON.stringify(text).slice(1, -1)

const base64 = (text: string, encoding: "base64" | "base64url" | "hex"): string =>
  Buffer.from(text).toString(encoding)

const coded = (text: string): string =>
  Array.from(text, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`).join("")

/** Ways of writing a key in an error, each with how it is read again. */
const forms: ReadonlyArray<readonly [string, (key: string) => string]> = [
  ["as it is", (key) => key],
  ["in an address", encodeURIComponent],
  ["in an address, all of it", (key) => Array.from(key, (c) => `%${c.charCodeAt(0).toString(16)}`).join("")],
  ["in an address within another", (key) => encodeURIComponent(encodeURIComponent(key))],
  ["as JSON", json],
  ["as JSON within JSON", (key) => json(json(`"${key}"`))],
  ["as JSON with every slash escaped", (key) => json(key).replaceAll("/", "\\/")],
  ["by codes", coded],
  [
    "by codes in capitals",
    (key) => coded(key).replaceAll(/\\u[\da-f]+/g, (code) => `\\u${code.slice(2).toUpperCase()}`)
  ],
  ["in base64", (key) => base64(key, "base64")],
  ["in base64 for addresses", (key) => base64(key, "base64url")],
  ["in base64, behind a name", (key) => base64(`user:${key}`, "base64")],
  ["in base64, within more", (key) => base64(`Bearer ${key}, twice`, "base64")],
  ["in hexadecimal digits", (key) => base64(key, "hex")],
  ["split by a line", (key) => `${key.slice(0, 5)}\n${key.slice(5)}`],
  ["split by an escaped line", (key) => `${key.slice(0, 5)}\\n${key.slice(5)}`],
  ["split by spaces", (key) => key.match(/.{1,4}/g)?.join(" ") ?? ""],
  ["split in two texts", (key) => `"${key.slice(0, 7)}" + "${key.slice(7)}"`]
]

const key = FastCheck.stringMatching(/^sk-[\w/+.=~-]{10,40}$/)

describe("a secret in a text", () => {
  for (const [what, form] of forms) {
    it.prop(
      `is hidden ${what}`,
      [key, FastCheck.string({ maxLength: 20 })],
      ([secret, around]) => {
        const written = form(secret)
        const shown = hide(`${around} key: ${written}. ${around}`, [secret])
        assert.include(shown, "<redacted>")
        assert.notInclude(shown, written)
        // Nothing of it that says more than a few characters.
        const middle = written.slice(4, -4)
        assert.notInclude(shown, middle)
        assert.isTrue(shown.startsWith(around))
      },
      runs(100, 10)
    )
  }

  it("leaves what is none", () => {
    const secrets = ["sk-test-0123456789", "short"]
    for (const text of ["sk-test-0123", "a short text", "sk-test- and 0123456789 apart", "", "%73%6b"]) {
      assert.strictEqual(hide(text, secrets), text)
    }
  })

  it("is looked for in long texts in little time", () => {
    const text = `${"sk-test-012345678 ".repeat(4000)}${"\\".repeat(20_000)}${'"+" '.repeat(5000)}`
    const startedAt = performance.now()
    assert.strictEqual(hide(text, ["sk-test-0123456789"]), text)
    assert.isBelow(performance.now() - startedAt, 2000)
  })
})
