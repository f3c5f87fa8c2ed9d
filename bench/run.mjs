/** Sets up what is missing or stale, bundles the benchmark with the sources beside it, and runs it. */
import { spawnSync } from "node:child_process"
import { createHash } from "node:crypto"
import { existsSync, readFileSync, writeFileSync } from "node:fs"
import { createRequire } from "node:module"
import { fileURLToPath } from "node:url"

const here = fileURLToPath(new URL(".", import.meta.url))
const root = fileURLToPath(new URL("..", import.meta.url))

const run = (command, args, cwd, options = {}) => {
  const { error, status } = spawnSync(command, args, { cwd, stdio: "inherit", ...options })
  if (error !== undefined) throw error
  if (status !== 0) process.exit(status ?? 1)
}

const install = (folder) => {
  process.stderr.write(`installing what ${folder} needs\n`)
  // The AI SDK asks for Node 22; what is measured here runs on 20, so npm's complaint is kept out.
  run("npm", ["ci", "--no-audit", "--no-fund", "--loglevel=error", "--engine-strict=false"], folder, {
    shell: process.platform === "win32"
  })
}

if (!existsSync(`${root}node_modules/effect`) || !existsSync(`${root}node_modules/esbuild`)) install(root)

const lock = createHash("sha256")
  .update(readFileSync(`${here}package-lock.json`))
  .digest("hex")
const stamp = `${here}node_modules/.installed-lock`
if (!existsSync(stamp) || readFileSync(stamp, "utf8") !== lock) {
  install(here)
  writeFileSync(stamp, lock)
}

// Packages stay outside: `effect` isn't in this folder, so both the benchmark and the sources get the
// one copy of the root.
const { buildSync } = createRequire(`${root}package.json`)("esbuild")
buildSync({
  absWorkingDir: here,
  entryPoints: {
    main: "src/main.ts",
    worker: "src/worker.ts",
    upstream: "src/gateway/upstream.ts",
    bare: "src/gateway/bare.ts"
  },
  outdir: "dist",
  outExtension: { ".js": ".mjs" },
  bundle: true,
  packages: "external",
  platform: "node",
  target: "node20",
  format: "esm",
  sourcemap: true,
  logLevel: "warning"
})

// The gateway runs as it is installed: in one bundle with its packages.
run("npm", ["run", "--silent", "build:bin"], root, { shell: process.platform === "win32" })

run(process.execPath, ["dist/main.mjs", ...process.argv.slice(2)], here)
