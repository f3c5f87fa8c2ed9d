/** The benchmark: arc-saga's own costs, and those of its peers on the same work in the same run. */
import * as Effect from "effect/Effect"
import { mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { cpus, loadavg } from "node:os"
import * as aiSdk from "./aiSdk.js"
import * as arcSaga from "./arcSaga.js"
import { burst, type Count } from "./burst.js"
import * as engines from "./engines.js"
import * as executionPlan from "./executionPlan.js"
import * as harness from "./harness.js"
import * as langchain from "./langchain.js"
import * as report from "./report.js"
import * as work from "./work.js"

const contestants: ReadonlyArray<work.Contestant> = [
  engines.bare,
  arcSaga.contestant,
  executionPlan.contestant,
  aiSdk.bare,
  aiSdk.withFallback,
  aiSdk.withRetry,
  langchain.contestant
]

const sections = ["parts", "complete", "failover", "stream", "burst"] as const
type Section = (typeof sections)[number]

const { argv, env } = process
// `npm run bench --quick`, without the `--`, arrives as a setting of npm.
const quick = argv.includes("--quick") || env["npm_config_quick"] === "true"
const named = (option: string): ReadonlyArray<string> | undefined =>
  argv
    .find((argument) => argument.startsWith(`${option}=`))
    ?.slice(option.length + 1)
    .split(",")
const only = named("--sections") ?? sections
const names = named("--contestants")

const unknown = [
  ...argv.slice(2).filter((argument) => !/^--(quick$|sections=|contestants=)/.test(argument)),
  ...only.filter((section) => !sections.some((known) => known === section))
]
if (unknown.length > 0) {
  process.stderr.write(
    `unknown: ${unknown.join(" ")}\nusage: npm run bench -- [--quick] [--sections=${sections.join(",")}] [--contestants=NAME,…]\n`
  )
  process.exit(2)
}

const runs = (section: Section): boolean => only.includes(section)

const options: harness.Options = quick
  ? { rounds: 7, batchMs: 10, warmUpMs: 150 }
  : { rounds: 25, batchMs: 25, warmUpMs: 1500 }

const instant = (name: string): work.Script => ({ name, fails: "never", pace: "instant" })
const primary = instant("primary")
const fallback = instant("fallback")

const verdicts: Array<report.Verdict> = []
const results: Record<string, unknown> = {}

const judge = (target: string, value: number, limit: number, unit: string): void => {
  if (!Number.isFinite(value)) return
  verdicts.push({ target, measured: `${report.number(value)}${unit}`, met: value <= limit })
}

const check = (name: string, actual: string, expected: string): void => {
  if (actual !== expected) {
    throw new Error(`${name} gave ${actual.length} characters that aren't the answer (${expected.length})`)
  }
}

type Timings = ReadonlyArray<harness.Timing>

const of = (timings: Timings, name: string): harness.Timing | undefined =>
  timings.find((timing) => timing.name === name)

/** Round by round, so that what slows a round down slows both down. */
const paired = (
  timings: Timings,
  left: string,
  right: string,
  combine: (left: number, right: number) => number
): number => {
  const others = of(timings, right)?.rounds
  const pairs = of(timings, left)?.rounds.flatMap((time, round) => {
    const other = others?.[round]
    return other === undefined ? [] : [combine(time, other)]
  })
  return harness.quantile(pairs ?? [], 0.5)
}

const ratio = (timings: Timings, peer: string): number =>
  paired(timings, arcSaga.contestant.name, peer, (own, other) => own / other)

const show = (title: string, timings: Timings): void => {
  results[title] = timings
  report.print(`\n${title}`)
  report.table(
    ["", "median", "p25–p75", "processor", "arc-saga ÷ it"],
    timings.map((timing) => {
      const share = ratio(timings, timing.name)
      return [
        timing.name,
        `${report.number(timing.median)} µs`,
        `${report.number(timing.p25)}–${report.number(timing.p75)}`,
        `${report.number(timing.cpu)} µs`,
        Number.isFinite(share) && timing.name !== arcSaga.contestant.name ? report.number(share) : ""
      ]
    })
  )
}

const competing = (failingOver: boolean): ReadonlyArray<work.Contestant> =>
  contestants.filter(
    ({ failsOver, name }) => (failsOver || !failingOver) && (names === undefined || names.includes(name))
  )

const subject = async (
  contestant: work.Contestant,
  first: work.Script,
  delivery: "complete" | "stream",
  prompt: string,
  second: work.Script = fallback
): Promise<harness.Subject> => {
  const client = await contestant.client(first, second, { forget: true })
  const answer = work.answerTo(prompt)
  return {
    name: contestant.name,
    units: delivery === "stream" ? answer.outputTokens : 1,
    run: async () => check(contestant.name, await client[delivery](prompt), answer.text),
    reset: client.reset
  }
}

const measureParts = async (): Promise<void> => {
  const parts = await Effect.runPromise(arcSaga.parts)
  const times = 1000
  const part = (name: string, effect: Effect.Effect<unknown, unknown>): harness.Subject => {
    const loop = (left: number): Effect.Effect<void, unknown> =>
      left === 0 ? Effect.void : Effect.flatMap(effect, () => loop(left - 1))
    const program = Effect.suspend(() => loop(times))
    return { name, units: times, run: () => Effect.runPromise(program), reset: () => {} }
  }
  const timings = await harness.measure(
    [
      part("select among 10 providers", parts.select),
      part("rank 10 providers", parts.rank),
      part("look up an engine among 10", parts.get),
      part("make a task", parts.make)
    ],
    options
  )
  show("Parts of arc-saga, per operation within a fiber", timings)
  const median = (name: string): number => of(timings, name)?.median ?? Number.NaN
  judge("select among 10 providers < 5 µs", median("select among 10 providers"), 5, " µs")
  judge("look up an engine < 1 µs", median("look up an engine among 10"), 1, " µs")
}

const measureComplete = async (): Promise<void> => {
  const subjects = await Promise.all(
    competing(false).map((contestant) => subject(contestant, primary, "complete", work.completePrompt))
  )
  const timings = await harness.measure(subjects, options)
  show("A complete call, from the prompt to the text, the primary answers at once", timings)
  judge("complete call ≤ 80 µs", of(timings, arcSaga.contestant.name)?.median ?? Number.NaN, 80, " µs")
  for (const peer of [aiSdk.bare, aiSdk.withFallback, aiSdk.withRetry]) {
    judge(`complete call ≤ 0.5 × ${peer.name}`, ratio(timings, peer.name), 0.5, " ×")
  }
}

const measureFailover = async (): Promise<void> => {
  const failing: work.Script = { ...primary, fails: "first" }
  const subjects = await Promise.all(
    competing(true).map((contestant) => subject(contestant, failing, "complete", work.completePrompt))
  )
  const timings = await harness.measure(subjects, options)
  show("A complete call, the primary has no quota left, the fallback answers", timings)
  judge("one failover ≤ 150 µs", of(timings, arcSaga.contestant.name)?.median ?? Number.NaN, 150, " µs")
}

const measureStream = async (
  title: string,
  pace: work.Script["pace"],
  prompt: string,
  judged: boolean
): Promise<void> => {
  const subjects = await Promise.all(
    competing(false).map((contestant) =>
      subject(contestant, { ...primary, pace }, "stream", prompt, { ...fallback, pace })
    )
  )
  const timings = await harness.measure(subjects, options)
  show(`${title}, per token`, timings)
  if (!judged) return
  const above = paired(timings, arcSaga.contestant.name, engines.bare.name, (own, floor) => own - floor)
  judge(`${title}: ≤ 2 µs a token above the bare engine`, above, 2, " µs")
  for (const peer of [aiSdk.bare, aiSdk.withFallback, aiSdk.withRetry]) {
    judge(`${title}: ≤ 0.1 × ${peer.name}`, ratio(timings, peer.name), 0.1, " ×")
  }
}

const countBursts = async (): Promise<void> => {
  const kinds = [
    ["complete", `${work.callsAtOnce} complete calls at once, the primary has no quota left`],
    ["stream", `${work.callsAtOnce} streams at once, the primary has no quota left`],
    [
      "cut",
      `${work.callsAtOnce} streams at once, the primary breaks off halfway (the fallback would write the same text)`
    ]
  ] as const
  for (const [kind, title] of kinds) {
    const counts: Array<Count> = []
    for (const contestant of competing(true)) counts.push(await burst(contestant, kind))
    results[title] = counts
    report.print(`\n${title}`)
    report.table(
      ["", "answered", "lost", "wrong", "until the last"],
      counts.map((count) => [
        count.name,
        String(count.answered),
        String(count.lost),
        String(count.wrong),
        `${report.number(count.took)} ms`
      ])
    )
    const own = counts.find(({ name }) => name === arcSaga.contestant.name)
    if (own !== undefined) {
      verdicts.push({
        target: `${title.split(" (")[0]}: all answered`,
        measured: `${own.answered} of ${work.callsAtOnce}`,
        met: own.answered === work.callsAtOnce
      })
    }
  }
}

const versionOf = (name: string): string => {
  for (const folder of ["node_modules", "../node_modules"]) {
    try {
      const manifest: unknown = JSON.parse(readFileSync(`${folder}/${name}/package.json`, "utf8"))
      if (typeof manifest === "object" && manifest !== null && "version" in manifest) {
        return `${name} ${String(manifest.version)}`
      }
    } catch {
      // Not in this folder.
    }
  }
  return name
}

const started = performance.now()
report.print(`Node ${process.version}, ${cpus()[0]?.model ?? "unknown processor"} × ${cpus().length}`)
report.print(
  ["effect", "ai", "ai-fallback", "ai-retry", "@langchain/core"].map((name) => versionOf(name)).join(", ")
)
if (Number(process.versions.node.split(".")[0]) < 22) {
  report.print("(ai, ai-fallback and ai-retry ask for Node 22; what is used of them here runs on this one)")
}
report.print(
  `${options.rounds} rounds, the contestants in turns, about ${options.batchMs} ms each; medians over the rounds`
)
const busy = (): void => {
  const load = loadavg()[0] ?? 0
  if (load > cpus().length * 0.75) {
    report.print(
      `The machine has other work (load ${load.toFixed(1)}): the times are inflated, those of the processor less so.`
    )
  }
}
busy()
report.print("Each call of a contestant, from the prompt to a Promise of the text, does:")
for (const { does, name } of contestants) report.print(`  ${name}: ${does}`)

if (runs("parts")) await measureParts()
if (runs("complete")) await measureComplete()
if (runs("failover")) await measureFailover()
if (runs("stream")) {
  await measureStream("2,000 tokens in chunks of 20, all there at once", "instant", work.streamPrompt, true)
  await measureStream("2,000 tokens in chunks of 20, awaited", "awaited", work.streamPrompt, true)
  await measureStream("200 tokens, each one awaited", "awaited", work.singlesPrompt, false)
}
if (runs("burst")) await countBursts()

report.print("\nTargets of arc-saga")
report.verdicts(verdicts)
busy()
report.print(`\n${((performance.now() - started) / 1000).toFixed(0)} s`)

mkdirSync("results", { recursive: true })
writeFileSync(
  "results/latest.json",
  `${JSON.stringify({ node: process.version, options, results, verdicts }, null, 2)}\n`
)
