import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import type { ErrorRow, Subject } from "../../EngineContract/Subject.js"
import * as law from "./law.js"

/** What a provider says of a failure where nothing depends on it. */
const plainly = "no"

/** A field of an error, or undefined. */
const fieldOf = (error: unknown, field: string): unknown =>
  Predicate.hasProperty(error, field) ? error[field] : undefined

const row = <E>(subject: Subject<E>, { error: expected, name, reply }: ErrorRow): law.Law<E> =>
  law.make(subject, `fails with ${expected._tag}: ${name}`, (fixture) =>
    law.inBothModes(
      fixture,
      (request) => reply(request, plainly),
      ({ error, events }, { engine }) => {
        const seen = Option.getOrUndefined(error)
        const fields = Object.entries({
          ...(expected._tag === "RateLimitError" ? { retryAfterMs: undefined } : {}),
          ...expected,
          provider: engine.provider
        })
        return fixture.expect(
          seen !== undefined && fields.every(([field, value]) => fieldOf(seen, field) === value),
          JSON.stringify(Object.fromEntries(fields)),
          seen ?? events
        )
      }
    )
  )

/** One row for each kind of error: what an engine repeats, it repeats by its kind. */
const kinds = ({ errors }: Subject<unknown>): ReadonlyArray<ErrorRow> => [
  ...new Map(errors.map((each) => [`${each.error._tag} ${each.error.reason ?? ""}`, each])).values()
]

const oneTry = <E>(subject: Subject<E>): law.Law<E> =>
  law.make(subject, "asks once, whatever comes of it", (fixture) => {
    const atMost = (tries: number, name: string, reply: ErrorRow["reply"]) =>
      law.inBothModes(
        fixture,
        (request) => reply(request, plainly),
        (_, { server }, mode) =>
          Effect.flatMap(server.requests, (requests) => {
            // Requests that don't carry the task open a conversation, or fetch a token.
            const asked = requests.filter(({ body }) => body.includes(`question-${mode}`)).length
            return fixture.expect(asked <= tries, `${tries} with the task (${name})`, `${asked} requests`)
          }),
        (mode) => ({ prompt: `question-${mode}` })
      )
    return Effect.forEach(
      [
        ...kinds(subject).map(({ error, name, reply }) =>
          // A token that the provider rejects may be renewed once.
          atMost(error._tag === "AuthenticationError" ? 2 : 1, name, reply)
        ),
        atMost(1, "a broken connection", (request) =>
          subject.answer(request, law.answer({ whole: false, ending: "reset" }))
        )
      ],
      (check) => check,
      { concurrency: 8, discard: true }
    )
  })

/** The laws about what an engine makes of a failure. */
export const laws = <E>(subject: Subject<E>): ReadonlyArray<law.Law<E>> => [
  ...subject.errors.map((each) => row(subject, each)),
  oneTry(subject)
]
