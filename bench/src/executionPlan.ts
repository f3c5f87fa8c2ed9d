/** Effect's own answer: the bare engine under an execution plan. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as ExecutionPlan from "effect/ExecutionPlan"
import * as Stream from "effect/Stream"
import * as AITask from "../../src/AITask.js"
import * as EngineError from "../../src/EngineError.js"
import type * as ReasoningEngine from "../../src/ReasoningEngine.js"
import * as RoutingPolicy from "../../src/routing/RoutingPolicy.js"
import * as engines from "./engines.js"
import type * as work from "./work.js"

class Engine extends Context.Tag("arc-saga-bench/Engine")<Engine, ReasoningEngine.ReasoningEngine>() {}

export const contestant: work.Contestant = {
  name: "Effect.withExecutionPlan",
  does: "3 attempts with backoff for transient errors (streams: none), failover; no deadline; no accounting",
  failsOver: true,
  client: async (primary, fallback) => {
    const first = Context.make(Engine, engines.make(primary))
    const second = Context.make(Engine, engines.make(fallback))
    const plan = ExecutionPlan.make(
      {
        provide: first,
        attempts: 3,
        schedule: RoutingPolicy.backoff("200 millis", 2),
        while: (error: EngineError.EngineError) => EngineError.isTransient(error)
      },
      { provide: second }
    )
    // Stream.retry starts its schedule anew after every element: a provider that breaks off halfway would
    // be asked for ever.
    const withoutRetries = ExecutionPlan.make({ provide: first }, { provide: second })
    const complete = (task: AITask.AITask) =>
      Effect.withExecutionPlan(
        Effect.flatMap(Engine, (engine) => engines.collect(engine, task)),
        plan
      )
    const stream = (task: AITask.AITask) =>
      engines.join(
        Stream.withExecutionPlan(
          Stream.unwrap(Effect.map(Engine, (engine) => engines.stream(engine, task))),
          withoutRetries,
          // By default it asks again after partial output, and appends the new answer to the old.
          { preventFallbackOnPartialStream: true }
        )
      )
    return {
      complete: (prompt) => Effect.runPromise(Effect.flatMap(AITask.make({ prompt }), complete)),
      stream: (prompt) =>
        Effect.runPromise(Effect.flatMap(AITask.make({ prompt, mode: "streaming" }), stream)),
      reset: () => {}
    }
  }
}
