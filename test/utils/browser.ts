/** A real browser, where the machine has one. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { existsSync } from "node:fs"
import { type Browser, chromium } from "playwright-core"

/** A browser of this machine: `.ci/run` installs Debian's. */
export const browserPath = [
  process.env["CHROMIUM_PATH"],
  "/usr/bin/chromium",
  "/usr/bin/chromium-browser"
].find((path) => path !== undefined && existsSync(path))

/** Starts the browser, for as long as the scope is open. */
export const browser: Effect.Effect<Browser, never, Scope.Scope> = Effect.acquireRelease(
  Effect.promise(() => chromium.launch({ executablePath: browserPath ?? "", args: ["--no-sandbox"] })),
  (started) => Effect.promise(() => started.close())
)
