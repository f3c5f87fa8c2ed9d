import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Scope from "effect/Scope"
import * as EngineError from "../../../EngineError.js"
import type { ContractViolation } from "../../EngineContract/Violation.js"
import type { Subject } from "../../EngineContract/Subject.js"
import * as WireServer from "../../WireServer.js"
import * as law from "./law.js"

/** Milliseconds until the provider has to see that the connection is closed. */
const closedWithinMs = 100

/** Passes in steps: on a busy machine each lets the network have its turn. */
const whileItMay: Effect.Effect<void> = Effect.repeatN(Effect.sleep(closedWithinMs / 10), 9)

const closed = <E>(
  fixture: law.Fixture<E>,
  server: WireServer.Server
): Effect.Effect<void, ContractViolation> =>
  Effect.flatMap(Effect.raceFirst(Effect.as(server.closed, true), Effect.as(whileItMay, false)), (seen) =>
    fixture.expect(seen, `the connection to be closed within ${closedWithinMs} ms`, "an open connection")
  )

const cut = <E>(subject: Subject<E>, name: string, ending: WireServer.Ending): law.Law<E> =>
  law.make(subject, name, (fixture) =>
    Effect.forEach(
      [[], ["Light "], ["Light ", "scatters"]],
      (pieces) =>
        law.inBothModes(
          fixture,
          (request) => subject.answer(request, law.answer({ pieces, whole: false, ending })),
          ({ error, events, text }) =>
            Effect.gen(function* () {
              const failed = Option.getOrNull(error)
              yield* fixture.expect(
                failed?._tag === "TransientError" && failed.reason === "network",
                "a TransientError (network)",
                failed ?? events
              )
              const sent = pieces.join("")
              yield* fixture.expect(sent.startsWith(text), `the beginning of ${JSON.stringify(sent)}`, text)
            })
        ),
      { discard: true }
    )
  )

/** Milliseconds within which what is there has to be given. */
const givenWithinMs = 2000

const afterTheEnd = <E>(subject: Subject<E>): law.Law<E> =>
  law.make(subject, "waits for nothing after the sign that the answer is whole", (fixture) =>
    Effect.forEach(
      ["hang", "reset"] as const,
      (ending) =>
        law
          .inBothModes(
            fixture,
            (request) => subject.answer(request, law.answer({ ending })),
            ({ error }) => fixture.expect(Option.isNone(error), "a whole answer", Option.getOrNull(error))
          )
          .pipe(
            Effect.timeoutOption(givenWithinMs),
            Effect.flatMap((seen) =>
              fixture.expect(Option.isSome(seen), `answers within ${givenWithinMs} ms`, "none")
            )
          ),
      { discard: true }
    )
  )

const beginning = { pieces: ["Light ", "scatters"], whole: false, ending: "hang" } as const

const asWritten = <E>(subject: Subject<E>): law.Law<E> =>
  law.make(subject, "gives text while it is written, and closes the connection when it is left", (fixture) =>
    Effect.gen(function* () {
      const { engine, server } = yield* fixture.before((request) =>
        subject.answer(request, law.answer(beginning))
      )
      const asked = yield* law.task("streaming")
      const scope = yield* Scope.make()
      const firstText = Effect.flatMap(
        Scope.extend(engine.attempt({ task: asked, mode: "streaming" }), scope),
        (pull) => Effect.repeat(Effect.map(pull, law.textOf), { until: (text) => text !== "" })
      )
      const given = yield* Effect.timeoutOption(Effect.either(firstText), givenWithinMs)
      const text = Option.getOrElse(Option.flatMap(given, Option.getRight), () => "")
      const written = beginning.pieces.join("")
      yield* fixture.expect(
        text !== "" && written.startsWith(text),
        `the beginning of ${JSON.stringify(written)} within ${givenWithinMs} ms`,
        given
      )
      yield* Effect.forkDaemon(Scope.close(scope, Exit.void))
      yield* closed(fixture, server)
    })
  )

const interrupted = <E>(subject: Subject<E>): law.Law<E> =>
  law.make(subject, "closes the connection when it is interrupted while it waits", (fixture) =>
    Effect.forEach(
      law.modes,
      (mode) =>
        Effect.scoped(
          Effect.gen(function* () {
            const { engine, server } = yield* fixture.before((request) =>
              subject.answer(request, law.answer(beginning))
            )
            const fiber = yield* Effect.forkDaemon(law.attempt(engine, yield* law.task(mode)))
            yield* server.hanging
            // Until it waits for more.
            yield* Effect.sleep("30 millis")
            yield* Fiber.interruptFork(fiber)
            yield* closed(fixture, server)
          })
        ),
      { discard: true }
    )
  )

const redirects = [301, 302, 303, 307, 308]

const redirected = <E>(subject: Subject<E>): law.Law<E> =>
  law.make(subject, "follows no redirect, and tells where it goes", (fixture) =>
    Effect.gen(function* () {
      const { serve } = yield* WireServer.WireServer
      const elsewhere = yield* serve((request) => subject.answer(request, law.answer()))
      const prompt = "What is to stay where it is asked"
      yield* Effect.forEach(
        redirects.flatMap((status) => [
          // To another server, or to another place at the same one; the first request, or the one with the task.
          { status, to: `${elsewhere.url}/moved`, first: true },
          { status, to: `${elsewhere.url}/moved`, first: false },
          { status, to: "/moved", first: true }
        ]),
        ({ first, status, to }) =>
          law.inBothModes(
            fixture,
            (request) =>
              first || request.body.includes(prompt)
                ? { status, headers: { location: `${to}?signature=${status}` }, body: [] }
                : subject.answer(request, law.answer()),
            ({ error, events }, { server }) =>
              Effect.gen(function* () {
                const failed = Option.getOrUndefined(error)
                yield* fixture.expect(
                  failed !== undefined && EngineError.isPermanent(failed) && failed.status === status,
                  `a permanent error with the status ${status}`,
                  failed ?? events
                )
                const told = failed?.message ?? ""
                const address = new URL(to, server.url).href
                yield* fixture.expect(told.includes(address), `an error that tells ${address}`, told)
                yield* fixture.expect(!told.includes("signature"), "an error without the query", told)
                const moved = (yield* server.requests).filter(({ path }) => path.startsWith("/moved"))
                yield* fixture.expect(moved.length === 0, "no request to the new address", moved)
              }),
            () => ({ prompt })
          ),
        { concurrency: 5, discard: true }
      )
      const heard = (yield* elsewhere.requests).length
      yield* fixture.expect(heard === 0, "no request to the other server", `${heard} requests`)
    })
  )

/** The laws about what becomes of a connection. */
export const laws = <E>(subject: Subject<E>): ReadonlyArray<law.Law<E>> => [
  cut(subject, "takes an answer whose connection breaks for a network failure", "reset"),
  ...(law.has(subject, "terminal")
    ? [
        cut(subject, "takes an answer that ends before it is whole for a network failure", "end"),
        afterTheEnd(subject)
      ]
    : []),
  ...(law.has(subject, "streaming") ? [asWritten(subject)] : []),
  interrupted(subject),
  redirected(subject)
]
