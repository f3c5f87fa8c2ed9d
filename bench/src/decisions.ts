/** How long a decision takes with all on: a model, its guarantees, exploring, escalation, and a session that is warm. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import * as AIProvider from "../../src/AIProvider.js"
import * as AITask from "../../src/AITask.js"
import * as Usd from "../../src/Usd.js"
import * as TokenUsage from "../../src/TokenUsage.js"
import * as CostOptimizer from "../../src/routing/CostOptimizer.js"
import * as SessionStore from "../../src/routing/SessionStore.js"
import * as Sessions from "../../src/routing/Sessions.js"
import * as Escalation from "../../src/savings/Escalation.js"
import * as QualityModel from "../../src/savings/QualityModel.js"
import * as Savings from "../../src/savings/Savings.js"

/** An agent's conversation: thirty steps with a tool, behind a question. */
const conversation = (question: string): AITask.Options["messages"] => [
  { role: "user", content: question },
  ...Array.from({ length: 30 }, (_, step) => [
    {
      role: "assistant" as const,
      content: `Step ${step}`,
      toolCalls: [{ id: `c${step}`, name: "read", arguments: `{"line":${step}}` }]
    },
    { role: "tool" as const, toolCallId: `c${step}`, content: "lorem ipsum ".repeat(100) }
  ]).flat()
]

/** Milliseconds of a decision for each question, the middle of five: the machine's other work isn't ours. */
export const times = (
  model: QualityModel.Model,
  questions: ReadonlyArray<string>
): Effect.Effect<ReadonlyArray<number>, unknown> =>
  Effect.gen(function* () {
    const quality = yield* QualityModel.make(model)
    const sessions = yield* Effect.provideServiceEffect(
      Sessions.make(),
      SessionStore.SessionStore,
      SessionStore.makeMemory()
    )
    const providers = model.providers.map(({ provider }) => provider)
    const optimizer = yield* Effect.provide(
      CostOptimizer.make(
        providers.map((provider, index) => ({
          provider,
          qualityScore: 5 + index,
          price: { input: 1 + index, output: 5, cacheRead: 0.1, cacheWrite: 1.25 + index }
        }))
      ),
      Context.make(Sessions.Sessions, sessions)
    )
    const savings = yield* Effect.provideService(
      Savings.make({ keep: 0.98, explore: { share: 0.05, seed: 1 } }),
      QualityModel.QualityModel,
      quality
    )
    const strategy = yield* Escalation.make({ strategy: savings })
    const [warm = AIProvider.Claude] = providers
    const usage = TokenUsage.make({ inputTokens: 20_000, outputTokens: 100, cacheWriteTokens: 20_000 })
    return yield* Effect.forEach(questions, (question, index) =>
      Effect.gen(function* () {
        const messages = conversation(question)
        const task = Either.getOrThrow(AITask.make({ id: `t${index}`, session: `s${index}`, messages }))
        yield* sessions.observe(
          {
            provider: warm,
            model: "m",
            outcome: "succeeded",
            error: Option.none(),
            usage,
            cost: Option.some(Usd.zero),
            startedAt: Date.now(),
            durationMs: 1,
            firstTokenMs: Option.none()
          },
          task
        )
        const tries: Array<number> = []
        for (let turn = 0; turn < 5; turn++) {
          const startedAt = performance.now()
          // Without what remembers the last task.
          yield* optimizer.select({ ...task }, strategy)
          tries.push(performance.now() - startedAt)
        }
        return tries.toSorted((left, right) => left - right)[2] ?? Number.NaN
      })
    )
  })
