/** What more processes bring, and what sharing limits in Redis costs. */
import { availableParallelism } from "node:os"
import { quantile } from "../harness.js"
import * as report from "../report.js"
import { burst, call } from "./load.js"
import * as processes from "./processes.js"

const tokens = 20
const lastToken = `token${tokens - 1} `
const atOnce = 64
const counts = [1, 2, 4] as const

interface Options {
  /** Calls of each, one after the other, for the latency. */
  readonly calls: number
  /** How long each is under load before anything is measured, in milliseconds. */
  readonly warmMs: number
  /** How long each is under load, in milliseconds. */
  readonly loadMs: number
}

/** Of so many processes, by where they count. */
interface Measured {
  readonly workers: number
  readonly store: string
  readonly perSecond: number
  /** Of calls one after the other, in milliseconds. */
  readonly p50: number
  readonly p99: number
}

const rounds = 5

/** In turns, so that what slows the machine down slows both down. */
const measureCount = async (
  direct: processes.Target,
  workers: number,
  redis: string | undefined,
  { calls, loadMs, warmMs }: Options
): Promise<ReadonlyArray<Measured>> => {
  const stores = [
    ["own memory", undefined],
    ...(redis === undefined ? [] : [["Redis", redis] as const])
  ] as const
  const gateways: Array<{
    readonly store: string
    readonly target: processes.Target
    readonly took: Array<number>
    readonly perSecond: Array<number>
  }> = []
  for (const [store, url] of stores) {
    const target = await processes.arcSaga(direct, [], { workers, redis: url })
    gateways.push({ store, target, took: [], perSecond: [] })
  }
  const one = (target: processes.Target) => call(target, false, lastToken)
  for (const { target } of gateways) await burst(() => one(target), atOnce, warmMs)
  for (let round = 0; round < calls; round++) {
    for (const { target, took } of gateways) took.push((await one(target)).total)
  }
  for (let round = 0; round < rounds; round++) {
    for (const { perSecond, target } of gateways) {
      const done = await burst(() => one(target), atOnce, loadMs / rounds)
      perSecond.push((done.calls * 1000) / done.ms)
    }
  }
  for (const { target } of gateways) processes.stop(target)
  return gateways.map(({ perSecond, store, took }) => ({
    workers,
    store,
    perSecond: quantile(perSecond, 0.5),
    p50: quantile(took, 0.5),
    p99: quantile(took, 0.99)
  }))
}

/** Measures and shows. */
export const measure = async (options: Options): Promise<unknown> => {
  const redis = process.env["REDIS_URL"]
  const processors = availableParallelism()
  try {
    const direct = await processes.upstream(tokens, 0)
    const all: Array<Measured> = []
    for (const workers of counts) all.push(...(await measureCount(direct, workers, redis, options)))
    report.print(`\nCalls over HTTP by processes and by where limits are counted, ${atOnce} at a time`)
    report.print(
      `This machine has ${processors} processors, on which the load, the provider and Redis run, too: more processes of the gateway than are left over bring nothing here.`
    )
    if (redis === undefined) report.print("REDIS_URL isn't set: what Redis costs isn't measured.")
    const ms = (value: number) => `${report.number(value)} ms`
    report.table(
      ["processes", "limits in", "calls/s", "p50, one at a time", "p99", "added p50", "added p99"],
      all.map((each) => {
        const own = all.find(({ store, workers }) => workers === each.workers && store !== each.store)
        return [
          String(each.workers),
          each.store,
          report.number(each.perSecond),
          ms(each.p50),
          ms(each.p99),
          ...(each.store === "Redis" && own !== undefined
            ? [ms(each.p50 - own.p50), ms(each.p99 - own.p99)]
            : ["", ""])
        ]
      })
    )
    return { processors, all }
  } finally {
    processes.end()
  }
}
