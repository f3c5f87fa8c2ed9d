import { assert, describe, it } from "@effect/vitest"
import {
  AIProvider,
  MultiLLMOrchestrator,
  ReasoningEngine,
  ReasoningEngineRegistry,
  RoutingPolicy
} from "arc-saga"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Layer from "effect/Layer"
import { logged } from "../utils/logged.js"

const engines = ReasoningEngineRegistry.layerEngines(
  [AIProvider.Claude, AIProvider.Gpt4].map((provider) =>
    ReasoningEngine.fromEffect({ provider, answer: () => Effect.succeed({ text: "Hi" }) })
  )
)

const warnings = (providers: ReadonlyArray<{ readonly provider: string }> | undefined) =>
  Effect.map(
    logged(Effect.scoped(Layer.build(Layer.provide(MultiLLMOrchestrator.layerFor({ providers }), engines)))),
    ({ lines }) => lines.filter(({ name }) => name === "orchestrator_provider_unregistered")
  )

describe("MultiLLMOrchestrator.layerFor", () => {
  it.effect("warns of a provider without an engine, and says which there are", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* warnings([{ provider: "claude" }, { provider: "cluade" }]), [
        {
          level: "WARN",
          name: "orchestrator_provider_unregistered",
          fields: { provider: "cluade", registered: "claude, gpt4" }
        }
      ])
      assert.deepStrictEqual(yield* warnings([{ provider: "gpt4" }]), [])
      assert.deepStrictEqual(yield* warnings(undefined), [])
    })
  )
})

describe("RoutingPolicy.make", () => {
  /** What is wrong with a policy that has a field more, at the path of an object in it. */
  const fault = (options: object): string =>
    Either.match(RoutingPolicy.make(options), {
      onLeft: ({ field, reason }) => `${field} ${reason}`,
      onRight: () => ""
    })

  it("refuses a field that it doesn't know, wherever it is, and names it", () => {
    assert.match(fault({ limit: {} }), /^limit is unexpected, expected: "chains" \| "rules"/)
    assert.match(fault({ limits: { timeout: 5 } }), /^limits\.timeout is unexpected, expected: "timeoutMs"/)
    assert.match(fault({ rules: { TimeOutError: { _tag: "fail" } } }), /^rules\.TimeOutError is unexpected/)
    assert.match(
      fault({ providerLimits: { claude: { timeoutMs: 5 } } }),
      /^providerLimits\.claude\.timeoutMs is unexpected, expected: "firstTokenMs" \| "idleMs" \| "attemptMs"$/
    )
    assert.strictEqual(fault({ limit: undefined, limits: { timeout: undefined } }), "")
  })

  it("never repeats what looks like a key", () => {
    assert.notInclude(fault({ "sk-0123456789abcdef0123": 1 }), "0123456789")
  })
})
