/** What of a caller's request reaches a provider of its wire: nothing that lets the caller in, or steers a connection. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as chat from "../utils/chatCompletions.js"
import * as messages from "../utils/messages.js"
import * as RawServer from "../utils/RawServer.js"
import * as responses from "../utils/responses.js"
import { connect, eventually } from "./harness.js"
import * as wired from "./wires.js"

const callersKey = "key-of-the-gateway-0123"

const answers = {
  messages: JSON.stringify(messages.piece()),
  chatCompletions: JSON.stringify({
    model: "m",
    choices: [{ index: 0, message: { content: "Hi" }, finish_reason: "stop" }]
  }),
  responses: JSON.stringify(responses.response())
}

/** Headers that a caller may send, and that are for the gateway, its proxies or the connection. */
const kept: Readonly<Record<string, string>> = {
  authorization: `Bearer ${callersKey}`,
  "x-api-key": callersKey,
  "api-key": callersKey,
  "x-goog-api-key": callersKey,
  cookie: `session=${callersKey}`,
  "proxy-authorization": `Basic ${callersKey}`,
  "proxy-connection": "keep-alive",
  te: "trailers",
  trailer: "x-more",
  via: "1.1 proxy",
  forwarded: "for=10.0.0.1",
  "x-forwarded-for": "10.0.0.1",
  "x-forwarded-host": "evil.example",
  "x-real-ip": "10.0.0.1",
  "x-http-method-override": "DELETE",
  "x-original-url": "/admin",
  "x-saga-session": "s-1",
  "anthropic-dangerous-direct-browser-access": "true",
  "openai-organization": "org-of-the-caller",
  "openai-project": "proj-of-the-caller",
  "x-stainless-retry-count": "0",
  "x-amz-security-token": callersKey,
  "content-language": "en",
  expect: "",
  origin: "",
  referer: "http://localhost/secret",
  "user-agent": "agent-of-the-caller/1.0"
}

/** What any request to a provider has. */
const usual = new Set(
  (
    "accept accept-encoding accept-language connection content-length content-type host sec-fetch-mode user-agent " +
    "x-api-key authorization anthropic-version"
  ).split(" ")
)

describe("a call that is sent as it came", () => {
  for (const wire of wired.wires) {
    it.scopedLive(`carries no header but those of its wire, and no key of its caller: ${wire}`, () =>
      Effect.gen(function* () {
        const { upstream, url } = yield* wired.over([
          RawServer.answer(200, "application/json", answers[wire])
        ])
        const body = JSON.stringify(wired.bodyOf(wire, wire, false))
        const sent = Object.entries(kept).filter(([, value]) => value !== "")
        const { heard } = yield* connect(
          url,
          [
            `POST ${wired.paths[wire]} HTTP/1.1`,
            `host: ${new URL(url).host}`,
            "content-type: application/json",
            // Names of a connection's own headers make those hop by hop: the gateway's connections are its own.
            "connection: close, anthropic-version",
            `content-length: ${body.length}`,
            ...sent.map(([name, value]) => `${name}: ${value}`),
            "",
            body
          ].join("\r\n")
        )
        yield* eventually(Effect.sync(() => heard().includes("\r\n\r\n")))
        assert.match(heard(), /^HTTP\/1\.1 200/, heard())
        const [request] = upstream.requests
        assert.deepStrictEqual(
          Object.keys(request?.headers ?? {}).filter((name) => !usual.has(name)),
          []
        )
        const all = JSON.stringify(request)
        for (const secret of [
          callersKey,
          "of-the-caller",
          "evil.example",
          "10.0.0.1",
          "/admin",
          "localhost/secret"
        ]) {
          assert.notInclude(all, secret)
        }
        assert.include(all, wired.upstreamKey)
        assert.strictEqual(request?.headers["host"], new URL(upstream.url).host)
      })
    )
  }

  for (const wire of wired.wires) {
    it.scopedLive(`is ended at its provider when its client vanishes, at whatever stage: ${wire}`, () =>
      Effect.gen(function* () {
        const stages = {
          messages: [
            messages.wire(messages.start()),
            messages.hi,
            messages.hi + messages.wire(messages.blockStop(), messages.stopped())
          ],
          chatCompletions: [": a\n\n", chat.hi, chat.hi + chat.stop],
          responses: [
            responses.wire(responses.created),
            responses.wire(...responses.hi),
            responses.wire(...responses.hi, ...responses.rest.slice(0, 2))
          ]
        }[wire]
        const head = RawServer.send(RawServer.head(200, "text/event-stream"))
        const { activity, upstream, url } = yield* wired.over([
          [],
          [head],
          ...stages.map((stage) => [head, RawServer.send(stage)])
        ])
        const body = JSON.stringify(wired.bodyOf(wire, wire, true))
        for (const [number] of [undefined, undefined, ...stages].entries()) {
          yield* Effect.scoped(
            Effect.gen(function* () {
              yield* connect(
                url,
                `POST ${wired.paths[wire]} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`
              )
              yield* upstream.received(number)
            })
          )
          yield* upstream.closed(number)
        }
        yield* eventually(
          Effect.map(
            activity.snapshot,
            ({ calls }) => calls.length === 5 && calls.every(({ ending }) => ending !== undefined)
          )
        )
        // None is an answer, and each attempt is settled once.
        for (const { attempts, ending } of (yield* activity.snapshot).calls) {
          assert.notStrictEqual(ending?._tag, "Answered")
          assert.lengthOf(attempts, 1)
        }
      })
    )
  }

  for (const [what, text] of [
    ["a lone half of a character", "a\\ud83d b"],
    ["the other half", "\\ude80 a"],
    ["no character", "\\u0000\\uffff"],
    ["direction marks and joiners", "\\u202e\\u200d\\ufeff"]
  ] as const) {
    it.scopedLive(`reaches every wire with ${what} in it`, () =>
      Effect.gen(function* () {
        for (const provider of wired.wires) {
          const { upstream, url } = yield* wired.over([
            RawServer.answer(200, "application/json", answers[provider])
          ])
          for (const caller of wired.wires) {
            const body = JSON.stringify(wired.bodyOf(caller, provider, false)).replace('"Hi"', `"${text}"`)
            const reply = yield* Effect.promise(() =>
              fetch(url + wired.paths[caller], {
                method: "POST",
                headers: { "content-type": "application/json" },
                body
              })
            )
            assert.strictEqual(reply.status, 200, yield* Effect.promise(() => reply.text()))
            assert.include(
              JSON.stringify(JSON.parse(upstream.requests.at(-1)?.body ?? "")),
              JSON.stringify(JSON.parse(`"${text}"`))
            )
          }
        }
      })
    )
  }
})
