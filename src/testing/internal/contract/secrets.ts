import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as FiberRef from "effect/FiberRef"
import * as HashSet from "effect/HashSet"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as LogLevel from "effect/LogLevel"
import * as Predicate from "effect/Predicate"
import * as Stream from "effect/Stream"
import * as Tracer from "effect/Tracer"
import type * as AITask from "../../../AITask.js"
import * as MultiLLMOrchestrator from "../../../routing/MultiLLMOrchestrator.js"
import type * as ReasoningEngine from "../../../ReasoningEngine.js"
import * as ReasoningEngineRegistry from "../../../ReasoningEngineRegistry.js"
import type { Subject } from "../../EngineContract/Subject.js"
import type * as WireServer from "../../WireServer.js"
import * as law from "./law.js"

const prompt = "The merger of ACME and Initech is to be announced on Monday morning"
const systemPrompt = "You are the assistant of the board; speak of nothing to nobody"

/** Parts of what the caller says: none of them may be told. */
const words = ["ACME and Initech", "announced on Monday", "assistant of the board", "nothing to nobody"]

/** How deep a value is looked into. */
const maxDepth = 8

/** Every text within a value, hidden fields and causes included. */
const textsIn = (value: unknown, seen: Set<unknown> = new Set(), depth = 0): ReadonlyArray<string> => {
  if (typeof value === "string") return [value]
  if (value instanceof Uint8Array) return [new TextDecoder().decode(value)]
  if (!Predicate.isObject(value) || seen.has(value) || depth === maxDepth) return []
  seen.add(value)
  const within = (each: unknown): ReadonlyArray<string> => textsIn(each, seen, depth + 1)
  if (value instanceof Map || value instanceof Set) return [...value].flatMap(within)
  const own = Reflect.ownKeys(value).flatMap((key) => [String(key), ...within(Reflect.get(value, key))])
  return Predicate.isError(value) ? [String(value), value.message, JSON.stringify(value), ...own] : own
}

/** A cause as loggers and exporters tell it at most. */
const pretty = (cause: Cause.Cause<unknown>): string => Cause.pretty(cause, { renderErrorCause: true })

type Tell = (where: "an error" | "a log" | "a span", ...values: ReadonlyArray<unknown>) => void

const recordingLogger = (tell: Tell): Logger.Logger<unknown, void> =>
  Logger.make(({ annotations, cause, message, spans }) =>
    tell("a log", message, pretty(cause), [...annotations], [...spans])
  )

const recordingTracer = (tell: Tell): Tracer.Tracer =>
  Tracer.make({
    context: (run) => run(),
    span: (name, parent, context, links, startTime, kind) => {
      const attributes = new Map<string, unknown>()
      let status: Tracer.SpanStatus = { _tag: "Started", startTime }
      tell("a span", name)
      return {
        _tag: "Span",
        name,
        spanId: "span",
        traceId: "trace",
        parent,
        context,
        links,
        kind,
        sampled: true,
        attributes,
        get status() {
          return status
        },
        end: (endTime, exit) => {
          status = { _tag: "Ended", startTime, endTime, exit }
          if (Exit.isFailure(exit)) tell("a span", pretty(exit.cause))
        },
        attribute: (key, value) => {
          attributes.set(key, value)
          tell("a span", key, value)
        },
        event: (name, _, attributes) => tell("a span", name, attributes),
        addLinks: (links) => tell("a span", ...links.map(({ attributes }) => attributes))
      }
    }
  })

/** Serves a task as a program does, over the whole of the orchestrator. */
const serve = (engine: ReasoningEngine.ReasoningEngine, task: AITask.AITask) =>
  Effect.flatMap(MultiLLMOrchestrator.MultiLLMOrchestrator, (orchestrator) =>
    task.mode === "complete" ? orchestrator.complete(task) : Stream.runDrain(orchestrator.stream(task))
  ).pipe(
    Effect.provide(
      Layer.provide(
        MultiLLMOrchestrator.layerFor({
          providers: [{ provider: engine.provider }],
          // One attempt shows all there is to see.
          policy: { rules: { TransientError: { _tag: "fail" }, RateLimitError: { _tag: "fail" } } }
        }),
        ReasoningEngineRegistry.layerEngines([engine])
      )
    ),
    Effect.exit
  )

const secrets = <E>(subject: Subject<E>): law.Law<E> =>
  law.make(subject, "tells no key and nothing of the task in an error, a log or a span", (fixture) => {
    /** Which secret was told where; never the secret itself. */
    const leaks = new Set<string>()
    const tell: Tell = (where, ...values) => {
      for (const text of values.flatMap((value) => textsIn(value))) {
        if (subject.secrets.some((secret) => text.includes(secret))) leaks.add(`a key in ${where}`)
        if (words.some((word) => text.includes(word))) leaks.add(`the task in ${where}`)
      }
    }
    /** Words of a server that repeats all that it has been told so far. */
    const repeating = (): ((request: WireServer.Request) => string) => {
      const heard = new Set<string>()
      return ({ headers }) => {
        const sent = Object.values(headers).join()
        for (const secret of subject.secrets) if (sent.includes(secret)) heard.add(secret)
        return `bad key ${[...heard].join(", ")} for [${prompt}] under [${systemPrompt}]`
      }
    }
    const asked = (reply: Parameters<typeof fixture.before>[0]) =>
      Effect.scoped(
        Effect.gen(function* () {
          const { engine } = yield* fixture.before(reply)
          const system = engine.capabilities.systemPrompt ? { systemPrompt } : {}
          for (const mode of law.modes) {
            const exit = yield* serve(engine, yield* law.task(mode, { prompt, ...system }))
            if (Exit.isSuccess(exit)) continue
            const { cause } = exit
            tell("an error", pretty(cause), ...Cause.failures(cause), ...Cause.defects(cause))
          }
        })
      )
    return Effect.gen(function* () {
      yield* Effect.forEach(
        [
          asked((request) => subject.answer(request, law.answer())),
          asked((request) => subject.answer(request, law.answer({ whole: false, ending: "reset" }))),
          ...subject.errors.map(({ reply }) => {
            const repeated = repeating()
            return asked((request) => reply(request, repeated(request)))
          })
        ],
        (check) => check,
        { concurrency: 8, discard: true }
      ).pipe(
        Effect.withTracer(recordingTracer(tell)),
        Effect.locally(FiberRef.currentMinimumLogLevel, LogLevel.All),
        Effect.locally(FiberRef.currentLoggers, HashSet.make(recordingLogger(tell)))
      )
      yield* fixture.expect(leaks.size === 0, "no secret anywhere", [...leaks].join(", "))
    })
  })

/** The laws about what must not be told. */
export const laws = <E>(subject: Subject<E>): ReadonlyArray<law.Law<E>> => [secrets(subject)]
