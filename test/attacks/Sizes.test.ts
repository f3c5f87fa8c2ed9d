/** What callers and providers choose the size of: too much of anything is refused, and costs next to nothing. */
import { assert, describe, it } from "@effect/vitest"
import { AIProvider, AITask } from "arc-saga"
import { Behaviour } from "arc-saga/testing"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as FileSystem from "node:fs"
import { sizes, tooLarge } from "../../src/internal/sizes.js"
import { post, request, start, type Setup } from "../gateway/harness.js"

const engines: Setup["engines"] = [
  { provider: AIProvider.Claude, script: [Behaviour.answer({ text: "Hi" })] }
]

const hello = [{ role: "user", content: "Hello" }]
const many = <A>(count: number, each: (index: number) => A): ReadonlyArray<A> =>
  Array.from({ length: count }, (_, index) => each(index))
const keys = (count: number, value: unknown = "v") =>
  Object.fromEntries(many(count, (index) => [`k${index}`, value]))
const levels = (count: number): string => "[".repeat(count) + "]".repeat(count)

/** A body of Chat Completions with a field as it is written. */
const chat = (field: string, json: string): string =>
  `{"model":"claude","messages":${field === "messages" ? json : JSON.stringify(hello)}${
    field === "messages" ? "" : `,"${field}":${json}`
  }}`

const tool = (parameters: string): string =>
  `[{"type":"function","function":{"name":"a","parameters":{"x":${parameters}}}}]`

const user = (content: unknown) => JSON.stringify([{ role: "user", content }])

/** What is just accepted and what is one too many, by the field that the refusal names. */
const bounds: ReadonlyArray<readonly [string, (extra: number) => string]> = [
  ["user", (extra) => chat("user", JSON.stringify("u".repeat(sizes.user.most + extra)))],
  ["metadata", (extra) => chat("metadata", JSON.stringify(keys(sizes.metadata.most + extra)))],
  [
    "metadata",
    (extra) => chat("metadata", JSON.stringify({ ["k".repeat(sizes.metadataKey.most + extra)]: "v" }))
  ],
  [
    "metadata",
    (extra) => chat("metadata", JSON.stringify({ k: "v".repeat(sizes.metadataValue.most + extra) }))
  ],
  ["stop", (extra) => chat("stop", JSON.stringify(many(sizes.stop.most + extra, String)))],
  [
    "tools",
    (extra) =>
      chat(
        "tools",
        JSON.stringify(
          many(sizes.tools.most + extra, (index) => ({ type: "function", function: { name: `t${index}` } }))
        )
      )
  ],
  [
    "messages",
    (extra) => chat("messages", JSON.stringify(many(sizes.messages.most + extra, () => hello[0])))
  ],
  [
    "messages",
    (extra) => chat("messages", user(many(sizes.parts.most + extra, () => ({ type: "text", text: "a" }))))
  ],
  // The body, the list, the tool, the function and its parameters are five.
  ["tools", (extra) => chat("tools", tool(levels(sizes.depth.most - 5 + extra)))],
  ["tools", (extra) => chat("tools", tool(JSON.stringify(keys(sizes.keys.most + extra))))]
]

describe("what a caller chooses", () => {
  it.scopedLive("is taken up to its bound, and refused beyond it by the name of the field", () =>
    Effect.gen(function* () {
      const { engines: scripted, url } = yield* start({ engines })
      for (const [field, body] of bounds) {
        const accepted = yield* post(`${url}/v1/chat/completions`, body(0))
        assert.strictEqual(accepted.status, 200, `${field}: ${accepted.text.slice(0, 300)}`)
        const refused = yield* post(`${url}/v1/chat/completions`, body(1))
        assert.strictEqual(refused.status, 400, field)
        const { error } = JSON.parse(refused.text)
        assert.strictEqual(error.code, "invalid_value", refused.text)
        assert.match(error.param, new RegExp(`^${field}`), refused.text)
        assert.match(error.message, /at most \d+/)
      }
      assert.strictEqual((yield* scripted[0]?.calls ?? Effect.succeed([])).length, bounds.length)
    })
  )

  it.scopedLive("is bounded in Anthropic's shape and by headers alike", () =>
    Effect.gen(function* () {
      const { url } = yield* start({ engines })
      const ask = (more: object, headers = {}) =>
        post(`${url}/v1/messages`, { model: "claude", max_tokens: 9, messages: hello, ...more }, headers)
      const long = "u".repeat(sizes.user.most + 1)
      const attempts = [
        yield* ask({ metadata: { user_id: long } }),
        yield* ask({}, { "x-saga-user": long }),
        yield* ask({ stop_sequences: many(sizes.stop.most + 1, String) }),
        yield* ask({ tools: [{ name: "a", input_schema: JSON.parse(`{"a":${levels(sizes.depth.most)}}`) }] })
      ]
      for (const { status, text } of attempts) {
        assert.strictEqual(status, 400, text)
        const { error, type } = JSON.parse(text)
        assert.strictEqual(type, "error")
        assert.strictEqual(error.type, "invalid_request_error")
        assert.include(error.message, "at most")
      }
    })
  )

  it.effect("is bounded in a task that a program makes, too", () =>
    Effect.sync(() => {
      const reason = (options: Partial<AITask.Options>) =>
        Either.match(AITask.decodeUnknown({ prompt: "Hello", ...options }), {
          onLeft: ({ reason }) => reason,
          onRight: () => "taken"
        })
      assert.strictEqual(reason({ userId: "u".repeat(256) }), "taken")
      assert.include(reason({ userId: "u".repeat(257) }), "at most 256 characters of a user's id, actual 257")
      assert.include(reason({ metadata: keys(17, "v") as Record<string, string> }), "at most 16 pairs")
      const call = { id: "1", name: "a", arguments: levels(101) }
      const { prompt: _, ...rest } = {
        prompt: "",
        messages: [{ role: "assistant", content: "", toolCalls: [call] }]
      }
      assert.include(String(AITask.decodeUnknown(rest)), "at most 100 levels")
    })
  )
})

describe("a body of many megabytes", () => {
  const mebibyte = 1024 * 1024
  /** Repeats a piece until it has so many bytes. */
  const filled = (piece: (index: number) => string, bytes: number): string => {
    const pieces: Array<string> = []
    for (let size = 0, index = 0; size < bytes; index++) {
      const each = piece(index)
      pieces.push(each)
      size += each.length + 1
    }
    return pieces.join(",")
  }
  const size = 3 * mebibyte
  const attacks: ReadonlyArray<readonly [string, () => string]> = [
    ["a million keys of metadata", () => chat("metadata", `{${filled((index) => `"k${index}":"v"`, size)}}`)],
    ["nested lists", () => chat("tools", "[".repeat(size))],
    ["nested objects", () => chat("tools", '{"a":'.repeat(size / 5))],
    ["stops", () => chat("stop", `[${filled(() => '"a"', size)}]`)],
    ["messages", () => chat("messages", `[${filled(() => '{"role":"user","content":"a"}', size)}]`)],
    [
      "parts",
      () =>
        chat("messages", `[{"role":"user","content":[${filled(() => '{"type":"text","text":"a"}', size)}]}]`)
    ],
    ["unknown parameters", () => `{"model":"a",${filled((index) => `"k${index}":null`, size)}}`],
    ["commas", () => `[${",".repeat(size)}]`],
    ["quotes", () => `{"a":${'"'.repeat(size)}`],
    ["backslashes", () => `{"a":"${"\\".repeat(size)}"}`],
    ["escaped quotes", () => `{"a":"${'\\"'.repeat(size / 2)}"}`]
  ]

  it.scopedLive("is answered by a 400, whatever there are millions of", () =>
    Effect.gen(function* () {
      const { url } = yield* start({ engines })
      for (const [name, body] of attacks) {
        assert.strictEqual((yield* post(`${url}/v1/chat/completions`, body())).status, 400, name)
      }
    })
  )

  it.effect("is looked at once, character by character", () =>
    Effect.sync(() => {
      for (const [name, body] of attacks) {
        const text = body()
        const began = process.cpuUsage()
        tooLarge(text)
        const { user } = process.cpuUsage(began)
        assert.isBelow(user / 1000, (50 * size) / mebibyte, name)
      }
    })
  )

  it.scopedLive("passes where it is one long text", () =>
    Effect.gen(function* () {
      const { url } = yield* start({ engines })
      const body = chat("messages", user("long ".repeat(size / 5)))
      assert.strictEqual((yield* post(`${url}/v1/chat/completions`, body)).status, 200)
    })
  )
})

describe("what the gateway keeps", () => {
  it.scopedLive("shows and counts by names of its own, whatever callers say", () =>
    Effect.gen(function* () {
      const { url } = yield* start({ engines })
      for (const index of many(60, String)) {
        const path = index.repeat(20)
        yield* request(`${url}/${path}`, { method: "PUT" })
        yield* post(`${url}/v1/chat/completions`, { model: path, messages: hello })
        yield* post(`${url}/v1/chat/completions`, { model: "claude", user: path, messages: hello })
      }
      const metrics = (yield* request(`${url}/metrics`)).text
      const lines = metrics.split("\n").filter((line) => line.startsWith("arc_saga_gateway_requests_total{"))
      assert.isBelow(lines.length, 10, lines.join("\n"))
      const status = yield* request(`${url}/status.json`)
      assert.strictEqual(status.status, 200)
      assert.strictEqual(JSON.parse(status.text).calls.length, 50)
    })
  )
})

describe("the table of sizes", () => {
  it.effect("is the one that the documentation shows", () =>
    Effect.sync(() => {
      const docs = FileSystem.readFileSync(new URL("../../docs/gateway.md", import.meta.url), "utf8")
      for (const { most, of } of Object.values(sizes)) {
        assert.include(docs, `| ${of} | ${most.toLocaleString("en")} |`)
      }
    })
  )
})
