/** The process of one contestant: does what it is asked to, and times it. */
import * as Effect from "effect/Effect"
import * as arcSaga from "./arcSaga.js"
import { burst } from "./burst.js"
import * as contestants from "./contestants.js"
import type { Job, Order, Took } from "./harness.js"
import * as work from "./work.js"

const name = process.argv[2]

/** Something to be timed. */
interface Subject {
  readonly run: () => Promise<void>
  /** How many of what is reported one run does. */
  readonly units: number
  readonly reset: () => void
}

const contestantOf = (): work.Contestant => {
  const found = contestants.all.find((contestant) => contestant.name === name)
  if (found === undefined) throw new Error(`no contestant is called ${name}`)
  return found
}

const subjectOf = async (job: Job): Promise<Subject> => {
  if (job.of === "part") {
    const parts = await Effect.runPromise(arcSaga.parts)
    const part = parts.get(job.part)
    if (part === undefined) throw new Error(`no part is called ${job.part}`)
    const units = 1000
    const loop = (left: number): Effect.Effect<void, unknown> =>
      left === 0 ? Effect.void : Effect.flatMap(part, () => loop(left - 1))
    const program = Effect.suspend(() => loop(units))
    return { units, run: () => Effect.runPromise(program), reset: () => {} }
  }
  const { delivery, fallback, primary, prompt } = job
  const client = await contestantOf().client(primary, fallback, { forget: true })
  const answer = work.answerTo(prompt)
  return {
    units: delivery === "stream" ? answer.outputTokens : 1,
    run: async () => {
      const text = await client[delivery](prompt)
      if (text !== answer.text) throw new Error(`${name} gave another text than the answer`)
    },
    reset: client.reset
  }
}

/** Milliseconds for a number of runs. */
const timed = async (subject: Subject, runs: number): Promise<Took> => {
  const before = process.cpuUsage()
  const start = performance.now()
  for (let run = 0; run < runs; run++) await subject.run()
  const wall = performance.now() - start
  const { system, user } = process.cpuUsage(before)
  subject.reset()
  return { wall, cpu: (user + system) / 1000 }
}

let subject: Subject | undefined
let runs = 1

const prepare = async (job: Job, warmUpMs: number, batchMs: number): Promise<void> => {
  subject = await subjectOf(job)
  runs = 1
  let spent = 0
  for (;;) {
    const { cpu } = await timed(subject, runs)
    spent += cpu
    if (spent >= warmUpMs) {
      runs = Math.max(1, Math.round((runs * batchMs) / cpu))
      return
    }
    if (cpu < warmUpMs / 8) runs *= 2
  }
}

const round = async (): Promise<Took> => {
  if (subject === undefined) throw new Error("nothing is prepared")
  globalThis.gc?.({ type: "minor" })
  const { cpu, wall } = await timed(subject, runs)
  const units = runs * subject.units
  return { wall: (wall * 1000) / units, cpu: (cpu * 1000) / units }
}

const obey = async (order: Order): Promise<unknown> => {
  switch (order.op) {
    case "prepare":
      return prepare(order.job, order.warmUpMs, order.batchMs)
    case "round":
      return round()
    case "burst":
      return burst(contestantOf(), order.kind)
  }
}

process.on("message", (order: Order) => {
  obey(order).then(
    (answer) => process.send?.(answer ?? {}),
    (error: unknown) => {
      process.stderr.write(`${String(error)}\n`)
      process.exit(1)
    }
  )
})
