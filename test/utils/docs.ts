/**
 * The code of the documentation: what README.md, CONTRIBUTING.md, docs/ and the docstrings of src/ show, as files that can be
 * compiled and run.
 *
 * A block of a document may have a name, "```ts hello.ts"; the blocks of one document import each other by
 * it. The files live below node_modules, where packages resolve as they do for everybody.
 */
import { spawn } from "node:child_process"
import * as fs from "node:fs"
import * as path from "node:path"
import { fileURLToPath } from "node:url"
import { build } from "esbuild"

const root = fileURLToPath(new URL("../..", import.meta.url))

export interface Block {
  /** The document, as a path from the root. */
  readonly document: string
  /** The first word after the three backticks. */
  readonly language: string
  /** The second, or none. */
  readonly name: string | undefined
  /** The line of the document that its first line is. */
  readonly line: number
  readonly code: string
}

const filesBelow = (directory: string, extension: string): ReadonlyArray<string> =>
  fs
    .readdirSync(path.join(root, directory), { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(extension))
    .map((file) => path.join(directory, file))
    .toSorted()

/** The documents at the top, and docs/. */
export const documents: ReadonlyArray<string> = [
  "README.md",
  "CONTRIBUTING.md",
  "CHANGELOG.md",
  ...filesBelow("docs", ".md")
]

export const read = (document: string): string => fs.readFileSync(path.join(root, document), "utf8")

const fence = /^( *)```(\w+)(?: (\S+))?\n([\s\S]*?)^\1```$/gm

const blocksOf = (document: string, text: string): ReadonlyArray<Block> =>
  Array.from(text.matchAll(fence), ({ 2: language = "", 3: name, 4: code = "", index }) => ({
    document,
    language,
    name,
    line: text.slice(0, index).split("\n").length + 1,
    code
  }))

/** A source without all that isn't an example of a docstring; its lines keep their numbers. */
const examplesOf = (source: string): string => {
  let shown = false
  return source
    .split("\n")
    .map((line) => {
      if (line.startsWith(" * @")) shown = line.startsWith(" * @example")
      if (line.startsWith(" */")) shown = false
      return shown ? line.replace(/^ \* ?/, "") : ""
    })
    .join("\n")
}

/** Every block of every document, then every example of every docstring. */
export const blocks: ReadonlyArray<Block> = [
  ...documents.flatMap((document) => blocksOf(document, read(document))),
  ...filesBelow("src", ".ts").flatMap((file) => blocksOf(file, examplesOf(read(file))))
]

/** The blocks that are TypeScript. */
export const typescript: ReadonlyArray<Block> = blocks.filter(({ language }) => language === "ts")

/** The file that a block becomes: one folder per document. */
const fileOf = ({ document, line, name }: Block): string =>
  path.join(document.replace(/\.\w+$/, ""), name ?? `line-${line}.ts`)

const paths = {
  "arc-saga": path.join(root, "src/index.ts"),
  "arc-saga/Budgets/Sql": path.join(root, "src/spend/Budgets/Sql.ts"),
  "arc-saga/Outcomes/File": path.join(root, "src/savings/Outcomes/File.ts"),
  "arc-saga/PriceCatalog/GenAIPrices": path.join(root, "src/spend/PriceCatalog/GenAIPrices.ts"),
  "arc-saga/SpendLedger/Sql": path.join(root, "src/spend/SpendLedger/Sql.ts"),
  "arc-saga/SpendLedger/Sqlite": path.join(root, "src/spend/SpendLedger/Sqlite.ts"),
  "arc-saga/ai": path.join(root, "src/ai/index.ts"),
  "arc-saga/auth": path.join(root, "src/auth/index.ts"),
  "arc-saga/auth/AccessTokens": path.join(root, "src/auth/AccessTokens.ts"),
  "arc-saga/batch": path.join(root, "src/batch/index.ts"),
  "arc-saga/config": path.join(root, "src/config/index.ts"),
  "arc-saga/engines": path.join(root, "src/engines/index.ts"),
  "arc-saga/gateway": path.join(root, "src/gateway/index.ts"),
  "arc-saga/redis": path.join(root, "src/redis/index.ts"),
  "arc-saga/testing": path.join(root, "src/testing/index.ts"),
  "arc-saga/testing/WireServer/Node": path.join(root, "src/testing/WireServer/Node.ts")
}

export interface Ended {
  readonly code: number | null
  readonly out: string
  readonly err: string
}

const run = (
  args: ReadonlyArray<string>,
  options: { readonly cwd: string; readonly env: Readonly<Record<string, string>> }
): Promise<Ended> =>
  new Promise((resolve, reject) => {
    const child = spawn(process.execPath, args, { ...options, stdio: ["ignore", "pipe", "pipe"] })
    let out = ""
    let err = ""
    child.stdout.on("data", (chunk) => (out += String(chunk)))
    child.stderr.on("data", (chunk) => (err += String(chunk)))
    child.on("error", reject)
    child.on("close", (code) => resolve({ code, out, err }))
  })

export interface Project {
  /** The path of a named block. */
  readonly path: (document: string, name: string) => string
  /** Type-checks all blocks, strictly; what the compiler says. */
  readonly check: () => Promise<string>
  /** Runs a block as a program of its own, in an empty environment. */
  readonly run: (document: string, name: string) => Promise<Ended>
  readonly remove: () => void
}

/** Writes all blocks to files; a line of a file is that of the document. */
export const project = (written: ReadonlyArray<Block> = typescript): Project => {
  const cache = path.join(root, "node_modules/.cache")
  fs.mkdirSync(cache, { recursive: true })
  const directory = fs.mkdtempSync(path.join(cache, "arc-saga-docs-"))
  const files = written.map((block) => {
    const file = path.join(directory, fileOf(block))
    if (fs.existsSync(file)) throw new Error(`${block.document} has two blocks named ${fileOf(block)}`)
    fs.mkdirSync(path.dirname(file), { recursive: true })
    fs.writeFileSync(file, "\n".repeat(block.line - 1) + block.code)
    return file
  })
  fs.writeFileSync(path.join(directory, "package.json"), JSON.stringify({ type: "module" }))
  fs.writeFileSync(
    path.join(directory, "tsconfig.json"),
    JSON.stringify({
      extends: path.join(root, "tsconfig.json"),
      compilerOptions: {
        paths: Object.fromEntries(Object.entries(paths).map(([name, file]) => [name, [file]])),
        moduleDetection: "force"
      },
      include: [],
      files
    })
  )
  const pathOf = (document: string, name: string): string => {
    const block = written.find((each) => each.document === document && each.name === name)
    if (block === undefined) throw new Error(`${document} has no block named ${name}`)
    return path.join(directory, fileOf(block))
  }
  return {
    path: pathOf,
    check: async () => {
      const tsc = path.join(root, "node_modules/typescript/bin/tsc")
      // Each of several checkers looks at what they share anew.
      const { err, out } = await run([tsc, "--project", directory, "--pretty", "false", "--singleThreaded"], {
        cwd: directory,
        env: {}
      })
      return out + err
    },
    run: async (document, name) => {
      const outfile = path.join(directory, "bundled", `${name}.mjs`)
      await build({
        absWorkingDir: root,
        entryPoints: [pathOf(document, name)],
        bundle: true,
        alias: paths,
        platform: "node",
        target: "node20",
        format: "esm",
        outfile,
        logLevel: "error"
      })
      return run([outfile], { cwd: directory, env: {} })
    },
    remove: () => fs.rmSync(directory, { recursive: true, force: true })
  }
}
