/** The benchmark: arc-saga's own costs, and those of its peers on the same work in the same run. */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { cpus, loadavg } from "node:os"
import * as arcSaga from "./arcSaga.js"
import type { Count } from "./burst.js"
import * as contestants from "./contestants.js"
import * as gateway from "./gateway/measure.js"
import * as scale from "./gateway/scale.js"
import * as harness from "./harness.js"
import * as report from "./report.js"
import * as work from "./work.js"

const sections = ["parts", "complete", "failover", "stream", "burst", "gateway", "scale"] as const
type Section = (typeof sections)[number]

const { argv, env } = process
// `npm run bench --quick`, without the `--`, arrives as a setting of npm.
const quick = argv.includes("--quick") || env["npm_config_quick"] === "true"
const named = (option: string): ReadonlyArray<string> | undefined =>
  argv
    .find((argument) => argument.startsWith(`${option}=`))
    ?.slice(option.length + 1)
    .split(",")
const soakMinutes = Number(named("--soak")?.[0] ?? 0)
const only = { sections: named("--sections") ?? sections, names: named("--contestants") }

const unknown = [
  ...argv.slice(2).filter((argument) => !/^--(quick$|profile$|sections=|contestants=|soak=)/.test(argument)),
  ...only.sections.filter((section) => !sections.some((known) => known === section))
]
if (unknown.length > 0) {
  process.stderr.write(
    `unknown: ${unknown.join(" ")}\nusage: npm run bench -- [--quick] [--profile] [--soak=MINUTES] [--sections=${sections.join(",")}] [--contestants=NAME,…]\n`
  )
  process.exit(2)
}

// A soak is for itself: what else ran would be measured with it.
const runs = (section: Section): boolean => soakMinutes === 0 && only.sections.includes(section)

const options: harness.Options = quick
  ? { rounds: 7, batchMs: 10, warmUpMs: 150 }
  : { rounds: 15, batchMs: 25, warmUpMs: 1200 }

const instant = (name: string): work.Script => ({ name, fails: "never", pace: "instant" })
const primary = instant("primary")
const fallback = instant("fallback")

const verdicts: Array<report.Verdict> = []
const results: Record<string, unknown> = {}

const judge = (target: string, value: number | undefined, limit: number, unit: string): void => {
  if (value === undefined || !Number.isFinite(value)) return
  verdicts.push({ target, measured: `${report.number(value)}${unit}`, met: value <= limit })
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
  paired(timings, contestants.own, peer, (own, other) => own / other)

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
        Number.isFinite(share) && timing.name !== contestants.own ? report.number(share) : ""
      ]
    })
  )
}

const competing = (failingOver: boolean): ReadonlyArray<string> =>
  contestants.all
    .filter(
      ({ failsOver, name }) =>
        (failsOver || !failingOver) && (only.names === undefined || only.names.includes(name))
    )
    .map(({ name }) => name)

const measureParts = async (): Promise<void> => {
  const timings: Array<harness.Timing> = []
  for (const part of [arcSaga.select, arcSaga.rank, arcSaga.lookUp, arcSaga.make]) {
    const [timing] = await harness.measure([contestants.own], { of: "part", part }, options)
    if (timing !== undefined) timings.push({ ...timing, name: part })
  }
  show("Parts of arc-saga, per operation within a fiber", timings)
  judge("select among 10 providers < 5 µs", of(timings, arcSaga.select)?.median, 5, " µs")
  judge("look up an engine < 1 µs", of(timings, arcSaga.lookUp)?.median, 1, " µs")
}

const measureComplete = async (): Promise<void> => {
  const timings = await harness.measure(
    competing(false),
    { of: "calls", delivery: "complete", prompt: work.completePrompt, primary, fallback },
    options
  )
  show("A complete call, from the prompt to the text, the primary answers at once", timings)
  judge("complete call ≤ 80 µs", of(timings, contestants.own)?.median, 80, " µs")
  for (const rival of contestants.rivals) {
    judge(`complete call ≤ 0.5 × ${rival}`, ratio(timings, rival), 0.5, " ×")
  }
}

const measureFailover = async (): Promise<void> => {
  const timings = await harness.measure(
    competing(true),
    {
      of: "calls",
      delivery: "complete",
      prompt: work.completePrompt,
      primary: { ...primary, fails: "first" },
      fallback
    },
    options
  )
  show("A complete call, the primary has no quota left, the fallback answers", timings)
  judge("one failover ≤ 150 µs", of(timings, contestants.own)?.median, 150, " µs")
}

const measureStream = async (
  title: string,
  pace: work.Script["pace"],
  prompt: string,
  judged: boolean
): Promise<void> => {
  const timings = await harness.measure(
    competing(false),
    {
      of: "calls",
      delivery: "stream",
      prompt,
      primary: { ...primary, pace },
      fallback: { ...fallback, pace }
    },
    options
  )
  show(`${title}, per token`, timings)
  if (!judged) return
  const above = paired(timings, contestants.own, contestants.floor, (own, floor) => own - floor)
  judge(`${title}: ≤ 2 µs a token above the bare engine`, above, 2, " µs")
  for (const rival of contestants.rivals) {
    judge(`${title}: ≤ 0.1 × ${rival}`, ratio(timings, rival), 0.1, " ×")
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
    for (const name of competing(true)) counts.push(await harness.burst(name, kind))
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
    const own = counts.find(({ name }) => name === contestants.own)
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
  ["effect", "ai", "ai-fallback", "ai-retry", "@langchain/core", "@portkey-ai/gateway"]
    .map((name) => versionOf(name))
    .join(", ")
)
if (Number(process.versions.node.split(".")[0]) < 22) {
  report.print("(ai, ai-fallback and ai-retry ask for Node 22; what is used of them here runs on this one)")
}
report.print(
  `${options.rounds} rounds, the contestants in turns, each in a process of its own, about ${options.batchMs} ms each; medians over the rounds`
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
for (const { does, name } of contestants.all) report.print(`  ${name}: ${does}`)

if (runs("parts")) await measureParts()
if (runs("complete")) await measureComplete()
if (runs("failover")) await measureFailover()
if (runs("stream")) {
  await measureStream("2,000 tokens in chunks of 20, all there at once", "instant", work.streamPrompt, true)
  await measureStream("2,000 tokens in chunks of 20, awaited", "awaited", work.streamPrompt, true)
  await measureStream("200 tokens, each one awaited", "awaited", work.singlesPrompt, false)
}
if (runs("burst")) await countBursts()
harness.end()
if (runs("gateway")) {
  const load = quick
    ? { calls: 200, warmMs: 5000, loadMs: 3000 }
    : { calls: 1000, warmMs: 15_000, loadMs: 10_000 }
  results["gateway"] = await gateway.measure(load, judge)
}
if (runs("scale")) {
  results["scale"] = await scale.measure(
    quick ? { calls: 100, warmMs: 2000, loadMs: 2500 } : { calls: 1000, warmMs: 15_000, loadMs: 10_000 }
  )
}
if (soakMinutes > 0) results["soak"] = await gateway.soak(soakMinutes, judge)

report.print("\nTargets of arc-saga")
report.verdicts(verdicts)
busy()
report.print(`\n${((performance.now() - started) / 1000).toFixed(0)} s`)

mkdirSync("results", { recursive: true })
writeFileSync(
  "results/latest.json",
  `${JSON.stringify({ node: process.version, options, results, verdicts }, null, 2)}\n`
)
