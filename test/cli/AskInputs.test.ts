import * as HttpClient from "@effect/platform/HttpClient"
import * as HttpClientResponse from "@effect/platform/HttpClientResponse"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as harness from "./harness.js"

const png = Uint8Array.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 0, 1, 2])
const pngUrl = `data:image/png;base64,${Buffer.from(png).toString("base64")}`

const openAi = { OPENAI_API_KEY: "sk-test", OPENAI_MODEL: "gpt-5-mini" }
const anthropic = { ANTHROPIC_API_KEY: "sk-test", ANTHROPIC_MODEL: "claude-sonnet-4-6" }

const events = (data: ReadonlyArray<object>): string =>
  data.map((each) => `data: ${JSON.stringify(each)}\n\n`).join("")

const chat = (delta: object, finish_reason: string): Response =>
  new Response(`${events([{ choices: [{ index: 0, delta, finish_reason }] }])}data: [DONE]\n\n`, {
    headers: { "content-type": "text/event-stream" }
  })

/** An answer of the Messages API that was thought about in two pieces. */
const thoughtful = (): Response =>
  new Response(
    events([
      {
        type: "message_start",
        message: { id: "m", model: "m", usage: { input_tokens: 1, output_tokens: 1 } }
      },
      { type: "content_block_start", index: 0, content_block: { type: "thinking", thinking: "" } },
      { type: "content_block_delta", index: 0, delta: { type: "thinking_delta", thinking: "Let me " } },
      { type: "content_block_delta", index: 0, delta: { type: "thinking_delta", thinking: "see." } },
      { type: "content_block_delta", index: 0, delta: { type: "signature_delta", signature: "s" } },
      { type: "content_block_stop", index: 0 },
      { type: "content_block_start", index: 1, content_block: { type: "text", text: "" } },
      { type: "content_block_delta", index: 1, delta: { type: "text_delta", text: "Four." } },
      { type: "content_block_stop", index: 1 },
      { type: "message_delta", delta: { stop_reason: "end_turn" }, usage: { output_tokens: 9 } },
      { type: "message_stop" }
    ]),
    { headers: { "content-type": "text/event-stream" } }
  )

/** A server that remembers the bodies that it was sent. */
const server = (answer: () => Response) => {
  const bodies: Array<unknown> = []
  const http = Layer.succeed(
    HttpClient.HttpClient,
    HttpClient.make((request, url) =>
      Effect.sync(() => {
        const { body } = request
        // A look for Ollama.
        if (url.port === "11434")
          return HttpClientResponse.fromWeb(request, new Response(null, { status: 404 }))
        if (body._tag === "Uint8Array") bodies.push(JSON.parse(new TextDecoder().decode(body.body)))
        return HttpClientResponse.fromWeb(request, answer())
      })
    )
  )
  return { bodies, http }
}

const plainly = () => server(() => chat({ content: "Yes." }, "stop"))

describe("ask, with files", () => {
  it.scoped("shows images by their content or address, before what is asked", () =>
    Effect.gen(function* () {
      const file = yield* harness.directory()
      yield* harness.writeBytes(file("photo.dat"), png)
      const { bodies, http } = plainly()
      const url = "https://example.org/cat.jpg"
      const args = ["ask", "Which is older?", "--image", file("photo.dat"), "--image", url]
      const { code, err } = yield* harness.run(args, { env: openAi, http })
      assert.strictEqual(code, 0, err)
      assert.containSubset(bodies, [
        {
          messages: [
            {
              role: "user",
              content: [
                { type: "image_url", image_url: { url: pngUrl } },
                { type: "image_url", image_url: { url } },
                { type: "text", text: "Which is older?" }
              ]
            }
          ]
        }
      ])
    }).pipe(Effect.provide(harness.platform))
  )

  it.scoped("sends documents by content or name, texts as texts, and images that are files", () =>
    Effect.gen(function* () {
      const file = yield* harness.directory({
        "report.bin": "%PDF-1.7 …",
        "letter.docx": "PK…",
        "notes.md": "# Tea\n"
      })
      yield* harness.writeBytes(file("scan"), png)
      const { bodies, http } = plainly()
      const files = ["report.bin", "letter.docx", "notes.md", "scan"].flatMap((each) => [
        "--file",
        file(each)
      ])
      const { code, err } = yield* harness.run(["ask", "Sum up", ...files], { env: openAi, http })
      assert.strictEqual(code, 0, err)
      const base64 = (text: string) => Buffer.from(text).toString("base64")
      const docx = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
      assert.containSubset(bodies, [
        {
          messages: [
            {
              content: [
                {
                  type: "file",
                  file: {
                    filename: "report.bin",
                    file_data: `data:application/pdf;base64,${base64("%PDF-1.7 …")}`
                  }
                },
                {
                  type: "file",
                  file: { filename: "letter.docx", file_data: `data:${docx};base64,${base64("PK…")}` }
                },
                { type: "text", text: "File notes.md:\n\n# Tea\n" },
                { type: "image_url", image_url: { url: pngUrl } },
                { type: "text", text: "Sum up" }
              ]
            }
          ]
        }
      ])
    }).pipe(Effect.provide(harness.platform))
  )

  it.scoped("passes a document's address on, named by its last part", () =>
    Effect.gen(function* () {
      const { bodies, http } = server(thoughtful)
      const args = ["ask", "Sum up", "--file", "https://example.org/a/b.pdf?x=/1"]
      const { code, err } = yield* harness.run(args, { env: anthropic, http })
      assert.strictEqual(code, 0, err)
      assert.containSubset(bodies, [
        {
          messages: [
            {
              content: [
                {
                  type: "document",
                  source: { type: "url", url: "https://example.org/a/b.pdf?x=/1" },
                  title: "b.pdf"
                },
                { type: "text", text: "Sum up" }
              ]
            }
          ]
        }
      ])
    }).pipe(Effect.provide(harness.platform))
  )

  it.scoped("names a file that it can't use, and why", () =>
    Effect.gen(function* () {
      const file = yield* harness.directory({ "a.txt": "text", "empty.txt": "", "zero.bin": "\u0000\u0001" })
      yield* harness.writeBytes(file("large.txt"), new Uint8Array(20 * 1024 * 1024 + 1).fill(65))
      const told = (...args: ReadonlyArray<string>) =>
        Effect.map(harness.run(["ask", "Hi", ...args], { env: openAi, http: plainly().http }), (ran) => {
          assert.strictEqual(ran.out === "", ran.code !== 0)
          return `${ran.code} ${ran.err}`
        })
      const image = yield* told("--image", file("a.txt"))
      assert.match(
        image,
        /^2 FileError: .*a\.txt: Expected an image \(PNG, JPEG, GIF or WebP\), actual another/
      )
      assert.match(yield* told("--image", file("none.png")), /^2 FileError: .*none\.png: no such file/)
      assert.match(yield* told("--file", file("empty.txt")), /^2 FileError: .*empty\.txt: is empty/)
      assert.match(
        yield* told("--file", file("zero.bin")),
        /^2 FileError: .*zero\.bin: Expected a PDF, an image/
      )
      assert.match(yield* told("--file", file("large.txt")), /^2 FileError: .*Expected at most 20 MiB/)
    }).pipe(Effect.provide(harness.platform))
  )

  it.effect("says of a blank prompt beside an image what it says of one alone", () =>
    Effect.gen(function* () {
      const { err } = yield* harness.run(["ask", " ", "--image", "https://example.org/a.png"])
      assert.match(err, /AITask\.prompt: /)
    })
  )
})

describe("ask, with reasoning", () => {
  const modes = [
    ["as it arrives", []],
    ["whole", ["--complete"]]
  ] as const

  it.effect.each(modes)("writes what is thought to standard error alone, %s", ([, flags]) =>
    Effect.gen(function* () {
      const { bodies, http } = server(thoughtful)
      const args = ["ask", "2 + 2?", "--reasoning", "high", ...flags]
      const { code, err, out } = yield* harness.run(args, { env: anthropic, http })
      assert.strictEqual(code, 0, err)
      assert.strictEqual(out, "Four.\n")
      assert.match(err, /^Let me see\.\nclaude \(/)
      assert.containSubset(bodies, [
        {
          thinking: { type: "adaptive", display: "summarized" },
          output_config: { effort: "high" }
        }
      ])
    })
  )

  it.effect("has what is thought in the document of --json, and not beside it", () =>
    Effect.gen(function* () {
      const { http } = server(thoughtful)
      const args = ["ask", "2 + 2?", "--reasoning", "low", "--json"]
      const { err, out } = yield* harness.run(args, { env: anthropic, http })
      assert.containSubset(JSON.parse(out), { reasoning: [{ text: "Let me see." }], text: "Four." })
      assert.match(err, /^claude \(/)
    })
  )

  it.effect("lists the efforts that there are, and shows nothing of none", () =>
    Effect.gen(function* () {
      const { code, err } = yield* harness.run(["ask", "Hi", "--reasoning", "hard"])
      assert.strictEqual(code, 2)
      assert.match(err, /^--reasoning: Expected one of none, minimal, low, .*, max, actual "hard"/)
      const { bodies, http } = server(thoughtful)
      yield* harness.run(["ask", "Hi", "--reasoning", "none"], { env: anthropic, http })
      assert.containSubset(bodies, [{ thinking: { type: "disabled" } }])
    })
  )

  it.effect("tells what a task says and its provider isn't sent", () =>
    Effect.gen(function* () {
      const { http } = plainly()
      const env = { ...openAi, OPENAI_MODEL: "gpt-4o" }
      const { code, err } = yield* harness.run(["ask", "Hi", "--reasoning", "high"], { env, http })
      assert.strictEqual(code, 0)
      assert.match(err, /^Note: gpt-4o takes no reasoning: not sent\n/)
    })
  )
})

describe("ask, with a schema or tools", () => {
  const schema = {
    type: "object",
    properties: { city: { type: "string" } },
    required: ["city"],
    additionalProperties: false
  }
  const tools = [{ name: "weather", parameters: schema }]

  it.scoped("binds the answer to the schema of a file", () =>
    Effect.gen(function* () {
      const file = yield* harness.directory({ "s.json": JSON.stringify(schema) })
      const { bodies, http } = plainly()
      const { code, err } = yield* harness.run(["ask", "Where?", "--schema", file("s.json")], {
        env: openAi,
        http
      })
      assert.strictEqual(code, 0, err)
      assert.containSubset(bodies, [
        { response_format: { type: "json_schema", json_schema: { name: "answer", schema, strict: true } } }
      ])
    }).pipe(Effect.provide(harness.platform))
  )

  it.scoped("asks again where the answer doesn't fit, and prints the last one alone", () =>
    Effect.gen(function* () {
      const file = yield* harness.directory({ "s.json": JSON.stringify(schema) })
      const texts = ["Ulm", '{"city":"Ulm"}']
      const { bodies, http } = server(() => chat({ content: texts.shift() }, "stop"))
      const args = ["ask", "Where?", "--schema", file("s.json"), "--repair", "1"]
      const { err, out } = yield* harness.run(args, { env: openAi, http })
      assert.strictEqual(out, '{"city":"Ulm"}\n')
      assert.match(err, /^gpt4 \(gpt-5-mini\) · 2 attempts · /)
      assert.strictEqual(bodies.length, 2)
      const wrong = yield* harness.run(["ask", "Where?", "--repair", "3"])
      assert.match(wrong.err, /AITask\.repair: Expected 1 or 2, actual 3/)
    }).pipe(Effect.provide(harness.platform))
  )

  const noSchemas = [
    ["{", /Expected JSON, actual text that isn't JSON/],
    ["[]", /Expected a JSON Schema \(an object\), actual another value/],
    ['{"city": "Ulm"}', /Expected a JSON Schema, actual an object without type/],
    ['{"type": "text"}', /type: Expected one of null, boolean/],
    ['{"properties": {"a": {"items": {"required": "b"}}}}', /properties\.a\.items\.required: Expected a list/]
  ] as const

  it.scoped("says of a file that is no schema what is wrong with it", () =>
    Effect.gen(function* () {
      for (const [text, expected] of noSchemas) {
        const file = yield* harness.directory({ "s.json": text })
        const { code, err } = yield* harness.run(["ask", "Where?", "--schema", file("s.json")])
        assert.strictEqual(code, 2)
        assert.match(err, /^FileError: .*s\.json: /)
        assert.match(err, expected)
      }
    }).pipe(Effect.provide(harness.platform))
  )

  const calling = () => {
    const call = { index: 0, id: "c1", function: { name: "weather", arguments: '{"city":"Ulm"}' } }
    return server(() => chat({ content: "Let me look", tool_calls: [call] }, "tool_calls"))
  }

  it.scoped("offers the tools of a file, and prints their calls as lines of JSON", () =>
    Effect.gen(function* () {
      const file = yield* harness.directory({ "t.json": JSON.stringify(tools) })
      for (const mode of [[], ["--complete"]]) {
        const { bodies, http } = calling()
        const args = ["ask", "Rain?", "--tools", file("t.json"), "--tool-choice", "weather", ...mode]
        const { code, err, out } = yield* harness.run(args, { env: openAi, http })
        assert.strictEqual(code, 0, err)
        assert.strictEqual(
          out,
          'Let me look\n{"id":"c1","name":"weather","arguments":"{\\"city\\":\\"Ulm\\"}"}\n'
        )
        assert.containSubset(bodies, [
          {
            tools: [{ function: { name: "weather", parameters: schema } }],
            tool_choice: { type: "function", function: { name: "weather" } }
          }
        ])
      }
    }).pipe(Effect.provide(harness.platform))
  )

  it.scoped("names what of tools and their choice it can't use", () =>
    Effect.gen(function* () {
      const file = yield* harness.directory({ "t.json": '[{"name": "a b"}]', "o.json": "{}" })
      const told = (...args: ReadonlyArray<string>) =>
        Effect.map(harness.run(["ask", "Hi", ...args]), ({ code, err }) => `${code} ${err}`)
      assert.match(yield* told("--tool-choice", "auto"), /^2 .*AITask\.toolChoice: Expected tools/)
      assert.match(yield* told("--tools", file("t.json")), /^2 .*AITask\.tools\[0\]\.(name|parameters)/)
      assert.match(yield* told("--tools", file("o.json")), /^2 FileError: .*Expected a JSON array of tools/)
    }).pipe(Effect.provide(harness.platform))
  )
})
