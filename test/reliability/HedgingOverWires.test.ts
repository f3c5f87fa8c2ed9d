/** Two attempts at once at a call that came over a wire, one of which is asked over another. */
import { assert, describe, it } from "@effect/vitest"
import {
  AIProvider,
  AITask,
  Hedging,
  ProviderRouter,
  ReasoningEngine,
  ReasoningEngineRegistry
} from "arc-saga"
import { VirtualTime } from "arc-saga/testing"
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import { measured } from "../utils/guards.js"

const { Claude, Gpt4 } = AIProvider

/** An engine whose first content comes after so many milliseconds; one of the wire gives it as it came, too. */
const engine = (provider: AIProvider.AIProvider, wires: ReadonlyArray<"messages">, firstMs: number) =>
  ReasoningEngine.fromStream({
    provider,
    wires,
    stream: ({ native }) => {
      const isNative = native === true && wires.length > 0
      const opening = isNative ? [ReasoningEngine.native(`${provider}: begins. `)] : []
      const said = [
        ...(isNative ? [ReasoningEngine.native(`${provider}: says.`)] : []),
        ReasoningEngine.textDelta(`of ${provider}`),
        ReasoningEngine.finish("stop", "m")
      ]
      return Stream.concat(
        Stream.fromIterable(opening),
        Stream.unwrap(Effect.as(Effect.sleep(firstMs), Stream.fromIterable(said)))
      )
    }
  })

const served = (primary: ReasoningEngine.ReasoningEngine, backup: ReasoningEngine.ReasoningEngine) =>
  VirtualTime.simulate(
    Effect.gen(function* () {
      const router = yield* ProviderRouter.ProviderRouter
      const task = yield* AITask.make({
        prompt: "Hi",
        provider: primary.provider,
        original: { wire: "messages", body: { stream: true } }
      })
      const events = Chunk.toReadonlyArray(yield* Stream.runCollect(router.stream(task)))
      return {
        started: events.flatMap((event) =>
          event._tag === "Started" ? [[event.provider, event.native]] : []
        ),
        native: events.map((event) => (event._tag === "Native" ? event.text : "")).join(""),
        text: events.map((event) => (event._tag === "TextDelta" ? event.text : "")).join(""),
        whole: events.flatMap((event) => (event._tag === "Completed" ? [event.result.native?.body] : []))
      }
    }).pipe(
      Effect.provide(
        ProviderRouter.layer().pipe(
          Layer.provide(Layer.provide(Hedging.layer({ share: 1 }), measured)),
          Layer.provide(ReasoningEngineRegistry.layerEngines([primary, backup]))
        )
      )
    )
  )

describe("an answer of which two attempts were made at once", () => {
  it.effect("has nothing of the slower one, which began as it came", () =>
    Effect.gen(function* () {
      const told = yield* served(engine(Claude, ["messages"], 5000), engine(Gpt4, [], 200))
      assert.deepStrictEqual(told, {
        started: [[Gpt4, undefined]],
        native: "",
        text: "of gpt4",
        whole: [undefined]
      })
    })
  )

  it.effect("comes as it came where the attempt over the same wire is first", () =>
    Effect.gen(function* () {
      const native = "gpt4: begins. gpt4: says."
      const told = yield* served(engine(Claude, [], 5000), engine(Gpt4, ["messages"], 200))
      assert.deepStrictEqual(told, {
        started: [[Gpt4, "messages"]],
        native,
        text: "of gpt4",
        whole: [native]
      })
    })
  )

  it.effect("is of one where both are of its wire", () =>
    Effect.gen(function* () {
      const told = yield* served(engine(Claude, ["messages"], 150), engine(Gpt4, ["messages"], 200))
      assert.strictEqual(told.native, "claude: begins. claude: says.")
      assert.deepStrictEqual(told.started, [[Claude, "messages"]])
    })
  )
})
