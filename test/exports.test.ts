import { assert, describe, it } from "@effect/vitest"
import * as ArcSaga from "arc-saga"
import { readdirSync, readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"

const root = new URL("../", import.meta.url)
const read = (path: string): string => readFileSync(new URL(path, root), "utf8")

/** The modules of the core: the words at the top, and those of the rooms without an entry point of their own. */
const modules = new Map(
  ["", "reliability/", "routing/", "savings/", "spend/", "telemetry/"].flatMap((room) =>
    readdirSync(fileURLToPath(new URL(`src/${room}`, root)))
      .filter((file) => /^[A-Z]\w*\.ts$/.test(file))
      .map((file) => [file.replace(/\.ts$/, ""), `${room}${file.replace(/\.ts$/, "")}`] as const)
  )
)
const names = [...modules.keys()]

interface Manifest {
  readonly exports: Readonly<
    Record<string, { readonly types: string; readonly import: string } | string | null>
  >
  readonly sideEffects: boolean
  readonly files: ReadonlyArray<string>
}

const manifest: Manifest = JSON.parse(read("package.json"))

/** What Node makes of a subpath: the exact entry, or else the one with the longest match before its star. */
const resolve = (subpath: string): unknown => {
  if (subpath in manifest.exports) return manifest.exports[subpath]
  const [best] = Object.keys(manifest.exports)
    .filter((key) => key.endsWith("*") && subpath.startsWith(key.slice(0, -1)))
    .toSorted((left, right) => right.length - left.length)
  return best === undefined ? undefined : manifest.exports[best]
}

describe("arc-saga", () => {
  it("exports every module of the core under its name, and nothing else", () => {
    const index = read("src/index.ts")
    for (const [name, file] of modules) assert.include(index, `export * as ${name} from "./${file}.js"`)
    assert.strictEqual(index.match(/^export /gm)?.length, modules.size)
  })

  it("gives each module that has values something to call", () => {
    // A module of interfaces alone has no value to give.
    const given: ReadonlyArray<string> = Object.keys(ArcSaga)
    assert.includeMembers(names, [...given])
    assert.sameMembers([...given], names)
  })

  it.each([...modules])("documents %s and says since when each export is there", (_, file) => {
    const source = read(`src/${file}.ts`)
    assert.match(source, /^\/\*\*\n \* [A-Z]/)
    // What comes from elsewhere says so there.
    const exported = source.match(/^export (?!.* from )/gm)?.length ?? 0
    const since = source.match(/@since \d+\.\d+\.\d+/g)?.length ?? 0
    assert.isAtLeast(since, exported + 1)
  })

  it("is free of side effects", () => {
    assert.isFalse(manifest.sideEffects)
  })
})

describe("the package's exports", () => {
  it("open the core, the edges, the engines, the test kit and each module, with their types", () => {
    for (const [subpath, file] of [
      [".", "index"],
      ["./ai", "ai/index"],
      ["./auth", "auth/index"],
      ["./batch", "batch/index"],
      ["./config", "config/index"],
      ["./engines", "engines/index"],
      ["./gateway", "gateway/index"],
      ["./redis", "redis/index"],
      ["./testing", "testing/index"]
    ] as const) {
      assert.deepStrictEqual(resolve(subpath), { types: `./dist/${file}.d.ts`, import: `./dist/${file}.js` })
    }
    for (const [name, file] of modules) {
      const opened = JSON.stringify(resolve(`./${name}`)).replaceAll("*", name)
      assert.deepStrictEqual(JSON.parse(opened), {
        types: `./dist/${file}.d.ts`,
        import: `./dist/${file}.js`
      })
    }
  })

  it("close the internals and the command line", () => {
    for (const subpath of [
      "./internal/validation",
      "./wire/http",
      "./routing/internal/call",
      "./cli/Format"
    ]) {
      assert.isNull(resolve(subpath), subpath)
    }
  })

  it("name the types first, as TypeScript reads them", () => {
    for (const target of Object.values(manifest.exports)) {
      if (target !== null && typeof target === "object") {
        assert.deepStrictEqual(Object.keys(target), ["types", "import"])
      }
    }
  })

  it("publish what they name", () => {
    assert.include(manifest.files, "dist")
  })
})
