/**
 * The commands of the documentation that install packages, wherever they stand: in a block of code or in a line.
 */
import * as fs from "node:fs"
import * as path from "node:path"
import { fileURLToPath } from "node:url"

const root = fileURLToPath(new URL("../..", import.meta.url))

const documents = [
  "README.md",
  ...fs
    .readdirSync(path.join(root, "docs"))
    .filter((file) => file.endsWith(".md"))
    .map((file) => `docs/${file}`)
]

export const commands = documents.flatMap((document) =>
  Array.from(
    fs.readFileSync(path.join(root, document), "utf8").matchAll(/npm (?:install|i|add) [^\n`#&|]+/g),
    ([command]) => ({
      document,
      command: command.trim(),
      packages: command
        .trim()
        .split(/\s+/)
        .slice(2)
        .filter((word) => !word.startsWith("-"))
    })
  )
)
