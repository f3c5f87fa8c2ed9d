import { assert, describe, it } from "@effect/vitest"
import {
  AIProvider,
  type AIResult,
  AITask,
  EngineError,
  type ProviderRouter,
  type StreamEvent
} from "arc-saga"
import { Arbitraries, Behaviour, type ScriptedEngine, VirtualTime } from "arc-saga/testing"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as FastCheck from "effect/FastCheck"
import * as Option from "effect/Option"
import * as Supervisor from "effect/Supervisor"
import { collected, fleet as fleetOf } from "../utils/fleet.js"
import { runs, sized } from "../utils/property.js"

const providers = ["p1", "p2", "p3"].map(AIProvider.unsafeMake)

const pace = { text: "Light scatters.", chunkSize: 8 }

/** What a provider may do: few chunks and seldom a retry, so that a thousand tasks are soon done. */
const behaviour = FastCheck.tuple(
  FastCheck.constantFrom(0, 1, 50, 11_000),
  FastCheck.constantFrom(0, 5, 9000),
  FastCheck.nat(2),
  FastCheck.oneof(
    { weight: 4, arbitrary: FastCheck.constant({ _tag: "QuotaExhaustedError" as const }) },
    { weight: 1, arbitrary: Arbitraries.errorData }
  )
).chain(([firstTokenMs, msPerChunk, after, error]) => {
  const paced = { ...pace, firstTokenMs, msPerChunk }
  return FastCheck.oneof(
    { weight: 4, arbitrary: FastCheck.constant<Behaviour.Behaviour>(Behaviour.answer(paced)) },
    { weight: 3, arbitrary: FastCheck.constant(Behaviour.fail(error, { afterMs: firstTokenMs })) },
    { weight: 1, arbitrary: FastCheck.constant(Behaviour.failAfter({ ...paced, after, error })) },
    { weight: 1, arbitrary: FastCheck.constant(Behaviour.cut({ ...paced, after })) },
    { weight: 1, arbitrary: FastCheck.constant(Behaviour.stall({ ...paced, after })) }
  )
})

/** What each provider does for each kind of task. */
const tables = FastCheck.array(FastCheck.tuple(behaviour, behaviour, behaviour), {
  minLength: 1,
  maxLength: 6
})

type Table = ReadonlyArray<readonly [Behaviour.Behaviour, Behaviour.Behaviour, Behaviour.Behaviour]>

const kindOf = (task: AITask.AITask): number => Number(task.metadata?.["kind"])

const engines = (table: Table): ReadonlyArray<ScriptedEngine.Options> =>
  providers.map((provider, index) => ({
    provider,
    script: ({ task }) => Effect.fromNullable(table[kindOf(task)]?.[index]).pipe(Effect.orDie),
    record: false
  }))

/** Everything of an outcome but its times: waits are jittered from one Random. */
const timeless = (exit: Exit.Exit<AIResult.AIResult, RouteError>): string => {
  const error = Exit.isFailure(exit) && exit.cause._tag === "Fail" ? exit.cause.error : undefined
  const attempts = Exit.isSuccess(exit)
    ? exit.value.attempts
    : error !== undefined && "attempts" in error
      ? error.attempts
      : []
  const told = Exit.isSuccess(exit)
    ? [exit.value.text, exit.value.provider, String(exit.value.cost), exit.value.finishReason]
    : [error?._tag, error !== undefined && "partialText" in error ? error.partialText : ""]
  return [
    ...told,
    ...attempts.map(({ cost, error, outcome, provider, usage }) =>
      [
        provider,
        outcome,
        String(Option.map(error, ({ _tag }) => _tag)),
        String(cost),
        usage.outputTokens
      ].join()
    )
  ].join("\n")
}

type RouteError = ProviderRouter.RouteError | StreamEvent.StreamInterruptedError

const outcome = (router: ProviderRouter.Service, task: AITask.AITask) =>
  Effect.map(
    Effect.exit(
      task.mode === "streaming"
        ? Effect.flatMap(collected(router.stream(task)), ({ last, text }) =>
            last?._tag === "Completed"
              ? Effect.succeed({ ...last.result, text })
              : Effect.dieMessage("a stream that succeeded without Completed")
          )
        : router.complete(task)
    ),
    timeless
  )

/** Tasks over failing primaries. */
const atOnce = sized(10_000, 1000)

describe("ProviderRouter, under concurrency", () => {
  it.effect.prop(
    "a thousand tasks at once give the results that they give one at a time",
    [tables, FastCheck.nat(1000)],
    ([table, seed]) =>
      Effect.gen(function* () {
        const kinds = Array.from({ length: 8 * table.length }, (_, index) =>
          AITask.make({
            id: `kind ${index}`,
            prompt: "ask",
            provider: "p1",
            metadata: { kind: String(index >> 3) },
            mode: index % 8 === 0 ? "streaming" : "complete"
          })
        )
        const one = yield* Effect.forEach(kinds, (kind) => kind)
        const thousand = Array.from({ length: 1000 }, (_, index) => one[index % one.length])
        const outcomes = (tasks: ReadonlyArray<AITask.AITask | undefined>, concurrency: 1 | "unbounded") =>
          VirtualTime.simulate(
            Effect.gen(function* () {
              const { router } = yield* fleetOf(engines(table), { chains: { p1: ["p2", "p3"] } })
              return yield* Effect.forEach(
                tasks,
                (task) => (task === undefined ? Effect.die("no task") : outcome(router, task)),
                { concurrency }
              )
            }),
            { seed }
          )
        const alone = yield* outcomes(one, 1)
        const together = yield* outcomes(thousand, "unbounded")
        assert.deepStrictEqual(
          together,
          thousand.map((_, index) => alone[index % alone.length])
        )
      }),
    // Forty thousand tasks.
    runs(40, 3)
  )

  it.live(`${atOnce} tasks at once over failing primaries are all answered, and nothing stays`, () =>
    Effect.gen(function* () {
      const failing = new EngineError.QuotaExhaustedError({
        provider: AIProvider.Claude,
        description: "no credit"
      })
      const { observed, open, router } = yield* fleetOf([
        {
          provider: AIProvider.Claude,
          script: [{ _tag: "Fail", error: failing, afterMs: 1, during: "pull" }]
        },
        {
          provider: AIProvider.Gpt4,
          script: [
            {
              _tag: "Answer",
              chunks: ["Light ", "scatters."],
              firstTokenMs: 1,
              msPerChunk: 1,
              toolCalls: [],
              warnings: [],
              finishReason: "stop",
              metered: "end"
            }
          ],
          record: false
        }
      ])
      const task = yield* AITask.make({ prompt: "ask", provider: "claude" })
      const fibers = yield* Supervisor.track
      const before = heap()
      const answered = yield* Effect.forEach(
        Array.from({ length: atOnce }),
        (_, index) =>
          index % 2 === 0
            ? Effect.map(router.complete(task), ({ text }) => text)
            : Effect.map(collected(router.stream(task)), ({ text }) => text),
        { concurrency: "unbounded" }
      ).pipe(Effect.supervised(fibers))
      assert.strictEqual(answered.length, atOnce)
      assert.isTrue(answered.every((text) => text === "Light scatters."))
      assert.strictEqual(yield* open, 0)
      assert.strictEqual(observed.length, 2 * atOnce)
      assert.deepStrictEqual(yield* fibers.value, [])
      assert.isBelow(heap() - before, atOnce * 20 * 1024)
    })
  )
})

const heap = (): number => {
  globalThis.gc?.()
  return process.memoryUsage().heapUsed
}
