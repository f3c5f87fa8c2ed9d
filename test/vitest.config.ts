import { availableParallelism } from "node:os"
import { fileURLToPath } from "node:url"
import { defineConfig } from "vitest/config"
import { BaseSequencer, type TestSpecification } from "vitest/node"
import { Summary } from "./utils/Summary.js"

const root = fileURLToPath(new URL("..", import.meta.url))

// One seed for the properties of all files, whichever process runs them.
process.env["FC_SEED"] ??= String(Date.now() % 2 ** 31)

/**
 * What starts other programs (bundles, killed processes, browsers) or asks databases, and the few tests that take
 * long.
 */
const long =
  /\/(Sql|Storm|TokenStoreProcesses|Bundle|Killed|Processes|bin|Browser|Page|docs|examples|reference|Contract|EngineContract|Simulation|ProviderRouter\.\w+)\.test\.ts$/

/** What its process is no use after: it changes for good what belongs to all files of it. */
const last = /\/UpdatedGenAIPrices\.test\.ts$/

/** Begins with what takes long, so that no processor is idle at the end: a first run knows no times yet. */
class LongestFirst extends BaseSequencer {
  override async sort(files: Array<TestSpecification>): Promise<Array<TestSpecification>> {
    const sorted = await super.sort(files)
    const rank = (file: string): number => (long.test(file) ? 0 : last.test(file) ? 2 : 1)
    return sorted.toSorted((one, other) => rank(one.moduleId) - rank(other.moduleId))
  }
}

export default defineConfig({
  root,
  resolve: {
    alias: [
      { find: /^arc-saga$/, replacement: `${root}src/index.ts` },
      { find: /^arc-saga\/([a-z]+)$/, replacement: `${root}src/$1/index.ts` },
      {
        find: /^arc-saga\/((?:Budgets|Feedback|PriceCatalog|SpendLedger)\/.+)$/,
        replacement: `${root}src/spend/$1.ts`
      },
      { find: /^arc-saga\/(Outcomes\/.+)$/, replacement: `${root}src/savings/$1.ts` },
      { find: /^arc-saga\/(.+)$/, replacement: `${root}src/$1.ts` }
    ]
  },
  test: {
    // One project: each has a server and forks of its own, which load everything anew.
    include: ["test/**/*.test.ts", "docs/examples/*.test.ts"],
    globalSetup: ["test/utils/built.ts"],
    setupFiles: ["test/setup.ts"],
    testTimeout: 60_000,
    pool: "forks",
    poolOptions: {
      forks: {
        // Loading everything anew for each file costs more than the tests: what one file leaves, the next one sees.
        isolate: false,
        // Tests of memory collect what is garbage before they look. Most of it is young: room for it saves time.
        execArgv: ["--expose-gc", "--max-semi-space-size=32"],
        // With more than there are processors some files are never run.
        maxForks: availableParallelism()
      }
    },
    sequence: { sequencer: LongestFirst },
    // The summary of the runner itself comes last.
    reporters: [new Summary(), "default"],
    coverage: {
      provider: "v8",
      include: ["src/**/*.ts"],
      thresholds: { lines: 98, branches: 98 },
      reporter: ["text-summary", "text"],
      reportsDirectory: "coverage"
    }
  }
})
