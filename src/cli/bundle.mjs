/**
 * The command line in one piece, with all that it needs, and the notices of the packages that are in it.
 *
 * `node src/cli/bundle.mjs [directory] [program]`, by default from `src/cli/main.ts` to `dist`: `bin.js`, its
 * parts in `bin/`, and there `NOTICES.txt`. A package without the text of a licence is an error: nothing is written.
 */
import * as fs from "node:fs"
import * as path from "node:path"
import { fileURLToPath } from "node:url"
import { build } from "esbuild"

const root = fileURLToPath(new URL("../..", import.meta.url))
const [directory = path.join(root, "dist"), program = path.join(root, "src/cli/main.ts")] =
  process.argv.slice(2)

/** What threads of the program run. */
const threads =
  process.argv[3] === undefined ? { "bin/trainer": path.join(root, "src/cli/Trainer/worker.ts") } : {}

/** What the program says of itself: every start reads it, and most of the package's description is for others. */
const about = {
  name: "about",
  setup: (/** @type {import("esbuild").PluginBuild} */ bundler) =>
    bundler.onLoad({ filter: /package\.json$/ }, ({ path: file }) => {
      if (file !== path.join(root, "package.json")) return undefined
      const { description, version } = JSON.parse(fs.readFileSync(file, "utf8"))
      return { contents: JSON.stringify({ description, version }), loader: "json" }
    })
}

const { metafile, outputFiles } = await build({
  plugins: [about],
  absWorkingDir: root,
  entryPoints: { bin: path.resolve(program), ...threads },
  outdir: path.resolve(directory),
  // What a command needs alone is read with that command.
  splitting: true,
  chunkNames: "bin/[name]-[hash]",
  bundle: true,
  external: ["pg-native"],
  banner: {
    js: "import{createRequire as requireFrom}from'node:module';const require=requireFrom(import.meta.url);"
  },
  platform: "node",
  target: "node20",
  format: "esm",
  minifyWhitespace: true,
  minifySyntax: true,
  logLevel: "warning",
  metafile: true,
  write: false
})

const outputs = Object.values(metafile.outputs)
const included = outputs.flatMap(({ inputs }) =>
  Object.keys(inputs).filter((file) => inputs[file]?.bytesInOutput)
)
/** The directories of the packages whose code is in it. */
const packages = new Set(
  included.flatMap((file) => /^.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(file)?.[0] ?? [])
)

/**
 * The text of a package's licence: a file of its own, or a section of its README.
 *
 * @param {string} folder
 */
const licenceOf = (folder) => {
  const files = fs.readdirSync(folder)
  const read = (/** @type {string} */ file) => fs.readFileSync(path.join(folder, file), "utf8")
  const own = files.filter((file) => /^(licen[cs]e|copying|notice)/i.test(file)).map(read)
  const sections = files
    .filter((file) => /^readme/i.test(file))
    .map((file) => /^#+ *licen[cs]e[^\n]*\n([\s\S]*?)(?=^#+ |(?![\s\S]))/im.exec(read(file))?.[1] ?? "")
    // One that only names the licence isn't its text.
    .filter((section) => /copyright/i.test(section))
  return (own.length > 0 ? own : sections).map((text) => text.replaceAll("\r\n", "\n").trim()).join("\n\n")
}

/** The names of packages, by the text of their licence: many share one. @type {Map<string, Set<string>>} */
const notices = new Map()
const unlicensed = []
for (const folder of [...packages].toSorted()) {
  const at = path.resolve(root, folder)
  const { name, version } = JSON.parse(fs.readFileSync(path.join(at, "package.json"), "utf8"))
  const text = licenceOf(at)
  if (text === "")
    unlicensed.push(`${name} ${version}: no text of a licence, which a bundle would have to bring`)
  notices.set(text, (notices.get(text) ?? new Set()).add(`${name} ${version}`))
}

if (unlicensed.length > 0) {
  process.stderr.write(`${unlicensed.join("\n")}\n`)
  process.exitCode = 1
} else {
  const rule = "-".repeat(80)
  const texts = Array.from(notices, ([text, names]) => `${[...names].join("\n")}\n\n${text}\n`)
  fs.mkdirSync(path.join(directory, "bin"), { recursive: true })
  for (const { contents, path: file } of outputFiles) fs.writeFileSync(file, contents)
  fs.chmodSync(path.join(directory, "bin.js"), 0o755)
  fs.writeFileSync(
    path.join(directory, "bin/NOTICES.txt"),
    `The command line of arc-saga contains these packages.\n\n${texts.map((text) => `${rule}\n${text}`).join("\n")}`
  )
}
