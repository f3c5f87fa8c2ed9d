import * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as body from "../../../src/gateway/internal/body.js"
import * as bodies from "../../../src/internal/bodies.js"

describe("a body", () => {
  it.scoped.each([
    ["of a few bytes is taken in one piece", 100, false],
    ["of many bytes is taken as it comes, which copies none of it again and again", bodies.fewBytes, true]
  ] as const)("%s", ([, length, isStreamed]) =>
    Effect.gen(function* () {
      const text = JSON.stringify({ a: "ü".repeat(length) })
      const bytes = new TextEncoder().encode(text)
      const request = HttpServerRequest.fromWeb(
        new Request("http://127.0.0.1/", {
          method: "POST",
          body: bytes,
          headers: { "content-type": "application/json", "content-length": String(bytes.length) }
        })
      )
      const taken: Array<string> = []
      const seen = new Proxy(request, {
        get: (target, name) => {
          if (name === "stream" || name === "arrayBuffer") taken.push(name)
          return Reflect.get(target, name, target)
        }
      })
      const limits = { maxBodyBytes: 10 * bodies.fewBytes, bodyTimeoutMs: 1000 }
      const { json } = yield* body.json(seen, limits)
      assert.deepStrictEqual(json, JSON.parse(text))
      assert.deepStrictEqual(taken, [isStreamed ? "stream" : "arrayBuffer"])
    })
  )
})
