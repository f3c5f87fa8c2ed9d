/** The seed of all property tests of a run: printed, so that a run can be repeated. */
export const seed = Number(process.env["FC_SEED"] ?? Math.trunc(performance.timeOrigin) % 2 ** 31)

process.stdout.write(`property tests: FC_SEED=${seed}\n`)

/** The options of a property: 200 runs from the printed seed, unless it says how many. */
export const runs = (numRuns = 200) => ({
  fastCheck: { numRuns: Number(process.env["FC_RUNS"] ?? numRuns), seed },
  // A machine with other work to do must not make a property false.
  timeout: 1_800_000
})
