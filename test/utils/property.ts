/**
 * The size of everything that is tried many times: small unless TEST_SIZE=full, which is what `.ci/run` asks
 * for. The small size still catches what each property, storm and burst is for.
 */
export const isFull = process.env["TEST_SIZE"] === "full"

/** The full size of something in a full run, or else the small one: a tenth, unless it says how much. */
export const sized = (full: number, small = Math.ceil(full / 10)): number => (isFull ? full : small)

/** The seed of all property tests of a run, which is printed: see vitest.config.ts. */
export const seed = Number(process.env["FC_SEED"] ?? 0)

/** Cases of one kind: a full run tries all of them, a small one so many, and the seed says which. */
export const some = <A>(cases: ReadonlyArray<A>, count: number): ReadonlyArray<A> => {
  if (isFull) return cases
  const from = seed % cases.length
  return [...cases.slice(from), ...cases.slice(0, from)].slice(0, count)
}

/** The options of a property: 200 runs in a full run, unless it says how many; FC_RUNS goes before. */
export const runs = (full = 200, small?: number) => ({
  fastCheck: { numRuns: Number(process.env["FC_RUNS"] ?? sized(full, small)), seed },
  // A machine with other work to do must not make a property false.
  timeout: 1_800_000
})
