/**
 * What Claude Code asks of a gateway, row by row: its vendor's reference of the protocol
 * (https://code.claude.com/docs/en/llm-gateway-protocol) and the requirements of a rollout
 * (https://code.claude.com/docs/en/llm-gateway-rollout). Two rows differ, on purpose: a 401 or 403 is about the key of
 * the gateway, not of its caller, and is told as the provider's failure.
 */
import { assert, describe, it } from "@effect/vitest"
import { SpendLedger } from "arc-saga"
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import * as messages from "../utils/messages.js"
import * as RawServer from "../utils/RawServer.js"
import { dataOf, post, request } from "./harness.js"
import * as wired from "./wires.js"

const alone = { "x-saga-fallback": "off" }

const json = (status: number, body: unknown, headers: Readonly<Record<string, string>> = {}) =>
  RawServer.answer(status, "application/json", JSON.stringify(body, null, 1), headers)

/** Spacing of its own: it is to arrive as it is. */
const errorOf = (type: string, message: string) =>
  JSON.stringify({ type: "error", error: { type, message, details: null }, request_id: "req_up" }, null, 1)

/** Statuses, types and messages by which it mends its requests, waits, or tells its user. */
const errors = [
  [400, "invalid_request_error", "prompt is too long: 210000 tokens > 200000 maximum"],
  [
    400,
    "invalid_request_error",
    "input length and `max_tokens` exceed context limit: 150000 + 64000 > 200000, decrease input length or `max_tokens` and try again"
  ],
  [400, "invalid_request_error", "context_management: Extra inputs are not permitted"],
  [400, "invalid_request_error", "adaptive thinking is not supported on this model"],
  [400, "invalid_request_error", "messages.1.role: Input should be 'user' or 'assistant'"],
  [
    400,
    "invalid_request_error",
    "messages.3.content.0: `thinking` blocks in the latest assistant message cannot be modified"
  ],
  [400, "invalid_request_error", "You have reached your specified API usage limits"],
  [402, "billing_error", "Your credit balance is too low"],
  [404, "not_found_error", "model: claude-opus-9"],
  [409, "conflict_error", "The resource is in another state"],
  [413, "request_too_large", "Request exceeds the maximum size"],
  [
    429,
    "rate_limit_error",
    "This request would exceed your organization's rate limit of 30,000 input tokens per minute"
  ],
  [500, "api_error", "Internal server error"],
  [504, "timeout_error", "The request took too long"],
  [529, "overloaded_error", "Overloaded"]
] as const

const limits = {
  "retry-after": "30",
  "anthropic-ratelimit-input-tokens-limit": "30000",
  "anthropic-ratelimit-input-tokens-remaining": "0",
  "anthropic-ratelimit-input-tokens-reset": "2030-01-01T00:00:00Z",
  "anthropic-ratelimit-unified-status": "rejected"
}

describe("a gateway for Claude Code", () => {
  it.scopedLive("returns errors of the provider unmodified: status, body and type of content", () =>
    Effect.gen(function* () {
      const { upstream, url } = yield* wired.over(
        errors.flatMap(([status, type, message]) =>
          [0, 1].map(() =>
            RawServer.answer(status, "application/json; charset=utf-8", errorOf(type, message))
          )
        )
      )
      for (const [status, type, message] of errors) {
        for (const stream of [true, false]) {
          const reply = yield* wired.ask(url, "messages", "messages", stream, alone)
          assert.strictEqual(reply.text, errorOf(type, message))
          assert.strictEqual(reply.status, status)
          assert.match(reply.headers.get("content-type") ?? "", /^application\/json/)
        }
      }
      assert.lengthOf(upstream.requests, 2 * errors.length)
    })
  )

  it.scopedLive("returns what a 429 says of limits, and no other header of it", () =>
    Effect.gen(function* () {
      const others = { "set-cookie": "a=b", server: "up", "x-should-retry": "true", "content-language": "en" }
      const body = JSON.parse(errorOf("rate_limit_error", "Slow down"))
      const { url } = yield* wired.over([json(429, body, { ...limits, ...others })])
      const { headers, status } = yield* wired.ask(url, "messages", "messages", true, alone)
      assert.strictEqual(status, 429)
      for (const [name, value] of Object.entries(limits)) assert.strictEqual(headers.get(name), value)
      for (const name of ["set-cookie", "server", "content-language"]) assert.isNull(headers.get(name))
    })
  )

  it.scopedLive("keeps for itself that its own key isn't taken", () =>
    Effect.gen(function* () {
      const { url } = yield* wired.over(
        [401, 403].map((status) => json(status, messages.error("authentication_error")))
      )
      for (const _ of [401, 403]) {
        const reply = yield* wired.ask(url, "messages", "messages", false, alone)
        assert.strictEqual(reply.status, 502)
        assert.deepInclude(JSON.parse(reply.text), { type: "error" })
        // It would ask its user to sign in, or try again in vain.
        assert.strictEqual(reply.headers.get("x-should-retry"), "false")
      }
    })
  )

  it.scopedLive(
    "forwards open lists of headers and fields, and the blocks of the system prompt as they are",
    () =>
      Effect.gen(function* () {
        const { upstream, url } = yield* wired.over([json(200, messages.piece())])
        const body = {
          model: "messages",
          max_tokens: 64_000,
          system: [
            { type: "text", text: "x-anthropic-billing-header: cc_version=2.1.332; cc_entrypoint=cli;" },
            { type: "text", text: "You are an agent", cache_control: { type: "ephemeral", ttl: "1h" } }
          ],
          messages: [
            { role: "user", content: [{ type: "text", text: "Hi" }] },
            { role: "system", content: [{ type: "text", text: "Mid", cache_control: { type: "ephemeral" } }] }
          ],
          tools: [
            {
              name: "Read",
              input_schema: { type: "object" },
              defer_loading: true,
              strict: true,
              next_year: {}
            }
          ],
          thinking: { type: "adaptive", display: "omitted" },
          context_management: { edits: [{ type: "clear_thinking_20251015", keep: "all" }] },
          output_config: { effort: "high", task_budget: { type: "tokens", total: 9 } },
          metadata: { user_id: '{"device_id":"d","account_uuid":"a","session_id":"s"}' },
          next_year: { a: [1] }
        }
        const headers = {
          "anthropic-version": "2023-06-01",
          "anthropic-beta": "claude-code-20250219,next-year-2027-01-01",
          "anthropic-workspace-id": "wrkspc_1",
          "anthropic-next-year": "yes"
        }
        const reply = yield* post(`${url}/v1/messages?beta=true`, body, headers)
        assert.strictEqual(reply.status, 200, reply.text)
        assert.deepStrictEqual(JSON.parse(upstream.requests[0]?.body ?? ""), { ...body, model: "m" })
        assert.deepInclude(upstream.requests[0]?.headers, headers)
      })
  )

  it.scopedLive("streams as events come, pings among them, with headers that no proxy buffers", () =>
    Effect.gen(function* () {
      const body =
        messages.wire(messages.start(), messages.ping, messages.block(), messages.ping, messages.text("Hi")) +
        messages.rest
      const { url } = yield* wired.over([RawServer.answer(200, "text/event-stream", body)])
      const { headers, text } = yield* wired.ask(url, "messages", "messages", true)
      assert.strictEqual(text, body)
      assert.deepInclude(Object.fromEntries(headers), {
        "content-type": "text/event-stream",
        "cache-control": "no-cache",
        "x-accel-buffering": "no"
      })
      assert.isNull(headers.get("content-length"))
      assert.isNull(headers.get("content-encoding"))
    })
  )

  it.scopedLive("sends pings where nothing comes, for its timers", () =>
    Effect.gen(function* () {
      const { url } = yield* wired.over([[RawServer.pause(150), ...messages.whole]], {
        gateway: { keepAliveMs: 30 }
      })
      const { text } = yield* wired.ask(url, "messages", "messages", true)
      assert.isAtLeast(dataOf(text).filter((data) => data === '{"type":"ping"}').length, 3)
      assert.isTrue(text.endsWith(messages.hi + messages.rest))
    })
  )

  it.scopedLive("answers in one piece what is asked again so, after an error within a stream", () =>
    Effect.gen(function* () {
      const error = messages.wire(messages.error("overloaded_error", "Overloaded"))
      const { url } = yield* wired.over([
        RawServer.answer(200, "text/event-stream", messages.hi + error),
        json(200, messages.piece())
      ])
      const first = yield* wired.ask(url, "messages", "messages", true, alone)
      assert.isTrue(first.text.endsWith(error))
      const again = yield* wired.ask(url, "messages", "messages", false, alone)
      assert.include(again.headers.get("content-type") ?? "", "application/json")
      assert.deepStrictEqual(JSON.parse(again.text), messages.piece())
    })
  )

  it.scopedLive("has the session and the agent of each call in the accounts", () =>
    Effect.gen(function* () {
      const ledger = yield* SpendLedger.makeMemory()
      const { url } = yield* wired.over([json(200, messages.piece())], {
        around: Layer.succeed(SpendLedger.SpendLedger, ledger)
      })
      const body = wired.bodyOf("messages", "messages", false)
      for (const headers of [
        { "x-claude-code-session-id": "s-1" },
        { "x-claude-code-session-id": "s-1", "x-claude-code-agent-id": "reviewer" },
        { "x-saga-session": "s-2", "x-claude-code-session-id": "s-1", "x-saga-agent": "mine" },
        { "x-session-id": "s-3", "x-openai-subagent": "a".repeat(257) },
        {}
      ]) {
        assert.strictEqual((yield* post(`${url}/v1/messages`, body, headers)).status, 200)
      }
      const rows = Chunk.toReadonlyArray(yield* Stream.runCollect(ledger.rows()))
      assert.deepStrictEqual(
        rows.map(({ agent, session }) => [session, agent]),
        [
          ["s-1", undefined],
          ["s-1", "reviewer"],
          ["s-2", "mine"],
          ["s-3", undefined],
          [undefined, undefined]
        ]
      )
    })
  )

  it.scopedLive("counts tokens, by an estimate where the provider doesn't", () =>
    Effect.gen(function* () {
      const { url } = yield* wired.over([json(200, { input_tokens: 17 }), json(404, {})])
      const body = wired.bodyOf("messages", "messages", false, { max_tokens: undefined })
      const count = post(`${url}/v1/messages/count_tokens?beta=true`, body)
      assert.deepStrictEqual(JSON.parse((yield* count).text), { input_tokens: 17 })
      assert.deepInclude(JSON.parse((yield* count).text), { estimated: true })
    })
  )

  it.scopedLive(
    "lists its models for discovery, without a redirect, by names that begin as Anthropic's",
    () =>
      Effect.gen(function* () {
        const { url } = yield* wired.over([[]], {
          gateway: {
            models: { "claude-opus-4-8": "messages", "anthropic/x": "messages", "claude-*": "messages" }
          }
        })
        const init = {
          redirect: "error",
          headers: { "x-api-key": "any", "anthropic-version": "2023-06-01" }
        } as const
        const { status, text } = yield* request(`${url}/v1/models?limit=1000`, init)
        assert.strictEqual(status, 200)
        const { data } = JSON.parse(text)
        const found = data.filter(({ id }: { id: string }) => /^(claude|anthropic)/.test(id))
        assert.deepStrictEqual(
          found.map(({ display_name, id }: { display_name: string; id: string }) => [id, display_name]),
          [
            ["claude-opus-4-8", "claude-opus-4-8"],
            ["anthropic/x", "anthropic/x"]
          ]
        )
      })
  )
})
