import * as SqlClient from "@effect/sql/SqlClient"
import { assert, describe, it } from "@effect/vitest"
import { KeyStore } from "arc-saga/gateway"
import * as KeyStoreSql from "arc-saga/gateway/KeyStore/Sql"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { databases } from "../../utils/databases.js"
import { flaky, refused } from "../../utils/flakySql.js"
import { keyStoreContract } from "../../utils/keyStoreContract.js"

describe.each(databases)("KeyStore/Sql on $name", ({ fresh }) => {
  keyStoreContract(Effect.map(fresh, (client) => Layer.orDie(Layer.provide(KeyStoreSql.layer, client))))

  it.scopedLive(
    "numbers the changes of processes that make them at once, each once and none beside another",
    () =>
      Effect.gen(function* () {
        const client = yield* fresh
        const process = Effect.provide(
          KeyStore.KeyStore,
          yield* Layer.build(Layer.provide(KeyStoreSql.layer, Layer.fresh(client)))
        )
        const other = Effect.provide(
          KeyStore.KeyStore,
          yield* Layer.build(Layer.provide(KeyStoreSql.layer, Layer.fresh(client)))
        )
        const [one, two] = yield* Effect.all([process, other])
        yield* Effect.forEach(
          Array.from({ length: 12 }, (_, index) => index),
          (index) =>
            Effect.flatMap((index % 2 === 0 ? one : two).create(`key-${index}`, {}, "ada"), () =>
              // No number that was read comes before one that comes later.
              Effect.map(one.changedSince(0), ({ keys, version }) => assert.lengthOf(keys, version))
            ),
          { concurrency: "unbounded" }
        )
        assert.strictEqual((yield* two.changedSince(0)).version, 12)
        // One of two that take the same id has it.
        const taken = yield* Effect.all(
          [one, two].map((store) => Effect.either(store.create("same", {}, "ada"))),
          { concurrency: 2 }
        )
        assert.sameMembers(
          taken.map(({ _tag }) => _tag),
          ["Left", "Right"]
        )
      })
  )

  it.scopedLive("lets no statement change or remove what was written down", () =>
    Effect.gen(function* () {
      const client = yield* fresh
      const context = yield* Layer.build(Layer.provideMerge(KeyStoreSql.layer, client))
      yield* Effect.gen(function* () {
        const store = yield* KeyStore.KeyStore
        const sql = yield* SqlClient.SqlClient
        yield* store.create("web", {}, "ada")
        const written = yield* store.audit()
        for (const statement of [
          sql`UPDATE arc_saga_key_audit SET by_whom = 'eve'`,
          sql`DELETE FROM arc_saga_key_audit`,
          sql`DELETE FROM arc_saga_key_audit WHERE version = 1`
        ]) {
          const error = yield* Effect.flip(statement)
          assert.match(String(error.cause), /append-only/)
        }
        assert.deepStrictEqual(yield* store.audit(), written)
      }).pipe(Effect.provide(context))
    })
  )
})

describe("KeyStore/Sql", () => {
  it.scopedLive("tells what the database said, where it is away or holds something else", () =>
    Effect.gen(function* () {
      const sql = flaky(yield* Effect.flatten(Effect.fromNullable(databases[0]?.fresh)))
      const context = yield* Layer.build(Layer.provideMerge(KeyStoreSql.layer, sql.client))
      const store = yield* Effect.provide(KeyStore.KeyStore, context)
      yield* store.create("web", {}, "ada")
      yield* Effect.flatMap(
        SqlClient.SqlClient,
        (client) => client`UPDATE arc_saga_keys SET record = '{"id": 5}'`
      ).pipe(Effect.provide(context))
      const torn = yield* Effect.flip(store.keys)
      assert.match(torn.message, /^The keys can't be read: /)
      assert.match((yield* Effect.flip(store.revoke("web", "ada"))).message, /^The keys can't be written: /)
      sql.before = refused
      assert.match((yield* Effect.flip(store.audit())).message, /^The keys can't be read: /)
    })
  )
})
