/** Installs the clients, in a folder of their own, where what is there isn't what the lock says. */
import { spawnSync } from "node:child_process"
import { createHash } from "node:crypto"
import * as fs from "node:fs"
import * as path from "node:path"
import { fileURLToPath } from "node:url"

/** The folder that the clients are installed in. */
export const folder: string = fileURLToPath(new URL(".", import.meta.url))

export const setup = (): void => {
  const lock = createHash("sha256")
    .update(fs.readFileSync(path.join(folder, "package-lock.json")))
    .digest("hex")
  const stamp = path.join(folder, "node_modules", ".installed-lock")
  if (fs.existsSync(stamp) && fs.readFileSync(stamp, "utf8") === lock) return
  // Claude Code asks for Node 22, and is a program of its own that needs none.
  const flags = ["--no-audit", "--no-fund", "--loglevel=error", "--engine-strict=false"]
  // Not `npm ci`, which fails where the lock lacks the programs of other platforms.
  const { status } = spawnSync("npm", ["install", "--no-save", ...flags], {
    cwd: folder,
    stdio: ["ignore", "ignore", "inherit"],
    shell: process.platform === "win32"
  })
  if (status !== 0) throw new Error("the clients can't be installed")
  fs.writeFileSync(stamp, lock)
}
