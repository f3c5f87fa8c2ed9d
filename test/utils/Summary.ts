/** Tells the seed of a run's properties and its ten slowest files. */
import * as path from "node:path"
import type { Reporter, TestModule } from "vitest/node"

/** Milliseconds that a file needed: loading it, and its tests. */
const took = (file: TestModule): number => {
  const { collectDuration, duration, prepareDuration, setupDuration } = file.diagnostic()
  return collectDuration + duration + prepareDuration + setupDuration
}

export class Summary implements Reporter {
  onTestRunStart(): void {
    process.stdout.write(`property tests: FC_SEED=${process.env["FC_SEED"]}\n`)
  }

  onTestRunEnd(files: ReadonlyArray<TestModule>): void {
    const slowest = files.toSorted((left, right) => took(right) - took(left)).slice(0, 10)
    const lines = slowest.map(
      (file) => `${(took(file) / 1000).toFixed(1).padStart(7)} s  ${path.relative(".", file.moduleId)}\n`
    )
    process.stdout.write(
      `\nthe slowest files:\n${lines.join("")}property tests: FC_SEED=${process.env["FC_SEED"]}\n`
    )
  }
}
