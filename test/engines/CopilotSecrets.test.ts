import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import { assert, describe, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Inspectable from "effect/Inspectable"
import * as Logger from "effect/Logger"
import * as LogLevel from "effect/LogLevel"
import * as Redacted from "effect/Redacted"
import * as Tracer from "effect/Tracer"
import { inspect } from "node:util"
import * as AITask from "../../src/AITask.js"
import * as AccessTokens from "../../src/auth/AccessTokens.js"
import { TokenStoreError } from "../../src/auth/TokenStore.js"
import * as attempts from "../utils/attempts.js"
import { type Changes, engine } from "../utils/graph.js"
import * as GraphServer from "../utils/GraphServer.js"
import * as RawServer from "../utils/RawServer.js"

const { compact, error, json, sse } = GraphServer

describe("Copilot secrets", () => {
  const token = "eyJ0eXAi.S3CRET-TOKEN-0123456789"
  const renewed = "eyJ0eXAi.S3CRET-RENEWED-0123456789"
  const header = "proxy-S3CRET-0123456789"
  const question = "The merger of ACME and\nInitech is to be announced on Monday morning"
  const system = "You are the assistant of the board; speak of nothing to nobody"
  const earlier = "Zebra?"
  const said = "The giraffe has 17.25 USD in ACME"
  const secrets = ["S3CRET", "eyJ0", "ACME", "Initech", "assistant of the board", "Zebra", "giraffe"]
  const changes: Changes = { headers: { "x-proxy": `Token ${header}`, "x-version": "a" } }
  const options: AITask.Options = {
    mode: "streaming",
    systemPrompt: system,
    messages: [
      { role: "user", content: earlier },
      { role: "assistant", content: said },
      { role: "user", content: question }
    ]
  }
  const tokens: AccessTokens.Service = {
    get: () => Effect.succeed(Redacted.make(token)),
    renew: () => Effect.succeed(Redacted.make(renewed))
  }

  /** What an attempt fails with, and all that it logged and traced on the way. */
  const asked = (script: Partial<GraphServer.Script>, signedIn: Partial<AccessTokens.Service> = {}) =>
    Effect.gen(function* () {
      const seen: Array<string> = []
      const native = yield* Effect.tracer
      const spans: Array<Tracer.Span> = []
      const tracer = Tracer.make({
        span: (...args) => {
          const span = native.span(...args)
          spans.push(span)
          return span
        },
        context: native.context
      })
      const logger = Logger.make(({ cause, message }) => {
        seen.push(Inspectable.format(message), Cause.pretty(cause))
      })
      const server = yield* GraphServer.make(script)
      const made = yield* engine(server.url, changes, { ...tokens, ...signedIn })
      const task = yield* AITask.make(options)
      const exit = yield* Effect.exit(attempts.events(made, task)).pipe(
        Effect.tap((exit) => Effect.logError("failed", Exit.isFailure(exit) ? exit.cause : exit)),
        Effect.withTracer(tracer),
        Effect.provide(Logger.replace(Logger.defaultLogger, logger)),
        Logger.withMinimumLogLevel(LogLevel.All)
      )
      for (const { attributes, status } of spans) {
        seen.push(inspect([...attributes]))
        // What exporters tell of a span's end.
        if (status._tag === "Ended" && Exit.isFailure(status.exit)) {
          seen.push(Cause.pretty(status.exit.cause, { renderErrorCause: true }))
        }
      }
      return { exit, spans, seen, requests: server.requests }
    }).pipe(Effect.scoped, Effect.provide(FetchHttpClient.layer))

  const clean = (text: string): void => {
    for (const secret of secrets) assert.notInclude(text, secret)
  }

  const told = (error: unknown): string =>
    [String(error), JSON.stringify(error), inspect(error, { depth: 20, showHidden: true })].join("\n")

  const echo = `bad token ${token} or ${header} for [${question}] under [${system.slice(0, 40)}…] after ${earlier}, ok? ${said}`

  const cause = new Error(`{"refreshToken":"${token}"}`)

  it.live("never show in an error, a span or a log, even where the server repeats them", () =>
    Effect.gen(function* () {
      for (const script of [
        { conversations: [json(403, error("Forbidden", echo))] },
        { conversations: [{ ...json(201, ""), steps: [RawServer.send(echo), RawServer.end] }] },
        { accepts: () => false },
        { chats: [json(401, error("InvalidAuthenticationToken", `${echo.slice(0, 80)} ${renewed}`))] },
        { chats: [json(500, error("InternalServerError", `Status = 403 ${echo}`))] },
        { chats: [json(500, `${question}${question} ${token}${"y".repeat(880)}${token}`)] },
        { chats: [sse(compact(error("ServiceUnavailable", echo)))] },
        { chats: [sse(compact(GraphServer.conversation(question, said, "disengagedForRai")))] },
        { chats: [sse(`data: ${echo}\n\n`)] },
        { chats: [sse(`event: error\ndata: ${JSON.stringify(echo)}\n\n`)] },
        {
          chats: [GraphServer.stream(RawServer.send(GraphServer.snapshots(question, said)), RawServer.reset)]
        },
        { chats: [GraphServer.stream(RawServer.reset)] }
      ]) {
        const { exit, seen } = yield* asked(script)
        assert.isTrue(Exit.isFailure(exit))
        const failed = Exit.isFailure(exit) ? Cause.squash(exit.cause) : undefined
        clean(told(failed))
        clean(seen.join("\n"))
      }
    })
  )

  it.live("never show where there is no token, or one that no header can hold", () =>
    Effect.gen(function* () {
      for (const signedIn of [
        {
          get: () => Effect.fail(new TokenStoreError({ reason: "rejected", description: "no", cause }))
        },
        {
          get: () =>
            Effect.fail(
              new AccessTokens.SignInUnavailableError({ reason: "server", description: "no", cause })
            )
        },
        { get: () => Effect.succeed(Redacted.make(`${token}\n${renewed}`)) }
      ]) {
        const { exit, requests, seen } = yield* asked({}, signedIn)
        assert.isTrue(Exit.isFailure(exit))
        const failed = Exit.isFailure(exit) ? Cause.squash(exit.cause) : undefined
        clean(told(failed))
        clean(seen.join("\n"))
        assert.strictEqual(requests.length, 0)
      }
    })
  )

  it.live("never show in the spans of an attempt that succeeds, and no span is sent", () =>
    Effect.gen(function* () {
      const { exit, requests, seen, spans } = yield* asked({})
      assert.isTrue(Exit.isSuccess(exit))
      assert.strictEqual(spans.length, 2)
      clean(seen.join("\n"))
      assert.include(seen.join("\n"), "authorization")
      for (const { headers } of requests) {
        assert.strictEqual(headers["authorization"], `Bearer ${token}`)
        assert.notProperty(headers, "traceparent")
        assert.notProperty(headers, "b3")
      }
    })
  )

  it.live("leave the rest of what the server said", () =>
    Effect.gen(function* () {
      const { exit } = yield* asked({
        chats: [json(403, error("Forbidden", echo), { "request-id": `req-${token}` })]
      })
      const failed = Exit.isFailure(exit) ? Cause.squash(exit.cause) : undefined
      assert.deepInclude(Object(failed), {
        _tag: "AuthenticationError",
        requestId: "req-<redacted>",
        description:
          "bad token <redacted> or <redacted> for [<redacted>] under [<redacted>…] after <redacted>, ok? <redacted>"
      })
    })
  )
})
