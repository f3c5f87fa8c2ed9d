import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as AITask from "../../src/AITask.js"
import type { Service } from "../../src/auth/AccessTokens.js"
import type { InvalidArgumentError } from "../../src/InvalidArgument.js"
import * as ReasoningEngine from "../../src/ReasoningEngine.js"
import * as attempts from "../utils/attempts.js"
import { streaming, task } from "../utils/chatCompletions.js"
import { type Changes, ending, engine, failure, prompt } from "../utils/graph.js"
import * as GraphServer from "../utils/GraphServer.js"

type Asked = Effect.Effect<AITask.AITask, InvalidArgumentError>

/** What the server got of one attempt, its bodies parsed. */
const sent = (
  changes: Changes,
  asked: Asked,
  script: Partial<GraphServer.Script> = {},
  signedIn: Partial<Service> = {}
) =>
  Effect.gen(function* () {
    const server = yield* GraphServer.make(script)
    const made = yield* engine(server.url, changes, signedIn)
    const seen = yield* attempts.events(made, yield* asked)
    const requests = server.requests.map(({ body, headers, method, path }) => {
      const parsed: unknown = JSON.parse(body)
      return { method, path, headers, body: parsed }
    })
    const chat = requests.at(-1)
    assert.isDefined(chat)
    return { seen, requests, chat }
  })

const tokensOf = (requests: ReadonlyArray<{ readonly headers: Readonly<Record<string, string>> }>) =>
  requests.map(({ headers }) => headers["authorization"])

describe.concurrent("Copilot requests", () => {
  it.scopedLive("make a conversation and ask in it, with the prompt and nothing else that wasn't given", () =>
    Effect.gen(function* () {
      const { requests, seen } = yield* sent({}, streaming)
      const headers = { authorization: "Bearer token-of-ann", "content-type": "application/json" }
      const [created, asked] = requests
      assert.strictEqual(requests.length, 2)
      assert.deepInclude(created, { method: "POST", path: "/beta/copilot/conversations", body: {} })
      assert.deepInclude(created?.headers, { ...headers, accept: "application/json" })
      assert.deepInclude(asked, {
        method: "POST",
        path: "/beta/copilot/conversations/conversation-0/chatOverStream",
        body: { message: { text: prompt }, locationHint: { timeZone: "UTC" } }
      })
      assert.deepInclude(asked?.headers, { ...headers, accept: "text/event-stream" })
      for (const request of requests) assert.notProperty(request.headers, "traceparent")
      assert.deepStrictEqual(seen, [ReasoningEngine.textDelta("Hello"), ...ending("Hello")])
    }).pipe(Effect.provide(FetchHttpClient.layer))
  )

  it.scopedLive("carry the system prompt and the turns before the last as context", () =>
    Effect.gen(function* () {
      const asked = AITask.make({
        systemPrompt: "Be brief",
        messages: [
          { role: "user", content: "Who are you?" },
          { role: "assistant", content: "Copilot" },
          {
            role: "user",
            content: [
              { type: "text", text: "And who " },
              { type: "text", text: "am I?" }
            ]
          }
        ]
      })
      const { chat, seen } = yield* sent({}, asked)
      const additionalContext = [
        { text: "Be brief", description: "Instructions to follow in the answer" },
        {
          text: "User: Who are you?\n\nAssistant: Copilot",
          description: "The conversation so far, oldest first, which the message goes on from"
        }
      ]
      assert.deepStrictEqual(chat.body, {
        message: { text: "And who am I?" },
        locationHint: { timeZone: "UTC" },
        additionalContext
      })
      const characters = additionalContext
        .flatMap(({ description, text }) => [description, text])
        .reduce((sum, { length }) => sum + length, "And who am I?".length)
      const usage = seen.flatMap((event) => (event._tag === "Usage" ? [event.usage] : []))
      assert.deepStrictEqual(
        usage.map(({ estimated, inputTokens, outputTokens }) => ({ estimated, inputTokens, outputTokens })),
        [{ estimated: true, inputTokens: Math.ceil(characters / 4), outputTokens: 2 }]
      )
    }).pipe(Effect.provide(FetchHttpClient.layer))
  )

  it.scopedLive("carry the options: time zone, files, the web, headers, another base and prefix", () =>
    Effect.gen(function* () {
      const changes = {
        pathPrefix: "/v1.0/",
        timeZone: "Europe/Berlin",
        webSearch: false,
        files: ["https://contoso.sharepoint.com/a.docx"],
        headers: { "X-Proxy": "s3cret", Authorization: "Bearer another" }
      }
      const { chat } = yield* sent(changes, streaming)
      assert.strictEqual(chat.path, "/v1.0/copilot/conversations/conversation-0/chatOverStream")
      assert.deepInclude(chat.headers, { "x-proxy": "s3cret", authorization: "Bearer token-of-ann" })
      assert.deepStrictEqual(chat.body, {
        message: { text: prompt },
        locationHint: { timeZone: "Europe/Berlin" },
        contextualResources: {
          files: [{ uri: "https://contoso.sharepoint.com/a.docx" }],
          webContext: { isWebEnabled: false }
        }
      })
      const { chat: onlyWeb } = yield* sent({ webSearch: true }, streaming)
      assert.deepStrictEqual(onlyWeb.body, {
        message: { text: prompt },
        locationHint: { timeZone: "UTC" },
        contextualResources: { webContext: { isWebEnabled: true } }
      })
      const { chat: onlyFiles } = yield* sent({ files: ["https://contoso.sharepoint.com/b"] }, streaming)
      assert.deepStrictEqual(onlyFiles.body, {
        message: { text: prompt },
        locationHint: { timeZone: "UTC" },
        contextualResources: { files: [{ uri: "https://contoso.sharepoint.com/b" }] }
      })
      const odd = GraphServer.json(201, { id: "a/b?c#d", state: "active" })
      const server = yield* GraphServer.make({ conversations: [odd] })
      const made = yield* engine(`${server.url}/proxy/?key=a`)
      yield* Effect.flip(attempts.events(made, yield* streaming))
      assert.deepStrictEqual(
        server.requests.map(({ path }) => path),
        [
          "/proxy/beta/copilot/conversations?key=a",
          "/proxy/beta/copilot/conversations/a%2Fb%3Fc%23d/chatOverStream?key=a"
        ]
      )
    }).pipe(Effect.provide(FetchHttpClient.layer))
  )

  it.scopedLive("ask for one piece where the engine can't stream", () =>
    Effect.gen(function* () {
      const { chat, seen } = yield* sent({ capabilities: { streaming: false } }, streaming)
      assert.strictEqual(chat.path, "/beta/copilot/conversations/conversation-0/chat")
      assert.strictEqual(chat.headers["accept"], "application/json")
      assert.deepStrictEqual(seen, [ReasoningEngine.textDelta("Hello"), ...ending("Hello")])
    }).pipe(Effect.provide(FetchHttpClient.layer))
  )

  it.scopedLive("leave out what the service has no place for, with a warning each", () =>
    Effect.gen(function* () {
      const asked = task({ maxTokens: 5, stop: ["END"], temperature: 0.5, topP: 0.9, metadata: { a: "b" } })
      const { chat, seen } = yield* sent({}, asked)
      assert.deepStrictEqual(chat.body, { message: { text: prompt }, locationHint: { timeZone: "UTC" } })
      assert.deepStrictEqual(
        seen.flatMap((event) => (event._tag === "Warning" ? [event.message] : [])),
        [
          "copilot takes no maxTokens: not sent",
          "copilot takes no stop: not sent",
          "copilot takes no temperature: not sent",
          "copilot takes no topP: not sent"
        ]
      )
    }).pipe(Effect.provide(FetchHttpClient.layer))
  )

  it.live("aren't sent for a task whose last message is no text of a user's", () =>
    Effect.gen(function* () {
      for (const [messages, description] of [
        [
          [
            { role: "user", content: "Hi" },
            { role: "assistant", content: "Well, " }
          ],
          "its last message isn't a user's, and Copilot answers nobody else"
        ],
        [[{ role: "user", content: [{ type: "text", text: " " }] }], "its last message has no text"]
      ] as const) {
        const failed = yield* failure({}, { messages })
        assert.deepInclude(attempts.fields(failed), { _tag: "InputValidationError", description })
      }
    }).pipe(Effect.provide(FetchHttpClient.layer))
  )

  it.scopedLive("make a new conversation for each attempt", () =>
    Effect.gen(function* () {
      const server = yield* GraphServer.make()
      const made = yield* engine(server.url)
      for (const _ of [0, 1]) yield* attempts.events(made, yield* streaming)
      assert.deepStrictEqual(
        server.requests.map(({ path }) => path.replace("/beta/copilot/conversations", "")),
        ["", "/conversation-0/chatOverStream", "", "/conversation-1/chatOverStream"]
      )
    }).pipe(Effect.provide(FetchHttpClient.layer))
  )
})

describe.concurrent("Copilot tokens", () => {
  it.scopedLive("are those of the task's user, or else of the engine's", () =>
    Effect.gen(function* () {
      const bob = yield* sent({}, task({ userId: "bob" }))
      assert.deepStrictEqual(tokensOf(bob.requests), ["Bearer token-of-bob", "Bearer token-of-bob"])
      const ann = yield* sent({}, task())
      assert.deepStrictEqual(tokensOf(ann.requests), ["Bearer token-of-ann", "Bearer token-of-ann"])
    }).pipe(Effect.provide(FetchHttpClient.layer))
  )

  it.scopedLive("are renewed once where Graph rejects one, and the attempt goes on", () =>
    Effect.gen(function* () {
      const renewals: Array<string> = []
      const renew: Service["renew"] = (userId, rejected) => {
        renewals.push(`${userId} ${Redacted.value(rejected)}`)
        return Effect.succeed(Redacted.make("new"))
      }
      const early = yield* sent({}, streaming, { accepts: (token) => token === "new" }, { renew })
      assert.deepStrictEqual(tokensOf(early.requests), ["Bearer token-of-ann", "Bearer new", "Bearer new"])
      assert.deepStrictEqual(early.seen, [ReasoningEngine.textDelta("Hello"), ...ending("Hello")])
      let asked = 0
      const accepts = (token: string) => token === "new" || asked++ === 0
      const late = yield* sent({}, streaming, { accepts }, { renew })
      assert.deepStrictEqual(tokensOf(late.requests), [
        "Bearer token-of-ann",
        "Bearer token-of-ann",
        "Bearer new"
      ])
      assert.deepStrictEqual(
        late.requests.map(({ path }) => path.replace("/beta/copilot/conversations", "")),
        ["", "/conversation-0/chatOverStream", "/conversation-0/chatOverStream"]
      )
      assert.deepStrictEqual(late.seen, early.seen)
      assert.deepStrictEqual(renewals, ["ann token-of-ann", "ann token-of-ann"])
    }).pipe(Effect.provide(FetchHttpClient.layer))
  )

  it.scopedLive("are renewed no second time: then it is the user's error", () =>
    Effect.gen(function* () {
      let asked = 0
      for (const [accepts, requests] of [
        [() => false, 2],
        // The renewal at the conversation is the only one, for the chat too.
        [() => asked++ === 1, 3]
      ] as const) {
        const server = yield* GraphServer.make({ accepts })
        const failed = yield* Effect.flip(attempts.events(yield* engine(server.url), yield* streaming))
        assert.deepInclude(attempts.fields(failed), {
          _tag: "AuthenticationError",
          userId: "ann",
          status: 401,
          description: "Access token has expired or is not yet valid."
        })
        assert.strictEqual(server.requests.length, requests)
      }
    }).pipe(Effect.provide(FetchHttpClient.layer))
  )
})
