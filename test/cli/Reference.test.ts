import { assert, describe, it } from "@effect/vitest"
import * as Either from "effect/Either"
import * as ConfigFile from "../../src/cli/ConfigFile.js"
import * as Reference from "../../src/cli/Reference.js"

const parse = (config: unknown): string =>
  Either.match(ConfigFile.parse("c.json", JSON.stringify(config)), {
    onLeft: ({ message }) => message,
    onRight: () => "fine"
  })

const groq = { id: "groq", baseUrl: "http://localhost:1/v1", model: "m" }
const sha256 = "9f2feb0f1ef425b292f2f94bb8482494df430413b4d2b0d2b1c0a6d0a9c5e7a1"
const budget = (scope: string, subject?: string) => ({
  name: "b",
  scope,
  period: "day",
  usd: 1,
  ...(subject === undefined ? {} : { subject })
})
const keys = (...keys: ReadonlyArray<{ readonly id: string; readonly user?: string }>) => ({
  keys: keys.map((key, index) => ({ ...key, sha256: sha256.replace("9", String(index)) }))
})

describe("the ids that a configuration refers to", () => {
  it("have to be there: an id that isn't is refused with those that are, and the nearest of them", () => {
    const known = "(groq, copilot_chat, claude, gpt4, ollama)"
    for (const [config, expected] of [
      [
        { rateLimits: { gorq: { concurrency: 1 } } },
        `c.json: rateLimits.gorq: Expected a provider ${known}, actual "gorq". Did you mean groq?`
      ],
      [
        { chains: { Groq: [] } },
        `c.json: chains.Groq: Expected a provider ${known}, actual "Groq". Did you mean groq?`
      ],
      [
        { chains: { groq: ["claude", "copilot_chatt"] } },
        `c.json: chains.groq[1]: Expected a provider ${known}, actual "copilot_chatt". Did you mean copilot_chat?`
      ],
      [
        { chains: { groq: ["somebody"] } },
        `c.json: chains.groq[0]: Expected a provider ${known}, actual "somebody"`
      ]
    ] as const) {
      assert.strictEqual(parse({ providers: [groq], ...config }), expected)
    }
  })

  it("may be those of the environment and of what is found running", () => {
    const limits = { concurrency: 1 }
    assert.strictEqual(
      parse({
        providers: [groq],
        simulated: [{ id: "rehearsal" }],
        chains: { copilot_chat: ["groq"], ollama: ["rehearsal"] },
        rateLimits: { claude: limits, gpt4: limits, copilot_chat: limits, rehearsal: limits }
      }),
      "fine"
    )
  })

  it("are keys and users, too, where the file says which there are", () => {
    const web = { id: "web", user: "ada" }
    assert.strictEqual(
      parse({ gateway: keys(web), budgets: [budget("key", "wbe")] }),
      'c.json: budgets[0].subject: Expected a key of gateway.keys (web), actual "wbe". Did you mean web?'
    )
    assert.strictEqual(
      parse({ gateway: keys(web), budgets: [budget("user", "adda")] }),
      'c.json: budgets[0].subject: Expected a user of gateway.keys (ada), actual "adda". Did you mean ada?'
    )
    for (const fine of [
      { gateway: keys(web), budgets: [budget("key", "web")] },
      { gateway: keys(web), budgets: [budget("user", "ada")] },
      { gateway: keys(web), budgets: [budget("user")] },
      // A key without a user may call for any; without keys the tasks say whose they are.
      { gateway: keys(web, { id: "any" }), budgets: [budget("user", "bob")] },
      { budgets: [budget("key", "nightly")] }
    ]) {
      assert.strictEqual(parse(fine), "fine")
    }
  })

  it("are near when a third of their letters differ at most", () => {
    const guess = (id: string, ...known: ReadonlyArray<string>) =>
      /mean (.*)\?$/.exec(Reference.faultOf({ field: "f", id, what: "a name", known }) ?? "")?.[1]
    assert.strictEqual(guess("abcdeX", "zzz", "abcdef"), "abcdef")
    assert.strictEqual(guess("bacdef", "abcdef"), "abcdef")
    assert.strictEqual(guess("abXYef", "abcdef"), "abcdef")
    assert.strictEqual(guess("aXYZef", "abcdef"), undefined)
    assert.strictEqual(guess("gpt-4", "gpt5", "gpt4"), "gpt4")
    assert.strictEqual(guess("x", "ab"), undefined)
    assert.strictEqual(
      Reference.faultOf({ field: "f", id: "anything", what: "a name", known: [] }),
      'Expected a name (there is none), actual "anything"'
    )
  })
})
