/** The cache of answers that the configuration file sets up. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { directory, instant, platform, readFile, run } from "./harness.js"

const ran = (config: Readonly<Record<string, unknown>>, tasks: ReadonlyArray<object>) =>
  Effect.gen(function* () {
    const file = yield* directory({
      "c.json": instant(config),
      "t.jsonl": tasks.map((task) => `${JSON.stringify(task)}\n`).join("")
    })
    const args = ["run", file("t.jsonl"), "--out", file("r.jsonl"), "--concurrency", "1"]
    const { code, err, out } = yield* run([...args, "--config", file("c.json")], { env: {} })
    const lines = code === 2 ? "" : yield* readFile(file("r.jsonl"))
    const results = lines
      .split("\n")
      .filter((line) => line !== "")
      .map((line) => JSON.parse(line).result)
    return { code, err, out, caches: results.map(({ cache }) => cache ?? null), results }
  }).pipe(Effect.provide(platform))

const prompt = "Why is the sky blue?"

describe("a cache of answers in the file", () => {
  it.scoped("gives answers again in run, for nothing, by each line's word or always", () =>
    Effect.gen(function* () {
      const { caches, code, out, results } = yield* ran({ cache: {} }, [
        { prompt, answerCache: "use" },
        { prompt },
        { prompt, answerCache: "use" },
        { prompt, answerCache: "refresh" }
      ])
      assert.strictEqual(code, 0)
      assert.deepStrictEqual(caches, ["miss", null, "hit", "miss"])
      assert.strictEqual(results[2]?.cost, "0")
      // Who answers from the cache has taken over from nobody.
      assert.match(out, /^a +4 +0 +0 /m)
      const always = yield* ran({ cache: { use: "always", ttlMs: 60_000, entries: 5 } }, [
        { prompt },
        { prompt }
      ])
      assert.deepStrictEqual(always.caches, ["miss", "hit"])
    })
  )

  it.scoped("is one for a cascade as well", () =>
    Effect.gen(function* () {
      const cascade = { accept: "agreement", comparison: "shortAnswer", asks: ["a"], last: "b" }
      const { caches } = yield* ran({ cache: { use: "always" }, cascade }, [{ prompt }, { prompt }])
      assert.deepStrictEqual(caches, ["miss", "hit"])
    })
  )

  it.scoped("is refused where it says what there isn't", () =>
    Effect.gen(function* () {
      const { code, err } = yield* ran({ cache: { use: "sometimes" } }, [{ prompt }])
      assert.strictEqual(code, 2)
      assert.include(err, "cache.use")
      assert.strictEqual((yield* ran({ cache: { version: "2" } }, [{ prompt }])).code, 2)
    })
  )
})
