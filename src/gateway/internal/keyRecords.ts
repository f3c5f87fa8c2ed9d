import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Schema from "effect/Schema"
import { Instant } from "./keyGrants.js"
import { type AuditFilter, type Change, Key, type KeyStoreError, Team } from "./keyModel.js"

/** A key as it is kept: with the hashes of what it is presented as. */
export const KeyRecord = Schema.Struct({
  ...Key.fields,
  secrets: Schema.Array(
    Schema.Struct({
      hint: Schema.String,
      sha256: Schema.String,
      createdAt: Instant,
      endsAt: Schema.optional(Instant)
    })
  )
})

/** A key as it is kept. */
export interface KeyRecord extends Schema.Schema.Type<typeof KeyRecord> {}

/** What is kept, by kind. */
export interface Records {
  readonly key: KeyRecord
  readonly team: Team
}

/** The kinds of what is kept. */
export type Kind = keyof Records

/** What is kept of a kind, as it is written. */
export const schemas: { readonly [K in Kind]: Schema.Schema<Records[K], unknown> } = {
  // The compiler doesn't take what is encoded to something known for what is encoded to something unknown.
  key: Schema.asSchema(KeyRecord) as Schema.Schema<KeyRecord, unknown>,
  team: Schema.asSchema(Team) as Schema.Schema<Team, unknown>
}

/** Something that is kept, and the number of the change that made it so. */
export type Stored = {
  readonly [K in Kind]: { readonly kind: K; readonly record: Records[K]; readonly version: number }
}[Kind]

/** What becomes of what is kept, and what is written down of that. */
export interface Step<K extends Kind> {
  readonly record: Records[K]
  readonly change: Omit<Change, "version">
}

/** Where records are kept, and what was changed. */
export interface Storage {
  /**
   * Has one changed, alone: no other is changed between the look at what is there and the end. A change that is
   * refused leaves all as it was.
   */
  readonly update: <K extends Kind, E>(
    kind: K,
    id: string,
    step: (current: Records[K] | undefined) => Either.Either<Step<K>, E>
  ) => Effect.Effect<Records[K], E | KeyStoreError>
  /** What has been changed after a version, by the number of the change. */
  readonly since: (version: number) => Effect.Effect<ReadonlyArray<Stored>, KeyStoreError>
  /** The latest changes first. */
  readonly audit: (
    filter: AuditFilter & { readonly limit: number }
  ) => Effect.Effect<ReadonlyArray<Change>, KeyStoreError>
}

/** Records in memory: what can't wait can't be disturbed. */
export const memory = (): Storage => {
  const stored = new Map<string, Stored>()
  const changes: Array<Change> = []
  const find = <K extends Kind>(kind: K, id: string): Records[K] | undefined =>
    // What is kept under a kind is of that kind.
    stored.get(`${kind} ${id}`)?.record as Records[K] | undefined
  return {
    update: (kind, id, step) =>
      Effect.suspend(() =>
        Either.map(step(find(kind, id)), ({ change, record }) => {
          const version = changes.length + 1
          changes.push({ ...change, version })
          // The same holds for what is put there.
          stored.set(`${kind} ${id}`, { kind, record, version } as Stored)
          return record
        })
      ),
    since: (version) =>
      Effect.sync(() =>
        [...stored.values()]
          .filter((each) => each.version > version)
          .toSorted((one, other) => one.version - other.version)
      ),
    audit: ({ before = Number.POSITIVE_INFINITY, id, limit }) =>
      Effect.sync(() =>
        changes
          .filter((each) => each.version < before && (id === undefined || each.id === id))
          .toReversed()
          .slice(0, limit)
      )
  }
}
