/** The program as the package has it, bundled by the package's own script. */
import { spawnSync } from "node:child_process"
import * as fs from "node:fs"
import * as path from "node:path"
import { fileURLToPath } from "node:url"

const root = fileURLToPath(new URL("../..", import.meta.url))

/** Bundles the program into a directory; its path. `drivers` says whether its optional packages are found. */
export const bundle = (directory: string, drivers: boolean): string => {
  const { status, stderr, stdout } = spawnSync(
    "npm",
    ["run", "--silent", "build:bin", "--", `--outdir=${directory}`],
    { cwd: root, encoding: "utf8", shell: process.platform === "win32" }
  )
  if (status !== 0) throw new Error(`${stdout}${stderr}`)
  fs.writeFileSync(path.join(directory, "package.json"), '{"type":"module"}')
  const packages = path.join(directory, "node_modules")
  if (drivers) fs.symlinkSync(path.join(root, "node_modules"), packages, "junction")
  // Node looks no further than where a folder has the package's name: it finds none in a folder above.
  else fs.mkdirSync(path.join(packages, "@libsql/client"), { recursive: true })
  return path.join(directory, "bin.js")
}
