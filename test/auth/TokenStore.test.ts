import * as PlatformError from "@effect/platform/Error"
import * as KeyValueStore from "@effect/platform/KeyValueStore"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as FastCheck from "effect/FastCheck"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as TokenStore from "../../src/auth/TokenStore.js"
import * as property from "../utils/property.js"
import { arbitrary, assertHides, key, plain, told, tokens, userId } from "../utils/tokens.js"

/** A KeyValueStore whose records can be looked at and changed. */
const records = () => {
  const all = new Map<string, Uint8Array>()
  const store = KeyValueStore.make({
    get: () => Effect.succeedNone,
    getUint8Array: (name) => Effect.sync(() => Option.fromNullable(all.get(name))),
    set: (name, value) =>
      Effect.sync(() => all.set(name, typeof value === "string" ? new TextEncoder().encode(value) : value)),
    remove: (name) => Effect.sync(() => all.delete(name)),
    clear: Effect.void,
    size: Effect.sync(() => all.size)
  })
  const open = (secret: Redacted.Redacted = key(1)) =>
    Effect.provideService(TokenStore.make({ key: secret }), KeyValueStore.KeyValueStore, store)
  return { all, open }
}

/** The one record that there is. */
const only = (all: ReadonlyMap<string, Uint8Array>): readonly [string, Uint8Array] => {
  const [first = ["", new Uint8Array()] as const, ...others] = all
  assert.strictEqual(others.length, 0)
  return first
}

const secrets = ["access-secret", "refresh-secret", Redacted.value(key(1))]

describe("TokenStore", () => {
  it.effect("gives what was set, and none after it was removed", () =>
    Effect.gen(function* () {
      const store = yield* TokenStore.TokenStore
      assert.isTrue(Option.isNone(yield* store.get("alice")))
      yield* store.set("alice", tokens("a"))
      yield* store.set("bob", tokens("b", { refreshToken: Option.none() }))
      yield* store.set("alice", tokens("c"))
      assert.deepStrictEqual(plain(Option.getOrThrow(yield* store.get("alice"))), plain(tokens("c")))
      assert.deepStrictEqual(
        plain(Option.getOrThrow(yield* store.get("bob"))),
        plain(tokens("b", { refreshToken: Option.none() }))
      )
      yield* store.remove("alice")
      yield* store.remove("nobody")
      assert.isTrue(Option.isNone(yield* store.get("alice")))
      assert.isTrue(Option.isSome(yield* store.get("bob")))
    }).pipe(Effect.provide(TokenStore.layerMemory))
  )

  it.effect("keeps what it has in a KeyValueStore, for whoever has the key", () =>
    Effect.gen(function* () {
      const place = yield* Layer.memoize(KeyValueStore.layerMemory)
      const store = (secret: Redacted.Redacted) => Layer.provide(TokenStore.layer({ key: secret }), place)
      const set = Effect.flatMap(TokenStore.TokenStore, (opened) => opened.set("alice", tokens("a")))
      const get = Effect.flatMap(TokenStore.TokenStore, (opened) => opened.get("alice"))
      yield* Effect.provide(set, store(key(1)))
      const again = yield* Effect.provide(get, store(Redacted.make(` ${Redacted.value(key(1))}\n`)))
      assert.deepStrictEqual(Option.map(again, plain), Option.some(plain(tokens("a"))))
      const other = yield* Effect.flip(Effect.provide(get, store(key(2))))
      assert.strictEqual(other.reason, "rejected")
    }).pipe(Effect.scoped)
  )

  it.effect.prop(
    "gives back whatever tokens of whatever user",
    [userId, arbitrary],
    ([user, given]) =>
      Effect.gen(function* () {
        const { open } = records()
        const store = yield* open()
        yield* store.set(user, given)
        const got = Option.getOrThrow(yield* store.get(user))
        assert.deepStrictEqual(plain(got), plain(given))
      }),
    property.runs()
  )

  it.effect.prop(
    "keeps users apart, however alike their ids are, under names that any file system takes",
    [FastCheck.uniqueArray(userId, { minLength: 2, maxLength: 6 })],
    ([users]) =>
      Effect.gen(function* () {
        const { all, open } = records()
        const store = yield* open()
        for (const [index, user] of users.entries()) yield* store.set(user, tokens(`${index}`))
        for (const [index, user] of users.entries()) {
          const got = Option.getOrThrow(yield* store.get(user))
          assert.deepStrictEqual(plain(got), plain(tokens(`${index}`)))
        }
        assert.strictEqual(all.size, users.length)
        for (const name of all.keys()) assert.match(name, /^[0-9a-f]{64}$/)
      }),
    property.runs()
  )

  it.effect.prop(
    "rejects a record in which any bit is another, and never takes it for none",
    [userId, arbitrary, FastCheck.nat(), FastCheck.integer({ min: 0, max: 7 })],
    ([user, given, at, bit]) =>
      Effect.gen(function* () {
        const { all, open } = records()
        const store = yield* open()
        yield* store.set(user, given)
        const [, record] = only(all)
        const index = at % record.length
        record[index] = (record[index] ?? 0) ^ (1 << bit)
        const error = yield* Effect.flip(store.get(user))
        // What comes before the nonce is looked at first.
        assert.strictEqual(error.reason, index < 9 ? "damaged" : "rejected")
        assert.strictEqual(error.userId, user)
      }),
    property.runs()
  )

  it.effect("rejects a record in which any one bit is another, each of them", () =>
    Effect.gen(function* () {
      const { all, open } = records()
      const store = yield* open()
      yield* store.set("alice", tokens("secret"))
      const [, record] = only(all)
      for (let bit = 0; bit < 8 * record.length; bit++) {
        const mask = 1 << (bit % 8)
        const index = Math.trunc(bit / 8)
        record[index] = (record[index] ?? 0) ^ mask
        assertHides(yield* Effect.flip(store.get("alice")), secrets)
        record[index] = (record[index] ?? 0) ^ mask
      }
      assert.isTrue(Option.isSome(yield* store.get("alice")))
    })
  )

  it.effect("tells a record that is cut anywhere, or goes on, as damaged", () =>
    Effect.gen(function* () {
      const { all, open } = records()
      const store = yield* open()
      yield* store.set("alice", tokens("secret"))
      const [name, record] = only(all)
      for (let length = 0; length < record.length; length++) {
        all.set(name, record.slice(0, length))
        const error = yield* Effect.flip(store.get("alice"))
        assert.strictEqual(error.reason, "damaged", `${length}`)
        assertHides(error, secrets)
      }
      all.set(name, new Uint8Array([...record, 0]))
      assert.strictEqual((yield* Effect.flip(store.get("alice"))).reason, "damaged")
      all.set(name, record)
      assert.isTrue(Option.isSome(yield* store.get("alice")))
    })
  )

  it.effect.prop(
    "tells whatever bytes in a record's place as an error",
    [FastCheck.oneof(FastCheck.uint8Array({ maxLength: 100 }), FastCheck.constant(new Uint8Array(4096)))],
    ([bytes]) =>
      Effect.gen(function* () {
        const { all, open } = records()
        const store = yield* open()
        yield* store.set("alice", tokens("a"))
        const [name] = only(all)
        all.set(name, bytes)
        assert.strictEqual((yield* Effect.flip(store.get("alice"))).reason, "damaged")
      }),
    property.runs()
  )

  it.effect("rejects a record of another user, or of another key", () =>
    Effect.gen(function* () {
      const { all, open } = records()
      const store = yield* open()
      yield* store.set("alice", tokens("secret"))
      const [, record] = only(all)
      yield* store.set("mallory", tokens("m"))
      const mallory = Array.from(all.keys()).find((name) => all.get(name) !== record) ?? ""
      all.set(mallory, record)
      const foreign = yield* Effect.flip(store.get("mallory"))
      assert.deepInclude({ ...foreign }, { reason: "rejected", userId: "mallory" })
      const otherKey = yield* Effect.flip((yield* open(key(2))).get("alice"))
      assert.deepInclude({ ...otherKey }, { reason: "rejected", userId: "alice" })
      for (const error of [foreign, otherKey]) assertHides(error, secrets)
      assert.strictEqual(
        otherKey.message,
        "The stored sign-in of \"alice\" can't be used (rejected): it isn't encrypted with this key for this user, or it was changed"
      )
    })
  )

  it.effect("says of a record of a later version, or of other content, that it is damaged", () =>
    Effect.gen(function* () {
      const { all, open } = records()
      const store = yield* open()
      yield* store.set("alice", tokens("a"))
      const [name, record] = only(all)
      record[4] = 2
      const later = yield* Effect.flip(store.get("alice"))
      assert.include(later.message, "(damaged): it is of version 2")
      // Made with the key, for the user, by another program.
      const nonce = new Uint8Array(12)
      const header = Buffer.from([...Buffer.from("ASTK"), 1, 0, 0, 0, 18])
      const secret = yield* Effect.promise(() =>
        crypto.subtle.importKey("raw", Buffer.alloc(32, 1), "AES-GCM", false, ["encrypt"])
      )
      const sealed = yield* Effect.promise(() =>
        crypto.subtle.encrypt(
          {
            name: "AES-GCM",
            iv: nonce,
            additionalData: Buffer.concat([header, Buffer.from('"alice"')])
          },
          secret,
          Buffer.from("{}")
        )
      )
      all.set(name, new Uint8Array([...header, ...nonce, ...new Uint8Array(sealed)]))
      const foreign = yield* Effect.flip(store.get("alice"))
      assert.include(foreign.message, "(damaged): it doesn't hold tokens")
      assert.isUndefined(foreign.cause)
    })
  )

  it.effect("writes no record twice alike, and nothing of it in the clear", () =>
    Effect.gen(function* () {
      const { all, open } = records()
      const store = yield* open()
      const seen = new Set<string>()
      for (let count = 0; count < 100; count++) {
        yield* store.set("alice", tokens("secret"))
        const [name, record] = only(all)
        seen.add(Buffer.from(record.subarray(9, 21)).toString("hex"))
        const clear = Buffer.from(record).toString("latin1")
        for (const word of ["secret", "Chat.Read", "alice"]) {
          assert.notInclude(clear, word)
          assert.notInclude(name, word)
        }
      }
      assert.strictEqual(seen.size, 100)
    })
  )

  it.effect("fails by a key that isn't one, without telling it", () =>
    Effect.gen(function* () {
      const { open } = records()
      for (const wrong of ["", "S3CRET-S3CRET", Buffer.alloc(31, 65).toString("base64"), "S".repeat(64)]) {
        const error = yield* Effect.flip(open(Redacted.make(wrong)))
        assert.strictEqual(
          error.message,
          "The stored sign-in can't be used (key): Expected a key of 32 bytes in base64"
        )
        if (wrong !== "") assert.notInclude(told(error), wrong)
      }
    })
  )

  it.effect("says that the place fails where it does", () =>
    Effect.gen(function* () {
      const fails = Effect.fail(
        new PlatformError.SystemError({ reason: "PermissionDenied", module: "KeyValueStore", method: "get" })
      )
      const store = yield* Effect.provideService(
        TokenStore.make({ key: key(1) }),
        KeyValueStore.KeyValueStore,
        KeyValueStore.make({
          get: () => fails,
          getUint8Array: () => fails,
          set: () => fails,
          remove: () => fails,
          clear: fails,
          size: fails
        })
      )
      for (const use of [store.get("alice"), store.set("alice", tokens("secret")), store.remove("alice")]) {
        const error = yield* Effect.flip(Effect.asVoid(use))
        assert.deepInclude({ ...error }, { reason: "unreadable", userId: "alice" })
        assertHides(error, secrets)
      }
    })
  )

  it.effect("shows no token or key in what it gives", () =>
    Effect.gen(function* () {
      const { open } = records()
      const store = yield* open()
      yield* store.set("alice", tokens("secret"))
      assertHides(yield* store.get("alice"), secrets)
      assertHides(store, secrets)
    })
  )
})
