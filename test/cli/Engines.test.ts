import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { mock } from "../utils/chatCompletions.js"
import * as harness from "./harness.js"

/** Both vendors at once, as a third-party server plays them, and the command line that knows them. */
const world = Effect.gen(function* () {
  const server = yield* mock
  server.onMessage(/.*/, { content: "Hello there" })
  const path = yield* Effect.provide(harness.directory(), harness.platform)
  const env = {
    ANTHROPIC_API_KEY: "sk-ant-test",
    ANTHROPIC_BASE_URL: server.url,
    OPENAI_API_KEY: "sk-test",
    OPENAI_BASE_URL: `${server.url}/v1`,
    OLLAMA_HOST: "127.0.0.1:1"
  }
  const run = (...args: ReadonlyArray<string>) => harness.runLive(args, { env, http: FetchHttpClient.layer })
  /** Which models were asked for, by path. */
  const asked = () =>
    server
      .getRequests()
      .filter(({ method }) => method === "POST")
      .map(({ body, path }) => `${path} ${JSON.stringify(body?.model)}`)
  return { path, run, asked }
})

const engines = [
  { id: "claude", path: "/v1/messages", model: "claude-haiku-4-5" },
  { id: "gpt4", path: "/v1/chat/completions", model: "gpt-4o-mini" }
]

describe("every engine on the command line", () => {
  for (const { id, model, path } of engines) {
    it.scopedLive(`asks ${id} for its model, or for the one that is given`, () =>
      Effect.gen(function* () {
        const { asked, run } = yield* world
        const usual = yield* run("ask", "Hi", "--provider", id)
        assert.strictEqual(usual.out, "Hello there\n", usual.err)
        assert.match(usual.err, new RegExp(`^${id} \\(`))
        const other = yield* run("ask", "Hi", "--provider", id, "--model", "another-model", "--complete")
        assert.strictEqual(other.out, "Hello there\n", other.err)
        assert.include(other.err, `${id} (another-model) · 1 attempt`)
        assert.deepStrictEqual(asked(), [`${path} "${model}"`, `${path} "another-model"`])
      })
    )

    it.scopedLive(`has ${id} answer the tasks of a file that name nobody`, () =>
      Effect.gen(function* () {
        const { asked, path: file, run } = yield* world
        const others = engines.filter((engine) => engine.id !== id).map((engine) => engine.id)
        yield* harness.writeFile(
          file("tasks.jsonl"),
          `{"prompt": "One"}\n{"prompt": "Two", "provider": ${JSON.stringify(others[0])}, "pinned": true}\n`
        )
        const results = file("results.jsonl")
        const choice = ["--provider", id, "--model", "another-model"]
        const { code, err } = yield* run("run", file("tasks.jsonl"), "--out", results, "--ordered", ...choice)
        assert.strictEqual(code, 0, err)
        const lines = (yield* harness.readFile(results)).trim().split("\n")
        assert.deepStrictEqual(
          lines.map((line) => JSON.parse(line).result.provider),
          [id, others[0]]
        )
        assert.include(asked(), `${path} "another-model"`)
      }).pipe(Effect.provide(harness.platform))
    )
  }

  it.effect("tells what is wrong with a choice", () =>
    Effect.gen(function* () {
      const told = (...args: ReadonlyArray<string>) =>
        Effect.map(harness.run(["ask", "Hi", ...args]), ({ code, err }) => `${code} ${err}`)
      assert.strictEqual(
        yield* told("--model", "m"),
        "2 UsageError: --model: Expected its provider, too (--provider ID), actual none\n"
      )
      assert.match(yield* told("--provider", "gpt4", "--model", ""), /^2 .*model/)
      assert.match(yield* told("--provider", "no body"), /^2 InvalidArgumentError: AITask\.provider/)
    })
  )

  it.effect("gives another model neither the price nor the window of the one in the file", () =>
    Effect.gen(function* () {
      const path = yield* harness.directory({
        "config.json": JSON.stringify({
          ollama: false,
          providers: [
            {
              id: "x",
              baseUrl: "http://127.0.0.1:1234/v1",
              model: "m",
              price: { input: 1, output: 2 },
              contextWindow: 10
            }
          ],
          simulated: [{ id: "s", firstTokenMs: 1, tokensPerSecond: 1000 }]
        })
      })
      const respond: harness.Respond = (url) =>
        url.pathname.endsWith("/models") ? harness.json({ data: [] }) : harness.sse("ok")
      const ask = (...args: ReadonlyArray<string>) =>
        harness.run(["ask", "Hi", "--provider", "x", "--config", path("config.json"), ...args], { respond })
      assert.match((yield* ask()).err, / · \$0\.0000\d+\n$/)
      assert.match((yield* ask("--model", "m")).err, / · \$0\.0000\d+\n$/)
      assert.match((yield* ask("--model", "n")).err, / · cost unknown\n$/)
      const simulated = yield* harness.run(
        ["ask", "Hi", "--provider", "s", "--model", "n", "--config", path("config.json")],
        { respond }
      )
      assert.match(simulated.err, /^s \(n\)/)
    }).pipe(Effect.scoped, Effect.provide(harness.platform))
  )
})

describe("a server of the configuration file", () => {
  it.effect("is asked for what its capabilities say that it can, and for nothing else", () =>
    Effect.gen(function* () {
      const image = { type: "image", url: "https://images.test/cat.png" }
      const messages = [{ role: "user", content: [{ type: "text", text: "What is it?" }, image] }]
      const ran = (capabilities: object) =>
        Effect.gen(function* () {
          const path = yield* harness.directory({
            "tasks.jsonl": JSON.stringify({ messages, provider: "x", pinned: true }),
            "config.json": JSON.stringify({
              ollama: false,
              providers: [{ id: "x", baseUrl: "http://127.0.0.1:1234/v1", model: "m", ...capabilities }]
            })
          })
          const respond: harness.Respond = (url) =>
            url.pathname.endsWith("/models") ? harness.json({ data: [] }) : harness.sse("A cat")
          const args = [
            "run",
            path("tasks.jsonl"),
            "--out",
            path("out.jsonl"),
            "--config",
            path("config.json")
          ]
          const { code, err } = yield* harness.run(args, { respond })
          return { code, told: code === 2 ? err : yield* harness.readFile(path("out.jsonl")) }
        })
      assert.include((yield* ran({})).told, "can't carry images")
      const able = yield* ran({ capabilities: { images: true } })
      assert.strictEqual(able.code, 0, able.told)
      assert.include(able.told, "A cat")
      assert.include(
        (yield* ran({ capabilities: { pictures: true } })).told,
        "providers[0].capabilities.pictures"
      )
    }).pipe(Effect.scoped, Effect.provide(harness.platform))
  )
})
