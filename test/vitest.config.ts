import { availableParallelism } from "node:os"
import { fileURLToPath } from "node:url"
import { defineConfig } from "vitest/config"

const root = fileURLToPath(new URL("..", import.meta.url))

export default defineConfig({
  root,
  resolve: {
    alias: [
      { find: /^arc-saga$/, replacement: `${root}src/index.ts` },
      { find: /^arc-saga\/(.*)$/, replacement: `${root}src/$1.ts` }
    ]
  },
  test: {
    include: ["test/**/*.test.ts", "docs/examples/*.test.ts"],
    setupFiles: ["test/setup.ts"],
    testTimeout: 60_000,
    // Tests of memory collect what is garbage before they look.
    pool: "forks",
    // One more than there are processors: some tests wait for sockets, some for processes of their own.
    poolOptions: { forks: { execArgv: ["--expose-gc"], maxForks: availableParallelism() + 1 } },
    coverage: {
      provider: "v8",
      include: ["src/**/*.ts"],
      thresholds: { lines: 98, branches: 98 },
      reporter: ["text-summary", "text"],
      reportsDirectory: "coverage"
    }
  }
})
