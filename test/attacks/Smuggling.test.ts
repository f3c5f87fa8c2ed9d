/**
 * Requests whose end two readers could see in two places, and others that no client sends: a connection that
 * says such a thing is refused, and what comes behind it is never answered as a request of its own.
 *
 * Bodies that are too long or break off: test/gateway/Connections.test.ts. Keys and origins:
 * test/gateway/Protection.test.ts.
 */
import { assert, describe, it } from "@effect/vitest"
import { AIProvider } from "arc-saga"
import { ApiKeys } from "arc-saga/gateway"
import { Behaviour } from "arc-saga/testing"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { createHash } from "node:crypto"
import { connect, eventually, start } from "../gateway/harness.js"

const sha256 = createHash("sha256").update("test-key-web").digest("hex")
const body = JSON.stringify({ model: "claude", messages: [{ role: "user", content: "Hello" }] })

const key = "authorization: Bearer test-key-web\r\n"
const json = "content-type: application/json\r\n"
const lineOf = (target: string, version = "1.1") => `POST ${target} HTTP/${version}\r\n`
const head = `${lineOf("/v1/chat/completions")}host: 127.0.0.1\r\n${json}`
const length = `content-length: ${body.length}\r\n`
const chunked = "transfer-encoding: chunked\r\n"
const chunk = (extension = ""): string => `${body.length.toString(16)}${extension}\r\n${body}\r\n`

/** What is hidden behind the end of another request; it has the key, so that it would be answered. */
const hidden = `${head}${key}${length}\r\n${body}`

/** What comes last: a connection on which it is answered has been understood to its end. */
const last = "GET /healthz HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\n\r\n"

const gateway = start({
  engines: [{ provider: AIProvider.Claude, script: [Behaviour.answer({ text: "Hi" })] }],
  keys: Layer.orDie(ApiKeys.layer([{ id: "web", sha256 }]))
})

/** The statuses of what was answered on a connection, and how often a provider was asked. */
const heardOf = (said: string) =>
  Effect.gen(function* () {
    const { engines, url } = yield* gateway
    const { closed, heard } = yield* connect(url, said + last)
    yield* eventually(Effect.sync(closed))
    const calls = yield* engines[0]?.calls ?? Effect.succeed([])
    const statuses = Array.from(heard().matchAll(/HTTP\/1\.1 (\d+)/g), ([, status]) => Number(status))
    return { statuses, calls: calls.length }
  })

const refused: ReadonlyArray<readonly [string, string]> = [
  ["a length and chunks", `${head}${key}${length}${chunked}\r\n0\r\n\r\n${hidden}`],
  ["chunks and a length", `${head}${key}${chunked}${length}\r\n0\r\n\r\n${hidden}`],
  ["two lengths", `${head}${key}content-length: 0\r\n${length}\r\n${body}${hidden}`],
  ["a list of lengths", `${head}${key}content-length: 0, ${body.length}\r\n\r\n${body}${hidden}`],
  ["a length with a sign", `${head}${key}content-length: +${body.length}\r\n\r\n${body}${hidden}`],
  ["a length in hexadecimal", `${head}${key}content-length: 0x10\r\n\r\n${body}${hidden}`],
  ["a negative length", `${head}${key}content-length: -1\r\n\r\n${body}${hidden}`],
  ["a length beyond all numbers", `${head}${key}content-length: ${"9".repeat(40)}\r\n\r\n${body}${hidden}`],
  [
    "an encoding that isn't known",
    `${head}${key}transfer-encoding: xchunked\r\n\r\n${chunk()}0\r\n\r\n${hidden}`
  ],
  [
    "chunks that aren't last",
    `${head}${key}transfer-encoding: chunked, identity\r\n\r\n${chunk()}0\r\n\r\n${hidden}`
  ],
  ["a space before the colon", `${head}${key}transfer-encoding : chunked\r\n${length}\r\n0\r\n\r\n${hidden}`],
  ["bare line feeds in the head", `${head}${key}${length}\r\n`.replaceAll("\r\n", "\n") + body + hidden],
  ["a bare line feed in one header", `${head}x: a\n${key}${length}\r\n${body}${hidden}`],
  ["a bare carriage return in a header", `${head}x: a\rb: c\r\n${key}${length}\r\n${body}${hidden}`],
  ["a NUL in a header", `${head}x: a\u0000b\r\n${key}${length}\r\n${body}${hidden}`],
  ["a folded header", `${head}authorization:\r\n Bearer test-key-web\r\n${length}\r\n${body}${hidden}`],
  ["a header without a name", `${head}: a\r\n${key}${length}\r\n${body}${hidden}`],
  ["a size of a chunk that is no number", `${head}${key}${chunked}\r\nzz\r\n${body}\r\n0\r\n\r\n${hidden}`],
  [
    "a size of a chunk beyond all numbers",
    `${head}${key}${chunked}\r\n${"f".repeat(20)}\r\n${body}\r\n0\r\n\r\n`
  ],
  ["a chunk longer than its size", `${head}${key}${chunked}\r\n1\r\n${body}\r\n0\r\n\r\n${hidden}`],
  [
    "chunks that end by bare line feeds",
    `${head}${key}${chunked}\r\n${chunk().replaceAll("\r\n", "\n")}0\n\n${hidden}`
  ],
  [
    "an extension of a chunk without end",
    `${head}${key}${chunked}\r\n${chunk(`;a=${"b".repeat(20_000)}`)}0\r\n\r\n`
  ],
  [
    "trailers without end",
    `${head}${key}${chunked}\r\n${chunk()}0\r\nx: ${"b".repeat(20_000)}\r\n\r\n${hidden}`
  ],
  ["headers without end", `${head}${key}x: ${"b".repeat(20_000)}\r\n${length}\r\n${body}${hidden}`],
  ["the preface of HTTP/2", `PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n${hidden}`],
  [
    "a method that there isn't",
    `P\u0000ST /v1/chat/completions HTTP/1.1\r\nhost: a\r\n${key}${length}\r\n${body}`
  ],
  ["a space in the target", `${lineOf("/v1/chat /completions")}host: a\r\n${json}${key}${length}\r\n${body}`],
  ["TLS", "\u0016\u0003\u0001\u0002\u0000\u0001\u0000\u0001\u00fc\u0003\u0003"]
]

describe("a connection that says what two could read in two ways", () => {
  for (const [name, said] of refused) {
    it.scopedLive(`is refused: ${name}`, () =>
      Effect.gen(function* () {
        const { calls, statuses } = yield* heardOf(said)
        assert.strictEqual(calls, 0)
        assert.strictEqual(statuses.length, 1)
        assert.include([400, 413, 431], statuses[0])
      })
    )
  }
})
