/** What routing saves, and what it keeps, on what models really answered. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { gunzipSync } from "node:zlib"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as EvaluationPicture from "../../src/cli/EvaluationPicture.js"
import * as EvaluationReport from "../../src/cli/EvaluationReport.js"
import { evaluate, type Report, type Row } from "../../src/savings/Evaluation.js"
import * as Outcomes from "../../src/savings/Outcomes.js"
import * as QualityModel from "../../src/savings/QualityModel.js"
import * as decisions from "./decisions.js"
import * as report from "./report.js"

const folder = new URL("../../../shared/data/", import.meta.url)

const sets = ["claude-gpt4o", "gpt4-mixtral"] as const

const fileOf = (set: string): URL => new URL(`${set}.jsonl.gz`, folder)

const missing = sets.map(fileOf).filter((file) => !existsSync(file))
if (missing.length > 0) {
  process.stderr.write(
    `The recorded outcomes aren't there. Missing: ${missing.map(({ pathname }) => pathname).join(", ")}. They are kept beside the repository, in ../shared/data\n`
  )
  process.exit(2)
}

const read = (set: string): ReadonlyArray<Outcomes.Outcome> =>
  gunzipSync(readFileSync(fileOf(set)))
    .toString()
    .trimEnd()
    .split("\n")
    .map((line) => Either.getOrThrowWith(Outcomes.decodeUnknown(JSON.parse(line)), (error) => error))

const of = (measured: Report, policy: string, keep: number): Row | undefined =>
  measured.rows.find((row) => row.policy === policy && row.keep === keep)

const verdicts: Array<report.Verdict> = []

const judgeSaved = (target: string, row: Row | undefined, saved: number): void => {
  if (row === undefined) return
  verdicts.push({
    target: `${target} saves ≥ ${100 * saved} %, broken in ≤ 1 of 20 splits`,
    measured: `${(100 * row.saved.mean).toFixed(1)} %, ${row.broken} broken`,
    met: row.saved.mean >= saved && row.broken <= 1
  })
}

mkdirSync("results", { recursive: true })

const measured = Object.fromEntries(
  sets.map((set) => {
    const outcomes = read(set)
    const result = Either.getOrThrowWith(evaluate(outcomes), (error) => error)
    report.print(`\n${set}: ${EvaluationReport.tables(result)}`)
    writeFileSync(`results/${set}.svg`, EvaluationPicture.svg(result, set))
    return [set, { outcomes, result }] as const
  })
)

const [cascades, pair] = [measured["claude-gpt4o"], measured["gpt4-mixtral"]]
if (cascades !== undefined && pair !== undefined) {
  for (const [keep, saved] of [
    [0.98, 0.65],
    [0.99, 0.55]
  ] as const) {
    for (const policy of ["cascade, learned", "cascade, learned, whole"]) {
      judgeSaved(`claude-gpt4o: ${policy} at ${100 * keep} %`, of(cascades.result, policy, keep), saved)
    }
  }
  judgeSaved("gpt4-mixtral: prediction at 98 %", of(pair.result, "prediction", 0.98), 0.18)
  const apgr = pair.result.recovery.find(({ within }) => within === "all")?.apgr.mean ?? 0
  verdicts.push({ target: "gpt4-mixtral: APGR ≥ 0.62", measured: apgr.toFixed(3), met: apgr >= 0.62 })

  const parts = Outcomes.split(pair.outcomes, "s0")
  const model = Either.getOrThrowWith(QualityModel.train(parts), (error) => error)
  const questions = parts.test.flatMap(({ prompt = "" }) => (prompt.trim() === "" ? [] : [prompt]))
  const times = await Effect.runPromise(decisions.times(model, questions))
  const sorted = times.toSorted((left, right) => left - right)
  const p99 = sorted[Math.floor(0.99 * sorted.length)] ?? Number.NaN
  verdicts.push({
    target: "a decision with all on takes < 1 ms at p99",
    measured: `${p99.toFixed(3)} ms`,
    met: p99 < 1
  })
  const kilobytes = JSON.stringify(model).length / 1000
  report.print(`\nA model of two providers has ${kilobytes.toFixed(0)} kB.\n`)
}

report.verdicts(verdicts)
writeFileSync(
  "results/savings.json",
  `${JSON.stringify(Object.fromEntries(Object.entries(measured).map(([set, { result }]) => [set, result])), null, 2)}\n`
)
