/**
 * Requests that few clients send and that HTTP allows: each is answered, and so is the one behind it on the same
 * connection. What isn't allowed: test/attacks/Smuggling.test.ts.
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
const host = "host: 127.0.0.1\r\n"
const length = `content-length: ${body.length}\r\n`
const chunked = "transfer-encoding: chunked\r\n"
const path = "/v1/chat/completions"

/** A request: its first line, and its headers. */
const post = (headers: string, sent = body, target = path): string =>
  `POST ${target} HTTP/1.1\r\n${headers}\r\n${sent}`
const usual = host + key + json
const plain = post(usual + length)

/** The body in pieces of so many bytes, each with what follows its size. */
const chunks = (
  size: number,
  extension = "",
  trailers = "",
  digits = (count: number) => count.toString(16)
) => {
  const pieces = body.match(new RegExp(`.{1,${size}}`, "g")) ?? []
  return `${pieces.map((piece) => `${digits(piece.length)}${extension}\r\n${piece}\r\n`).join("")}0\r\n${trailers}\r\n`
}

const gateway = start({
  engines: [{ provider: AIProvider.Claude, script: [Behaviour.answer({ text: "Hi" })] }],
  keys: Layer.orDie(ApiKeys.layer([{ id: "web", sha256 }]))
})

const last = `GET /healthz HTTP/1.1\r\n${host}connection: close\r\n\r\n`

/** The usual request with other headers before its own. */
const withMore = (said: string) => post(said + usual + length)

const answered: ReadonlyArray<readonly [string, string, ReadonlyArray<number>]> = [
  ["empty lines before it", `\r\n\r\n${plain}`, [200]],
  [
    "names of headers in any case",
    post((usual + length).replaceAll(/^[a-z-]+/gm, (name) => name.toUpperCase())),
    [200]
  ],
  [
    "values of headers in any case",
    withMore("connection: Keep-Alive\r\n").replace("application/json", "Application/JSON"),
    [200]
  ],
  [
    "spaces around the values of headers",
    post((usual + length).replaceAll(": ", ":  \t").replaceAll("\r\n", " \r\n")),
    [200]
  ],
  ["no spaces before the values", post((usual + length).replaceAll(": ", ":")), [200]],
  ["a header without a value", withMore("x-nothing:\r\n"), [200]],
  [
    "a hundred headers",
    withMore(Array.from({ length: 100 }, (_, index) => `x-${index}: a\r\n`).join("")),
    [200]
  ],
  ["a header of 8 KB", withMore(`x-long: ${"a".repeat(8000)}\r\n`), [200]],
  ["a header beyond ASCII", withMore("x-name: Grüße\r\n"), [200]],
  ["a type twice", withMore(json), [200]],
  ["a key twice", withMore(key), [200]],
  ["a key in both headers", withMore("x-api-key: test-key-web\r\n"), [200]],
  ["a header of the gateway's twice", withMore("x-saga-user: ann\r\nx-saga-user: ann\r\n"), [200]],
  ["a timeout twice", withMore("x-saga-timeout: 30s\r\nx-saga-timeout: 30s\r\n"), [200]],
  [
    "x-api-key twice",
    post(`${host}${json}${length}x-api-key: test-key-web\r\nx-api-key: test-key-web\r\n`),
    [200]
  ],
  ["an encoding that changes nothing", withMore("content-encoding: identity\r\n"), [200]],
  ["a type with its charset", withMore("").replace("json\r\n", "json; charset=utf-8\r\n"), [200]],
  ["a type with its charset in quotes", withMore("").replace("json\r\n", 'json;Charset="UTF-8"\r\n'), [200]],
  ["chunks", post(usual + chunked, chunks(1000)), [200]],
  ["chunks of one byte", post(usual + chunked, chunks(1)), [200]],
  ["chunks with extensions", post(usual + chunked, chunks(7, ';a;b=c;d="e;f"')), [200]],
  [
    "chunks with trailers",
    post(usual + chunked, chunks(7, "", "x-checksum: a\r\nx-saga-user: bob\r\n")),
    [200]
  ],
  [
    "sizes of chunks with zeros",
    post(
      usual + chunked,
      chunks(1000, "", "", (count) => count.toString(16).padStart(8, "0"))
    ),
    [200]
  ],
  [
    "sizes of chunks in capitals",
    post(
      usual + chunked.replace("chunked", "Chunked"),
      chunks(1000, "", "", (count) => count.toString(16).toUpperCase())
    ),
    [200]
  ],
  ["the address whole", post(usual + length, body, `http://127.0.0.1${path}`), [200]],
  ["the address whole, of another port", post(usual + length, body, `HTTP://127.0.0.1:80${path}?a=b`), [200]],
  ["a query", post(usual + length, body, `${path}?beta=true`), [200]],
  ["three at once", plain + plain + plain, [200, 200, 200]],
  ["one of them refused", plain + post(usual + length.replace(/\d+/, "2"), "[]") + plain, [200, 400, 200]],
  ["a body to a GET", `GET /healthz HTTP/1.1\r\n${host}${length}\r\n${body}`, [200]],
  ["chunks to a GET", `GET /healthz HTTP/1.1\r\n${host}${chunked}\r\n${chunks(7)}`, [200]],
  ["a HEAD", `HEAD /healthz HTTP/1.1\r\n${host}\r\n`, [200]],
  ["a question about the whole server", `OPTIONS * HTTP/1.1\r\n${host}\r\n`, [404]],
  ["a body that waits for leave", withMore("expect: 100-continue\r\n"), [100, 200]],
  ["leave in capitals", withMore("Expect: 100-Continue\r\n"), [100, 200]],
  [
    "an offer of HTTP/2",
    withMore(
      "connection: Upgrade, HTTP2-Settings\r\nupgrade: h2c\r\nhttp2-settings: AAMAAABkAARAAAAAAAIAAAAA\r\n"
    ),
    [200]
  ],
  ["an offer of TLS", withMore("connection: Upgrade\r\nupgrade: TLS/1.0\r\n"), [200]],
  [
    "an offer of a web socket",
    `GET /healthz HTTP/1.1\r\n${host}connection: Upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n`,
    [200]
  ],
  ["HTTP/1.0 that keeps the connection", withMore("connection: keep-alive\r\n").replace("1.1", "1.0"), [200]],
  [
    "HTTP/1.0 without a host",
    withMore("connection: keep-alive\r\n").replace("1.1", "1.0").replace(host, ""),
    [200]
  ]
]

describe("a request that is odd and allowed", () => {
  for (const [name, said, statuses] of answered) {
    it.scopedLive(`is answered, and so is the next one: ${name}`, () =>
      Effect.gen(function* () {
        const { url } = yield* gateway
        const { closed, heard, socket } = yield* connect(url, said)
        const statusesHeard = () =>
          Array.from(heard().matchAll(/HTTP\/1\.1 (\d+)/g), ([, status]) => Number(status))
        yield* eventually(Effect.sync(() => closed() || statusesHeard().length === statuses.length))
        socket.write(last)
        yield* eventually(Effect.sync(closed))
        assert.deepStrictEqual(statusesHeard(), [...statuses, 200], heard())
      })
    )
  }
})
