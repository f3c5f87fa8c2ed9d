import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as ReasoningEngine from "../../src/ReasoningEngine.js"
import * as attempts from "../utils/attempts.js"
import { clients, streaming, task } from "../utils/chatCompletions.js"
import { ending, engine, prompt } from "../utils/graph.js"
import * as GraphServer from "../utils/GraphServer.js"
import * as RawServer from "../utils/RawServer.js"

const { conversation, pretty, snapshots } = GraphServer

const first = snapshots(prompt, "Hel")
const rest = pretty(conversation(prompt, "Hello"))
const open = GraphServer.stream(RawServer.send(first))

describe.concurrent.each(clients)("Copilot over %s", (_, client) => {
  it.scopedLive("closes the connection at once when it is interrupted, whichever request is under way", () =>
    Effect.gen(function* () {
      const silent: GraphServer.Reply = { status: 200, headers: {}, steps: [] }
      const half: GraphServer.Reply = {
        ...GraphServer.json(201, {}),
        steps: [RawServer.send('{"id":')]
      }
      for (const [script, request] of [
        [{ conversations: [silent] }, 0],
        [{ conversations: [half] }, 0],
        [{ chats: [silent] }, 1],
        [{ chats: [open] }, 1]
      ] as const) {
        const server = yield* GraphServer.make(script)
        const fiber = yield* Effect.fork(attempts.events(yield* engine(server.url), yield* streaming))
        yield* server.received(request)
        yield* Effect.sleep("30 millis")
        yield* Fiber.interrupt(fiber)
        assert.isTrue(yield* RawServer.seenSoon(server.closed(request)))
        assert.strictEqual(server.requests.length, request + 1)
      }
    }).pipe(Effect.provide(client))
  )

  it.scopedLive("fails with TransientError (network) where the connection breaks, wherever it does", () =>
    Effect.gen(function* () {
      const cut = { _tag: "TransientError", reason: "network", provider: "copilot_chat" }
      const created = '{"id":"conversation-0"}'
      const creation = (...steps: ReadonlyArray<RawServer.Step>) => ({
        conversations: [{ ...GraphServer.json(201, {}), steps: [...steps, RawServer.reset] }]
      })
      const chat = (text: string) => ({
        chats: [
          GraphServer.stream(
            ...(text === "" ? [] : [RawServer.send(text)]),
            RawServer.pause(10),
            RawServer.reset
          )
        ]
      })
      for (const script of [
        creation(),
        creation(RawServer.send(created.slice(0, 9)), RawServer.pause(10)),
        chat(""),
        chat(first.slice(0, -30)),
        chat(first),
        chat(first + rest)
      ]) {
        for (const asked of [streaming, task()]) {
          const server = yield* GraphServer.make(script)
          const error = yield* Effect.flip(attempts.events(yield* engine(server.url), yield* asked))
          assert.deepInclude(attempts.fields(error), cut)
          assert.strictEqual(server.requests.length, "chats" in script ? 2 : 1)
        }
      }
      const gone = yield* Effect.scoped(Effect.map(GraphServer.make(), ({ url }) => url))
      const error = yield* Effect.flip(attempts.events(yield* engine(gone), yield* streaming))
      assert.deepInclude(attempts.fields(error), cut)
      assert.include(error.description, "ECONNREFUSED")
    }).pipe(Effect.provide(client))
  )

  it.scopedLive("takes an answer in HTTP chunks without their end for a cut one", () =>
    Effect.gen(function* () {
      const server = yield* RawServer.make(RawServer.answer(201, "application/json", '{"id":"a"}'), [
        RawServer.send(RawServer.chunkedHead("text/event-stream") + RawServer.chunk(first)),
        RawServer.end
      ])
      const error = yield* Effect.flip(attempts.events(yield* engine(server.url), yield* streaming))
      assert.deepInclude(attempts.fields(error), { _tag: "TransientError", reason: "network" })
    }).pipe(Effect.provide(client))
  )
})

describe.concurrent("Copilot connections", () => {
  it.scopedLive("serve the next request too, those of rejected tokens included", () =>
    Effect.gen(function* () {
      const server = yield* GraphServer.make({ accepts: (token) => token !== "token-of-ann" })
      const made = yield* engine(server.url)
      const asked = yield* streaming
      // The client needs a moment to put the connection back.
      yield* Effect.repeatN(Effect.delay(attempts.events(made, asked), "10 millis"), 1)
      assert.strictEqual(server.requests.length, 6)
      // A client may open another one while it puts one back.
      assert.isAtMost(new Set(server.requests.map(({ connection }) => connection)).size, 2)
    }).pipe(Effect.provide(NodeHttpClient.layerUndici))
  )

  it.scopedLive("give each increment as it comes", () =>
    Effect.gen(function* () {
      const server = yield* GraphServer.make({
        chats: [
          GraphServer.stream(
            RawServer.send(first),
            RawServer.pause(50),
            RawServer.send(": keep-alive\n\n"),
            RawServer.pause(50),
            RawServer.send(rest),
            RawServer.pause(50),
            RawServer.end
          )
        ]
      })
      assert.deepStrictEqual(yield* attempts.chunks(yield* engine(server.url), yield* streaming), [
        [ReasoningEngine.textDelta("Hel")],
        // The sign of life.
        [],
        [ReasoningEngine.textDelta("lo")],
        ending("Hello")
      ])
    }).pipe(Effect.provide(NodeHttpClient.layerUndici))
  )

  it.scopedLive("of fifty attempts at once don't mix users, tokens, conversations and answers", () =>
    Effect.gen(function* () {
      const rejected = (user: number) => user % 5 === 0
      const server = yield* GraphServer.make({
        accepts: (token) => !/^token-of-\d*[05]$/.test(token)
      })
      const made = yield* engine(server.url)
      const users = Array.from({ length: 50 }, (_, user) => user)
      const answers = yield* Effect.forEach(
        users,
        (user) =>
          Effect.flatMap(
            task({
              prompt: `I am ${user}`,
              userId: String(user),
              mode: user % 2 === 0 ? "complete" : "streaming"
            }),
            (asked) => attempts.events(made, asked)
          ),
        { concurrency: "unbounded" }
      )
      for (const seen of answers) assert.strictEqual(attempts.text(seen), "Hello")
      const conversations = new Set<string>()
      for (const user of users) {
        const chats = server.requests.filter(({ body }) => body.includes(`"I am ${user}"`))
        assert.deepStrictEqual(
          chats.map(({ headers }) => headers["authorization"]),
          [`Bearer token-of-${user}${rejected(user) ? "-2" : ""}`]
        )
        for (const { path } of chats) conversations.add(path)
      }
      assert.strictEqual(conversations.size, 50)
    }).pipe(Effect.provide(NodeHttpClient.layerUndici))
  )

  it.scopedLive("aren't opened for a token that is interrupted", () =>
    Effect.gen(function* () {
      const server = yield* GraphServer.make()
      const made = yield* engine(server.url, {}, { get: () => Effect.never })
      const fiber = yield* Effect.fork(attempts.events(made, yield* streaming))
      yield* Effect.sleep("10 millis")
      yield* Fiber.interrupt(fiber)
      assert.strictEqual(server.requests.length, 0)
    }).pipe(Effect.provide(FetchHttpClient.layer))
  )
})
