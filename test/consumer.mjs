/**
 * The package as its users get it: packs it, installs the tarball into an empty strict TypeScript project,
 * type-checks and runs the README's first program there, and tries the program that it installs.
 *
 * `node test/consumer.mjs` from anywhere; needs npm and its registry. With `--keep` the project stays.
 */
import assert from "node:assert/strict"
import { spawnSync } from "node:child_process"
import * as fs from "node:fs"
import * as os from "node:os"
import * as path from "node:path"
import { fileURLToPath } from "node:url"
import { build } from "esbuild"
import { commands } from "./utils/install.mjs"

const root = fileURLToPath(new URL("..", import.meta.url))
const project = fs.mkdtempSync(path.join(os.tmpdir(), "arc-saga-consumer-"))
// Not below the other: npm would install into that one.
const empty = fs.mkdtempSync(path.join(os.tmpdir(), "arc-saga-as-written-"))
const isWindows = process.platform === "win32"

// Nothing of the caller's environment configures a provider.
const environment = Object.fromEntries(
  Object.entries(process.env).filter(([name]) => !/^(ANTHROPIC|OPENAI|COPILOT|OLLAMA|ARC_SAGA)_/.test(name))
)

const write = (name, text) => fs.writeFileSync(path.join(project, name), text)
const say = (text) => process.stdout.write(`${text}\n`)

/** Runs a command in a folder; its standard output. Its exit code has to be the expected one. */
const run = (command, args, { cwd = project, env = {}, code = 0 } = {}) => {
  const { error, status, stderr, stdout } = spawnSync(command, args, {
    cwd,
    encoding: "utf8",
    shell: isWindows,
    env: { ...environment, ...env }
  })
  if (error !== undefined) throw error
  assert.equal(status, code, `${command} ${args.join(" ")}\n${stdout}${stderr}`)
  return { out: stdout, err: stderr }
}

const step = (name, check) => {
  const startedAt = performance.now()
  const done = (value) => {
    say(`✓ ${name} (${((performance.now() - startedAt) / 1000).toFixed(1)} s)`)
    return value
  }
  const value = check()
  return value instanceof Promise ? value.then(done) : done(value)
}

const { packages } = JSON.parse(fs.readFileSync(path.join(root, "package-lock.json"), "utf8"))
const locked = (name) => `${name}@${packages[`node_modules/${name}`].version}`

const installed = (name) => path.join(project, "node_modules", ...name.split("/"))

try {
  const tarball = step("packs", () => {
    run("npm", ["pack", "--silent", "--pack-destination", project], { cwd: root })
    const [name] = fs.readdirSync(project).filter((file) => file.endsWith(".tgz"))
    assert.ok(name)
    return name
  })

  step("installs into an empty project, with its peers and nothing else", () => {
    write("package.json", JSON.stringify({ name: "consumer", private: true, type: "module" }))
    const peers = ["effect", "@effect/platform", "typescript", "@types/node"].map(locked)
    run("npm", ["install", "--silent", "--no-audit", "--no-fund", `./${tarball}`, ...peers])
    for (const name of ["@effect/cli", "@effect/platform-node", "@effect/vitest", "esbuild", "vitest"]) {
      assert.ok(!fs.existsSync(installed(name)), `${name} was installed`)
    }
    const nested = path.join(installed("arc-saga"), "node_modules")
    assert.ok(!fs.existsSync(path.join(nested, "effect")), "a second copy of effect was installed")
    const files = fs.readdirSync(installed("arc-saga")).toSorted()
    assert.deepEqual(files, ["LICENSE", "README.md", "dist", "package.json"])
    const notices = path.join(installed("arc-saga"), "dist", "bin", "NOTICES.txt")
    assert.match(fs.readFileSync(notices, "utf8"), /^effect \d+\.\d+\.\d+$/m)
  })

  const expected = step("type-checks the README's first program, with the libraries' types", () => {
    const readme = fs.readFileSync(path.join(installed("arc-saga"), "README.md"), "utf8")
    const [, program] = /^```ts hello\.ts\n([\s\S]*?)^```$/m.exec(readme) ?? []
    const [, printed] = /^```text\n([\s\S]*?)^```$/m.exec(readme) ?? []
    assert.ok(program && printed)
    write("hello.ts", program)
    write(
      "tsconfig.json",
      JSON.stringify({
        compilerOptions: {
          target: "ES2022",
          module: "NodeNext",
          strict: true,
          exactOptionalPropertyTypes: true,
          noUncheckedIndexedAccess: true,
          noImplicitOverride: true,
          verbatimModuleSyntax: true,
          skipLibCheck: false,
          types: ["node"],
          outDir: "out"
        },
        files: ["hello.ts"]
      })
    )
    run(process.execPath, [path.join(installed("typescript"), "bin", "tsc")])
    return printed.trimEnd().replace(/…$/, "")
  })

  step("runs it", () => {
    const { err, out } = run(process.execPath, [path.join("out", "hello.js")])
    assert.equal(out.slice(0, expected.length), expected)
    assert.equal(err, "")
  })

  await step("runs it, too, where it was installed by the README's line", async () => {
    const [first] = commands
    assert.equal(first.document, "README.md")
    const cwd = empty
    // Once published, arc-saga comes from where the others come from.
    const install = (packages) => {
      const words = packages.map((word) => (word === "arc-saga" ? path.join(project, tarball) : word))
      run("npm", ["install", "--silent", "--no-audit", "--no-fund", "--prefer-offline", ...words], { cwd })
    }
    install(first.packages)
    await build({
      entryPoints: [path.join(project, "hello.ts")],
      outfile: path.join(cwd, "hello.mjs"),
      format: "esm",
      logLevel: "error"
    })
    const { err, out } = run(process.execPath, ["hello.mjs"], { cwd })
    assert.equal(out.slice(0, expected.length), expected)
    assert.equal(err, "")
    // The lines of all pages together: they have to fit each other.
    const all = [...new Set(commands.flatMap(({ packages }) => packages))]
    install(all)
    const copies = fs
      .readdirSync(path.join(cwd, "node_modules"), { recursive: true, encoding: "utf8" })
      .filter((file) =>
        /(^|[\\/])node_modules[\\/](effect|@effect[\\/]platform)[\\/]package\.json$/.test(file)
      )
    assert.deepEqual(copies, [], "there is a second copy of what has to be shared")
    // What belongs to a test runner is imported in its runs alone.
    const names = all.map((word) => word.replace(/(?<=.)@.*/, "")).filter((name) => !name.endsWith("vitest"))
    fs.writeFileSync(
      path.join(cwd, "all.mjs"),
      `${names.map((name) => `import ${JSON.stringify(name)}`).join("\n")}\n`
    )
    run(process.execPath, ["--no-warnings", "all.mjs"], { cwd })
  })

  step("opens what is public and nothing else", () => {
    const open = [
      "arc-saga",
      "arc-saga/auth/AccessTokens",
      "arc-saga/auth/TokenStore",
      "arc-saga/engines",
      "arc-saga/gateway",
      "arc-saga/testing",
      "arc-saga/AITask",
      "arc-saga/package.json"
    ]
    const closed = ["arc-saga/routing/internal/attempt", "arc-saga/cli/main", "arc-saga/cli/Format"]
    write(
      "imports.mjs",
      `const tried = async (name) => {
  try {
    await import(name, name.endsWith(".json") ? { with: { type: "json" } } : undefined)
    return "open"
  } catch (error) {
    return error.code
  }
}
const results = {}
for (const name of process.argv.slice(2)) results[name] = await tried(name)
process.stdout.write(JSON.stringify(results))
`
    )
    // Without the libraries that only they need.
    const incomplete = [
      "arc-saga/ai",
      "arc-saga/auth",
      "arc-saga/batch",
      "arc-saga/redis",
      "arc-saga/Budgets/Sql",
      "arc-saga/SpendLedger/Sql"
    ]
    const { out } = run(process.execPath, ["--no-warnings", "imports.mjs", ...open, ...incomplete, ...closed])
    assert.deepEqual(
      JSON.parse(out),
      Object.fromEntries([
        ...open.map((name) => [name, "open"]),
        ...incomplete.map((name) => [name, "ERR_MODULE_NOT_FOUND"]),
        ...closed.map((name) => [name, "ERR_PACKAGE_PATH_NOT_EXPORTED"])
      ])
    )
  })

  step("opens what needs a library that is optional, once that is installed", () => {
    const libraries = ["oauth4webapi", "@effect/ai", "@effect/sql", "@effect/experimental", "ioredis"].map(
      locked
    )
    run("npm", ["install", "--silent", "--no-audit", "--no-fund", ...libraries])
    const names = [
      "arc-saga/ai",
      "arc-saga/auth",
      "arc-saga/batch",
      "arc-saga/redis",
      "arc-saga/Budgets/Sql",
      "arc-saga/SpendLedger/Sql"
    ]
    const { out } = run(process.execPath, ["--no-warnings", "imports.mjs", ...names])
    assert.deepEqual(JSON.parse(out), Object.fromEntries(names.map((name) => [name, "open"])))
  })

  step("installs a program that shows its help and answers", () => {
    const program = path.join(project, "node_modules", ".bin", "arc-saga")
    assert.match(run(program, ["--help"]).out, /ask .*\[<PROMPT>\]/)
    const env = { OLLAMA_HOST: "127.0.0.1:1" }
    const { err, out } = run(program, ["ask", "Hello there", "--provider", "gpt4"], { env })
    assert.match(out, /^This is a simulated answer of gpt4: .*“Hello there”/)
    assert.match(err, /^No provider is configured/)
    assert.match(run(program, ["ask", "Hi", "--bogus"], { env, code: 2 }).err, /bogus/)
    const recorded = { ...env, ARC_SAGA_LEDGER: "spend.db" }
    if (process.getBuiltinModule("node:sqlite") === undefined) {
      assert.match(run(program, ["spend"], { env: recorded, code: 2 }).err, /npm install libsql/)
      run("npm", ["install", "--no-save", "libsql"])
    }
    assert.equal(run(program, ["spend", "--json"], { env: recorded }).out, "[]\n")
  })
} finally {
  for (const made of [project, empty]) {
    if (process.argv.includes("--keep")) say(`kept: ${made}`)
    else fs.rmSync(made, { recursive: true, force: true })
  }
}
