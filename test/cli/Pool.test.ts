/** Several keys of one provider in the configuration file. */
import * as HttpClient from "@effect/platform/HttpClient"
import * as HttpClientResponse from "@effect/platform/HttpClientResponse"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as harness from "./harness.js"

const provider = { id: "house", baseUrl: "http://127.0.0.1:1/v1", model: "m-1" }

/** A vendor that refuses the keys of some regions, and which key it was asked with where. */
const vendor = (refused: (key: string, host: string) => boolean) => {
  const asked: Array<string> = []
  const http = Layer.succeed(
    HttpClient.HttpClient,
    HttpClient.make((request, url) =>
      Effect.sync(() => {
        const key = (request.headers["authorization"] ?? "none").replace("Bearer ", "")
        asked.push(`${key} at ${url.host}`)
        const response = refused(key, url.host)
          ? harness.json({ error: { message: "Incorrect API key provided" } }, 401)
          : harness.sse("Yes.")
        return HttpClientResponse.fromWeb(request, response)
      })
    )
  )
  return { asked, http }
}

const ran = (
  pool: ReadonlyArray<object>,
  refused: (key: string, host: string) => boolean,
  more: Readonly<Record<string, unknown>> = {}
) =>
  Effect.gen(function* () {
    const { asked, http } = vendor(refused)
    const config = { ollama: false, providers: [{ ...provider, ...more, pool }] }
    const file = yield* harness.directory({
      "c.json": JSON.stringify(config),
      "t.jsonl": '{"prompt":"One"}\n'.repeat(3)
    })
    const args = [
      "run",
      file("t.jsonl"),
      "--out",
      file("r.jsonl"),
      "--concurrency",
      "1",
      "--config",
      file("c.json")
    ]
    const env = { KEY_A: "test-key-a", KEY_B: "test-key-b" }
    const { code, err, out } = yield* harness.run(args, { env, http })
    return { asked, code, err, out }
  }).pipe(Effect.provide(harness.platform))

describe("a pool of keys in the file", () => {
  it.scoped("answers every task while one of its keys is refused", () =>
    Effect.gen(function* () {
      const pool = [{ name: "first", apiKeyEnv: "KEY_A" }, { apiKeyEnv: "KEY_B" }]
      const { asked, code, err, out } = yield* ran(pool, (key) => key === "test-key-a")
      assert.strictEqual(code, 0, err)
      assert.match(out, /^house +3 +0 /m)
      assert.deepStrictEqual(asked, [
        "test-key-a at 127.0.0.1:1",
        ...Array.from({ length: 3 }, () => "test-key-b at 127.0.0.1:1")
      ])
      assert.notInclude(err, "test-key")
    })
  )

  it.scoped("has regions with the provider's key or their own, by weight", () =>
    Effect.gen(function* () {
      const pool = [
        { baseUrl: "http://127.0.0.1:2/v1", weight: 2 },
        { baseUrl: "http://127.0.0.1:3/v1", apiKeyEnv: "KEY_B" }
      ]
      const { asked } = yield* ran(pool, () => false, { apiKeyEnv: "KEY_A" })
      assert.deepStrictEqual(asked.toSorted(), [
        "test-key-a at 127.0.0.1:2",
        "test-key-a at 127.0.0.1:2",
        "test-key-b at 127.0.0.1:3"
      ])
    })
  )

  const faults: ReadonlyArray<readonly [string, ReadonlyArray<object>, string]> = [
    ["names nobody", [], "providers[0].pool[0]"],
    ["names one twice", [{ name: "2" }, {}], "providers[0].pool[1].name"],
    ["has a weight of nothing", [{ weight: 0 }], "providers[0].pool[0].weight"],
    ["has a key twice", [{ apiKey: "test-key", apiKeyEnv: "KEY_A" }], "providers[0].pool[0].apiKey"],
    [
      "has a key that isn't set",
      [{ apiKeyEnv: "KEY_A" }, { apiKeyEnv: "KEY_C" }],
      "providers[0].pool[1].apiKeyEnv"
    ],
    ["has a misspelt field", [{ apikey: "test-key-x" }], "providers[0].pool[0].apikey"]
  ]
  it.scoped.each(faults)("that %s is refused by its field, and tells no key", ([_fault, pool, field]) =>
    Effect.gen(function* () {
      const { asked, code, err } = yield* ran(pool, () => false)
      assert.strictEqual(code, 2)
      assert.include(err, `${field}: `)
      assert.notInclude(err, "test-key")
      assert.deepStrictEqual(asked, [])
    })
  )
})
