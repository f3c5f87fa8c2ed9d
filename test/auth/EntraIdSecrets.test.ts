import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as LogLevel from "effect/LogLevel"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Tracer from "effect/Tracer"
import * as EntraId from "../../src/auth/EntraId.js"
import * as TokenStore from "../../src/auth/TokenStore.js"
import { sleepUntil, world } from "../utils/entra.js"
import * as EntraServer from "../utils/EntraServer.js"
import { assertHides, tokens } from "../utils/tokens.js"

const clientSecret = "client-S3CRET-0123"
const deviceCode = "device-S3CRET-0123"
const accessToken = "access-S3CRET-0123"
const refreshToken = "refresh-S3CRET-0123"
const secrets = ["S3CRET"]

/** A server may repeat what it was sent. */
const echo = `bad ${clientSecret} or ${refreshToken} it is`

const granted = EntraServer.granted("a", { access_token: accessToken, refresh_token: refreshToken })

/** Keeps all that is logged and traced. */
const recorder = () => {
  const seen: Array<unknown> = []
  const logger = Logger.make((line) => {
    seen.push(Logger.jsonLogger.log(line), Logger.stringLogger.log(line), line.message)
  })
  const tracer = Tracer.make({
    span: (name, parent, context, links, startTime, kind) => {
      const attributes = new Map<string, unknown>()
      seen.push(name, attributes)
      return {
        _tag: "Span",
        name,
        spanId: "1",
        traceId: "2",
        parent,
        context,
        status: { _tag: "Started", startTime },
        attributes,
        links,
        sampled: true,
        kind,
        // Of a success nothing is told.
        end: (_, exit) => seen.push(Exit.isFailure(exit) ? exit : undefined),
        attribute: (key, value) => attributes.set(key, value),
        event: (event, _, fields) => seen.push(event, fields),
        addLinks: () => {}
      }
    },
    context: (run) => run()
  })
  return {
    seen,
    layer: Layer.mergeAll(
      Logger.replace(Logger.defaultLogger, logger),
      Logger.minimumLogLevel(LogLevel.All),
      Layer.setTracer(tracer)
    )
  }
}

describe("EntraId secrets", () => {
  it.scoped.each([
    EntraServer.refusal("invalid_grant", echo),
    EntraServer.refusal("invalid_client", echo),
    EntraServer.refusal(echo, echo),
    EntraServer.refusal("temporarily_unavailable", echo),
    EntraServer.json(200, { access_token: accessToken, refresh_token: refreshToken, note: echo }),
    EntraServer.json(200, [accessToken, echo]),
    { status: 200, body: `${accessToken} ${echo}`, headers: {} },
    { status: 500, body: echo, headers: {} },
    "reset"
  ] as const)("don't show in errors, logs and spans of what is answered with %j", (reply) =>
    Effect.gen(function* () {
      const { layer, seen } = recorder()
      const { entraId, store } = yield* world([reply, reply], { clientSecret: Redacted.make(clientSecret) })
      const before = tokens("a", {
        accessToken: Redacted.make(accessToken),
        refreshToken: Option.some(Redacted.make(refreshToken)),
        expiresAt: 0
      })
      yield* store.set("alice", before)
      yield* store.set("bob", { ...before, expiresAt: 200_000 })
      const failed = yield* Effect.exit(entraId.get("alice")).pipe(
        Effect.withSpan("get"),
        Effect.provide(layer)
      )
      assert.isTrue(Exit.isFailure(failed))
      const given = yield* entraId.get("bob").pipe(Effect.withSpan("get"), Effect.provide(layer))
      assert.isAbove(seen.length, 10)
      for (const each of [failed, given, entraId, store, ...seen]) assertHides(each, secrets)
    })
  )

  it.scoped("don't show in the logs and spans of a sign-in, nor in what it gives", () =>
    Effect.gen(function* () {
      const { layer, seen } = recorder()
      const { entraId, store } = yield* world(
        [
          EntraServer.device({ interval: 7, device_code: deviceCode }),
          EntraServer.refusal("authorization_pending", `${deviceCode} it is`),
          granted
        ],
        { clientSecret: Redacted.make(clientSecret) }
      )
      const fiber = yield* Effect.fork(
        entraId
          .signIn("alice", (prompt) => Effect.sync(() => seen.push(prompt)))
          .pipe(Effect.withSpan("sign in"), Effect.provide(layer))
      )
      yield* sleepUntil(7000)
      yield* sleepUntil(14_000)
      const status = yield* Fiber.join(fiber)
      for (const each of [status, yield* store.get("alice"), yield* entraId.get("alice"), ...seen]) {
        assertHides(each, secrets)
      }
      assert.strictEqual(Redacted.value(yield* entraId.get("alice")), accessToken)
    })
  )

  it.scoped("don't show when a sign-in is refused", () =>
    Effect.gen(function* () {
      const { entraId } = yield* world(
        [
          EntraServer.device({ interval: 7, device_code: deviceCode }),
          EntraServer.refusal("authorization_declined", `bad ${clientSecret} or ${deviceCode}`)
        ],
        { clientSecret: Redacted.make(clientSecret) }
      )
      const fiber = yield* Effect.fork(Effect.flip(entraId.signIn("alice", () => Effect.void)))
      yield* sleepUntil(7000)
      const error = yield* Fiber.join(fiber)
      assert.include(error.message, "bad <redacted> or <redacted>")
      assertHides(error, secrets)
    })
  )

  it.scoped("don't show in the errors of options", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(
        EntraId.make({ clientId: "app", clientSecret: Redacted.make(`${clientSecret} `) })
      )
      assertHides(error, secrets)
    }).pipe(Effect.provide([FetchHttpClient.layer, TokenStore.layerMemory]))
  )
})
