/**
 * Runs contestants in turns, so that drift of the machine hits all alike, each in a process of its own, so
 * that none pays for what another did to the compiler, the heap or the hooks of the runtime.
 */
import { type ChildProcess, fork } from "node:child_process"
import { once } from "node:events"
import type { Count, Kind } from "./burst.js"
import type * as work from "./work.js"

/** What a process can be asked to do. */
export type Order =
  | {
      readonly op: "prepare"
      readonly job: Job
      readonly warmUpMs: number
      readonly batchMs: number
    }
  | { readonly op: "round" }
  | { readonly op: "burst"; readonly kind: Kind }

/** What is timed: calls, or one of arc-saga's parts. */
export type Job =
  | {
      readonly of: "calls"
      readonly delivery: "complete" | "stream"
      readonly prompt: string
      readonly primary: work.Script
      readonly fallback: work.Script
    }
  | { readonly of: "part"; readonly part: string }

/** Microseconds per unit. */
export interface Took {
  readonly wall: number
  readonly cpu: number
}

/** Microseconds per unit, over the rounds. */
export interface Timing {
  readonly name: string
  readonly median: number
  readonly p25: number
  readonly p75: number
  /** The median of the processor's time: what is left of a time when others load the machine. */
  readonly cpu: number
  readonly rounds: ReadonlyArray<number>
}

export interface Options {
  readonly rounds: number
  /** How long one contestant is timed in one round, about. */
  readonly batchMs: number
  /** How much of the processor's time a contestant has beforehand. */
  readonly warmUpMs: number
}

export const quantile = (values: ReadonlyArray<number>, q: number): number => {
  const sorted = values.toSorted((left, right) => left - right)
  const position = (sorted.length - 1) * q
  const below = sorted[Math.floor(position)] ?? Number.NaN
  const above = sorted[Math.ceil(position)] ?? Number.NaN
  return below + (above - below) * (position - Math.floor(position))
}

const processes = new Map<string, ChildProcess>()

/** Writes what each process did to `results/*.cpuprofile` when it ends. */
const profiling = process.argv.includes("--profile") ? ["--cpu-prof", "--cpu-prof-dir=results"] : []

const processOf = (name: string): ChildProcess => {
  const running = processes.get(name)
  if (running !== undefined) return running
  const child = fork(new URL("worker.mjs", import.meta.url), [name], {
    execArgv: ["--expose-gc", ...profiling]
  })
  child.once("exit", (code) => {
    if (code !== 0) {
      process.stderr.write(`${name} ended with ${code}\n`)
      process.exit(1)
    }
  })
  processes.set(name, child)
  return child
}

async function ask(name: string, order: Order & { readonly op: "burst" }): Promise<Count>
async function ask(name: string, order: Order & { readonly op: "prepare" | "round" }): Promise<Took>
async function ask(name: string, order: Order): Promise<unknown> {
  const child = processOf(name)
  child.send(order)
  const [answer]: Array<unknown> = await once(child, "message")
  return answer
}

export const burst = (name: string, kind: Kind): Promise<Count> => ask(name, { op: "burst", kind })

/** Lets the processes end. */
export const end = (): void => {
  for (const child of processes.values()) child.disconnect()
}

/** Times the contestants' job round by round: A B C, A B C, … */
export const measure = async (
  names: ReadonlyArray<string>,
  job: Job,
  { batchMs, rounds, warmUpMs }: Options
): Promise<ReadonlyArray<Timing>> => {
  const walls = new Map(names.map((name): [string, Array<number>] => [name, []]))
  const cpus = new Map(names.map((name): [string, Array<number>] => [name, []]))
  for (const name of names) await ask(name, { op: "prepare", job, warmUpMs, batchMs })
  for (let round = 0; round < rounds; round++) {
    for (const name of names) {
      const { cpu, wall } = await ask(name, { op: "round" })
      walls.get(name)?.push(wall)
      cpus.get(name)?.push(cpu)
    }
  }
  return names.map((name) => {
    const times = walls.get(name) ?? []
    return {
      name,
      median: quantile(times, 0.5),
      p25: quantile(times, 0.25),
      p75: quantile(times, 0.75),
      cpu: quantile(cpus.get(name) ?? [], 0.5),
      rounds: times
    }
  })
}
