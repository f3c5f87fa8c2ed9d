/** Built once for all files of a run: the program, by the package's own script. */
import { spawnSync } from "node:child_process"
import * as fs from "node:fs"
import * as os from "node:os"
import * as path from "node:path"
import { fileURLToPath } from "node:url"
import type { TestProject } from "vitest/node"

declare module "vitest" {
  export interface ProvidedContext {
    /** The directory of the program. */
    readonly program: string
  }
}

const root = fileURLToPath(new URL("../..", import.meta.url))

export const setup = (project: TestProject): (() => void) => {
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), "arc-saga-built-"))
  const { status, stderr, stdout } = spawnSync("npm", ["run", "--silent", "build:bin", "--", directory], {
    cwd: root,
    encoding: "utf8",
    shell: process.platform === "win32"
  })
  if (status !== 0) throw new Error(`${stdout}${stderr}`)
  project.provide("program", directory)
  return () => fs.rmSync(directory, { recursive: true, force: true })
}
