import { assert, describe, it } from "@effect/vitest"
import { readdirSync, readFileSync } from "node:fs"
import * as path from "node:path"
import { fileURLToPath } from "node:url"

const src = fileURLToPath(new URL("../src", import.meta.url))

/** The rooms of each floor, the highest first. A room knows only the floors below its own. */
const floors: ReadonlyArray<ReadonlyArray<string>> = [
  ["config"],
  ["cli", "index"],
  ["gateway", "ai", "testing", "savings", "redis", "batch"],
  ["routing"],
  ["engines", "telemetry"],
  ["auth", "spend", "reliability"],
  ["wire"],
  ["the words"],
  ["internal"]
]

/** The room that a file is in; what lies at the top are the words that all speak of. */
const roomOf = (file: string): string => {
  const [first = "", second] = file.split("/")
  if (second !== undefined) return first
  return first === "index.ts" ? "index" : "the words"
}

const floorOf = (file: string): number => floors.findIndex((rooms) => rooms.includes(roomOf(file)))

const files = readdirSync(src, { recursive: true, encoding: "utf8" })
  .map((file) => file.replaceAll(path.sep, "/"))
  .filter((file) => file.endsWith(".ts"))
  .toSorted()

/** Imports and exports of other files, those of types alone too; those of packages aside. */
const relative = /(?:\bfrom|\bimport)\s*\(?\s*"(\.{1,2}\/[^"]+)"/g

/** The files of `src/` that a file knows. */
const importsOf = (file: string): ReadonlyArray<string> =>
  Array.from(readFileSync(path.join(src, file), "utf8").matchAll(relative), ([, specifier = ""]) =>
    path.posix.join(path.posix.dirname(file), specifier).replace(/\.js$/, ".ts")
  ).filter((target) => !target.startsWith(".."))

const imports: ReadonlyMap<string, ReadonlyArray<string>> = new Map(
  files.map((file) => [file, importsOf(file)])
)

interface Arrow {
  readonly from: string
  readonly to: string
}

const arrows: ReadonlyArray<Arrow> = [...imports].flatMap(([from, targets]) =>
  targets.map((to) => ({ from, to }))
)

const shown = (found: ReadonlyArray<Arrow>): ReadonlyArray<string> =>
  found.map(({ from, to }) => `${from} -> ${to}`)

/** A way through the imports that comes back to where it began, if there is one. */
const circle = (): ReadonlyArray<string> | undefined => {
  const done = new Set<string>()
  const way: Array<string> = []
  const visit = (file: string): ReadonlyArray<string> | undefined => {
    if (way.includes(file)) return [...way.slice(way.indexOf(file)), file]
    if (done.has(file)) return undefined
    way.push(file)
    for (const target of imports.get(file) ?? []) {
      const found = visit(target)
      if (found !== undefined) return found
    }
    way.pop()
    done.add(file)
    return undefined
  }
  for (const file of files) {
    const found = visit(file)
    if (found !== undefined) return found
  }
  return undefined
}

describe("the house", () => {
  it("has a floor for every file, and every import leads to a file", () => {
    assert.deepStrictEqual(
      files.filter((file) => floorOf(file) === -1),
      []
    )
    assert.deepStrictEqual(shown(arrows.filter(({ to }) => !imports.has(to))), [])
    // A pattern that finds no imports would find no fault either.
    assert.isAbove(arrows.length, files.length)
  })

  it("lets a room know only the floors below its own", () => {
    const upward = arrows.filter(
      ({ from, to }) => roomOf(from) !== roomOf(to) && floorOf(to) <= floorOf(from)
    )
    assert.deepStrictEqual(shown(upward), [])
  })

  it("keeps what is internal to a room from all others", () => {
    const reaching = arrows.filter(({ from, to }) => to.includes("/internal/") && roomOf(from) !== roomOf(to))
    assert.deepStrictEqual(shown(reaching), [])
  })

  it("has the command line use what the rooms show, and nothing of the wire", () => {
    const past = arrows.filter(({ from, to }) => roomOf(from) === "cli" && roomOf(to) === "wire")
    assert.deepStrictEqual(shown(past), [])
  })

  it("has no circle of files", () => {
    assert.isUndefined(circle())
  })
})
