import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type * as AITask from "../../../AITask.js"
import type { ContractViolation } from "../../EngineContract/Violation.js"
import type { Answer, Subject } from "../../EngineContract/Subject.js"
import type * as WireServer from "../../WireServer.js"
import * as law from "./law.js"

/** What is the same when it says the same. */
const same = (left: unknown, right: unknown): boolean => JSON.stringify(left) === JSON.stringify(right)

const answered = <E>(
  fixture: law.Fixture<E>,
  given: Answer,
  look: (outcome: law.Outcome, underTest: law.EngineUnderTest) => Effect.Effect<void, ContractViolation>,
  options: Partial<AITask.Options> = {}
) =>
  law.inBothModes(
    fixture,
    (request) => fixture.subject.answer(request, given),
    (outcome, underTest, mode) =>
      Effect.zipRight(
        fixture.expect(Option.isNone(outcome.error), `a ${mode} answer`, Option.getOrNull(outcome.error)),
        look(outcome, underTest)
      ),
    () => options
  )

const abilities = <E>(subject: Subject<E>): law.Law<E> =>
  law.make(subject, "says of itself what its wire can", (fixture) =>
    answered(fixture, law.answer(), (_, { engine }) =>
      Effect.forEach(
        ["streaming", "tools"] as const,
        (feature) =>
          fixture.expect(
            engine.capabilities[feature] === law.has(subject, feature),
            `the capability ${feature} to be ${law.has(subject, feature)}`,
            engine.capabilities[feature]
          ),
        { discard: true }
      )
    )
  )

const text = <E>(subject: Subject<E>): law.Law<E> =>
  law.make(subject, "gives the same text whole and streamed, and one finish after it", (fixture) => {
    const given = law.answer({ pieces: ["Grüße", ", ", "世界", " 🚀\n", "e\u0301", '"\\', "\u2028.", "  "] })
    const whole = given.pieces.join("")
    return answered(fixture, given, ({ events, text }) =>
      Effect.gen(function* () {
        yield* fixture.expect(text === whole, JSON.stringify(whole), text)
        const finishes = events.filter(({ _tag }) => _tag === "Finish").length
        yield* fixture.expect(finishes === 1 && events.at(-1)?._tag === "Finish", "one Finish, last", events)
      })
    )
  })

const split = <E>(subject: Subject<E>): law.Law<E> =>
  law.make(subject, "reads an answer whose bytes all come apart", (fixture) => {
    const given = law.answer({ pieces: ["é🚀", "世界", "\u2028ü"] })
    const whole = given.pieces.join("")
    const apart = (reply: WireServer.Reply): WireServer.Reply => ({
      ...reply,
      body: reply.body.flatMap((piece) =>
        Array.from(typeof piece === "string" ? new TextEncoder().encode(piece) : piece, (byte) =>
          Uint8Array.of(byte)
        )
      )
    })
    return law.inBothModes(
      fixture,
      (request) => apart(subject.answer(request, given)),
      ({ error, text }) =>
        fixture.expect(
          text === whole,
          JSON.stringify(whole),
          Option.getOrElse(error, () => text)
        )
    )
  })

const megabyte = <E>(subject: Subject<E>): law.Law<E> =>
  law.make(subject, "brings a megabyte whole", (fixture) => {
    const line = "Grüße 🚀 aus Köln; "
    const given = law.answer({
      pieces: [
        line.repeat(25_000),
        ...Array.from({ length: 500 }, (_, index) => `${index} ${line.repeat(50)}`)
      ]
    })
    const whole = given.pieces.join("")
    return answered(fixture, given, ({ text }) =>
      fixture.expect(
        text === whole,
        `${whole.length} characters as they were sent`,
        `${text.length} characters`
      )
    )
  })

const counted = <E>(subject: Subject<E>): law.Law<E> =>
  law.make(subject, "counts as the provider does: the last count is the truth", (fixture) => {
    const last = { inputTokens: 17, outputTokens: 5 }
    const given = law.answer({ counts: [{ inputTokens: 17, outputTokens: 1 }, last] })
    return answered(fixture, given, ({ events }) => {
      const usage = events.findLast(({ _tag }) => _tag === "Usage")
      const seen = usage?._tag === "Usage" ? usage.usage : undefined
      return fixture.expect(
        seen?.inputTokens === last.inputTokens && seen.outputTokens === last.outputTokens && !seen.estimated,
        JSON.stringify(last),
        seen
      )
    })
  })

const uncounted = <E>(subject: Subject<E>): law.Law<E> =>
  law.make(subject, "never tells as counted what the provider didn't count", (fixture) =>
    answered(fixture, law.answer({ counts: [] }), ({ events }) => {
      const counted = events.filter((event) => event._tag === "Usage" && !event.usage.estimated)
      return fixture.expect(counted.length === 0, "no usage, or an estimated one", counted)
    })
  )

const finishes = <E>(subject: Subject<E>): law.Law<E> =>
  law.make(subject, "says why the model stopped", (fixture) =>
    Effect.forEach(
      law.has(subject, "length") ? (["stop", "length"] as const) : (["stop"] as const),
      (finishReason) =>
        answered(fixture, law.answer({ finishReason }), ({ events }) => {
          const finish = events.at(-1)
          return fixture.expect(
            finish?._tag === "Finish" && finish.reason === finishReason,
            `a Finish by ${finishReason}`,
            finish
          )
        }),
      { discard: true }
    )
  )

const tools = <E>(subject: Subject<E>): law.Law<E> =>
  law.make(subject, "gives tool calls, whole and in their order", (fixture) => {
    const toolCalls = [
      { id: "call_a", name: "weather", arguments: '{"city":"Köln","unit":"celsius"}' },
      { id: "call_b", name: "time", arguments: "{}" }
    ]
    const given = law.answer({ pieces: ["Let me see"], toolCalls, finishReason: "tool_calls" })
    const options = {
      tools: [
        { name: "weather", parameters: { type: "object" } },
        { name: "time", parameters: { type: "object" } }
      ]
    } as const
    return answered(
      fixture,
      given,
      ({ events, text }) =>
        Effect.gen(function* () {
          const calls = events.flatMap((event) => (event._tag === "ToolCall" ? [event.call] : []))
          yield* fixture.expect(same(calls, toolCalls), JSON.stringify(toolCalls), calls)
          const finish = events.at(-1)
          const called = finish?._tag === "Finish" && finish.reason === "tool_calls"
          yield* fixture.expect(called, "a Finish by tool_calls", finish)
          yield* fixture.expect(text === "Let me see", "the text before the calls", text)
        }),
      options
    )
  })

const attemptsAtOnce = 50

const concurrency = <E>(subject: Subject<E>): law.Law<E> =>
  law.make(subject, `gives each of ${attemptsAtOnce} attempts at once its own answer`, (fixture) =>
    Effect.gen(function* () {
      const said = (index: string): ReadonlyArray<string> => ["Answer ", `number ${index}`, "."]
      const { engine } = yield* fixture.before((request) => {
        const [, index = "none"] = /question-(\d+)-/.exec(request.body) ?? []
        return subject.answer(request, law.answer({ pieces: said(index) }))
      })
      yield* Effect.forEach(
        Array.from({ length: attemptsAtOnce }, (_, index) => index),
        (index) =>
          Effect.gen(function* () {
            const mode = index % 2 === 0 ? "complete" : "streaming"
            const asked = yield* law.task(mode, { prompt: `This is question-${index}-` })
            const { error, text } = yield* law.attempt(engine, asked)
            const expected = said(String(index)).join("")
            yield* fixture.expect(
              text === expected,
              expected,
              Option.getOrElse(error, () => text)
            )
          }),
        { concurrency: "unbounded", discard: true }
      )
    })
  )

/** The laws about what an engine makes of an answer. */
export const laws = <E>(subject: Subject<E>): ReadonlyArray<law.Law<E>> => [
  abilities(subject),
  text(subject),
  split(subject),
  megabyte(subject),
  ...(law.has(subject, "usage") ? [counted(subject)] : []),
  ...(law.has(subject, "uncounted") ? [uncounted(subject)] : []),
  finishes(subject),
  ...(law.has(subject, "tools") ? [tools(subject)] : []),
  concurrency(subject)
]
