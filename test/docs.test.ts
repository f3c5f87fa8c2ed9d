import { existsSync } from "node:fs"
import * as path from "node:path"
import { fileURLToPath } from "node:url"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import { afterAll, assert, describe, it } from "@effect/vitest"
import * as ConfigFile from "../src/cli/ConfigFile.js"
import { directory, platform, run } from "./cli/harness.js"
import * as docs from "./utils/docs.js"

const root = fileURLToPath(new URL("..", import.meta.url))

/** A block that the compiler complains about, if it is asked at all. */
const wrong: docs.Block = {
  document: "docs/x.md",
  language: "ts",
  name: "x.ts",
  line: 7,
  code: 'import { AITask } from "arc-saga"\nexport const task: string = AITask.make({ prompt: 1 })\n'
}

const project = docs.project([...docs.typescript, wrong])
/** What the compiler says of them, complaint by complaint, beginning with the file. */
const complaints = project.check().then((said) => said.split(/\n(?=\S)/).filter((one) => one !== ""))
const isWrong = (complaint: string): boolean => complaint.includes("docs/x/x.ts(")

afterAll(project.remove)

const codeLines = (name: string): ReadonlyArray<string> => {
  const block = docs.blocks.find((each) => each.document === "README.md" && each.name === name)
  return block === undefined ? [] : block.code.trimEnd().split("\n")
}

describe("the documentation", () => {
  it("type-checks, strictly, and so do the examples of the docstrings", async () => {
    const documents = new Set(docs.typescript.map(({ document }) => document))
    for (const document of [
      "README.md",
      "docs/providers.md",
      "docs/effect-ai.md",
      "docs/telemetry.md",
      "docs/testing.md",
      "src/AITask.ts"
    ]) {
      assert.isTrue(documents.has(document), document)
    }
    assert.deepStrictEqual(
      (await complaints).filter((one) => !isWrong(one)),
      []
    )
  })

  it("is checked at all: a block that's wrong is told with its line", async () => {
    assert.match((await complaints).find(isWrong) ?? "", /x\.ts\(8,\d+\): error TS/)
  })

  it("says of every block in which language it is, and leaves no TypeScript unchecked", () => {
    const languages = new Set(["ts", "sh", "json", "text", "mermaid"])
    for (const { document, language, line } of docs.blocks) {
      assert.isTrue(languages.has(language), `${document}:${line}: ${language}`)
    }
    for (const document of docs.documents) {
      const opened = docs.read(document).match(/^ *```/gm)?.length ?? 0
      const found = docs.blocks.filter((block) => block.document === document).length
      assert.strictEqual(opened, 2 * found, document)
    }
  })

  it("holds JSON that can be parsed", () => {
    for (const { code, document, language, line } of docs.blocks) {
      if (language === "json") assert.doesNotThrow(() => JSON.parse(code), `${document}:${line}`)
    }
  })

  it("links to files and headings that exist", () => {
    const slug = (heading: string): string =>
      heading
        .toLowerCase()
        .replaceAll(/[^\p{L}\p{N} _-]/gu, "")
        .replaceAll(" ", "-")
    for (const document of docs.documents) {
      for (const [, target = ""] of docs.read(document).matchAll(/\]\(([^)\s]+)\)/g)) {
        if (/^https?:/.test(target)) continue
        const [file = "", anchor] = target.split("#")
        const linked = file === "" ? document : path.join(path.dirname(document), file)
        assert.isTrue(existsSync(path.join(root, linked)), `${document}: ${target}`)
        if (anchor === undefined) continue
        const headings = docs.read(linked).matchAll(/^#+ (.*)$/gm)
        assert.include(
          Array.from(headings, ([, heading = ""]) => slug(heading)),
          anchor,
          `${document}: ${target}`
        )
      }
    }
  })

  it("names files of the repository that exist", () => {
    for (const document of docs.documents) {
      for (const [, file = ""] of docs.read(document).matchAll(/`((?:src|test)\/[\w./-]+\.ts)`/g)) {
        assert.isTrue(existsSync(path.join(root, file)), `${document}: ${file}`)
      }
    }
  })

  it("names tests of the repository by what they say", () => {
    let named = 0
    for (const document of docs.documents) {
      for (const [row] of docs.read(document).matchAll(/^\|.*`test\/.*$/gm)) {
        let tests = ""
        for (const [, file, sentence = ""] of row.matchAll(/`(test\/[\w./-]+\.ts)`|“([^”]+)”/g)) {
          if (file !== undefined) tests = docs.read(file)
          else named++
          // Three dots stand for what several tests say each in its way.
          for (const part of sentence.split("…")) assert.include(tests, part.trim(), row)
        }
      }
    }
    assert.isAtLeast(named, 58)
  })
})

describe("the README", () => {
  it("has a first program of at most 25 lines, that a terminal can show", () => {
    const lines = codeLines("hello.ts")
    assert.isAtLeast(lines.length, 10)
    assert.isAtMost(lines.length, 25)
    for (const line of lines) assert.isAtMost(line.length, 110, line)
  })

  it("says what its first program prints", async () => {
    const { code, err, out } = await project.run("README.md", "hello.ts")
    assert.strictEqual(code, 0, err)
    assert.strictEqual(err, "")
    const shown = docs.blocks.find(
      ({ document, language }) => document === "README.md" && language === "text"
    )
    const beginning = shown?.code.trimEnd().replace(/…$/, "") ?? "-"
    assert.strictEqual(out.slice(0, beginning.length), beginning)
  })

  it("tells of commands that package.json has", () => {
    const { scripts } = JSON.parse(docs.read("package.json"))
    const commands = docs.read("README.md").matchAll(/npm (?:run )?(start|test|bench)\b/g)
    const named = new Set(Array.from(commands, ([, name]) => name))
    assert.deepStrictEqual([...named].toSorted(), ["bench", "start", "test"])
    for (const name of named) assert.isString(scripts[name ?? ""], name)
  })
})

describe("the documentation of the gateway", () => {
  it("shows a configuration that can be used", () => {
    const shown = docs.blocks.filter(
      ({ document, language }) => document === "docs/gateway.md" && language === "json"
    )
    assert.strictEqual(shown.length, 3)
    for (const { code } of shown) assert.isTrue(Either.isRight(ConfigFile.parse("gateway.md", code)))
  })
})

describe("the documentation of agents", () => {
  it("shows a configuration that can be used", () => {
    const [shown] = docs.blocks.filter(
      ({ document, language, name }) =>
        document === "docs/agents.md" && language === "json" && name === undefined
    )
    assert.isTrue(Either.isRight(ConfigFile.parse("agents.md", shown?.code ?? "")))
  })
})

describe("the documentation of the command line", () => {
  const flagsOf = (text: string): ReadonlyArray<string> =>
    Array.from(new Set(Array.from(text.matchAll(/--[a-z][a-z-]+/g), ([flag]) => flag))).toSorted()
  const section = (command: string): string =>
    new RegExp(`^## ${command}\\n([\\s\\S]*?)(?=^## |$(?![\\s\\S]))`, "m").exec(
      docs.read("docs/cli.md")
    )?.[1] ?? ""

  const keys = ["create", "list", "change", "rotate", "revoke", "team", "teams", "audit"]

  const sections = [
    ["ask", "ask"],
    ["run", "run"],
    ["batch", "batch"],
    ["worker", "worker"],
    ["spend", "spend"],
    ["serve", "serve"],
    ["providers", "providers"],
    ["train", "train"],
    ["evaluate", "evaluate"],
    ["login", "login and logout"],
    ["logout", "login and logout"]
  ] as const

  const usageOf = (...command: ReadonlyArray<string>) =>
    Effect.map(
      run([...command, "--help"]),
      ({ out }) => out.split("\n").find((line) => line.startsWith("$ ")) ?? ""
    )
  const tableOf = (title: string): string =>
    section(title)
      .split("\n")
      .filter((line) => line.startsWith("| `--"))
      .map((line) => line.split("|")[1] ?? "")
      .join("\n")

  it.effect.each(sections)("has every flag of %s in its table, and no other", ([command, title]) =>
    Effect.map(usageOf(command), (usage) => assert.deepStrictEqual(flagsOf(tableOf(title)), flagsOf(usage)))
  )

  it.effect("has every flag of keys in its tables, and no other", () =>
    Effect.gen(function* () {
      const usages = yield* Effect.forEach(keys, (name) => usageOf("keys", name))
      assert.deepStrictEqual(flagsOf(tableOf("keys")), flagsOf(usages.join("\n")))
    })
  )

  it.scoped("shows a configuration file and a task that can be used", () =>
    Effect.gen(function* () {
      const [task = "", config = ""] = docs.blocks
        .filter(({ document, language }) => document === "docs/cli.md" && language === "json")
        .map(({ code }) => code)
        .toSorted((left, right) => left.length - right.length)
      const file = yield* directory({ "config.json": config, "tasks.jsonl": task })
      const env = { GROQ_API_KEY: "key" }
      const providers = yield* run(["providers", "--json", "--config", file("config.json")], { env })
      assert.strictEqual(providers.code, 0, providers.err)
      const ids: unknown = JSON.parse(providers.out).map(({ provider }: { provider: string }) => provider)
      assert.deepStrictEqual(ids, [
        "groq",
        "claude/opus",
        "local",
        "rehearsal",
        "gpt4",
        "claude",
        "copilot_chat"
      ])
      const args = ["run", file("tasks.jsonl"), "--out", file("results.jsonl")]
      const ran = yield* run(args, { env: {} })
      assert.strictEqual(ran.code, 0, ran.err)
    }).pipe(Effect.provide(platform))
  )

  it.effect("uses flags that exist in all of its examples", () =>
    Effect.gen(function* () {
      const known = new Set(["--log-level", "--version", "--help"])
      const nested = keys.map((name) => ["keys", name])
      for (const command of [...sections.map(([name]) => [name]), ...nested]) {
        const { out } = yield* run([...command, "--help"])
        for (const flag of flagsOf(out)) known.add(flag)
      }
      for (const { code, document, language } of docs.blocks) {
        if (language !== "sh") continue
        for (const line of code.split("\n")) {
          // What stands before the program's name is another program's.
          const own = line.split(/arc-saga |npm start -- /)[1]?.split("|")[0] ?? ""
          for (const flag of flagsOf(own)) assert.isTrue(known.has(flag), `${document}: ${flag}`)
        }
      }
    })
  )
})

/** A block named so has tests: they are run as it is, and are those of this file. */
for (const { document, name } of docs.typescript) {
  if (name?.endsWith(".test.ts") !== true) continue
  describe(`${document}, ${name}`, async () => {
    await import(/* @vite-ignore */ project.path(document, name))
  })
}
