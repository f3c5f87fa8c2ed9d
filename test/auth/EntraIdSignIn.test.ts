import { assert, describe, it } from "@effect/vitest"
import * as Data from "effect/Data"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as TestClock from "effect/TestClock"
import type * as EntraId from "../../src/auth/EntraId.js"
import { fields } from "../utils/attempts.js"
import { pause, sleeping, sleepUntil, storedText, text, world } from "../utils/entra.js"
import * as EntraServer from "../utils/EntraServer.js"
import { tokens } from "../utils/tokens.js"

const pending = EntraServer.refusal("authorization_pending")
const slowDown = EntraServer.refusal("slow_down")
const device = EntraServer.device({ interval: 7 })

const nothing = (): Effect.Effect<void> => Effect.void

/** Signs alice in while the polls of the server come at these seconds; what came of it. */
const signIn = (
  seconds: ReadonlyArray<number>,
  ...replies: ReadonlyArray<EntraServer.Reply | EntraServer.Fault>
) =>
  Effect.gen(function* () {
    const made = yield* world(replies)
    const fiber = yield* Effect.fork(Effect.either(made.entraId.signIn("alice", nothing)))
    for (const [index, second] of seconds.entries()) {
      yield* sleeping(second * 1000)
      yield* TestClock.setTime(second * 1000 - 1)
      yield* pause
      // Not before its time.
      assert.lengthOf(made.server.requests, index + 1)
      yield* TestClock.setTime(second * 1000)
      yield* made.server.closed(index + 1)
    }
    return { ...made, fiber }
  })

describe("EntraId.signIn", () => {
  it.scoped("shows the user what to do, asks every so often, and keeps the tokens", () =>
    Effect.gen(function* () {
      const { entraId, server, store } = yield* world([device, pending, pending, EntraServer.granted("new")])
      yield* TestClock.setTime(1_000_000)
      const shown = yield* Deferred.make<EntraId.Prompt>()
      const fiber = yield* Effect.fork(entraId.signIn("alice", (prompt) => Deferred.succeed(shown, prompt)))
      assert.deepStrictEqual(yield* Deferred.await(shown), {
        userCode: "ABCD-EFGH",
        verificationUri: "https://microsoft.com/devicelogin",
        message: "To sign in, open https://microsoft.com/devicelogin and enter the code ABCD-EFGH.",
        expiresAt: 1_900_000
      })
      for (const moment of [1_007_000, 1_014_000, 1_021_000]) yield* sleepUntil(moment)
      const status = { expiresAt: 1_021_000 + 3_599_000, renewable: true }
      assert.deepStrictEqual(yield* Fiber.join(fiber), status)
      assert.deepStrictEqual(yield* entraId.status("alice"), Option.some(status))
      assert.deepStrictEqual(yield* storedText(store, "alice"), Option.some(["access-new", "refresh-new"]))
      assert.strictEqual(yield* text(entraId.get("alice")), "access-new")
      const [first, ...polls] = server.requests
      assert.strictEqual(`${first?.method} ${first?.path}`, "POST /contoso.com/oauth2/v2.0/devicecode")
      assert.deepStrictEqual(first?.form, { client_id: "app", scope: "Chat.Read offline_access" })
      assert.lengthOf(polls, 3)
      for (const poll of polls) {
        assert.strictEqual(`${poll.method} ${poll.path}`, "POST /contoso.com/oauth2/v2.0/token")
        assert.deepStrictEqual(poll.form, {
          client_id: "app",
          device_code: "device-secret",
          grant_type: "urn:ietf:params:oauth:grant-type:device_code"
        })
      }
    })
  )

  it.scoped("asks every 5 s where it isn't told, and says what to do in words of its own", () =>
    Effect.gen(function* () {
      const silent = EntraServer.device({ interval: undefined, message: undefined })
      const { entraId, server } = yield* world([silent])
      const shown = yield* Deferred.make<EntraId.Prompt>()
      const fiber = yield* Effect.fork(entraId.signIn("alice", (prompt) => Deferred.succeed(shown, prompt)))
      const { message } = yield* Deferred.await(shown)
      assert.strictEqual(message, "Open https://microsoft.com/devicelogin and enter the code ABCD-EFGH")
      yield* sleeping(5000)
      yield* TestClock.setTime(4999)
      yield* pause
      assert.lengthOf(server.requests, 1)
      yield* TestClock.setTime(5000)
      yield* Fiber.join(fiber)
      assert.lengthOf(server.requests, 2)
    })
  )

  it.scoped("asks 5 s less often each time that it is told to slow down", () =>
    Effect.gen(function* () {
      const { fiber } = yield* signIn([7, 19, 36, 53, 70], device, slowDown, slowDown, pending, pending)
      assert.strictEqual((yield* Fiber.join(fiber))._tag, "Right")
    })
  )

  it.scoped("goes on after failures that pass, ever less often, and as often as before after them", () =>
    Effect.gen(function* () {
      const { fiber } = yield* signIn(
        [7, 21, 49, 105, 165, 172, 272],
        device,
        "reset",
        { status: 502, body: "", headers: {} },
        EntraServer.refusal("temporarily_unavailable"),
        "reset",
        pending,
        { status: 429, body: "", headers: { "retry-after": "100" } }
      )
      assert.strictEqual((yield* Fiber.join(fiber))._tag, "Right")
    })
  )

  it.scoped.each([
    ["authorization_declined", "SignInRequiredError"],
    ["access_denied", "SignInRequiredError"],
    ["bad_verification_code", "SignInRequiredError"],
    ["expired_token", "SignInRequiredError"],
    ["invalid_grant", "SignInRequiredError"],
    ["invalid_client", "SignInSettingError"]
  ] as const)("ends with %s", ([code, tag]) =>
    Effect.gen(function* () {
      const { fiber, server, store } = yield* signIn([7], device, EntraServer.refusal(code, "No."))
      const answer = yield* Effect.flip(yield* Fiber.join(fiber))
      assert.deepInclude(fields(answer), { _tag: tag, description: "No", code })
      assert.lengthOf(server.requests, 2)
      assert.isTrue(Option.isNone(yield* store.get("alice")))
    })
  )

  it.scoped("ends when the code does, after 15 minutes at most", () =>
    Effect.gen(function* () {
      for (const [life, polls] of [
        [20, [7, 14]],
        [100_000, []]
      ] as const) {
        yield* TestClock.setTime(0)
        const interval = polls.length === 0 ? 1000 : 7
        const { fiber, server } = yield* signIn(
          polls,
          EntraServer.device({ interval, expires_in: life }),
          pending,
          pending
        )
        yield* sleepUntil(Math.min(life, 900) * 1000)
        const error = yield* Effect.flip(yield* Fiber.join(fiber))
        assert.deepInclude(fields(error), {
          _tag: "SignInRequiredError",
          description: "the code wasn't entered in time",
          code: "expired_token"
        })
        assert.lengthOf(server.requests, 1 + polls.length)
      }
    })
  )

  it.scoped("ends with what was in the way when the code ends", () =>
    Effect.gen(function* () {
      const { fiber } = yield* signIn([7], EntraServer.device({ interval: 7, expires_in: 20 }), "reset")
      yield* sleepUntil(20_000)
      const error = yield* Effect.flip(yield* Fiber.join(fiber))
      assert.deepInclude(fields(error), { _tag: "SignInUnavailableError", reason: "network" })
    })
  )

  it.scoped("fails where no code is to be had", () =>
    Effect.gen(function* () {
      for (const [reply, expected] of [
        [EntraServer.refusal("invalid_client"), { _tag: "SignInSettingError", setting: "clientSecret" }],
        [EntraServer.refusal("invalid_request"), { _tag: "SignInSettingError", setting: "tenantId" }],
        ["reset", { _tag: "SignInUnavailableError", reason: "network" }],
        [EntraServer.json(200, {}), { _tag: "SignInUnavailableError", reason: "malformed" }]
      ] as const) {
        const { entraId } = yield* world([reply])
        const error = yield* Effect.flip(entraId.signIn("alice", () => Effect.die("shown")))
        assert.deepInclude(fields(error), expected)
      }
    })
  )

  it.scoped("fails as showing does, and asks nothing then", () =>
    Effect.gen(function* () {
      class ScreenError extends Data.TaggedError("ScreenError") {}
      const { entraId, server } = yield* world([device])
      const error = yield* Effect.flip(entraId.signIn("alice", () => new ScreenError()))
      assert.strictEqual(error._tag, "ScreenError")
      assert.lengthOf(server.requests, 1)
    })
  )

  it.scoped("ends its request when it is interrupted", () =>
    Effect.gen(function* () {
      const { entraId, server } = yield* world(["hang"])
      const fiber = yield* Effect.fork(entraId.signIn("alice", nothing))
      yield* server.received(0)
      yield* Fiber.interrupt(fiber)
      yield* server.closed(0)
    })
  )

  it.scoped("replaces the sign-in that there was, which goes on until then", () =>
    Effect.gen(function* () {
      const { entraId, store } = yield* world([device, pending])
      yield* store.set("alice", tokens("old"))
      const fiber = yield* Effect.fork(entraId.signIn("alice", nothing))
      yield* sleepUntil(7000)
      assert.strictEqual(yield* text(entraId.get("alice")), "access-old")
      yield* sleepUntil(14_000)
      yield* Fiber.join(fiber)
      assert.strictEqual(yield* text(entraId.get("alice")), "access-2")
    })
  )
})

describe("EntraId.signOut", () => {
  it.scoped("forgets the user's tokens, and those of nobody else", () =>
    Effect.gen(function* () {
      const { entraId, store } = yield* world()
      yield* store.set("alice", tokens("alice"))
      yield* store.set("bob", tokens("bob"))
      yield* entraId.signOut("alice")
      yield* entraId.signOut("alice")
      assert.isTrue(Option.isNone(yield* entraId.status("alice")))
      assert.strictEqual((yield* Effect.flip(entraId.get("alice")))._tag, "SignInRequiredError")
      assert.strictEqual(yield* text(entraId.get("bob")), "access-bob")
    })
  )
})
