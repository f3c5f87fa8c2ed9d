/** The program as the package has it. */
import * as fs from "node:fs"
import * as path from "node:path"
import { fileURLToPath } from "node:url"
import { inject } from "vitest"

const root = fileURLToPath(new URL("../..", import.meta.url))

/** Puts the program into a directory; its path. `drivers` says whether its optional packages are found. */
export const install = (directory: string, drivers: boolean): string => {
  fs.cpSync(inject("program"), directory, { recursive: true })
  fs.writeFileSync(path.join(directory, "package.json"), '{"type":"module"}')
  const packages = path.join(directory, "node_modules")
  if (drivers) fs.symlinkSync(path.join(root, "node_modules"), packages, "junction")
  // Node looks no further than where a folder has the package's name: it finds none in a folder above.
  else fs.mkdirSync(path.join(packages, "libsql"), { recursive: true })
  return path.join(directory, "bin.js")
}
