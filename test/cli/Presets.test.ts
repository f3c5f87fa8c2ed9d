import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as AIProvider from "../../src/AIProvider.js"
import * as ConfigFile from "../../src/cli/ConfigFile.js"
import { type Preset, presets } from "../../src/engines/OpenAICompatible.js"
import { given } from "../../src/internal/options.js"
import * as harness from "./harness.js"

const all: ReadonlyArray<readonly [string, Preset]> = Object.entries(presets)

const id = AIProvider.unsafeMake("a")

const parsed = (entry: object) =>
  Either.map(
    ConfigFile.parse("c.json", JSON.stringify({ providers: [{ id, model: "m", ...entry }] })),
    ({ providers }) => providers?.[0]
  )

/** What is wrong with a provider of the file. */
const fault = (entry: object): string =>
  Either.match(parsed(entry), { onLeft: String, onRight: () => "fine" })

describe("a preset in the configuration file", () => {
  it("says what the provider doesn't say itself", () => {
    for (const [name, { address, apiKeyEnv, baseUrl, provider: _, ...differences }] of all) {
      const own = baseUrl === undefined ? { baseUrl: "https://own.example.org/v1" } : {}
      assert.deepStrictEqual(
        Either.getOrThrow(parsed({ preset: name, ...own })),
        { id, model: "m", baseUrl: address, ...own, ...given({ apiKeyEnv, ...differences }) },
        name
      )
    }
  })

  it("stands back behind what the provider says", () => {
    const own = {
      baseUrl: "http://127.0.0.1:9/v1",
      apiKeyEnv: "MINE",
      toolCallIds: "any",
      includeUsage: true,
      wires: ["responses"]
    } as const
    assert.deepStrictEqual(Either.getOrThrow(parsed({ preset: "mistral", ...own })), {
      id,
      model: "m",
      ...own
    })
    const keyed = Either.getOrThrow(parsed({ preset: "mistral", apiKey: "test-key" }))
    assert.isUndefined(keyed?.apiKeyEnv)
    assert.isDefined(keyed?.apiKey)
  })

  it("is refused where there is none of its name, with those that there are", () => {
    const names = all.map(([name]) => name).join(", ")
    assert.include(
      fault({ preset: "grok" }),
      `providers[0].preset: Expected a preset (${names}), actual "grok". Did you mean groq?`
    )
    assert.include(fault({ preset: "toString" }), "providers[0].preset: Expected a preset")
    assert.include(fault({ preset: 3 }), "providers[0].preset: Expected")
    assert.notInclude(fault({ preset: "sk-0123456789abcdef" }), "0123456789")
  })

  it("needs an address where it is each customer's own; without a preset, every server does", () => {
    assert.include(
      fault({ preset: "azure" }),
      "providers[0].baseUrl: Expected an http or https URL (https://RESOURCE.openai.azure.com/openai/v1), actual none"
    )
    assert.include(fault({}), "providers[0].baseUrl: Expected an http or https URL, actual none")
  })

  it("has no place beside Anthropic's API", () => {
    assert.include(
      fault({ preset: "groq", api: "anthropic" }),
      'providers[0].preset: Expected none beside api "anthropic", actual "groq"'
    )
  })

  it.scoped("is asked by the key of its variable; one that isn't set is told", () =>
    Effect.gen(function* () {
      const file = yield* harness.directory({
        "c.json": JSON.stringify({ ollama: false, providers: [{ id: "fast", preset: "groq", model: "m-1" }] })
      })
      const seen: Array<string> = []
      const ask = (env: Readonly<Record<string, string>>) =>
        harness.run(["ask", "Hi", "--config", file("c.json")], {
          env,
          respond: (url, headers) => {
            seen.push(`${url.href} ${headers.get("authorization")}`)
            return harness.sse("Hello.")
          }
        })
      const { code, out } = yield* ask({ GROQ_API_KEY: "test-key" })
      assert.strictEqual(out, "Hello.\n")
      assert.strictEqual(code, 0)
      assert.deepStrictEqual(seen, ["https://api.groq.com/openai/v1/chat/completions Bearer test-key"])
      const keyless = yield* ask({})
      assert.strictEqual(keyless.code, 2)
      assert.include(
        keyless.err,
        'providers[0].apiKeyEnv: Expected an environment variable that is set, actual "GROQ_API_KEY"'
      )
    }).pipe(Effect.provide(harness.platform))
  )
})
