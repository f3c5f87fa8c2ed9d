import * as Chunk from "effect/Chunk"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as PubSub from "effect/PubSub"
import * as RcMap from "effect/RcMap"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type * as Take from "effect/Take"
import * as AIResult from "../../AIResult.js"
import type * as AITask from "../../AITask.js"
import * as AttemptObserver from "../../AttemptObserver.js"
import * as ids from "../../internal/ids.js"
import { optional } from "../../internal/optional.js"
import { given } from "../../internal/options.js"
import { reasoningDelta } from "../../ReasoningEngine.js"
import * as SpendLedger from "../../spend/SpendLedger.js"
import { mapResult, type StreamEvent, type StreamInterruptedError } from "../../StreamEvent.js"
import * as TokenUsage from "../../TokenUsage.js"
import * as Usd from "../../Usd.js"
import * as TaskService from "../TaskService.js"
import * as repair from "./repair.js"

/** Where answers are kept: texts by keys, which are as long as what is asked. */
export interface Store {
  /** What is kept by a key, unless its time is over. */
  readonly get: (key: string) => Effect.Effect<Option.Option<string>>
  /** Keeps something by a key for so many milliseconds, in place of what is kept by it. */
  readonly set: (key: string, value: string, ttlMs: number) => Effect.Effect<void>
}

/** Which calls are answered from the store, and for how long. */
interface Settings {
  readonly ttlMs: number
  readonly use: "always" | "asked"
  readonly share: "caller" | "everybody"
  readonly version: string
}

/** What a call is answered by. */
interface Asked {
  readonly task: AITask.AITask
  readonly options: TaskService.ServeOptions
  readonly key: string
}

/** Of the headers that go on, those that say who asks or which call it is make no other question of it. */
const meaningful = /^(?:anthropic|openai)-/

/** What a provider is sent of a task, whichever it is: the original, or what it would be made of. */
const question = ({
  agent: _agent,
  answerCache: _answerCache,
  cacheKey: _cacheKey,
  id: _id,
  keyId: _keyId,
  metadata: _metadata,
  mode: _mode,
  original,
  session: _session,
  team: _team,
  timeoutMs: _timeoutMs,
  userId: _userId,
  ...said
}: AITask.AITask): unknown =>
  original === undefined
    ? said
    : {
        wire: original.wire,
        body: original.text ?? original.body,
        requires: original.requires,
        prefers: original.prefers,
        headers: Object.entries(original.headers ?? {}).filter(([name]) => meaningful.test(name)),
        ...given({
          provider: said.provider,
          providers: said.providers,
          pinned: said.pinned,
          unsupported: said.unsupported
        })
      }

/** Equal calls under way, which one answer is for. */
interface Flight {
  readonly asked: Asked
  /** Nobody joins it any more: it is over, or there is nobody left who waits. */
  readonly end: () => void
}

/** The flights that can be joined, by what is asked and for how long. */
class Flights {
  private readonly open = new Map<string, Flight>()

  /** The flight for a call, and whether it is the one for whom it is asked. */
  of(asked: Asked): { readonly flight: Flight; readonly leads: boolean } {
    const { key, options, task } = asked
    // Who waits for the answer of others waits no longer than for an own one, and gets none that was asked before.
    const name = [key, task.timeoutMs, options.defaultTimeoutMs, task.answerCache === "refresh"].join(" ")
    const known = this.open.get(name)
    if (known !== undefined) return { flight: known, leads: false }
    const flight: Flight = {
      asked,
      end: () => {
        if (this.open.get(name) === flight) this.open.delete(name)
      }
    }
    this.open.set(name, flight)
    return { flight, leads: true }
  }
}

const Kept = Schema.parseJson(AIResult.AIResult)
const encode = Schema.encodeSync(Kept)
const decode = Schema.decodeUnknownOption(Kept)

/** Whether an answer is one to be given again: whole, as it was wanted, and of the one provider that gave it. */
const isKept = (
  task: AITask.AITask,
  { attempts, finishReason, text, toolCalls }: AIResult.AIResult
): boolean =>
  (finishReason === "stop" || finishReason === "tool_calls") &&
  attempts.every(({ outcome }) => outcome !== "cut") &&
  repair.warnings(task, { text, toolCalls }).length === 0

/** The events of an answer that is there already, all at once: as they came over a wire, where it came over one. */
const eventsOf = (result: AIResult.AIResult): Chunk.Chunk<StreamEvent> => {
  const { cache, dropped, model, native, provider, reasoning = [], text, toolCalls } = result
  return Chunk.fromIterable<StreamEvent>([
    { _tag: "Started", provider, model, attempts: 0, ...given({ cache, dropped, native: native?.wire }) },
    ...(native === undefined ? [] : [{ _tag: "Native", text: native.body } as const]),
    ...reasoning.map((part) => reasoningDelta(part.text, part.state)),
    ...(text === "" ? [] : [{ _tag: "TextDelta", text } as const]),
    ...toolCalls.map((call) => ({ _tag: "ToolCall", call }) as const),
    { _tag: "Completed", result }
  ])
}

/** A service that answers from a store where it can. */
export const make = (
  service: TaskService.Service,
  { share, ttlMs, use, version }: Settings,
  store: Store
): Effect.Effect<TaskService.Executing, never, Scope.Scope> =>
  Effect.gen(function* () {
    const observers = [
      yield* optional(SpendLedger.SpendLedger),
      yield* optional(AttemptObserver.AttemptObserver)
    ].filter((observer) => observer !== undefined)
    const { observe } = AttemptObserver.all(observers)

    const askedOf = (task: AITask.AITask, options: TaskService.ServeOptions): Effect.Effect<Asked> =>
      Effect.gen(function* () {
        const { strategy = yield* service.strategy ?? Effect.succeed(undefined), useFallback = true } =
          options
        const caller = share === "everybody" ? [] : [task.keyId ?? null, task.userId ?? null]
        const key = JSON.stringify([version, caller, strategy?.name ?? null, useFallback, question(task)])
        return { task, options, key }
      })

    /** The answer for a caller for whom no provider was asked. */
    const free =
      (task: AITask.AITask, startedAt: number, cache: "hit" | "joined") =>
      (answer: AIResult.AIResult): Effect.Effect<AIResult.AIResult> =>
        Effect.gen(function* () {
          const { costSource: _, ...rest } = answer
          const durationMs = (yield* Clock.currentTimeMillis) - startedAt
          const { model, provider } = answer
          const nothing = { cost: Option.some(Usd.zero), usage: TokenUsage.none, startedAt, durationMs }
          yield* observe(
            {
              ...nothing,
              provider,
              model,
              outcome: "cached",
              error: Option.none(),
              firstTokenMs: Option.none()
            },
            task
          )
          return {
            ...rest,
            taskId: yield* ids.ofTask(task),
            cost: Option.some(Usd.zero),
            baseline: answer.baseline ?? { provider, cost: answer.cost },
            durationMs,
            firstTokenMs: Option.as(answer.firstTokenMs, durationMs),
            attempts: [],
            cache
          }
        })

    const keep = ({ key, task }: Asked, result: AIResult.AIResult): Effect.Effect<AIResult.AIResult> => {
      const missed = { ...result, cache: "miss" } as const
      // What was tried for it isn't what the next one has to be told.
      return isKept(task, result)
        ? Effect.as(store.set(key, encode({ ...result, attempts: [] }), ttlMs), missed)
        : Effect.succeed(missed)
    }

    const whole = (asked: Asked): TaskService.Whole<TaskService.TaskError | TaskService.SoleTaskError> =>
      Effect.flatMap(service.complete(asked.task, asked.options), (result) => keep(asked, result))

    const streamed = (
      asked: Asked
    ): TaskService.Streamed<TaskService.TaskError | TaskService.SoleTaskError> =>
      Stream.mapChunksEffect(service.stream(asked.task, asked.options), (events) =>
        Effect.map(
          mapResult(events, (result) => keep(asked, result)),
          Chunk.map((event): StreamEvent => (event._tag === "Started" ? { ...event, cache: "miss" } : event))
        )
      )

    // A call is given up when the last one has gone who waits for it.
    const begun = <A, E>({ end }: Flight, run: Effect.Effect<A, E>) =>
      Effect.zipRight(
        Effect.addFinalizer(() => Effect.sync(end)),
        Effect.forkScoped(Effect.interruptible(Effect.ensuring(run, Effect.sync(end))))
      )
    const wholes = yield* RcMap.make({ lookup: (flight: Flight) => begun(flight, whole(flight.asked)) })
    type Event = Take.Take<
      StreamEvent,
      TaskService.TaskError | TaskService.SoleTaskError | StreamInterruptedError
    >
    const streams = yield* RcMap.make({
      lookup: (flight: Flight) =>
        Effect.gen(function* () {
          // Who comes later has all that was delivered before, and who is slow holds up no other.
          const events = yield* PubSub.unbounded<Event>({ replay: Number.POSITIVE_INFINITY })
          yield* begun(flight, Stream.runIntoPubSub(streamed(flight.asked), events))
          return events
        })
    })
    const [wholeFlights, streamFlights] = [new Flights(), new Flights()]

    /** What is kept for a task, unless it is to be asked anew. */
    const found = ({ key, task }: Asked): Effect.Effect<Option.Option<AIResult.AIResult>> =>
      task.answerCache === "refresh" ? Effect.succeedNone : Effect.map(store.get(key), Option.flatMap(decode))

    const isUsed = ({ answerCache = use === "always" ? "use" : "off" }: AITask.AITask): boolean =>
      answerCache !== "off"

    const { complete, execute, stream } = TaskService.make({
      complete: (task, options) =>
        isUsed(task)
          ? Effect.gen(function* () {
              const startedAt = yield* Clock.currentTimeMillis
              const asked = yield* askedOf(task, options)
              const hit = yield* found(asked)
              if (Option.isSome(hit)) return yield* free(task, startedAt, "hit")(hit.value)
              const { flight, leads } = wholeFlights.of(asked)
              const result = yield* Effect.scoped(Effect.flatMap(RcMap.get(wholes, flight), Fiber.join))
              return leads ? result : yield* free(task, startedAt, "joined")(result)
            })
          : service.complete(task, options),
      stream: (task, options) =>
        isUsed(task)
          ? Stream.unwrapScoped(
              Effect.gen(function* () {
                const startedAt = yield* Clock.currentTimeMillis
                const asked = yield* askedOf(task, options)
                const hit = yield* found(asked)
                if (Option.isSome(hit)) {
                  return Stream.fromChunk(eventsOf(yield* free(task, startedAt, "hit")(hit.value)))
                }
                const { flight, leads } = streamFlights.of(asked)
                const events = Stream.flattenTake(Stream.fromPubSub(yield* RcMap.get(streams, flight)))
                return leads
                  ? events
                  : Stream.mapChunksEffect(events, (some) =>
                      Effect.map(
                        mapResult(some, free(task, startedAt, "joined")),
                        Chunk.map((event): StreamEvent =>
                          event._tag === "Started" ? { ...event, cache: "joined" } : event
                        )
                      )
                    )
              })
            )
          : service.stream(task, options)
    })
    return { complete, execute, stream, ...given({ strategy: service.strategy }) }
  })
