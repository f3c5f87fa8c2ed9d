import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as LogLevel from "effect/LogLevel"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import * as log from "../../internal/log.js"
import * as numbers from "../../internal/numbers.js"
import * as validation from "../../internal/validation.js"
import type { ApiKey } from "../ApiKeys.js"
import * as access from "./access.js"
import * as body from "./body.js"
import type { Setup } from "./call.js"
import { decodeChanges, decodeKey } from "./keyChanges.js"
import {
  type AuditFilter,
  Change,
  type Issued,
  Key,
  KeyChangeError,
  type Service as KeyStore,
  statusOf,
  Team
} from "./keyModel.js"
import { decodePath } from "./models.js"
import type * as problem from "./problem.js"
import { RejectedRequest } from "./rejection.js"
import type { Request, Respond, Response, Route, RouteOf } from "./route.js"

/** A request of an admin key. */
interface Asked {
  readonly request: Request
  readonly store: KeyStore
  readonly admin: ApiKey
  /** Who makes a change, for the audit. */
  readonly by: string
  /** What the body says. */
  readonly json: Effect.Effect<unknown, RejectedRequest, Scope.Scope>
}

type Administer = (asked: Asked) => Effect.Effect<Response, problem.Failure, Scope.Scope>

const encodeKey = Schema.encodeSync(Key)
const encodeTeam = Schema.encodeSync(Team)
const encodeChange = Schema.encodeSync(Change)

const decodeTeam = validation.decoder("Team", Schema.Struct({ budgets: Team.fields.budgets }), "all")

const decodeRotation = validation.decoder(
  "Key",
  Schema.Struct({ overlapMs: numbers.withDefault(numbers.from0("milliseconds"), 0) }),
  "all"
)

const decodeFilter = validation.decoder(
  "Audit",
  Schema.Struct({
    id: Schema.optional(Schema.String),
    before: Schema.optional(numbers.count("the number of a change")),
    limit: Schema.optional(
      numbers.number(
        "changes (a whole number from 1 to 1000)",
        (n) => n >= 1 && n <= 1000 && Number.isInteger(n)
      )
    )
  }),
  "all"
)

const notIssued = new RejectedRequest({
  reason: "no-keys",
  description:
    'No keys are issued here. Configure a ledger and "issuedKeys", or change the keys of the configuration file in it'
})

const own = new RejectedRequest({
  reason: "own-key",
  description:
    "A key doesn't revoke itself, and changes neither its own admin nor its own expiresAt, so that one that administers is always left. Use another admin key, or the command line"
})

const noTeam = new RejectedRequest({
  reason: "no-team",
  param: "id",
  description: "There is no such team. Look which there are: /v1/teams"
})

const configured = new RejectedRequest({
  reason: "configured-key",
  param: "id",
  description: "A key of the configuration has this id. Choose another"
})

const shown = (key: Key) =>
  Effect.map(Clock.currentTimeMillis, (now) => ({ ...encodeKey(key), status: statusOf(key, now) }))

/** A key with what it is presented as, for the only time. */
const issued = (status: number, { key, secret }: Issued): Effect.Effect<Response> =>
  Effect.map(shown(key), (told) =>
    HttpServerResponse.unsafeJson(
      { key: told, secret: Redacted.value(secret) },
      { status, headers: { location: `/v1/keys/${encodeURIComponent(key.id)}` } }
    )
  )

const one = (key: Key): Effect.Effect<Response> =>
  Effect.map(shown(key), (told) => HttpServerResponse.unsafeJson(told))

const list = (data: ReadonlyArray<unknown>): Response =>
  HttpServerResponse.unsafeJson({ object: "list", data })

const isEmpty = ({ headers }: Request): boolean =>
  headers["transfer-encoding"] === undefined && Number(headers["content-length"] ?? 0) === 0

/** What a query asks for; a number that can't be one is told like any that isn't in range. */
const filterOf = ({ url }: Request): Record<string, unknown> => {
  const said = Object.fromEntries(new URLSearchParams(url.replace(/^[^?]*/, "")))
  const numbered = (["before", "limit"] as const).filter((name) => name in said)
  return { ...said, ...Object.fromEntries(numbered.map((name) => [name, Number(said[name])])) }
}

const keys: Administer = ({ store }) =>
  Effect.flatMap(store.keys, (all) => Effect.map(Effect.forEach(all, shown), list))

const create =
  (taken: ReadonlySet<string>): Administer =>
  ({ by, json, store }) =>
    Effect.gen(function* () {
      const { id, ...settings } = yield* decodeKey(yield* json)
      if (taken.has(id)) return yield* configured
      return yield* issued(201, yield* store.create(id, settings, by))
    })

const key =
  (id: string): Administer =>
  ({ store }) =>
    Effect.flatMap(store.keys, (all) => {
      const found = all.find((each) => each.id === id)
      return found === undefined ? new KeyChangeError({ subject: "key", id, reason: "unknown" }) : one(found)
    })

const change =
  (id: string): Administer =>
  ({ admin, by, json, store }) =>
    Effect.gen(function* () {
      const changes = yield* decodeChanges(yield* json)
      const isOwn = changes.admin === false || changes.admin === null || changes.expiresAt !== undefined
      if (admin.id === id && isOwn) return yield* own
      return yield* one(yield* store.change(id, changes, by))
    })

const revoke =
  (id: string): Administer =>
  ({ admin, by, store }) =>
    admin.id === id ? Effect.fail(own) : Effect.flatMap(store.revoke(id, by), one)

const rotate =
  (id: string): Administer =>
  ({ by, json, request, store }) =>
    Effect.gen(function* () {
      const options = yield* decodeRotation(isEmpty(request) ? {} : yield* json)
      return yield* issued(200, yield* store.rotate(id, options, by))
    })

const teams: Administer = ({ store }) =>
  Effect.map(store.teams, (all) => list(all.map((each) => encodeTeam(each))))

const team =
  (id: string): Administer =>
  ({ store }) =>
    Effect.flatMap(store.teams, (all) => {
      const found = all.find((each) => each.id === id)
      return found === undefined ? noTeam : Effect.succeed(HttpServerResponse.unsafeJson(encodeTeam(found)))
    })

const setTeam =
  (id: string): Administer =>
  ({ by, json, store }) =>
    Effect.gen(function* () {
      const settings = yield* decodeTeam(yield* json)
      return HttpServerResponse.unsafeJson(encodeTeam(yield* store.setTeam(id, settings, by)))
    })

const audit: Administer = ({ request, store }) =>
  Effect.gen(function* () {
    const filter: AuditFilter = yield* decodeFilter(filterOf(request))
    return list((yield* store.audit(filter)).map((each) => encodeChange(each)))
  })

/** The routes by which admin keys issue, change and revoke keys, and read what was changed. */
export const routes = (setup: Setup): RouteOf => {
  const administering =
    (administer: Administer): Respond =>
    (request) =>
      Effect.gen(function* () {
        const admin = yield* access.admit(setup.keys, request.headers, "administer")
        const store = setup.keyStore
        if (store === undefined) return yield* notIssued
        // Without any keys there is none that could be an admin's.
        if (admin === undefined) return yield* access.notAdmin
        const json = Effect.map(body.json(request, setup.limits), (received) => received.json)
        return yield* Effect.tapErrorTag(
          administer({ request, store, admin, by: `key ${admin.id}`, json }),
          "KeyStoreError",
          ({ operation, reason }) =>
            log.event(LogLevel.Warning, "keys_request_failed", () => ({ operation, reason }))
        )
      })
  const route = (name: string, methods: Readonly<Record<string, Administer>>): Route => {
    const { GET: read, ...others } = methods
    const answered = Object.entries({ ...(read === undefined ? {} : { GET: read, HEAD: read }), ...others })
    return {
      name,
      methods: Object.fromEntries(
        answered.map(([method, administer]) => [method, administering(administer)])
      ),
      always: false,
      isSecret: true
    }
  }
  const collections = new Map(
    [
      route("/v1/keys", { GET: keys, POST: create(setup.configured) }),
      route("/v1/teams", { GET: teams }),
      route("/v1/audit", { GET: audit })
    ].map((each) => [each.name, each])
  )
  return (path) => {
    const [, kind, named = "", action] = /^\/v1\/(keys|teams)\/([^/]+)(\/rotate)?$/.exec(path) ?? []
    const id = Option.getOrElse(decodePath(named), () => named)
    if (kind === "keys") {
      return action === undefined
        ? route("/v1/keys/{id}", { GET: key(id), PATCH: change(id), DELETE: revoke(id) })
        : route("/v1/keys/{id}/rotate", { POST: rotate(id) })
    }
    return kind === "teams" && action === undefined
      ? route("/v1/teams/{id}", { GET: team(id), PUT: setTeam(id) })
      : collections.get(path)
  }
}
