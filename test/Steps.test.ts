/**
 * What a call and each chunk of an answer cost, counted in steps and fibers: the same on every machine. A change that
 * costs more raises the numbers here in its own commit.
 */
import { assert, describe, it } from "@effect/vitest"
import { AIProvider, AITask, MultiLLMOrchestrator, ReasoningEngine, ReasoningEngineRegistry } from "arc-saga"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import { post, start } from "./gateway/harness.js"
import { type Counted, counting } from "./utils/steps.js"

/** A turn of the event loop, as waiting for a network is one. */
const turn = Effect.async<void>((resume) => {
  setImmediate(() => resume(Effect.void))
})

/** Writes as many chunks as the prompt says, each a turn later. */
const engine = ReasoningEngine.make({
  provider: AIProvider.unsafeMake("house"),
  attempt: ({ task }) => {
    const chunks = Number(AITask.promptText(task))
    let written = 0
    const pull: ReasoningEngine.Pull = Effect.sync(() => {
      written += 1
      const text = ReasoningEngine.textDelta(`${written} `)
      return written < chunks ? [text] : [text, ReasoningEngine.finish("stop", "house-1")]
    })
    return Effect.succeed(Effect.zipRight(turn, pull))
  }
})

interface Cost {
  /** Of a call of one chunk. */
  readonly call: Counted
  /** Of each chunk more. */
  readonly chunk: Counted
}

/** What a call costs once another has been made. */
const costOf = <E, R>(
  call: (chunks: number) => Effect.Effect<unknown, E, R>,
  taken: () => Counted
): Effect.Effect<Cost, E, R> =>
  Effect.gen(function* () {
    yield* call(1)
    taken()
    yield* call(1)
    const one = taken()
    yield* call(101)
    const { fibers, steps } = taken()
    return { call: one, chunk: { steps: (steps - one.steps) / 100, fibers: (fibers - one.fibers) / 100 } }
  })

const isWithin = (counted: Counted, limit: Counted): void => {
  assert.isAbove(counted.steps, 0)
  assert.isAtMost(counted.steps, limit.steps)
  assert.isAtMost(counted.fibers, limit.fibers)
}

const keepsTo = (cost: Cost, limit: Cost): void => {
  isWithin(cost.call, limit.call)
  isWithin(cost.chunk, limit.chunk)
}

describe("steps", () => {
  it.live("of a program's calls", () =>
    counting((taken) =>
      Effect.gen(function* () {
        const saga = yield* MultiLLMOrchestrator.MultiLLMOrchestrator
        const whole = yield* costOf(
          (chunks) => Effect.flatMap(AITask.make({ prompt: String(chunks) }), (task) => saga.complete(task)),
          taken
        )
        const streamed = yield* costOf(
          (chunks) =>
            Effect.flatMap(AITask.make({ prompt: String(chunks), mode: "streaming" }), (task) =>
              Stream.runDrain(saga.stream(task))
            ),
          taken
        )
        keepsTo(whole, { call: { steps: 106, fibers: 1 }, chunk: { steps: 6, fibers: 0 } })
        keepsTo(streamed, { call: { steps: 741, fibers: 2 }, chunk: { steps: 46, fibers: 1 } })
      }).pipe(
        Effect.provide(
          MultiLLMOrchestrator.layerFor({}).pipe(
            Layer.provide(ReasoningEngineRegistry.layerEngines([engine]))
          )
        )
      )
    )
  )

  it.scopedLive("of a gateway's calls", () =>
    counting((taken) =>
      Effect.gen(function* () {
        const { url } = yield* start({ engines: [], registered: [engine] })
        const call = (stream: boolean) => (chunks: number) =>
          Effect.tap(
            post(`${url}/v1/chat/completions`, {
              model: "house",
              stream,
              messages: [{ role: "user", content: String(chunks) }]
            }),
            ({ status }) => Effect.sync(() => assert.strictEqual(status, 200))
          )
        const whole = yield* costOf(call(false), taken)
        const streamed = yield* costOf(call(true), taken)
        keepsTo(whole, { call: { steps: 336, fibers: 3 }, chunk: { steps: 6, fibers: 0 } })
        keepsTo(streamed, { call: { steps: 948, fibers: 6 }, chunk: { steps: 66, fibers: 1 } })
      })
    )
  )
})
