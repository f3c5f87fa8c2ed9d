import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as harness from "./harness.js"

const respond: harness.Respond = () =>
  harness.json({
    model: "m",
    choices: [{ index: 0, message: { role: "assistant", content: "Hi" }, finish_reason: "stop" }],
    usage: { prompt_tokens: 10, completion_tokens: 1, total_tokens: 11 }
  })

const server = (id: string, quality: number, input: number) => ({
  id,
  baseUrl: `http://${id}.test/v1`,
  model: "m",
  quality,
  price: { input, output: input }
})

const configOf = (settings: object) =>
  JSON.stringify({
    ollama: false,
    strategy: "cheapest",
    providers: [server("weak", 5, 1), server("strong", 9, 10)],
    ...settings
  })

const failed = (argument: string) => [
  {
    role: "assistant",
    content: "",
    toolCalls: [{ id: argument, name: "run", arguments: JSON.stringify({ argument }) }]
  },
  { role: "tool", toolCallId: argument, content: "no", isError: true }
]

const task = JSON.stringify({
  messages: [{ role: "user", content: "Mend the test" }, ...failed("a"), ...failed("b")]
})

/** The provider that a task is answered by whose last two steps have failed. */
const answering = (settings: object) =>
  Effect.gen(function* () {
    const inDirectory = yield* harness.directory({ "config.json": configOf(settings), tasks: task })
    const ran = yield* harness.run(["run", inDirectory("tasks"), "--out", inDirectory("out")], {
      env: { ARC_SAGA_CONFIG: inDirectory("config.json") },
      respond
    })
    return [ran.code, /weak|strong|(?:escalation|canary)\.\w+/.exec(`${ran.err}${ran.out}`)?.[0]]
  })

describe("escalation in the configuration file", () => {
  it.scoped("asks the strongest provider for an agent that is stuck, where the file says so", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* answering({}), [0, "weak"])
      assert.deepStrictEqual(yield* answering({ escalation: {} }), [0, "strong"])
      assert.deepStrictEqual(yield* answering({ escalation: { failures: 3 } }), [0, "weak"])
      assert.deepStrictEqual(yield* answering({ escalation: { repeats: 0 } }), [2, "escalation.repeats"])
    }).pipe(Effect.provide(harness.platform))
  )
})

describe("a canary in the configuration file", () => {
  it.scoped("is asked first for its share of the tasks, and else last", () =>
    Effect.gen(function* () {
      const canary = (settings: object) => answering({ canary: { provider: "strong", ...settings } })
      assert.deepStrictEqual(yield* canary({ share: 1 }), [0, "strong"])
      assert.deepStrictEqual(yield* canary({ share: 0 }), [0, "weak"])
      assert.deepStrictEqual(yield* canary({ share: 2 }), [2, "canary.share"])
      assert.deepStrictEqual(yield* canary({ share: 1, provider: "nobody" }), [2, "canary.provider"])
      // The weak one is cheaper and would be chosen; as a canary it isn't.
      assert.deepStrictEqual(yield* canary({ share: 0, provider: "weak" }), [0, "strong"])
    }).pipe(Effect.provide(harness.platform))
  )
})
