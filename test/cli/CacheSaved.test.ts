import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as harness from "./harness.js"

const asked: Array<string> = []

/** Two servers that cache by themselves: each call reads what the one before has left there. */
const respond: harness.Respond = (url) => {
  const isAgain = asked.includes(url.hostname)
  asked.push(url.hostname)
  return harness.json({
    model: "m",
    choices: [{ index: 0, message: { role: "assistant", content: "Hi" }, finish_reason: "stop" }],
    usage: {
      prompt_tokens: 10_000,
      completion_tokens: 1,
      total_tokens: 10_001,
      prompt_tokens_details: { cached_tokens: isAgain ? 8_000 : 0 }
    }
  })
}

const server = (id: string, price: object) => ({ id, baseUrl: `http://${id}.test/v1`, model: "m", price })

const config = JSON.stringify({
  ollama: false,
  strategy: "cheapest",
  providers: [
    server("whole", { input: 1, output: 0, cacheRead: 0.9 }),
    server("cached", { input: 2, output: 0, cacheRead: 0.1 })
  ]
})

describe("sessions of the command line", () => {
  it.scoped("stay where they are cached, and spend tells what that saved", () =>
    Effect.gen(function* () {
      const tasks = [{ provider: "cached", pinned: true }, {}, {}]
      const inDirectory = yield* harness.directory({
        "config.json": config,
        tasks: tasks
          .map((task) => JSON.stringify({ prompt: "tok ".repeat(10_000), session: "s", ...task }))
          .join("\n"),
        alone: JSON.stringify({ prompt: "tok ".repeat(10_000) })
      })
      const env = {
        ARC_SAGA_CONFIG: inDirectory("config.json"),
        ARC_SAGA_LEDGER: `sqlite:${inDirectory("spend.db")}`
      }
      const run = (...args: ReadonlyArray<string>) => harness.run(args, { env, respond })
      const ran = yield* run("run", inDirectory("tasks"), "--out", inDirectory("out"), "--concurrency", "1")
      assert.strictEqual(ran.code, 0, ran.err)
      yield* run("run", inDirectory("alone"), "--out", inDirectory("out2"))
      // Without the session the cheaper list price would have been asked.
      assert.deepStrictEqual(asked, ["cached.test", "cached.test", "cached.test", "whole.test"])
      const spent = yield* run("spend", "--by", "session")
      // 16,000 tokens at 1.9 USD a million less.
      assert.match(spent.out, /cost +cache saved\n\(no session\) .*\$0\.000000\ns .*\$0\.030400\nall /)
      const json: ReadonlyArray<unknown> = JSON.parse((yield* run("spend", "--by", "session", "--json")).out)
      assert.deepInclude(json[1], { cost: "0.0296", cacheSaved: "0.0304" })
    }).pipe(Effect.provide(harness.platform))
  )
})
