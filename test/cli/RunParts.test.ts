import * as HttpClient from "@effect/platform/HttpClient"
import * as HttpClientResponse from "@effect/platform/HttpClientResponse"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as harness from "./harness.js"

/** A server that remembers the bodies that it was sent, in the order in which they came. */
const server = () => {
  const bodies: Array<unknown> = []
  const http = Layer.succeed(
    HttpClient.HttpClient,
    HttpClient.make((request, url) =>
      Effect.sync(() => {
        const { body } = request
        // A look for Ollama.
        if (url.port === "11434") {
          return HttpClientResponse.fromWeb(request, new Response(null, { status: 404 }))
        }
        if (body._tag === "Uint8Array") bodies.push(JSON.parse(new TextDecoder().decode(body.body)))
        return HttpClientResponse.fromWeb(request, harness.sse("Yes."))
      })
    )
  )
  return { bodies, http }
}

const ran = (env: Readonly<Record<string, string>>, tasks: ReadonlyArray<object>) =>
  Effect.gen(function* () {
    const file = yield* harness.directory({
      "t.jsonl": tasks.map((task) => `${JSON.stringify(task)}\n`).join("")
    })
    const { bodies, http } = server()
    const args = ["run", file("t.jsonl"), "--out", file("r.jsonl"), "--concurrency", "1"]
    const { code, err } = yield* harness.run(args, { env, http })
    return { bodies, code, err, results: yield* harness.readFile(file("r.jsonl")) }
  })

describe("run, of tasks with parts and parameters", () => {
  it.scoped("sends all of what a line says", () =>
    Effect.gen(function* () {
      const url = "https://example.org/a.png"
      const { bodies, code, err } = yield* ran({ OPENAI_API_KEY: "sk-test", OPENAI_MODEL: "gpt-5-mini" }, [
        {
          messages: [
            {
              role: "user",
              content: [
                { type: "image", url, detail: "low" },
                { type: "document", url: "data:text/plain,Tea", name: "tea.txt" },
                { type: "text", text: "What is it?" }
              ]
            },
            { role: "assistant", content: "A cat." },
            { role: "user", content: "And now?" }
          ],
          reasoning: { effort: "low" },
          tools: [{ name: "look", parameters: { type: "object" } }],
          toolChoice: { name: "look" },
          responseFormat: { type: "json_schema", name: "s", schema: { type: "object" }, strict: false },
          seed: 7,
          frequencyPenalty: 1,
          presencePenalty: -1,
          verbosity: "low",
          serviceTier: "flex",
          cacheKey: "k",
          options: { chatCompletions: { store: false } }
        }
      ])
      assert.strictEqual(code, 0, err)
      assert.containSubset(bodies, [
        {
          messages: [
            {
              content: [
                { type: "image_url", image_url: { url, detail: "low" } },
                { type: "text", text: "Tea" },
                { type: "text", text: "What is it?" }
              ]
            },
            { role: "assistant", content: "A cat." },
            { role: "user", content: "And now?" }
          ],
          reasoning_effort: "low",
          tools: [{ function: { name: "look" } }],
          tool_choice: { function: { name: "look" } },
          response_format: { json_schema: { name: "s", strict: false } },
          seed: 7,
          frequency_penalty: 1,
          presence_penalty: -1,
          verbosity: "low",
          service_tier: "flex",
          prompt_cache_key: "k",
          store: false
        }
      ])
    }).pipe(Effect.provide(harness.platform))
  )

  it.scoped("counts what wasn't sent, and has it in the results", () =>
    Effect.gen(function* () {
      const env = { OPENAI_API_KEY: "sk-test", OPENAI_MODEL: "gpt-4o" }
      const reasoning = { effort: "high" }
      const { code, err, results } = yield* ran(env, [
        { prompt: "One", reasoning, topK: 4 },
        { prompt: "Two", reasoning },
        { prompt: "Three" }
      ])
      assert.strictEqual(code, 0, err)
      assert.strictEqual(
        err,
        "Note: Not sent: topK of 1 task, reasoning of 2 tasks. The warnings of their results say why\n"
      )
      const dropped: unknown = results
        .split("\n")
        .filter((line) => line !== "")
        .map((line) => JSON.parse(line).result.dropped)
      assert.deepStrictEqual(dropped, [["topK", "reasoning"], ["reasoning"], undefined])
    }).pipe(Effect.provide(harness.platform))
  )
})
