/** The program as the package has it. */
import { spawnSync } from "node:child_process"
import * as fs from "node:fs"
import * as path from "node:path"
import { fileURLToPath } from "node:url"
import { inject } from "vitest"

const root = fileURLToPath(new URL("../..", import.meta.url))

/** Builds the program into a directory, by the package's own script. */
const build = (directory: string): void => {
  const { status, stderr, stdout } = spawnSync(process.execPath, ["src/cli/bundle.mjs", directory], {
    cwd: root,
    encoding: "utf8"
  })
  if (status !== 0) throw new Error(`${stdout}${stderr}`)
}

/** The directory of the program. The first file of a run that needs it builds it; the others wait for that. */
export const built = (): string => {
  const directory = path.join(inject("built"), "program")
  const lock = `${directory}.lock`
  const done = `${directory}.done`
  try {
    fs.mkdirSync(lock)
  } catch {
    while (!fs.existsSync(done)) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 50)
    return directory
  }
  try {
    build(directory)
  } finally {
    fs.writeFileSync(done, "")
  }
  return directory
}

/** Puts the program into a directory; its path. `drivers` says whether its optional packages are found. */
export const install = (directory: string, drivers: boolean): string => {
  fs.cpSync(built(), directory, { recursive: true })
  fs.writeFileSync(path.join(directory, "package.json"), '{"type":"module"}')
  const packages = path.join(directory, "node_modules")
  if (drivers) fs.symlinkSync(path.join(root, "node_modules"), packages, "junction")
  // Node looks no further than where a folder has the package's name: it finds none in a folder above.
  else fs.mkdirSync(path.join(packages, "libsql"), { recursive: true })
  return path.join(directory, "bin.js")
}
