/** A real browser, where the machine has one. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { existsSync } from "node:fs"
import { type Browser, type BrowserContext, type BrowserContextOptions, chromium } from "playwright-core"
import { afterAll } from "vitest"

/** A browser of this machine: `.ci/run` installs Debian's. */
export const browserPath = [
  process.env["CHROMIUM_PATH"],
  "/usr/bin/chromium",
  "/usr/bin/chromium-browser"
].find((path) => path !== undefined && existsSync(path))

/** Starting it costs more than any of its tests: those of a file share it. */
let started: Promise<Browser> | undefined

/** Has the tests of a file share a browser; it is closed after the last of them. */
export const share = (): void =>
  afterAll(async () => {
    await (await started)?.close()
    started = undefined
  })

/** A context of its own, which shares neither pages nor passwords with others, for as long as the scope is open. */
export const context = (
  options: BrowserContextOptions = {}
): Effect.Effect<BrowserContext, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.promise(async () => {
      started ??= chromium.launch({ executablePath: browserPath ?? "", args: ["--no-sandbox"] })
      return (await started).newContext(options)
    }),
    (opened) => Effect.promise(() => opened.close())
  )
