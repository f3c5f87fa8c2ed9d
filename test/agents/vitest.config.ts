import { fileURLToPath } from "node:url"
import { defineConfig } from "vitest/config"
import shared from "../vitest.config.js"

/** The agents and clients, as they are installed, against the gateway: processes of minutes, one file at a time. */
export default defineConfig({
  root: fileURLToPath(new URL("../..", import.meta.url)),
  resolve: shared.resolve ?? {},
  test: {
    include: ["test/agents/*.agent.ts"],
    globalSetup: ["test/utils/built.ts", "test/agents/installed.ts"],
    setupFiles: ["test/setup.ts"],
    testTimeout: 120_000,
    pool: "forks",
    poolOptions: { forks: { isolate: false, maxForks: 1 } }
  }
})
