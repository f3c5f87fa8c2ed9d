/** arc-saga: the whole way, from a prompt over orchestrator, optimizer and router to the engine. */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as ManagedRuntime from "effect/ManagedRuntime"
import * as AIProvider from "../../src/AIProvider.js"
import * as AITask from "../../src/AITask.js"
import * as CostOptimizer from "../../src/routing/CostOptimizer.js"
import * as MultiLLMOrchestrator from "../../src/routing/MultiLLMOrchestrator.js"
import * as ProviderRouter from "../../src/routing/ProviderRouter.js"
import * as ReasoningEngineRegistry from "../../src/ReasoningEngineRegistry.js"
import * as Strategy from "../../src/routing/Strategy.js"
import * as engines from "./engines.js"
import type * as work from "./work.js"

/** Levels stay as they are by default and events are formatted; the lines go nowhere. */
const discarded = Logger.replace(
  Logger.defaultLogger,
  Logger.map(Logger.stringLogger, () => {})
)

export const contestant: work.Contestant = {
  name: "arc-saga",
  does: "selection, deadline, first-token and idle limits, retries by schedule, failover; usage, cost and every attempt; logs at the default level, lines formatted and thrown away",
  failsOver: true,
  client: async (primary, fallback) => {
    const router = ProviderRouter.layer({ chains: { [primary.name]: [fallback.name] } })
    const registry = ReasoningEngineRegistry.layerEngines([engines.make(primary), engines.make(fallback)])
    const optimizer = CostOptimizer.layer([
      { provider: primary.name, costPerToken: 0.001 },
      { provider: fallback.name, costPerToken: 0.002 }
    ])
    const runtime = ManagedRuntime.make(
      MultiLLMOrchestrator.layer().pipe(
        Layer.provide(router),
        Layer.provide(Layer.merge(registry, optimizer)),
        Layer.provideMerge(discarded)
      )
    )
    const orchestrator = await runtime.runPromise(MultiLLMOrchestrator.MultiLLMOrchestrator)
    const complete = (task: AITask.AITask) => Effect.map(orchestrator.complete(task), (result) => result.text)
    const stream = (task: AITask.AITask) => engines.join(orchestrator.stream(task))
    return {
      complete: (prompt) => runtime.runPromise(Effect.flatMap(AITask.make({ prompt }), complete)),
      stream: (prompt) =>
        runtime.runPromise(Effect.flatMap(AITask.make({ prompt, mode: "streaming" }), stream)),
      reset: () => {}
    }
  }
}

export const select = "select among 10 providers"
export const rank = "rank 10 providers"
export const lookUp = "look up an engine among 10"
export const make = "make a task"

const names = Array.from({ length: 10 }, (_, index) => `provider-${index}`)

/** The parts alone: one selection among ten providers, one lookup among ten engines. */
export const parts = Effect.gen(function* () {
  const optimizer = yield* CostOptimizer.make(
    names.map((provider, index) => ({
      provider,
      costPerToken: 0.001 * (index + 1),
      p50LatencyMs: 1000 - 90 * index,
      qualityScore: 5 + index / 3
    }))
  )
  const registry = yield* ReasoningEngineRegistry.make
  for (const name of names) {
    yield* registry.register(engines.make({ name, fails: "never", pace: "instant" }))
  }
  const task = yield* AITask.make({ prompt: "Which?" })
  return new Map<string, Effect.Effect<unknown, unknown>>([
    [select, optimizer.select(task, Strategy.balanced)],
    [rank, optimizer.rank(task, Strategy.balanced)],
    [lookUp, registry.get(AIProvider.unsafeMake("provider-9"))],
    [make, Effect.suspend(() => AITask.make({ prompt: "Which?" }))]
  ])
})
