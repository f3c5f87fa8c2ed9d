/**
 * A page of another site in a real browser, which keeps the password of the gateway's page: whatever it has the
 * browser send, nothing is asked of a provider, and nothing of the gateway is read.
 *
 * The same headers without a browser: test/gateway/Protection.test.ts.
 */
import { assert, describe, it } from "@effect/vitest"
import { AIProvider } from "arc-saga"
import type { ApiKeys } from "arc-saga/gateway"
import { Behaviour } from "arc-saga/testing"
import * as Effect from "effect/Effect"
import { createHash } from "node:crypto"
import * as DiagnosticsChannel from "node:diagnostics_channel"
import * as Http from "node:http"
import type { AddressInfo } from "node:net"
import { browserPath, context, share } from "../utils/browser.js"
import { post, start } from "../gateway/harness.js"

const key = "test-key-web"
const keys: ReadonlyArray<ApiKeys.ApiKey> = [
  { id: "web", sha256: createHash("sha256").update(key).digest("hex"), observe: true }
]
const call = { model: "claude", max_tokens: 9, messages: [{ role: "user", content: "Hello" }] }

/** What the page's script may use: each gives what the page could read of the gateway, and "" for nothing. */
const script = (gateway: string): string => `
  const gateway = ${JSON.stringify(gateway)}
  const json = ${JSON.stringify(JSON.stringify(call))}
  const chat = gateway + "/v1/chat/completions", messages = gateway + "/v1/messages"
  const body = (type) => new Blob([json], { type })
  const fetched = (url, init) =>
    fetch(url, { credentials: "include", ...init }).then((response) => response.text()).catch(() => "")
  const posted = (url, init) => fetched(url, { method: "POST", body: json, ...init })
  const told = (target, good, bad, read = () => "") =>
    new Promise((resolve) => {
      target["on" + good] = () => { try { resolve(read() ?? "") } catch { resolve("") } }
      target["on" + bad] = () => resolve("")
    })
  const loaded = (tag, attributes, read) => {
    const element = Object.assign(document.createElement(tag), attributes)
    const end = told(element, "load", "error", () => read?.(element))
    document.body.append(element)
    return end
  }
  const form = (enctype, action) => {
    const name = "f" + Math.random()
    const form = Object.assign(document.createElement("form"), { method: "post", enctype, action, target: name })
    const [first, last] = [json.slice(0, -1) + ',"user":"', '"}']
    form.append(Object.assign(document.createElement("input"), { name: first, value: last }))
    document.body.append(form)
    const frame = Object.assign(document.createElement("iframe"), { name })
    const end = told(frame, "load", "error", () => frame.contentDocument.body.innerText)
    document.body.append(frame)
    form.submit()
    return end
  }
  const request = (type, withCredentials = true) => {
    const request = Object.assign(new XMLHttpRequest(), { withCredentials })
    request.open("POST", chat)
    request.setRequestHeader("content-type", type)
    const end = told(request, "load", "error", () => request.responseText)
    request.send(json)
    return end
  }
`

const tries: ReadonlyArray<readonly [string, string]> = [
  ["a form of plain text", `form("text/plain", chat)`],
  ["a form of plain text, to the other dialect", `form("text/plain", messages)`],
  ["a form of fields", `form("application/x-www-form-urlencoded", chat)`],
  ["a form of parts", `form("multipart/form-data", chat)`],
  ["a fetch of plain text that can't be read", `posted(chat, { mode: "no-cors" })`],
  [
    "a fetch of a JSON blob that can't be read",
    `posted(chat, { mode: "no-cors", body: body("application/json") })`
  ],
  ["a fetch of plain text", `posted(chat)`],
  ["a fetch of JSON", `posted(chat, { headers: { "content-type": "application/json" } })`],
  ["a fetch with a header of the gateway's", `posted(messages, { headers: { "x-saga-user": "ann" } })`],
  ["a fetch that goes on without the page", `posted(chat, { mode: "no-cors", keepalive: true })`],
  ["a request of plain text", `request("text/plain")`],
  ["a request of JSON", `request("application/json")`],
  ["a request of JSON without the password", `request("application/json", false)`],
  ["a beacon of plain text", `navigator.sendBeacon(chat, json) && ""`],
  ["a beacon of JSON", `navigator.sendBeacon(chat, body("application/json")) && ""`],
  ["an image", `loaded("img", { src: chat + "?body=" + encodeURIComponent(json) })`],
  ["a script", `loaded("script", { src: messages + "?body=" + encodeURIComponent(json) })`],
  ["the gateway's data as a script", `loaded("script", { src: gateway + "/status.json" })`],
  ["the gateway's data as a style", `loaded("link", { rel: "stylesheet", href: gateway + "/status.json" })`],
  ["the gateway's data by a fetch", `fetched(gateway + "/status.json")`],
  ["the metrics by a fetch", `fetched(gateway + "/metrics")`],
  ["the models by a fetch", `fetched(gateway + "/v1/models")`],
  [
    "the gateway's page in a frame",
    `loaded("iframe", { src: gateway }, (frame) => frame.contentDocument.body.innerText)`
  ],
  [
    "a stream of events",
    `told(new EventSource(chat, { withCredentials: true }), "message", "error", () => "read")`
  ],
  ["a web socket", `told(new WebSocket(chat.replace("http", "ws")), "open", "error", () => "open")`]
]

/** Another site, on this machine as well: what a browser keeps for an address it sends for all its ports. */
const siteAgainst = (gateway: string) =>
  Effect.map(
    Effect.acquireRelease(
      Effect.promise(async () => {
        const page = `<!doctype html><body><script>${script(gateway)}</script>`
        const server = Http.createServer((_, response) => {
          response.writeHead(200, { "content-type": "text/html" }).end(page)
        })
        await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
        return server
      }),
      (server) =>
        Effect.promise(() => {
          server.closeAllConnections()
          return new Promise((resolve) => server.close(resolve))
        })
    ),
    // Node gives the address of a server that listens at a port.
    (server) => `http://127.0.0.1:${(server.address() as AddressInfo).port}/`
  )

/** What Node publishes of each response that its HTTP servers have sent. */
const finished = "http.server.response.finish"

/** Method, path and status of what servers of this process have answered to pages of other sites, as it was sent. */
const answersToOthers = Effect.map(
  Effect.acquireRelease(
    Effect.sync(() => {
      const answers = new Set<string>()
      const listener = (message: unknown): void => {
        // As Node's documentation of this channel has it.
        const { request, response } = message as {
          readonly request: Http.IncomingMessage
          readonly response: Http.ServerResponse
        }
        if (request.headers["sec-fetch-site"] === "same-site") {
          answers.add(`${request.method} ${request.url} ${response.statusCode}`)
        }
      }
      DiagnosticsChannel.subscribe(finished, listener)
      return { answers, listener }
    }),
    ({ listener }) => Effect.sync(() => DiagnosticsChannel.unsubscribe(finished, listener))
  ),
  ({ answers }) => answers
)

const gateways: ReadonlyArray<readonly [string, { readonly keys?: ReadonlyArray<ApiKeys.ApiKey> }]> = [
  ["with the password of its page", { keys }],
  ["without keys, on the browser's own machine", {}]
]

const inBrowser = () => {
  share()

  it.scopedLive("spends nothing and reads nothing", () =>
    Effect.gen(function* () {
      for (const [name, gateway] of gateways) {
        const { engines, url } = yield* start({
          engines: [{ provider: AIProvider.Claude, script: [Behaviour.answer({ text: "Hi" })] }],
          gateway
        })
        const asked = Effect.map(engines[0]?.calls ?? Effect.succeed([]), (calls) => calls.length)
        const opened = yield* context({ httpCredentials: { username: "me", password: key } })
        const page = yield* Effect.promise(() => opened.newPage())
        const own = yield* Effect.promise(() => page.goto(url))
        assert.strictEqual(own?.status(), 200, name)

        const answered = yield* answersToOthers
        const site = yield* siteAgainst(url)
        yield* Effect.promise(() => page.goto(site))
        for (const [what, expression] of tries) {
          const read = yield* Effect.promise(() => page.evaluate(expression))
          assert.strictEqual(read, "", `${what}, to a gateway ${name}`)
          assert.strictEqual(yield* asked, 0, `${what}, to a gateway ${name}`)
        }
        // The browser did send what it may send unasked, and added the password to it.
        assert.isTrue(answered.has("GET /status.json 200"), name)
        const refused = [401, 403].map((status) => `POST /v1/chat/completions ${status}`)
        assert.isTrue(
          refused.some((answer) => answered.has(answer)),
          name
        )
        // What a program sends is answered.
        yield* post(`${url}/v1/chat/completions`, call, { authorization: `Bearer ${key}` })
        assert.strictEqual(yield* asked, 1, name)
      }
    })
  )
}

if (browserPath !== undefined) describe("a page of another site, in a browser", inBrowser)
