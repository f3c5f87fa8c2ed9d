import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Logger from "effect/Logger"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Scope from "effect/Scope"
import * as TestClock from "effect/TestClock"
import * as EntraId from "../../src/auth/EntraId.js"
import * as TokenStore from "../../src/auth/TokenStore.js"
import { fields } from "../utils/attempts.js"
import { pause, sleepUntil, storedText, text, until, world } from "../utils/entra.js"
import * as EntraServer from "../utils/EntraServer.js"
import { tokens } from "../utils/tokens.js"
import { eventually } from "../gateway/harness.js"

const hour = 3_600_000

describe("EntraId.get", () => {
  it.scoped("gives the token that there is until 300 s before its end, then refreshes it", () =>
    Effect.gen(function* () {
      const { entraId, server, store } = yield* world()
      yield* store.set("alice", tokens("old", { expiresAt: hour }))
      yield* TestClock.setTime(hour - 300_001)
      assert.strictEqual(yield* text(entraId.get("alice")), "access-old")
      assert.lengthOf(server.requests, 0)
      yield* TestClock.setTime(hour - 300_000)
      assert.strictEqual(yield* text(entraId.get("alice")), "access-0")
      assert.strictEqual(yield* text(entraId.get("alice")), "access-0")
      assert.lengthOf(server.requests, 1)
    })
  )

  it.scoped("refreshes as early as it is told to", () =>
    Effect.gen(function* () {
      const { entraId, server, store } = yield* world([], { refreshEarlyMs: 0 })
      yield* store.set("alice", tokens("old", { expiresAt: hour }))
      yield* TestClock.setTime(hour - 1)
      assert.strictEqual(yield* text(entraId.get("alice")), "access-old")
      yield* TestClock.setTime(hour)
      assert.strictEqual(yield* text(entraId.get("alice")), "access-0")
      assert.lengthOf(server.requests, 1)
    })
  )

  it.scoped("keeps the new refresh token, and the old one where none came", () =>
    Effect.gen(function* () {
      const { entraId, server, store } = yield* world([
        EntraServer.granted("1"),
        EntraServer.granted("2", { refresh_token: undefined }),
        EntraServer.granted("3")
      ])
      yield* store.set("alice", tokens("old", { expiresAt: 0 }))
      for (const [time, stored] of [
        [0, ["access-1", "refresh-1"]],
        [hour, ["access-2", "refresh-1"]],
        [2 * hour, ["access-3", "refresh-3"]]
      ] as const) {
        yield* TestClock.setTime(time)
        yield* entraId.get("alice")
        assert.deepStrictEqual(yield* storedText(store, "alice"), Option.some([...stored]))
      }
      assert.deepStrictEqual(
        server.requests.map(({ form }) => form["refresh_token"]),
        ["refresh-old", "refresh-1", "refresh-1"]
      )
    })
  )

  it.scoped("refreshes once for a hundred tasks that wait, and for each user by itself", () =>
    Effect.gen(function* () {
      const { entraId, server, store } = yield* world()
      const users = ["alice", "bob"]
      for (const user of users) yield* store.set(user, tokens(user, { expiresAt: 0 }))
      const given = yield* Effect.forEach(
        Array.from({ length: 200 }, (_, index) => users[index % 2] ?? ""),
        (user) => text(entraId.get(user)),
        { concurrency: "unbounded" }
      )
      assert.lengthOf(server.requests, 2)
      assert.lengthOf(new Set(given), 2)
      for (const [index, token] of given.entries()) assert.strictEqual(token, given[index % 2])
    })
  )

  it.scoped("serves the others when the task that began the refresh is interrupted", () =>
    Effect.gen(function* () {
      const { entraId, server, store } = yield* world()
      yield* store.set("alice", tokens("old", { expiresAt: 0 }))
      const first = yield* Effect.fork(entraId.get("alice"))
      yield* server.received(0)
      const others = yield* Effect.forkAll(Array.from({ length: 10 }, () => text(entraId.get("alice"))))
      yield* Fiber.interrupt(first)
      assert.deepStrictEqual(
        yield* Fiber.join(others),
        Array.from({ length: 10 }, () => "access-0")
      )
      assert.lengthOf(server.requests, 1)
    })
  )

  it.scoped("stores what a refresh brings that nobody waits for any more", () =>
    Effect.gen(function* () {
      const { entraId, server, store } = yield* world()
      yield* store.set("alice", tokens("old", { expiresAt: 0 }))
      const only = yield* Effect.fork(entraId.get("alice"))
      yield* server.received(0)
      yield* Fiber.interrupt(only)
      yield* until(
        Effect.map(storedText(store, "alice"), (stored) => Option.getOrThrow(stored)[0] === "access-0")
      )
    })
  )

  it.scoped("asks again after a refresh that failed: failures aren't kept", () =>
    Effect.gen(function* () {
      const { entraId, store } = yield* world([
        EntraServer.refusal("temporarily_unavailable"),
        EntraServer.refusal("invalid_grant")
      ])
      yield* store.set("alice", tokens("old", { expiresAt: 0 }))
      assert.strictEqual((yield* Effect.flip(entraId.get("alice")))._tag, "SignInUnavailableError")
      assert.strictEqual((yield* Effect.flip(entraId.get("alice")))._tag, "SignInRequiredError")
      assert.strictEqual(yield* text(entraId.get("alice")), "access-2")
    })
  )

  it.scoped("fails all that wait alike, and none of another user", () =>
    Effect.gen(function* () {
      const { entraId, server, store } = yield* world([EntraServer.refusal("invalid_grant")])
      yield* store.set("alice", tokens("old", { expiresAt: 0 }))
      yield* store.set("bob", tokens("bob", { expiresAt: hour }))
      const errors = yield* Effect.all(
        Array.from({ length: 10 }, () => Effect.flip(entraId.get("alice"))),
        { concurrency: "unbounded" }
      )
      assert.deepStrictEqual(new Set(errors.map(({ _tag }) => _tag)), new Set(["SignInRequiredError"]))
      assert.lengthOf(server.requests, 1)
      assert.strictEqual(yield* text(entraId.get("bob")), "access-bob")
    })
  )

  it.scoped("gives the token that there is when the refresh fails early, and says so in the log", () =>
    Effect.gen(function* () {
      const logged: Array<string> = []
      const { entraId, server, store } = yield* world([
        EntraServer.refusal("temporarily_unavailable"),
        "reset",
        EntraServer.refusal("invalid_grant"),
        EntraServer.refusal("invalid_grant")
      ])
      yield* store.set("alice", tokens("old", { expiresAt: 300_000 }))
      const given = text(entraId.get("alice")).pipe(
        Effect.provide(
          Logger.replace(
            Logger.defaultLogger,
            Logger.make((line) => logged.push(Logger.stringLogger.log(line)))
          )
        )
      )
      for (const count of [1, 2, 3]) {
        assert.strictEqual(yield* given, "access-old")
        assert.lengthOf(server.requests, count)
      }
      assert.lengthOf(logged, 3)
      for (const line of logged) {
        assert.match(line, /level=WARN .*message=token_refresh_failed userId=alice error="/)
      }
      // So near to its end it is of no use to a task that begins.
      yield* TestClock.setTime(295_000)
      assert.strictEqual((yield* Effect.flip(entraId.get("alice")))._tag, "SignInRequiredError")
    })
  )

  it.scoped("gives the token that there is when the refresh takes long, and takes the new one later", () =>
    Effect.gen(function* () {
      const { entraId, server, store } = yield* world(["hang"])
      yield* store.set("alice", tokens("old", { expiresAt: 300_000 }))
      const first = yield* Effect.fork(text(entraId.get("alice")))
      yield* sleepUntil(5000)
      assert.strictEqual(yield* Fiber.join(first), "access-old")
      // The same refresh is waited for again, until it has taken 30 s.
      const second = yield* Effect.fork(text(entraId.get("alice")))
      yield* sleepUntil(10_000)
      assert.strictEqual(yield* Fiber.join(second), "access-old")
      assert.lengthOf(server.requests, 1)
      yield* TestClock.setTime(30_000)
      yield* server.closed(0)
      // What was sent is read a little later.
      yield* eventually(Effect.orDie(Effect.map(text(entraId.get("alice")), (token) => token === "access-1")))
    })
  )

  it.scoped("fails when no answer comes within 30 s and the token has ended", () =>
    Effect.gen(function* () {
      const { entraId, server, store } = yield* world(["hang"])
      yield* store.set("alice", tokens("old", { expiresAt: 0 }))
      const waiting = yield* Effect.fork(Effect.flip(entraId.get("alice")))
      yield* server.received(0)
      yield* sleepUntil(30_000)
      const error = yield* Fiber.join(waiting)
      assert.deepInclude(fields(error), {
        _tag: "SignInUnavailableError",
        reason: "network",
        description: "no answer within 30000 ms"
      })
      yield* server.closed(0)
    })
  )

  it.scoped("gives a token that can't be refreshed to its end, and then says so", () =>
    Effect.gen(function* () {
      const { entraId, server, store } = yield* world()
      yield* store.set("alice", tokens("old", { expiresAt: hour, refreshToken: Option.none() }))
      assert.deepStrictEqual(
        yield* entraId.status("alice"),
        Option.some({ expiresAt: hour, renewable: false })
      )
      yield* TestClock.setTime(hour - 5001)
      assert.strictEqual(yield* text(entraId.get("alice")), "access-old")
      yield* TestClock.setTime(hour)
      const error = yield* Effect.flip(entraId.get("alice"))
      assert.deepInclude(fields(error), {
        _tag: "SignInRequiredError",
        userId: "alice",
        description: "the sign-in has ended, and was one without a refresh token"
      })
      assert.lengthOf(server.requests, 0)
    })
  )

  it.scoped("uses what another process has refreshed", () =>
    Effect.gen(function* () {
      const { another, entraId, server, store } = yield* world()
      const other = yield* another
      yield* store.set("alice", tokens("old", { expiresAt: 0 }))
      assert.strictEqual(yield* text(entraId.get("alice")), "access-0")
      assert.strictEqual(yield* text(other.get("alice")), "access-0")
      assert.lengthOf(server.requests, 1)
    })
  )

  it.scoped.each(["invalid_grant", "temporarily_unavailable", "invalid_client"])(
    "looks again at what another process has stored before it fails with %s",
    (code) =>
      Effect.gen(function* () {
        const { another, entraId, server, store } = yield* world([
          EntraServer.held(EntraServer.refusal(code)),
          EntraServer.granted("other")
        ])
        const other = yield* another
        yield* store.set("alice", tokens("old", { expiresAt: 0 }))
        const late = yield* Effect.fork(text(entraId.get("alice")))
        yield* server.received(0)
        assert.strictEqual(yield* text(other.get("alice")), "access-other")
        yield* server.letGo
        assert.strictEqual(yield* Fiber.join(late), "access-other")
        assert.deepStrictEqual(
          yield* storedText(store, "alice"),
          Option.some(["access-other", "refresh-other"])
        )
        assert.lengthOf(server.requests, 2)
      })
  )

  it.scoped("fails by its own refresh where what is stored meanwhile is of no use either", () =>
    Effect.gen(function* () {
      for (const stored of [tokens("ended", { expiresAt: 0 }), tokens("rejected", { expiresAt: hour })]) {
        const { entraId, server, store } = yield* world([
          EntraServer.held(EntraServer.refusal("invalid_grant", "No"))
        ])
        yield* store.set("alice", tokens("rejected", { expiresAt: 0 }))
        const rejected = Redacted.make("access-rejected")
        const late = yield* Effect.fork(Effect.flip(entraId.renew("alice", rejected)))
        yield* server.received(0)
        yield* store.set("alice", stored)
        yield* server.letGo
        const error = yield* Fiber.join(late)
        assert.deepInclude(fields(error), { _tag: "SignInRequiredError", description: "No" })
      }
    })
  )

  it.scoped("doesn't replace tokens that came while it refreshed, and gives those", () =>
    Effect.gen(function* () {
      const { another, entraId, server, store } = yield* world([
        EntraServer.held(EntraServer.granted("late"))
      ])
      const other = yield* another
      yield* store.set("alice", tokens("old", { expiresAt: 0 }))
      const waiting = yield* Effect.fork(text(entraId.get("alice")))
      yield* server.received(0)
      // Another process refreshes meanwhile; it could be a sign-in as well.
      assert.strictEqual(yield* text(other.get("alice")), "access-1")
      yield* server.letGo
      assert.strictEqual(yield* Fiber.join(waiting), "access-1")
      assert.deepStrictEqual(yield* storedText(store, "alice"), Option.some(["access-1", "refresh-1"]))
    })
  )

  it.scoped("doesn't sign a user in again who signed out while it refreshed", () =>
    Effect.gen(function* () {
      const { entraId, server, store } = yield* world([EntraServer.held(EntraServer.granted("late"))])
      yield* store.set("alice", tokens("old", { expiresAt: 0 }))
      const waiting = yield* Effect.fork(Effect.flip(entraId.get("alice")))
      yield* server.received(0)
      yield* entraId.signOut("alice")
      yield* server.letGo
      assert.strictEqual((yield* Fiber.join(waiting))._tag, "SignInRequiredError")
      assert.isTrue(Option.isNone(yield* store.get("alice")))
    })
  )

  it.scoped("fails by a record that can't be read or written, and asks nobody to sign in", () =>
    Effect.gen(function* () {
      const { server, store } = yield* world()
      const broken = new TokenStore.TokenStoreError({
        reason: "rejected",
        description: "no",
        userId: "alice"
      })
      const using = (changes: Partial<TokenStore.Service>) =>
        EntraId.make({ clientId: "app", baseUrl: server.url }).pipe(
          Effect.provideService(TokenStore.TokenStore, { ...store, ...changes }),
          Effect.provide(FetchHttpClient.layer)
        )
      const unreadable = yield* using({ get: () => broken })
      assert.strictEqual(yield* Effect.flip(unreadable.get("alice")), broken)
      assert.strictEqual(yield* Effect.flip(unreadable.status("alice")), broken)
      assert.lengthOf(server.requests, 0)
      yield* store.set("alice", tokens("old", { expiresAt: 0 }))
      const unwritable = yield* using({ set: () => broken, remove: () => broken })
      assert.strictEqual(yield* Effect.flip(unwritable.get("alice")), broken)
      assert.strictEqual(yield* Effect.flip(unwritable.signOut("alice")), broken)
      assert.deepStrictEqual(yield* storedText(store, "alice"), Option.some(["access-old", "refresh-old"]))
    })
  )

  it.scoped("ends the refresh with the service", () =>
    Effect.gen(function* () {
      const scope = yield* Scope.make()
      const { entraId, server, store } = yield* Scope.extend(world(["hang"]), scope)
      yield* store.set("alice", tokens("old", { expiresAt: 0 }))
      const waiting = yield* Effect.fork(entraId.get("alice"))
      yield* server.received(0)
      yield* Scope.close(scope, Exit.void)
      assert.isTrue(Exit.isInterrupted(yield* Fiber.await(waiting)))
    })
  )
})

describe("EntraId.renew", () => {
  const rejected = Redacted.make("access-old")

  it.scoped("refreshes a token that was rejected, however fresh, once for all", () =>
    Effect.gen(function* () {
      const { entraId, server, store } = yield* world()
      yield* store.set("alice", tokens("old", { expiresAt: hour }))
      const given = yield* Effect.all(
        Array.from({ length: 100 }, () => text(entraId.renew("alice", rejected))),
        { concurrency: "unbounded" }
      )
      assert.deepStrictEqual(new Set(given), new Set(["access-0"]))
      // Who was late finds that it has been done.
      assert.strictEqual(yield* text(entraId.renew("alice", rejected)), "access-0")
      assert.lengthOf(server.requests, 1)
    })
  )

  it.scoped("gives a newer token that is known, refreshed first if it is near its end", () =>
    Effect.gen(function* () {
      const { entraId, server, store } = yield* world()
      yield* store.set("alice", tokens("new", { expiresAt: hour }))
      assert.strictEqual(yield* text(entraId.renew("alice", rejected)), "access-new")
      assert.lengthOf(server.requests, 0)
      yield* TestClock.setTime(hour)
      assert.strictEqual(yield* text(entraId.renew("alice", rejected)), "access-0")
    })
  )

  it.scoped("refreshes after all when what it joined only found the rejected token fresh", () =>
    Effect.gen(function* () {
      const { another, entraId, server, store } = yield* world([
        EntraServer.held(EntraServer.granted("late"))
      ])
      const other = yield* another
      yield* store.set("alice", tokens("first", { expiresAt: 0 }))
      const waiting = yield* Effect.fork(text(entraId.get("alice")))
      yield* server.received(0)
      const second = yield* other.get("alice")
      const renewing = yield* Effect.fork(text(entraId.renew("alice", second)))
      yield* pause
      yield* server.letGo
      assert.strictEqual(yield* Fiber.join(waiting), "access-1")
      assert.strictEqual(yield* Fiber.join(renewing), "access-2")
      assert.lengthOf(server.requests, 3)
    })
  )

  it.scoped("fails when the refresh does, as the token that there is is of no use", () =>
    Effect.gen(function* () {
      const { entraId, store } = yield* world([EntraServer.refusal("temporarily_unavailable")])
      yield* store.set("alice", tokens("old", { expiresAt: hour }))
      const error = yield* Effect.flip(entraId.renew("alice", rejected))
      assert.strictEqual(error._tag, "SignInUnavailableError")
      const nobody = yield* Effect.flip(entraId.renew("bob", rejected))
      assert.deepInclude(fields(nobody), { _tag: "SignInRequiredError", userId: "bob" })
    })
  )
})
