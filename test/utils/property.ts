/** The seed of all property tests of a run: printed, so that a run can be repeated. */
export const seed = Number(process.env["FC_SEED"] ?? Math.trunc(performance.timeOrigin) % 2 ** 31)

process.stdout.write(`property tests: FC_SEED=${seed}\n`)

/** The options of a property: at least 200 runs from the printed seed. */
export const runs = (numRuns = 200) => ({
  fastCheck: { numRuns: Number(process.env["FC_RUNS"] ?? numRuns), seed },
  timeout: 600_000
})
