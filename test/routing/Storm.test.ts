import { Simulation } from "arc-saga/testing"
import { build } from "esbuild"
import { execFile } from "node:child_process"
import * as fs from "node:fs"
import * as os from "node:os"
import * as path from "node:path"
import { fileURLToPath } from "node:url"
import { promisify } from "node:util"
import { afterAll, assert, beforeAll, describe, it } from "vitest"
import { sized } from "../utils/property.js"
import * as storm from "../utils/storm.js"

const root = fileURLToPath(new URL("../..", import.meta.url))
const temporary = fs.mkdtempSync(path.join(os.tmpdir(), "arc-saga-storm-"))
const program = path.join(temporary, "storm.mjs")

beforeAll(async () => {
  await build({
    absWorkingDir: root,
    entryPoints: ["test/utils/stormProcess.ts"],
    alias: { "arc-saga": `${root}src/index.ts`, "arc-saga/testing": `${root}src/testing/index.ts` },
    bundle: true,
    platform: "node",
    target: "node20",
    format: "esm",
    outfile: program,
    logLevel: "error"
  })
})

afterAll(() => fs.rmSync(temporary, { recursive: true, force: true }))

// Nearly all that a storm makes is soon garbage: room for it saves a fifth of the time.
const flags = ["--max-semi-space-size=64"]

/** What a process prints of each of its storms: `on,1000,1` is one with guards, of 1,000 tasks, from seed 1. */
const printed = async (...storms: ReadonlyArray<string>): Promise<ReadonlyArray<string>> => {
  const { stdout } = await promisify(execFile)(process.execPath, [...flags, program, ...storms])
  return stdout.trimEnd().split("\n")
}

// All of it is plain data.
const parsed = (line = ""): storm.Weathered => JSON.parse(line) as storm.Weathered

const percent = (share: number): string => `${(100 * share).toFixed(2)} %`
const ms = (value: number | null | undefined): string =>
  value === null || value === undefined ? "never" : `${value} ms`
const sum = (counts: Iterable<number>): number => [...counts].reduce((total, count) => total + count, 0)
const failed = (report: Simulation.Report): number => sum(Object.values(report.errors))
const limited = (report: Simulation.Report): number =>
  sum(report.providers.map(({ record }) => record.errors["RateLimitError"] ?? 0))
const dead = ({ providers: [first] }: Simulation.Report): Simulation.Report["providers"][number] => {
  if (first === undefined) throw new Error("no provider")
  return first
}

/** What the providers have recorded, as the ledger has it. */
const booked = (report: Simulation.Report): Array<storm.Weathered["ledger"][number]> =>
  report.providers.map(
    ({ record: { attempts, costUsd, inputTokens, outputTokens, unpriced }, provider }) => ({
      provider,
      attempts,
      inputTokens,
      outputTokens,
      costUsd,
      unpriced
    })
  )

const rows: ReadonlyArray<readonly [string, (report: Simulation.Report) => string]> = [
  ["tasks", ({ tasks }) => `${tasks}`],
  ["answered", ({ answered, tasks }) => percent(answered / tasks)],
  ["failed, with a typed error", (report) => `${failed(report)}`],
  ["ended after its time", ({ late }) => `${late}`],
  ["answer, p50", ({ latencyMs }) => ms(latencyMs?.p50)],
  ["answer, p99", ({ latencyMs }) => ms(latencyMs?.p99)],
  ["first content, p99", ({ firstTokenMs }) => ms(firstTokenMs?.p99)],
  ["calls to the dead provider", (report) => `${dead(report).duringOutages}`],
  ["used again after", (report) => ms(dead(report).recoveredAfterMs[0])],
  ["429s", (report) => `${limited(report)}`],
  ["retries per task", ({ retries, tasks }) => percent(retries / tasks)],
  ["hedges per task", ({ hedges, tasks }) => percent(hedges / tasks)],
  ["streams gone on with after a cut", ({ resumed }) => `${resumed}`],
  ["spent", ({ spendUsd }) => `${spendUsd} USD`]
]

const table = (off: Simulation.Report, on: Simulation.Report): string =>
  [
    [`${storm.durationMs / 60_000} virtual minutes`, "all off", "all on"],
    ...rows.map(([name, of]) => [name, of(off), of(on)])
  ]
    .map(
      ([name = "", left = "", right = ""]) => `${name.padEnd(34)}${left.padStart(16)}${right.padStart(16)}\n`
    )
    .join("")

/** How many probes there are in an outage at most: the waits double up to a cap. */
const probes = (outageMs: number, waitMs: number): number =>
  outageMs <= waitMs ? 1 : 1 + probes(outageMs - waitMs, Math.min(2 * waitMs, storm.breaker.maxOpenMs))

const tags = [
  "AllProvidersFailedError",
  "AuthenticationError",
  "ContentPolicyError",
  "ContextLengthError",
  "InputValidationError",
  "ModelNotFoundError",
  "NoAvailableProviderError",
  "QuotaExhaustedError",
  "StreamInterruptedError"
]

describe("a storm", () => {
  // One process for each processor: a start costs as much as hundreds of tasks.
  let first: ReadonlyArray<string> = []
  let second: ReadonlyArray<string> = []
  beforeAll(async () => {
    const few = sized(2000, 200)
    ;[first, second] = await Promise.all([
      printed(`off,${storm.tasks},${storm.seed}`, `on,${few},7`),
      printed(`on,${storm.tasks},${storm.seed}`, `on,${few},7`, `on,${few},8`)
    ])
  }, 1_800_000)

  it("keeps answering through two hours of outages", () => {
    const [without, guarded] = [parsed(first[0]), parsed(second[0])]
    const [off, on] = [without.report, guarded.report]
    process.stdout.write(`\n${table(off, on)}\n`)

    for (const { ledger, report } of [without, guarded]) {
      assert.closeTo(report.tasks, storm.tasks, storm.tasks / 50)
      // An answer or a typed error, in time.
      assert.strictEqual(report.answered + failed(report), report.tasks)
      assert.includeMembers(tags, Object.keys(report.errors))
      assert.strictEqual(report.late, 0)
      // Silence is bounded by the idle limit, and after a cut by the wait for each of the others.
      assert.isAtMost(report.longestPauseMs, 30_000)
      // Every attempt, token and picodollar is in the records of both sides, and every attempt is closed.
      assert.deepStrictEqual(Simulation.discrepancies(report), [])
      assert.sameDeepMembers([...ledger], booked(report))
      assert.isAbove(report.resumed + (report.errors["StreamInterruptedError"] ?? 0), 0)
    }

    assert.isAtLeast(on.answered / on.tasks, off.answered / off.tasks)
    assert.isAtLeast(on.answered / on.tasks, 0.999)
    assert.isBelow(on.latencyMs?.p99 ?? Number.NaN, (off.latencyMs?.p99 ?? Number.NaN) / 2)
    assert.isBelow(limited(on), limited(off) / 100)

    const outageMs = storm.outage.toMs - storm.outage.fromMs
    assert.isAtMost(
      dead(on).duringOutages,
      storm.breaker.consecutiveFailures + probes(outageMs, storm.breaker.openMs)
    )
    assert.isAbove(dead(off).duringOutages, 10 * dead(on).duringOutages)
    // The probe is made as soon as it may be, by the next task that comes.
    const patience = storm.breaker.maxOpenMs + Math.max(1000, (3 * storm.durationMs) / storm.tasks)
    assert.isAtMost(dead(on).recoveredAfterMs[0] ?? Number.POSITIVE_INFINITY, patience)

    assert.isAtMost(on.retries, storm.shares.retries * on.tasks)
    assert.isAtMost(on.hedges, storm.shares.hedges * on.tasks)
    assert.isAbove(on.retries, 0)
    assert.isAbove(on.hedges, 0)
    assert.strictEqual(off.hedges, 0)
  })

  it("is the same for the same seed, byte by byte, in another process too", () => {
    assert.isNotEmpty(second[1])
    assert.strictEqual(first[1], second[1])
    assert.notStrictEqual(second[2], second[1])
  })
})
