/** What every store of keys does, wherever it keeps them. */
import { assert, it } from "@effect/vitest"
import { KeyStore } from "arc-saga/gateway"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import type * as Scope from "effect/Scope"
import * as TestClock from "effect/TestClock"
import { createHash } from "node:crypto"

/** Makes a store of its own; each layer that is built of it is another process with the same keys. */
export type Made = Effect.Effect<Layer.Layer<KeyStore.KeyStore>, never, Scope.Scope>

const sha256 = (text: Redacted.Redacted): string =>
  createHash("sha256").update(Redacted.value(text)).digest("hex")

/** The hashes of a key that are known, and until when each is taken. */
const secretsOf = (store: KeyStore.Service, id: string) =>
  Effect.map(store.changedSince(0), ({ keys }) =>
    (keys.find(({ key }) => key.id === id)?.secrets ?? []).map((secret) => [
      secret.sha256,
      secret.endsAt ?? null
    ])
  )

/** What a change that can't be made says. */
interface Refused {
  readonly name: string
  readonly act: (store: KeyStore.Service) => Effect.Effect<object, KeyStore.ChangeError>
  readonly says: RegExp
}

/** Before each of them there are the keys `web`, `gone` (revoked) and `late` (expired), and the team `ml`. */
const refused: ReadonlyArray<Refused> = [
  {
    name: "an id that is taken",
    act: (store) => store.create("web", {}, "ada"),
    says: /There is or was the key "web" already/
  },
  {
    name: "the id of a key that was revoked",
    act: (store) => store.create("gone", {}, "ada"),
    says: /There is or was the key "gone" already/
  },
  {
    name: "an id that can't be a name",
    act: (store) => store.create("a\nb", {}, "ada"),
    says: /^Key.id: Expected a name of 1 to 256 characters/
  },
  {
    name: "a team that there isn't",
    act: (store) => store.create("new", { team: "mk" }, "ada"),
    says: /There isn't the team "mk"/
  },
  {
    name: "a change to a team that there isn't",
    act: (store) => store.change("web", { team: "mk" }, "ada"),
    says: /There isn't the team "mk"/
  },
  {
    name: "a limit of nothing",
    act: (store) => store.create("new", { requestsPerMinute: 0 }, "ada"),
    says: /requestsPerMinute: Expected calls in a minute \(a whole number above 0\), actual 0/
  },
  {
    name: "a budget of no unit",
    act: (store) => store.change("web", { budgets: [{ period: "day" }] }, "ada"),
    says: /budgets\[0\]\.usd: Expected either usd or tokens, actual neither/
  },
  {
    name: "two budgets of one account",
    act: (store) =>
      store.setTeam("ml", { budgets: [1, 2].map((usd) => ({ period: "day" as const, usd })) }, "ada"),
    says: /budgets\[1\]: Expected one budget in USD a day, actual two/
  },
  {
    name: "a key that there isn't",
    act: (store) => store.change("wob", {}, "ada"),
    says: /There isn't the key "wob"/
  },
  {
    name: "a key that there isn't, to revoke",
    act: (store) => store.revoke("wob", "ada"),
    says: /There isn't the key/
  },
  {
    name: "a rotation of a revoked key",
    act: (store) => store.rotate("gone", { overlapMs: 0 }, "ada"),
    says: /^The key "gone" is revoked/
  },
  {
    name: "a second revocation",
    act: (store) => store.revoke("gone", "ada"),
    says: /^The key "gone" is revoked/
  },
  {
    name: "a rotation of an expired key",
    act: (store) => store.rotate("late", { overlapMs: 0 }, "ada"),
    says: /^The key "late" has expired/
  },
  {
    name: "an overlap that is no time",
    act: (store) => store.rotate("web", { overlapMs: -1 }, "ada"),
    says: /overlapMs: Expected milliseconds \(0 or more\), actual -1/
  }
]

export const keyStoreContract = (made: Made): void => {
  const test = (name: string, body: (store: KeyStore.Service) => Effect.Effect<void, KeyStore.ChangeError>) =>
    it.scoped(name, () =>
      Effect.flatMap(made, (layer) => Effect.provide(Effect.flatMap(KeyStore.KeyStore, body), layer))
    )

  test("issues a key, of which it keeps the hash alone", (store) =>
    Effect.gen(function* () {
      yield* TestClock.setTime(1000)
      yield* store.setTeam("ml", { budgets: [{ period: "month", usd: 50 }] }, "ada")
      const settings: KeyStore.Settings = {
        user: "bob",
        team: "ml",
        models: ["claude", "gpt-*"],
        strategies: ["cheapest"],
        requestsPerMinute: 60,
        tokensPerMinute: 1000,
        concurrent: 2,
        delivery: "buffered",
        observe: true,
        budgets: [
          { period: "day", usd: 0.5 },
          { period: "day", tokens: 7 }
        ],
        expiresAt: 5000
      }
      const { key, secret } = yield* store.create("web", settings, "ada")
      assert.match(Redacted.value(secret), /^saga_[0-9A-Za-z]{43}$/)
      assert.deepStrictEqual(key, {
        ...settings,
        id: "web",
        createdAt: 1000,
        secrets: [{ hint: `saga_…${Redacted.value(secret).slice(-4)}`, createdAt: 1000 }]
      })
      assert.deepStrictEqual(yield* store.keys, [key])
      assert.deepStrictEqual(yield* secretsOf(store, "web"), [[sha256(secret), null]])
      const all = JSON.stringify([yield* store.keys, yield* store.audit(), yield* store.changedSince(0)])
      assert.notInclude(all, Redacted.value(secret).slice(5))
      assert.notInclude(JSON.stringify([yield* store.keys, yield* store.audit()]), sha256(secret))
    }))

  test("gives each key another secret", (store) =>
    Effect.gen(function* () {
      const issued = yield* Effect.forEach(["a", "b", "c", "d"], (id) => store.create(id, {}, "ada"))
      assert.strictEqual(new Set(issued.map(({ secret }) => Redacted.value(secret))).size, 4)
    }))

  test("has a key allow something else: what is null goes, and what isn't said stays", (store) =>
    Effect.gen(function* () {
      const { key } = yield* store.create("web", { user: "bob", concurrent: 2, expiresAt: 9000 }, "ada")
      const { concurrent: _, ...rest } = key
      const changed = yield* store.change(
        "web",
        { concurrent: null, requestsPerMinute: 5, user: undefined },
        "eve"
      )
      assert.deepStrictEqual(changed, { ...rest, requestsPerMinute: 5 })
      assert.deepStrictEqual(yield* store.keys, [changed])
    }))

  test("rotates: what was issued before is taken for the overlap, and never longer than before", (store) =>
    Effect.gen(function* () {
      yield* TestClock.setTime(1000)
      const first = yield* store.create("web", {}, "ada")
      const second = yield* store.rotate("web", { overlapMs: 500 }, "ada")
      assert.deepStrictEqual(yield* secretsOf(store, "web"), [
        [sha256(first.secret), 1500],
        [sha256(second.secret), null]
      ])
      yield* TestClock.setTime(1200)
      const third = yield* store.rotate("web", { overlapMs: 10_000 }, "ada")
      assert.deepStrictEqual(yield* secretsOf(store, "web"), [
        [sha256(first.secret), 1500],
        [sha256(second.secret), 11_200],
        [sha256(third.secret), null]
      ])
      yield* TestClock.setTime(1500)
      const fourth = yield* store.rotate("web", { overlapMs: 0 }, "ada")
      assert.deepStrictEqual(yield* secretsOf(store, "web"), [[sha256(fourth.secret), null]])
      assert.deepStrictEqual(
        fourth.key.secrets.map(({ createdAt }) => createdAt),
        [1500]
      )
    }))

  test("revokes for good", (store) =>
    Effect.gen(function* () {
      yield* store.create("web", {}, "ada")
      yield* TestClock.setTime(2000)
      const { revokedAt } = yield* store.revoke("web", "ada")
      assert.strictEqual(revokedAt, 2000)
      const [key] = yield* store.keys
      assert(key !== undefined)
      assert.strictEqual(KeyStore.statusOf(key, 2000), "revoked")
      assert.isTrue(Either.isLeft(yield* Effect.either(store.change("web", { expiresAt: null }, "ada"))))
    }))

  test("writes down every change, with who made it, when, and what was there", (store) =>
    Effect.gen(function* () {
      yield* TestClock.setTime(1000)
      yield* store.setTeam("ml", { budgets: [] }, "ada")
      yield* store.create("web", { team: "ml" }, "bob")
      yield* TestClock.setTime(2000)
      yield* store.change("web", { concurrent: 3 }, "eve")
      yield* store.rotate("web", { overlapMs: 100 }, "eve")
      yield* store.setTeam("ml", { budgets: [{ period: "day", tokens: 5 }] }, "ada")
      yield* store.revoke("web", "bob")
      const changes = yield* store.audit()
      assert.deepStrictEqual(
        changes.map(({ action, at, by, id, subject, version }) => [version, at, by, action, subject, id]),
        [
          [6, 2000, "bob", "revoke", "key", "web"],
          [5, 2000, "ada", "change", "team", "ml"],
          [4, 2000, "eve", "rotate", "key", "web"],
          [3, 2000, "eve", "change", "key", "web"],
          [2, 1000, "bob", "create", "key", "web"],
          [1, 1000, "ada", "create", "team", "ml"]
        ]
      )
      const [revoked, team, rotated, changed, created] = changes
      assert.isNull(created?.before)
      assert.deepStrictEqual(changed?.before, created?.after)
      assert.deepStrictEqual(changed?.after, { ...created?.after, concurrent: 3 })
      assert.deepStrictEqual(rotated?.before, changed?.after)
      assert.deepStrictEqual(revoked?.before, rotated?.after)
      assert.deepStrictEqual(revoked?.after, { ...rotated?.after, revokedAt: "1970-01-01T00:00:02.000Z" })
      assert.deepStrictEqual(
        [team?.before?.["budgets"], team?.after["budgets"]],
        [[], [{ period: "day", tokens: 5 }]]
      )
      const numbers = (filter: KeyStore.AuditFilter) =>
        Effect.map(store.audit(filter), (found) => found.map(({ version }) => version))
      assert.deepStrictEqual(yield* numbers({ id: "ml" }), [5, 1])
      assert.deepStrictEqual(yield* numbers({ limit: 2 }), [6, 5])
      assert.deepStrictEqual(yield* numbers({ before: 5, limit: 2 }), [4, 3])
    }))

  test("tells what has changed since, as it is now", (store) =>
    Effect.gen(function* () {
      yield* store.setTeam("ml", { budgets: [] }, "ada")
      yield* store.create("a", {}, "ada")
      yield* store.create("b", {}, "ada")
      const first = yield* store.changedSince(0)
      assert.deepStrictEqual(
        [first.version, first.keys.map(({ key }) => key.id), first.teams.map(({ id }) => id)],
        [3, ["a", "b"], ["ml"]]
      )
      assert.deepStrictEqual(yield* store.changedSince(3), { version: 3, keys: [], teams: [] })
      yield* store.change("a", { concurrent: 1 }, "ada")
      yield* store.change("a", { concurrent: 2 }, "ada")
      const later = yield* store.changedSince(3)
      assert.deepStrictEqual(
        [later.version, later.keys.map(({ key }) => key.concurrent), later.teams],
        [5, [2], []]
      )
    }))

  it.scoped.each(refused)("refuses $name, and changes nothing", ({ act, says }) =>
    Effect.gen(function* () {
      const store = Context.get(yield* Layer.build(yield* made), KeyStore.KeyStore)
      yield* store.setTeam("ml", { budgets: [] }, "ada")
      yield* store.create("web", {}, "ada")
      yield* store.create("gone", {}, "ada")
      yield* store.revoke("gone", "ada")
      yield* store.create("late", { expiresAt: 0 }, "ada")
      const before = [yield* store.keys, yield* store.teams, yield* store.audit()]
      const { message } = yield* Effect.flip(act(store))
      assert.match(message, says)
      assert.deepStrictEqual([yield* store.keys, yield* store.teams, yield* store.audit()], before)
    })
  )
}
