import type * as HttpClient from "@effect/platform/HttpClient"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Inspectable from "effect/Inspectable"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import * as AITask from "../../../AITask.js"
import type { EngineError } from "../../../EngineError.js"
import type * as ReasoningEngine from "../../../ReasoningEngine.js"
import type { Answer, Feature, Subject } from "../../EngineContract/Subject.js"
import { ContractViolation } from "../../EngineContract/Violation.js"
import * as WireServer from "../../WireServer.js"

/** What a check may use. */
export type Tools = HttpClient.HttpClient | WireServer.WireServer

/** One law of the contract. */
export interface Law<out E> {
  readonly name: string
  readonly check: Effect.Effect<void, ContractViolation | E, Tools>
}

/** Both deliveries. */
export const modes: ReadonlyArray<AITask.Mode> = ["complete", "streaming"]

/** What came of one attempt. */
export interface Outcome {
  readonly events: ReadonlyArray<ReasoningEngine.EngineEvent>
  /** All its text, joined. */
  readonly text: string
  readonly error: Option.Option<EngineError>
}

/** The subject of a law, and how the law states what it expects. */
export interface Fixture<out E> {
  readonly subject: Subject<E>
  /** Fails with a violation of this law unless the expectation is met. */
  readonly expect: (met: boolean, expected: string, seen: unknown) => Effect.Effect<void, ContractViolation>
  /** The engine before a server. */
  readonly before: (
    reply: (request: WireServer.Request) => WireServer.Reply
  ) => Effect.Effect<EngineUnderTest, E, Tools | Scope.Scope>
}

/** An engine and the server that it asks. */
export interface EngineUnderTest {
  readonly engine: ReasoningEngine.ReasoningEngine
  readonly server: WireServer.Server
}

/** Milliseconds that a law may take: an engine that never ends is told as one. */
const limitMs = 30_000

const maxSeen = 500

const tell = (seen: unknown): string => {
  const text = Inspectable.toStringUnknown(seen, 0)
  return text.length <= maxSeen ? text : `${text.slice(0, maxSeen)}… (${text.length} characters)`
}

/** Makes a law. Its sockets live in real time, so it does too, whatever clock the test has. */
export const make = <E>(
  subject: Subject<E>,
  name: string,
  check: (fixture: Fixture<E>) => Effect.Effect<void, ContractViolation | E, Tools | Scope.Scope>
): Law<E> => {
  const violation = (expected: string, seen: unknown): ContractViolation =>
    new ContractViolation({ subject: subject.name, law: name, expected, seen: tell(seen) })
  const fixture: Fixture<E> = {
    subject,
    expect: (met, expected, seen) => (met ? Effect.void : violation(expected, seen)),
    before: (reply) =>
      Effect.gen(function* () {
        const { serve } = yield* WireServer.WireServer
        const server = yield* serve(reply)
        return { server, engine: yield* subject.engine(server.url) }
      })
  }
  return {
    name,
    check: Effect.suspend(() => check(fixture)).pipe(
      Effect.scoped,
      Effect.catchAllDefect((defect) => violation("an engine without defects", defect)),
      // An engine that can't be interrupted isn't waited for.
      Effect.disconnect,
      Effect.timeoutFail({
        duration: limitMs,
        onTimeout: () => violation(`an end within ${limitMs} ms`, "none")
      }),
      Effect.withClock(Clock.make())
    )
  }
}

/** Whether the wire of a subject has a feature. */
export const has = (subject: Subject<unknown>, feature: Feature): boolean =>
  subject.lacks?.includes(feature) !== true

/** A task; what a law asks for is always valid. */
export const task = (
  mode: AITask.Mode,
  options: Partial<AITask.Options> = {}
): Effect.Effect<AITask.AITask> =>
  Effect.orDie(
    AITask.make({ ...(options.messages === undefined ? { prompt: "Say hi" } : {}), ...options, mode })
  )

/** An answer, whole unless the changes say otherwise. */
export const answer = (changes: Partial<Answer> = {}): Answer => ({
  pieces: ["Light ", "scatters", "."],
  toolCalls: [],
  counts: [{ inputTokens: 3, outputTokens: 2 }],
  finishReason: "stop",
  whole: true,
  ending: "end",
  ...changes
})

/** The text in events. */
export const textOf = (events: ReadonlyArray<ReasoningEngine.EngineEvent>): string =>
  events.map((event) => (event._tag === "TextDelta" ? event.text : "")).join("")

/** Pulls one attempt to its end. */
export const attempt = (
  engine: ReasoningEngine.ReasoningEngine,
  asked: AITask.AITask
): Effect.Effect<Outcome> =>
  Effect.suspend(() => {
    const events: Array<ReasoningEngine.EngineEvent> = []
    const pulled = Effect.flatMap(engine.attempt({ task: asked, mode: asked.mode }), (pull) =>
      Effect.repeat(
        Effect.tap(pull, (chunk) => void events.push(...chunk)),
        { until: (chunk) => chunk.some((event) => event._tag === "Finish") }
      )
    )
    return Effect.match(Effect.scoped(pulled), {
      onFailure: (error) => ({ events, text: textOf(events), error: Option.some(error) }),
      onSuccess: () => ({ events, text: textOf(events), error: Option.none() })
    })
  })

/** What comes of a reply, in each delivery. */
export const inBothModes = <E>(
  fixture: Fixture<E>,
  reply: (request: WireServer.Request) => WireServer.Reply,
  look: (
    outcome: Outcome,
    underTest: EngineUnderTest,
    mode: AITask.Mode
  ) => Effect.Effect<void, ContractViolation>,
  optionsOf: (mode: AITask.Mode) => Partial<AITask.Options> = () => ({})
): Effect.Effect<void, ContractViolation | E, Tools> =>
  Effect.flatMap(fixture.before(reply), (underTest) =>
    Effect.forEach(
      modes,
      (mode) =>
        Effect.flatMap(task(mode, optionsOf(mode)), (asked) =>
          Effect.flatMap(attempt(underTest.engine, asked), (outcome) => look(outcome, underTest, mode))
        ),
      { discard: true }
    )
  ).pipe(Effect.scoped)
