import { afterAll, assert, describe, it } from "@effect/vitest"
import { spawnSync } from "node:child_process"
import * as fs from "node:fs"
import * as os from "node:os"
import * as path from "node:path"
import { fileURLToPath } from "node:url"

const script = fileURLToPath(new URL("../docs/reference.mjs", import.meta.url))
const directory = fs.mkdtempSync(path.join(os.tmpdir(), "arc-saga-reference-"))

afterAll(() => fs.rmSync(directory, { recursive: true, force: true }))

const introduction = "/**\n * Counts things.\n *\n * One by one.\n *\n * @since 0.1.0\n */\n"

/** What the script makes of modules, given as their declarations. */
const reference = (declarations: Readonly<Record<string, string>>, source = introduction) => {
  const folder = fs.mkdtempSync(path.join(directory, "case-"))
  for (const [module, text] of Object.entries(declarations)) {
    for (const [below, extension, content] of [
      ["src", "ts", source],
      ["dist", "d.ts", text]
    ] as const) {
      const file = path.join(folder, below, `${module}.${extension}`)
      fs.mkdirSync(path.dirname(file), { recursive: true })
      fs.writeFileSync(file, content)
    }
  }
  const args = ["src", "dist", "pages", "api.md"].map((below) => path.join(folder, below))
  const { status, stderr } = spawnSync(process.execPath, [script, ...args], { encoding: "utf8" })
  const page = (module: string): string | undefined => {
    const file = path.join(folder, "pages", `${module}.md`)
    return fs.existsSync(file) ? fs.readFileSync(file, "utf8") : undefined
  }
  const report = (): string => fs.readFileSync(path.join(folder, "api.md"), "utf8")
  return { status, faults: stderr.trim().split("\n"), page, report }
}

const documented = `import * as Effect from "effect/Effect";
/**
 * Adds one. See {@link Counter}.
 *
 * @since 0.1.0
 * @category combinators
 * @example
 * \`\`\`ts
 * const two = increment(1)
 * \`\`\`
 */
export declare const increment: {
    (n: number): number;
};
declare const Counter_base: new () => {
    readonly n: number;
};
/**
 * What counts.
 *
 * @since 0.1.0
 * @category models
 */
export declare class Counter extends Counter_base {
    /** How many. */
    get total(): number;
}
export {};
`

describe("the reference", () => {
  it("has a page per module: what it says of itself, and every export with its signature", () => {
    const { faults, page, status } = reference({ Count: documented, "engines/Count": documented })
    assert.deepStrictEqual(faults, [""])
    assert.strictEqual(status, 0)
    assert.strictEqual(
      page("Count"),
      `# Count

Counts things.

One by one.

## combinators

### increment

Adds one. See \`Counter\`.

\`\`\`ts
export declare const increment: {
    (n: number): number;
};
\`\`\`

Example:

\`\`\`ts
const two = increment(1)
\`\`\`

Since 0.1.0.

## models

### Counter

What counts.

\`\`\`ts
declare const Counter_base: new () => {
    readonly n: number;
};
export declare class Counter extends Counter_base {
    /** How many. */
    get total(): number;
}
\`\`\`

Since 0.1.0.
`
    )
    assert.include(page("engines/Count") ?? "", "# engines/Count")
    assert.strictEqual(
      page("README"),
      "# Reference\n\n- [Count](Count.md): Counts things.\n- [engines/Count](engines/Count.md): Counts things.\n"
    )
  })

  it("reports the declarations alone, so that a change of the interface is one of the report", () => {
    const { report } = reference({ Count: documented })
    assert.strictEqual(
      report(),
      `# Public interface

Written by \`npm run docs\`: the declarations of every public module.

## Count

\`\`\`text
export declare const increment: {
    (n: number): number;
};
declare const Counter_base: new () => {
    readonly n: number;
};
export declare class Counter extends Counter_base {
    get total(): number;
}
\`\`\`
`
    )
  })

  it("tells what a module passes on of another", () => {
    const passed = 'export { increment, type Counter } from "./Count.js";'
    const { page, status } = reference({ Both: `${documented}${passed}\n` })
    assert.strictEqual(status, 0)
    assert.include(page("Both") ?? "", `## of other modules\n\n\`\`\`ts\n${passed}\n\`\`\``)
  })

  it("leaves out what nobody can import, and what only gathers other modules", () => {
    const { page } = reference({ Count: documented, "internal/Secret": "", "cli/Main": "", gathering: "" })
    for (const module of ["internal/Secret", "cli/Main", "gathering"]) assert.isUndefined(page(module))
  })

  it("shows what a module exports of its internals, where the module is", () => {
    const { faults, page } = reference({
      Count: `export { type Counter, increment } from "./internal/counter.js";\n`,
      "internal/counter": `${documented}export declare const secret: number;\n`
    })
    assert.deepStrictEqual(faults, [""])
    const shown = page("Count") ?? ""
    assert.include(shown, "### increment\n\nAdds one. See `Counter`.")
    assert.include(shown, "### Counter\n\nWhat counts.")
    assert.notInclude(shown, "secret")
    assert.notInclude(shown, "of other modules")
  })

  it("tells of every export that lacks something, and of those that it doesn't understand", () => {
    const { faults, status } = reference(
      {
        Count: `export declare const bare: number;
/** @category models */
export interface Ageless {
}
/**
 * @since 0.1.0
 */
export type Stray = number;
export * from "./Other.js";
`
      },
      ""
    )
    assert.strictEqual(status, 1)
    assert.deepStrictEqual(faults, [
      "Count.bare: no docstring",
      "Count.Ageless: no @since",
      "Count.Stray: no @category",
      'Count.export * from "./Other.js";: no docstring',
      "Count: no docstring of its own"
    ])
  })
})
