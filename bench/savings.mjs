/** Measures on recorded outcomes what routing saves: bundles the sources beside it and runs them. */
import { spawnSync } from "node:child_process"
import { createRequire } from "node:module"
import { fileURLToPath } from "node:url"

const here = fileURLToPath(new URL(".", import.meta.url))
const root = fileURLToPath(new URL("..", import.meta.url))

const { buildSync } = createRequire(`${root}package.json`)("esbuild")
buildSync({
  absWorkingDir: here,
  entryPoints: ["src/savings.ts"],
  outfile: "dist/savings.mjs",
  bundle: true,
  packages: "external",
  platform: "node",
  target: "node20",
  format: "esm",
  sourcemap: true,
  logLevel: "warning"
})

const { error, status } = spawnSync(process.execPath, ["dist/savings.mjs", ...process.argv.slice(2)], {
  cwd: here,
  stdio: "inherit"
})
if (error !== undefined) throw error
process.exit(status ?? 1)
