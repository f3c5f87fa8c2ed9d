import { spawnSync } from "node:child_process"
import * as fs from "node:fs"
import * as os from "node:os"
import * as path from "node:path"
import { fileURLToPath } from "node:url"
import { afterAll, assert, describe, it } from "vitest"
import { built } from "../utils/program.js"

const script = fileURLToPath(new URL("../../src/cli/bundle.mjs", import.meta.url))
const directory = fs.mkdtempSync(path.join(os.tmpdir(), "arc-saga-bundle-"))

afterAll(() => fs.rmSync(directory, { recursive: true, force: true }))

const program = built()

const read = (folder: string, file: string): string => fs.readFileSync(path.join(folder, file), "utf8")

/** The packages that notices name, each with its version. */
const named = (notices: string): ReadonlyArray<string> =>
  notices.match(/^@?[\w./-]+ \d+\.\d+\.\d+\S*$/gm) ?? []

/** A program that imports one package, whose files are given; what the script makes of it. */
const bundled = (files: Readonly<Record<string, string>>) => {
  const folder = fs.mkdtempSync(path.join(directory, "case-"))
  const all = {
    "main.js": 'import { shout } from "shouting"\nshout()\n',
    "node_modules/shouting/package.json":
      '{"name":"shouting","version":"1.2.3","type":"module","main":"index.js"}',
    "node_modules/shouting/index.js": 'export const shout = () => process.stdout.write("!")\n',
    ...files
  }
  for (const [file, text] of Object.entries(all)) {
    fs.mkdirSync(path.dirname(path.join(folder, file)), { recursive: true })
    fs.writeFileSync(path.join(folder, file), text)
  }
  const out = path.join(folder, "out")
  const { status, stderr } = spawnSync(process.execPath, [script, out, path.join(folder, "main.js")], {
    encoding: "utf8"
  })
  return { status, stderr, files: fs.existsSync(out) ? fs.readdirSync(out).toSorted() : [], out }
}

const text = "Copyright (c) 2020 Somebody\n\nPermission is hereby granted."

describe("the bundle of the command line", () => {
  it("has notices that name each of its packages once, with the text of its licence", () => {
    const notices = read(program, "bin/NOTICES.txt")
    const packages = named(notices)
    for (const name of [
      "effect",
      "@effect/cli",
      "@effect/platform",
      "eventsource-parser",
      "pg",
      "pgpass",
      "undici"
    ]) {
      assert.strictEqual(packages.filter((one) => one.startsWith(`${name} `)).length, 1, name)
    }
    assert.deepStrictEqual(packages, [...new Set(packages)])
    const parts = notices.split(/^-{80}$/m).slice(1)
    assert.isAbove(parts.length, 10)
    for (const part of parts) {
      assert.isNotEmpty(named(part))
      assert.match(part, /copyright/i)
      assert.match(part, /permission|permitted/i)
    }
  })

  it("has no test code", () => {
    const testing = /^(@effect\/vitest|vitest|fast-check|pure-rand|@copilotkit\/aimock) /
    assert.deepStrictEqual(
      named(read(program, "bin/NOTICES.txt")).filter((name) => testing.test(name)),
      []
    )
    // What fast-check says of a property that fails, and what the test kit says of an engine that breaks a law.
    for (const file of fs.readdirSync(program, { recursive: true, encoding: "utf8" })) {
      if (file.endsWith(".js"))
        assert.notMatch(read(program, file), /Property failed after|EngineContract/, file)
    }
  })

  it("is small, and so is the part of it that every start reads", () => {
    const bytes = (file: string): number => fs.statSync(path.join(program, file)).size
    const scripts = fs
      .readdirSync(program, { recursive: true, encoding: "utf8" })
      .filter((file) => file.endsWith(".js"))
    assert.isBelow(
      scripts.map(bytes).reduce((sum, size) => sum + size),
      3_500_000
    )
    const start = new Set<string>()
    const follow = (file: string): void => {
      if (start.has(file)) return
      start.add(file)
      for (const [, imported = ""] of read(program, file).matchAll(/(?:from|import)"(\.[^"]+)"/g)) {
        follow(path.join(path.dirname(file), imported))
      }
    }
    follow("bin.js")
    assert.isAbove(start.size, 1)
    assert.isBelow(
      [...start].map(bytes).reduce((sum, size) => sum + size),
      1_430_000
    )
  })

  it("takes a licence from a file of its own, or from a section of the README", () => {
    const licence = "node_modules/shouting/LICENCE.md"
    const readme = "node_modules/shouting/README.md"
    for (const files of [
      { [licence]: text, [readme]: "# shouting\n\n## License\n\nCopyright of another text" },
      { [readme]: `# shouting\n\n## License\n\n${text.replaceAll("\n", "\r\n")}\n\n## More\n\nNot this.\n` }
    ]) {
      const { files: made, out, status, stderr } = bundled(files)
      assert.strictEqual(status, 0, stderr)
      assert.deepStrictEqual(made, ["bin", "bin.js"])
      const rule = "-".repeat(80)
      assert.strictEqual(
        read(out, "bin/NOTICES.txt"),
        `The command line of arc-saga contains these packages.\n\n${rule}\nshouting 1.2.3\n\n${text}\n`
      )
      assert.strictEqual(
        spawnSync(process.execPath, [path.join(out, "bin.js")], { encoding: "utf8" }).stdout,
        "!"
      )
    }
  })

  it("isn't built where a package has no text of a licence", () => {
    for (const files of [{}, { "node_modules/shouting/README.md": "# shouting\n\n## License\n\nMIT\n" }]) {
      const { files: made, status, stderr } = bundled(files)
      assert.strictEqual(status, 1)
      assert.match(stderr, /^shouting 1\.2\.3: no text of a licence/)
      assert.deepStrictEqual(made, [])
    }
  })

  it("names no package of which nothing is in it", () => {
    const { out, status } = bundled({
      "main.js": 'import { quiet } from "shouting"\nexport { quiet }\n',
      "node_modules/shouting/LICENSE": text,
      "node_modules/shouting/package.json":
        '{"name":"shouting","version":"1.2.3","type":"module","main":"index.js","sideEffects":false}',
      "node_modules/shouting/index.js":
        'import { other } from "unused"\nexport const quiet = 1\nexport const loud = other\n',
      "node_modules/unused/package.json":
        '{"name":"unused","version":"1.0.0","type":"module","main":"index.js","sideEffects":false}',
      "node_modules/unused/index.js": "export const other = 2\n"
    })
    assert.strictEqual(status, 0)
    assert.deepStrictEqual(named(read(out, "bin/NOTICES.txt")), ["shouting 1.2.3"])
  })
})
