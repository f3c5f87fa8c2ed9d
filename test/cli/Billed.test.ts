import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as harness from "./harness.js"

/** A server that says what it bills, where its model is dear, beside one whose cost is computed. */
const respond: harness.Respond = (url) => {
  const usage = { prompt_tokens: 1_000, completion_tokens: 500, total_tokens: 1_500 }
  return harness.json({
    model: "m",
    choices: [{ index: 0, message: { role: "assistant", content: "Hi" }, finish_reason: "stop" }],
    usage: url.hostname === "billing.test" ? { ...usage, cost: 0.75 } : usage
  })
}

const config = JSON.stringify({
  ollama: false,
  providers: [
    { id: "billing", baseUrl: "http://billing.test/v1", model: "m", price: { input: 1, output: 1 } },
    { id: "priced", baseUrl: "http://priced.test/v1", model: "m", price: { input: 100, output: 300 } }
  ]
})

describe("what providers bill themselves", () => {
  it.scoped("is told apart from what is computed, by run and by spend", () =>
    Effect.gen(function* () {
      const inDirectory = yield* harness.directory({
        "config.json": config,
        tasks: ["billing", "priced"].map((prompt) => JSON.stringify({ prompt })).join("\n")
      })
      const env = {
        ARC_SAGA_CONFIG: inDirectory("config.json"),
        ARC_SAGA_LEDGER: `sqlite:${inDirectory("spend.db")}`
      }
      const run = (...args: ReadonlyArray<string>) => harness.run(args, { env, respond })
      for (const provider of ["billing", "priced"]) {
        const ran = yield* run(
          "run",
          inDirectory("tasks"),
          "--out",
          inDirectory(`${provider}.jsonl`),
          "--provider",
          provider
        )
        const shown = provider === "billing" ? /\$1\.500000 +\$1\.500000 / : /\$0\.500000 +\d/
        assert.match(ran.out + ran.err, shown)
        assert.strictEqual((ran.out + ran.err).includes("billed"), provider === "billing")
      }
      const spent = yield* run("spend")
      assert.match(
        spent.out,
        /cost +billed\nbilling .*\$1\.500000 +\$1\.500000\npriced .*\$0\.500000 +\$0\.000000\nall .*\$2\.000000 +\$1\.500000\n$/
      )
      const json: ReadonlyArray<unknown> = JSON.parse((yield* run("spend", "--json")).out)
      assert.deepInclude(json[0], { cost: "1.5", billed: "1.5" })
      assert.deepInclude(json[1], { cost: "0.5", billed: "0" })
    }).pipe(Effect.provide(harness.platform))
  )
})
