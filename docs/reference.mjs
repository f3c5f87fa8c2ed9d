/**
 * The reference of the public interface, from the declarations that the compiler writes: one page of Markdown
 * per module, with the signature and the docstring of every export.
 *
 * `node docs/reference.mjs [sources] [declarations] [pages] [report]`, by default from `src` and `dist` to
 * `dist/reference` and `docs/api.md`. The report is the declarations alone, without docstrings: a change of the
 * public interface is a change of it. An export without a docstring, `@since` or `@category` is an error: all of
 * them are told, and it ends with 1.
 */
import * as fs from "node:fs"
import * as path from "node:path"
import { fileURLToPath } from "node:url"

const root = fileURLToPath(new URL("..", import.meta.url))
const [
  sources = path.join(root, "src"),
  declarations = path.join(root, "dist"),
  pages = path.join(root, "dist/reference"),
  report = path.join(root, "docs/api.md")
] = process.argv.slice(2)

/** What nobody outside can import. */
const closed = /^(cli|reference|wire)\/|(^|\/)internal\//

/** @param {string} text */
const linesOf = (text) => text.replaceAll(/^ ?\* ?/gm, "").trim()

/**
 * Takes a docstring apart.
 *
 * @param {string} docstring
 */
const docsOf = (docstring) => {
  const text = linesOf(docstring.replace(/^\/\*\*/, "").replace(/\*\/$/, ""))
  const [description = "", ...tags] = text.split(/^@(?=\w)/m)
  const tag = (/** @type {string} */ name) =>
    tags.find((each) => each.startsWith(`${name} `) || each.startsWith(`${name}\n`))?.slice(name.length)
  return {
    // Links within docstrings name what is there.
    description: description.trim().replaceAll(/\{@link ([^}]+)\}/g, "`$1`"),
    since: tag("since")?.trim(),
    category: tag("category")?.trim(),
    example: tag("example")?.trim()
  }
}

const statement =
  /(\/\*\*(?:(?!\*\/)[\s\S])*\*\/\n)?^((?:export|declare) [\s\S]*?)(?=^(?:\/\*\*|export |declare |import )|(?![\s\S]))/gm
const exported = /^export (?:declare )?(?:const|class|function|interface|type|abstract class) (\w+)/

/** What a module exports of other files. */
const passedOn = /^export (?:type )?\{(.+)\} from "(.+)\.js".*$/gm

/** @param {string} file */
const isInternal = (file) => /(^|\/)(internal|cli)\//.test(file)

/**
 * The exports of a module, in their order. The base of a class, where its fields are, is part of it.
 *
 * @param {string} text
 */
const exportsOf = (text) => {
  const found = []
  let base = ""
  for (const [, docstring = "", code = ""] of text.replaceAll(passedOn, "").matchAll(statement)) {
    const name = exported.exec(code)?.[1]
    if (name === undefined) {
      base = /^declare const \w+_base/.test(code) ? code : ""
      // An export of another form would be missing without a word.
      if (/^export (?!\{\};)/.test(code))
        found.push({ name: code.trim(), docs: docsOf(""), documented: false, code })
      continue
    }
    found.push({
      name,
      docs: docsOf(docstring.trim()),
      documented: docstring !== "",
      code: (base + code).trim()
    })
    base = ""
  }
  return found
}

/** @typedef {ReturnType<typeof exportsOf>[number]} Export */

/**
 * What a module exports of its internals: they have no page, so that it stands on the module's.
 *
 * @param {string} module
 * @param {string} text
 */
const internalsOf = (module, text) =>
  [...text.matchAll(passedOn)].flatMap(([, names = "", file = ""]) => {
    if (!isInternal(file)) return []
    const wanted = names.split(",").map((name) => name.trim().replace(/^type /, ""))
    const source = path.join(declarations, path.dirname(module), `${file}.d.ts`)
    return exportsOf(fs.readFileSync(source, "utf8")).filter(({ name }) => wanted.includes(name))
  })

/** @param {Export} found */
const entry = ({ code, docs, name }) =>
  [
    `### ${name}`,
    docs.description,
    `\`\`\`ts\n${code}\n\`\`\``,
    ...(docs.example === undefined ? [] : [`Example:\n\n${docs.example}`]),
    `Since ${docs.since}.`
  ]
    .filter((part) => part !== "")
    .join("\n\n")

/**
 * What a module says of itself. The compiler drops it together with an import that follows it.
 *
 * @param {string} module
 */
const introductionOf = (module) => {
  const source = path.join(sources, `${module}.ts`)
  const text = fs.existsSync(source) ? fs.readFileSync(source, "utf8") : ""
  return docsOf(/^\/\*\*[\s\S]*?\*\//.exec(text)?.[0] ?? "").description
}

/**
 * @param {string} module
 * @param {string} introduction
 * @param {string} text
 * @param {ReadonlyArray<Export>} exports
 */
const pageOf = (module, introduction, text, exports) => {
  const categories = [...new Set(exports.map(({ docs }) => docs.category))]
  const sections = categories.map((category) =>
    [`## ${category}`, ...exports.filter(({ docs }) => docs.category === category).map(entry)].join("\n\n")
  )
  // Each of them has a page of its own.
  const others = [...text.matchAll(passedOn)].filter(([, , file = ""]) => !isInternal(file))
  if (others.length > 0) {
    const lines = others.map(([line]) => line)
    sections.push(`## of other modules\n\n\`\`\`ts\n${lines.join("\n")}\n\`\`\``)
  }
  return `${[`# ${module}`, introduction, ...sections].join("\n\n")}\n`
}

/**
 * The declarations of a module, without docstrings and without what they import.
 *
 * @param {string} module
 * @param {string} text
 */
const reportOf = (module, text) => {
  const declared = text
    .replaceAll(/ *\/\*\*[\s\S]*?\*\/\n?/g, "")
    .replaceAll(/^(?:import .*|export \{\};|\/\/# .*|\s*)\n/gm, "")
  return `## ${module}\n\n\`\`\`text\n${declared.trimEnd()}\n\`\`\`\n`
}

const modules = fs
  .readdirSync(declarations, { recursive: true, encoding: "utf8" })
  .map((file) => file.replaceAll(path.sep, "/"))
  // The lower-case ones only gather others.
  .filter((file) => /(^|\/)[A-Z]\w*\.d\.ts$/.test(file) && !closed.test(file))
  .map((file) => file.replace(/\.d\.ts$/, ""))
  .toSorted()

fs.rmSync(pages, { recursive: true, force: true })
const faults = []
const index = []
const reports = []
for (const module of modules) {
  const text = fs.readFileSync(path.join(declarations, `${module}.d.ts`), "utf8")
  const exports = [...internalsOf(module, text), ...exportsOf(text)]
  for (const { docs, documented, name } of exports) {
    if (!documented) faults.push(`${module}.${name}: no docstring`)
    else if (!docs.since) faults.push(`${module}.${name}: no @since`)
    else if (!docs.category) faults.push(`${module}.${name}: no @category`)
  }
  const file = path.join(pages, `${module}.md`)
  fs.mkdirSync(path.dirname(file), { recursive: true })
  const introduction = introductionOf(module)
  if (introduction === "") faults.push(`${module}: no docstring of its own`)
  fs.writeFileSync(file, pageOf(module, introduction, text, exports))
  reports.push(reportOf(module, text))
  // Its first sentence.
  index.push(`- [${module}](${module}.md): ${introduction.replaceAll("\n", " ").replace(/(?<=\.)\s.*/, "")}`)
}
fs.mkdirSync(pages, { recursive: true })
fs.writeFileSync(path.join(pages, "README.md"), `# Reference\n\n${index.join("\n")}\n`)
fs.writeFileSync(
  report,
  `# Public interface\n\nWritten by \`npm run docs\`: the declarations of every public module.\n\n${reports.join("\n")}`
)

process.stdout.write(`${modules.length} modules in ${path.relative(process.cwd(), pages)}\n`)
for (const fault of faults) process.stderr.write(`${fault}\n`)
process.exitCode = faults.length === 0 ? 0 : 1
