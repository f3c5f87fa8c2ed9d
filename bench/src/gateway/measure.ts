/** What the gateway costs: beside direct calls, and beside another gateway, in turns. */
import { quantile } from "../harness.js"
import * as report from "../report.js"
import { burst, call } from "./load.js"
import * as processes from "./processes.js"

const tokens = 200
const lastToken = `token${tokens - 1} `
const atOnce = 32

interface Options {
  /** Calls of each, one after the other, for the latency. */
  readonly calls: number
  /** How long each is under load before anything is measured, in milliseconds. */
  readonly warmMs: number
  /** How long each is under load, in milliseconds. */
  readonly loadMs: number
}

/** Of one target and one kind of call. */
interface Measured {
  readonly name: string
  readonly p50: number
  readonly p99: number
  /** Milliseconds until the first byte, the median. */
  readonly first: number
  readonly perSecond: number
  /** Calls that one second of the gateway's processor is enough for. */
  readonly perCoreSecond: number | undefined
}

/** The judge of the benchmark: a target, what was measured, and the most that it may be. */
export type Judge = (target: string, value: number | undefined, limit: number, unit: string) => void

type Targets = ReadonlyArray<processes.Target>

/** In turns, so that what slows the machine down slows all of them down. */
const latencies = async (targets: Targets, stream: boolean, calls: number) => {
  const took = new Map(
    targets.map(({ name }): [string, Array<{ first: number; total: number }>] => [name, []])
  )
  for (let round = 0; round < calls; round++) {
    for (const target of targets) took.get(target.name)?.push(await call(target, stream, lastToken))
  }
  return took
}

interface Load {
  readonly perSecond: number
  readonly perCoreSecond: number | undefined
}

const underLoad = async (target: processes.Target, stream: boolean, ms: number): Promise<Load> => {
  const before = target.pid === undefined ? undefined : processes.cpuMs(target.pid)
  const done = await burst(() => call(target, stream, lastToken), atOnce, ms)
  const cpu =
    before === undefined || target.pid === undefined ? undefined : processes.cpuMs(target.pid) - before
  return {
    perSecond: (done.calls * 1000) / done.ms,
    perCoreSecond: cpu === undefined ? undefined : (done.calls * 1000) / cpu
  }
}

const rounds = 7

/** In turns as well: the medians over the rounds. */
const loads = async (targets: Targets, stream: boolean, ms: number): Promise<ReadonlyMap<string, Load>> => {
  const each = new Map(targets.map(({ name }): [string, Array<Load>] => [name, []]))
  for (let round = 0; round < rounds; round++) {
    for (const target of targets) {
      each.get(target.name)?.push(await underLoad(target, stream, ms / rounds))
    }
  }
  const medianOf = (values: ReadonlyArray<number>) => quantile(values, 0.5)
  return new Map(
    Array.from(each, ([name, all]) => {
      const perCoreSecond = all.flatMap((load) => load.perCoreSecond ?? [])
      return [
        name,
        {
          perSecond: medianOf(all.map((load) => load.perSecond)),
          perCoreSecond: perCoreSecond.length === 0 ? undefined : medianOf(perCoreSecond)
        }
      ]
    })
  )
}

const measureKind = async (
  targets: Targets,
  stream: boolean,
  { calls, loadMs, warmMs }: Options
): Promise<ReadonlyArray<Measured>> => {
  for (const target of targets) await burst(() => call(target, stream, lastToken), atOnce, warmMs)
  const took = await latencies(targets, stream, calls)
  const loaded = await loads(targets, stream, loadMs)
  return targets.map(({ name }) => {
    const each = took.get(name) ?? []
    const total = each.map(({ total }) => total)
    return {
      name,
      p50: quantile(total, 0.5),
      p99: quantile(total, 0.99),
      first: quantile(
        each.map(({ first }) => first),
        0.5
      ),
      ...(loaded.get(name) ?? { perSecond: Number.NaN, perCoreSecond: undefined })
    }
  })
}

const show = (title: string, measured: ReadonlyArray<Measured>, judge: Judge): void => {
  const [direct, , own, peer] = measured
  if (direct === undefined || own === undefined || peer === undefined) return
  const ms = (value: number) => `${report.number(value)} ms`
  report.print(`\n${title}`)
  report.table(
    ["", "p50", "p99", "first byte", "added p50", "added p99", "calls/s", "calls per core-second"],
    measured.map((each) => [
      each.name,
      ms(each.p50),
      ms(each.p99),
      ms(each.first),
      ...(each === direct ? ["", ""] : [ms(each.p50 - direct.p50), ms(each.p99 - direct.p99)]),
      report.number(each.perSecond),
      each.perCoreSecond === undefined ? "" : report.number(each.perCoreSecond)
    ])
  )
  const added = (own.p50 - direct.p50) / (peer.p50 - direct.p50)
  const share = (peer.perCoreSecond ?? Number.NaN) / (own.perCoreSecond ?? Number.NaN)
  judge(`${title}: adds ≤ 0.5 × what ${peer.name} adds, p50`, added, 0.5, " ×")
  judge(
    `${title}: the processor of ${peer.name} ≥ 2 ×, so its calls per core-second ≤ 0.5 ×`,
    share,
    0.5,
    " ×"
  )
}

/** Measures, shows and judges. */
export const measure = async (options: Options, judge: Judge): Promise<unknown> => {
  try {
    const direct = await processes.upstream(tokens, 0)
    const targets = [
      direct,
      await processes.bare(direct),
      await processes.arcSaga(direct),
      await processes.portkey(direct)
    ]
    const whole = await measureKind(targets, false, options)
    show(`A plain call over HTTP, ${tokens} tokens`, whole, judge)
    const streamed = await measureKind(targets, true, options)
    show(`A streamed call over HTTP, ${tokens} tokens, one event each`, streamed, judge)
    return { whole, streamed }
  } finally {
    processes.end()
  }
}

/** Streams at a time for so many minutes, and the gateway's memory meanwhile. */
export const soak = async (minutes: number, judge: Judge): Promise<unknown> => {
  try {
    const streams = 200
    const target = await processes.arcSaga(await processes.upstream(tokens, 50), ["--expose-gc"])
    const { pid } = target
    if (pid === undefined) return undefined
    const samples: Array<{ readonly minute: number; readonly rssMiB: number }> = []
    const started = performance.now()
    const sampler = setInterval(() => {
      samples.push({ minute: (performance.now() - started) / 60_000, rssMiB: processes.rssMiB(pid) })
    }, 1000)
    const broken: Array<string> = []
    const one = () => call(target, true, lastToken).catch((error: unknown) => broken.push(String(error)))
    const { calls } = await burst(one, streams, minutes * 60_000)
    clearInterval(sampler)
    const medianOf = (from: number, to: number) =>
      quantile(
        samples
          .filter(({ minute }) => minute >= from * minutes && minute < to * minutes)
          .map(({ rssMiB }) => rssMiB),
        0.5
      )
    const parts = [0, 0.2, 0.4, 0.6, 0.8].map((from) => ({ from, rssMiB: medianOf(from, from + 0.2) }))
    report.print(
      `\n${streams} streams at a time for ${minutes} minutes: ${calls} streams, ${broken.length} of them broken off and told so; memory of the gateway`
    )
    report.table(
      ["minutes", "median RSS"],
      parts.map(({ from, rssMiB }) => [
        `${report.number(from * minutes)}–${report.number((from + 0.2) * minutes)}`,
        `${report.number(rssMiB)} MiB`
      ])
    )
    const [, second] = parts
    judge(
      "memory of the last fifth ≤ 1.1 × that of the second",
      (parts.at(-1)?.rssMiB ?? 0) / (second?.rssMiB ?? 1),
      1.1,
      " ×"
    )
    judge("streams that broke off, of all", broken.length / calls, 0, "")
    return { calls, broken, samples }
  } finally {
    processes.end()
  }
}
