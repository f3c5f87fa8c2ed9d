/** Runs contestants in turns, so that drift of the machine hits all alike, and sums up their times. */

/** Something to be timed: it is done once per call. */
export interface Subject {
  readonly name: string
  readonly run: () => Promise<void>
  /** How many of the unit that is reported one run does. */
  readonly units: number
  readonly reset: () => void
}

/** Microseconds per unit, over the rounds. */
export interface Timing {
  readonly name: string
  readonly median: number
  readonly p25: number
  readonly p75: number
  /** The median of the processor's microseconds per unit: what is left of a time when others load the machine. */
  readonly cpu: number
  readonly rounds: ReadonlyArray<number>
}

export interface Options {
  readonly rounds: number
  /** How long one contestant is timed in one round, about. */
  readonly batchMs: number
  readonly warmUpMs: number
}

export const quantile = (values: ReadonlyArray<number>, q: number): number => {
  const sorted = values.toSorted((left, right) => left - right)
  const position = (sorted.length - 1) * q
  const below = sorted[Math.floor(position)] ?? Number.NaN
  const above = sorted[Math.ceil(position)] ?? Number.NaN
  return below + (above - below) * (position - Math.floor(position))
}

/** One contestant's garbage must not be collected in another's time. */
const collectGarbage = (): void => globalThis.gc?.({ type: "minor" })

/** Milliseconds, of the clock and of the processor. */
interface Took {
  readonly wall: number
  readonly cpu: number
}

const timed = async (subject: Subject, runs: number): Promise<Took> => {
  const before = process.cpuUsage()
  const start = performance.now()
  for (let run = 0; run < runs; run++) await subject.run()
  const wall = performance.now() - start
  const { system, user } = process.cpuUsage(before)
  return { wall, cpu: (user + system) / 1000 }
}

/** How many runs fill a batch, once the subject is warm. */
const warmUp = async (subject: Subject, options: Options): Promise<number> => {
  let runs = 1
  let spent = 0
  for (;;) {
    const { wall } = await timed(subject, runs)
    spent += wall
    subject.reset()
    if (spent >= options.warmUpMs) return Math.max(1, Math.round((runs * options.batchMs) / wall))
    if (wall < options.warmUpMs / 8) runs *= 2
  }
}

/** Times the subjects round by round: A B C, A B C, … */
export const measure = async (
  subjects: ReadonlyArray<Subject>,
  options: Options
): Promise<ReadonlyArray<Timing>> => {
  const entries: Array<{
    readonly subject: Subject
    readonly runs: number
    readonly walls: Array<number>
    readonly cpus: Array<number>
  }> = []
  for (const subject of subjects) {
    entries.push({ subject, runs: await warmUp(subject, options), walls: [], cpus: [] })
  }
  for (let round = 0; round < options.rounds; round++) {
    for (const { cpus, runs, subject, walls } of entries) {
      collectGarbage()
      const { cpu, wall } = await timed(subject, runs)
      subject.reset()
      walls.push((wall * 1000) / runs / subject.units)
      cpus.push((cpu * 1000) / runs / subject.units)
    }
  }
  return entries.map(({ cpus, subject, walls }) => ({
    name: subject.name,
    median: quantile(walls, 0.5),
    p25: quantile(walls, 0.25),
    p75: quantile(walls, 0.75),
    cpu: quantile(cpus, 0.5),
    rounds: walls
  }))
}
