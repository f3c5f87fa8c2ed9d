import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Predicate from "effect/Predicate"
import * as Schema from "effect/Schema"
import { InvalidArgumentError } from "../../InvalidArgument.js"
import * as validation from "../../internal/validation.js"
import {
  type Change,
  type Changes,
  type Key,
  Key as KeySchema,
  KeyChangeError,
  type Service,
  Settings,
  statusOf,
  Team
} from "./keyModel.js"
import type { KeyRecord, Kind, Records, Step, Storage } from "./keyRecords.js"
import * as keySecret from "./keySecret.js"
import { Name } from "./keyGrants.js"

/** Decodes a key as it is to be issued. */
export const decodeKey = validation.decoder("Key", Schema.Struct({ id: Name, ...Settings.fields }), "all")

const decodeTeam = validation.decoder(
  "Team",
  Schema.Struct({ id: Name, budgets: Team.fields.budgets }),
  "all"
)

const decodeSettings = validation.decoder("Key", Settings, "all")

/** Decodes what of a key is to be another: null takes a field away. */
export const decodeChanges = (input: unknown): Either.Either<Changes, InvalidArgumentError> => {
  if (!Predicate.isRecord(input)) return decodeSettings(input)
  const isRemoved = (name: string): boolean => input[name] === null && Object.hasOwn(Settings.fields, name)
  const names = Object.keys(input)
  const said = names.filter((name) => !isRemoved(name)).map((name) => [name, input[name]])
  return Either.map(decodeSettings(Object.fromEntries(said)), (settings) => ({
    ...settings,
    ...Object.fromEntries(names.filter(isRemoved).map((name) => [name, null]))
  }))
}

const encodeKey = Schema.encodeSync(KeySchema)
const encodeTeam = Schema.encodeSync(Team)

/** A key as it is shown: without its hashes. */
export const shown = ({ secrets, ...key }: KeyRecord): Key => ({
  ...key,
  secrets: secrets.map(({ sha256: _sha256, ...secret }) => secret)
})

/** What is written down of something that is kept. */
const toldOf: { readonly [K in Kind]: (record: Records[K]) => Change["after"] } = {
  key: (record) => encodeKey(shown(record)),
  team: (team) => encodeTeam(team)
}

const stepOf = <K extends Kind>(
  kind: K,
  done: Pick<Change, "action" | "at" | "by">,
  before: Records[K] | undefined,
  record: Records[K]
): Step<K> => ({
  record,
  change: {
    ...done,
    subject: kind,
    id: record.id,
    before: before === undefined ? null : toldOf[kind](before),
    after: toldOf[kind](record)
  }
})

const refused = (
  subject: KeyChangeError["subject"],
  id: string,
  reason: KeyChangeError["reason"]
): Either.Either<never, KeyChangeError> => Either.left(new KeyChangeError({ subject, id, reason }))

/** What is left of settings, with what is to be another. */
const changed = (
  { createdAt: _createdAt, id, revokedAt: _revokedAt, secrets: _secrets, ...settings }: KeyRecord,
  changes: Changes
) => {
  const said = Object.entries(changes).filter(([, value]) => value !== undefined)
  const removed = new Set(said.flatMap(([name, value]) => (value === null ? [name] : [])))
  // What isn't there to be taken away is told like any other field that there isn't.
  const unknown = said.filter(([name, value]) => value !== null || !Object.hasOwn(Settings.fields, name))
  return decodeKey(
    Object.fromEntries([
      ["id", id],
      ...Object.entries(settings).filter(([name]) => !removed.has(name)),
      ...unknown
    ])
  )
}

/** Keeps keys where records are kept. */
export const make = (storage: Storage): Service => {
  /** Has a key changed that is taken, or may be again where `expired` is allowed. */
  const update = <E>(
    id: string,
    action: Change["action"],
    by: string,
    next: (record: KeyRecord, at: number) => Either.Either<KeyRecord, E | KeyChangeError>
  ) =>
    Effect.flatMap(Clock.currentTimeMillis, (at) =>
      storage.update<"key", E | KeyChangeError>("key", id, (current) => {
        if (current === undefined) return refused("key", id, "unknown")
        if (current.revokedAt !== undefined) return refused("key", id, "revoked")
        return Either.map(next(current, at), (record) => stepOf("key", { action, at, by }, current, record))
      })
    )

  /** A team is never taken away, so that one that was found is there. */
  const checkTeam = (team: string | null | undefined) =>
    team === undefined || team === null
      ? Effect.void
      : Effect.flatMap(storage.since(0), (stored) =>
          stored.some(({ kind, record }) => kind === "team" && record.id === team)
            ? Effect.void
            : refused("team", team, "unknown")
        )

  /** Something new to present, and how it is kept. */
  const drawn = Effect.gen(function* () {
    const secret = yield* keySecret.draw
    const sha256 = yield* keySecret.hash(secret)
    return { secret, kept: { sha256, hint: keySecret.hintOf(secret) } }
  })

  const sorted = <A extends { readonly id: string }>(all: ReadonlyArray<A>): ReadonlyArray<A> =>
    all.toSorted((one, other) => (one.id < other.id ? -1 : 1))

  return {
    create: (id, settings, by) =>
      Effect.gen(function* () {
        const decoded = yield* decodeKey({ ...settings, id })
        yield* checkTeam(decoded.team)
        const { kept, secret } = yield* drawn
        const at = yield* Clock.currentTimeMillis
        const record = yield* storage.update<"key", KeyChangeError>("key", id, (current) =>
          current === undefined
            ? Either.right(
                stepOf("key", { action: "create", at, by }, undefined, {
                  ...decoded,
                  createdAt: at,
                  secrets: [{ ...kept, createdAt: at }]
                })
              )
            : refused("key", id, "taken")
        )
        return { key: shown(record), secret }
      }),
    change: (id, changes, by) =>
      Effect.zipRight(
        checkTeam(changes.team),
        Effect.map(
          update<InvalidArgumentError>(id, "change", by, (record) =>
            Either.map(changed(record, changes), (settings) => ({
              ...settings,
              createdAt: record.createdAt,
              secrets: record.secrets
            }))
          ),
          shown
        )
      ),
    rotate: (id, { overlapMs }, by) =>
      Effect.gen(function* () {
        if (!(overlapMs >= 0 && Number.isFinite(overlapMs))) {
          return yield* new InvalidArgumentError({
            subject: "Key",
            field: "overlapMs",
            reason: `Expected milliseconds (0 or more), actual ${overlapMs}`
          })
        }
        const { kept, secret } = yield* drawn
        const record = yield* update<never>(id, "rotate", by, (record, at) =>
          statusOf(record, at) === "expired"
            ? refused("key", id, "expired")
            : Either.right({
                ...record,
                secrets: [
                  ...record.secrets
                    .map((each) => ({
                      ...each,
                      endsAt: Math.min(each.endsAt ?? Number.POSITIVE_INFINITY, at + overlapMs)
                    }))
                    .filter(({ endsAt }) => endsAt > at),
                  { ...kept, createdAt: at }
                ]
              })
        )
        return { key: shown(record), secret }
      }),
    revoke: (id, by) =>
      Effect.map(
        update<never>(id, "revoke", by, (record, at) => Either.right({ ...record, revokedAt: at })),
        shown
      ),
    keys: Effect.map(storage.since(0), (stored) =>
      sorted(stored.flatMap((each) => (each.kind === "key" ? [shown(each.record)] : [])))
    ),
    setTeam: (id, settings, by) =>
      Effect.gen(function* () {
        const { budgets } = yield* decodeTeam({ ...settings, id })
        const at = yield* Clock.currentTimeMillis
        return yield* storage.update<"team", never>("team", id, (current) =>
          Either.right(
            stepOf("team", { action: current === undefined ? "create" : "change", at, by }, current, {
              id,
              budgets,
              createdAt: current?.createdAt ?? at
            })
          )
        )
      }),
    teams: Effect.map(storage.since(0), (stored) =>
      sorted(stored.flatMap((each) => (each.kind === "team" ? [each.record] : [])))
    ),
    audit: (filter = {}) => storage.audit({ ...filter, limit: filter.limit ?? 100 }),
    changedSince: (version) =>
      Effect.map(storage.since(version), (stored) => ({
        version: stored.at(-1)?.version ?? version,
        keys: stored.flatMap((each) =>
          each.kind === "key" ? [{ key: shown(each.record), secrets: each.record.secrets }] : []
        ),
        teams: stored.flatMap((each) => (each.kind === "team" ? [each.record] : []))
      }))
  }
}
