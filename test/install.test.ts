import { readFileSync } from "node:fs"
import { assert, describe, it } from "@effect/vitest"
import * as docs from "./utils/docs.js"
import { commands } from "./utils/install.mjs"

const { devDependencies, peerDependencies }: Readonly<Record<string, Readonly<Record<string, string>>>> =
  JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8"))

/** `@effect/platform` of `@effect/platform@0.97`, and the version. */
const parsed = (word: string): { readonly name: string; readonly version: string | undefined } => {
  const [, name = "", version] = /^(@?[^@]+)(?:@(.+))?$/.exec(word) ?? []
  return { name, version }
}

const packageOf = (specifier: string): string =>
  specifier
    .split("/")
    .slice(0, specifier.startsWith("@") ? 2 : 1)
    .join("/")

/** The packages that a page's programs import. */
const imported = (document: string): ReadonlyArray<string> => {
  const specifiers = docs.typescript
    .filter((block) => block.document === document)
    .flatMap(({ code }) => Array.from(code.matchAll(/\bfrom "([^".][^"]*)"/g), ([, name = ""]) => name))
    .filter((name) => !name.startsWith("node:"))
  return Array.from(new Set(specifiers.map(packageOf))).toSorted()
}

describe("the commands of the documentation that install packages", () => {
  it("are there, on each page, for all that its programs import", () => {
    assert.isAbove(commands.length, 8)
    for (const document of docs.documents) {
      const installed = new Set(
        commands
          .filter((command) => command.document === document)
          .flatMap(({ packages }) => packages.map((word) => parsed(word).name))
      )
      const missing = imported(document).filter((name) => !installed.has(name))
      assert.deepStrictEqual(missing, [], document)
    }
  })

  it("name versions, and those that arc-saga takes", () => {
    for (const { document, packages } of commands) {
      for (const { name, version } of packages.map(parsed)) {
        if (name === "arc-saga") continue
        const range = peerDependencies?.[name] ?? devDependencies?.[name]
        assert.isDefined(range, `${document}: ${name}`)
        const [lowest = ""] = /\d+\.\d+\.\d+/.exec(range ?? "") ?? []
        assert.isTrue(
          `${lowest}.`.startsWith(`${String(version)}.`),
          `${document}: ${name}@${String(version)}, ${range}`
        )
        // Below 1 each minor version is another interface.
        if (lowest.startsWith("0.")) assert.match(version ?? "", /^0\.\d+/, `${document}: ${name}`)
      }
    }
  })
})

describe("the README", () => {
  it("says which Effect arc-saga is for", () => {
    assert.include(docs.read("README.md"), "arc-saga is for Effect 3")
  })
})
