/** A directory of a run, for what its files build once for all of them. */
import * as fs from "node:fs"
import * as os from "node:os"
import * as path from "node:path"
import type { TestProject } from "vitest/node"

declare module "vitest" {
  export interface ProvidedContext {
    readonly built: string
  }
}

export const setup = (project: TestProject): (() => void) => {
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), "arc-saga-built-"))
  project.provide("built", directory)
  return () => fs.rmSync(directory, { recursive: true, force: true })
}
