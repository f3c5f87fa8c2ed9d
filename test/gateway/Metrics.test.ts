import { assert, describe, it } from "@effect/vitest"
import { AIProvider, Price } from "arc-saga"
import { Behaviour } from "arc-saga/testing"
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Metric from "effect/Metric"
import * as MetricBoundaries from "effect/MetricBoundaries"
import { createHash } from "node:crypto"
import { post, request, start } from "./harness.js"

const { Claude, Gpt4 } = AIProvider
const { answer, fail } = Behaviour

const chat = { model: "claude", messages: [{ role: "user", content: "Hello" }] }

const line =
  /^[a-zA-Z_:][\w:]*(\{([a-zA-Z_]\w*="(\\.|[^"\\\n])*",?)+\})? (\+Inf|-Inf|NaN|-?\d+(\.\d+)?(e[+-]?\d+)?)$/

/** The samples of a text, by name and labels. It has to be as Prometheus reads it. */
const scraped = (url: string, headers: Readonly<Record<string, string>> = {}) =>
  Effect.map(request(`${url}/metrics`, { headers }), ({ headers, text }) => {
    assert.strictEqual(headers.get("content-type"), "text/plain; version=0.0.4; charset=utf-8")
    const samples = new Map<string, number>()
    const types = new Set<string>()
    for (const each of text.trimEnd().split("\n")) {
      if (each.startsWith("# TYPE ")) {
        assert.isFalse(types.has(each.split(" ")[2] ?? ""), each)
        types.add(each.split(" ")[2] ?? "")
      }
      if (each.startsWith("#")) continue
      assert.match(each, line)
      const at = each.lastIndexOf(" ")
      assert.isFalse(samples.has(each.slice(0, at)), each)
      samples.set(each.slice(0, at), Number(each.slice(at + 1).replace("Inf", "Infinity")))
    }
    return samples
  })

describe("GET /metrics", () => {
  it.scopedLive("tells of requests, calls, attempts and providers", () =>
    Effect.gen(function* () {
      const price = Either.getOrThrow(Price.make({ input: 1, output: 1 }))
      const { url } = yield* start({
        engines: [
          { provider: Claude, price, script: [fail({ _tag: "QuotaExhaustedError" })] },
          { provider: Gpt4, price, script: [answer({ text: "Hi there" })] }
        ]
      })
      yield* post(`${url}/v1/chat/completions`, chat)
      yield* post(`${url}/v1/chat/completions`, chat, { "x-saga-fallback": "off" })
      yield* post(`${url}/v1/nothing`, chat)
      const samples = yield* scraped(url)
      const expected = {
        'arc_saga_gateway_requests_total{route="/v1/chat/completions",status="200"}': 1,
        'arc_saga_gateway_requests_total{route="/v1/chat/completions",status="429"}': 1,
        'arc_saga_gateway_requests_total{route="other",status="404"}': 1,
        'arc_saga_gateway_calls_total{ending="answered"}': 1,
        'arc_saga_gateway_calls_total{ending="failed"}': 1,
        'arc_saga_gateway_calls_total{ending="abandoned"}': 0,
        arc_saga_gateway_calls_running: 0,
        'arc_saga_gateway_attempts_total{provider="claude",outcome="failed"}': 2,
        'arc_saga_gateway_attempts_total{provider="gpt4",outcome="succeeded"}': 1,
        'arc_saga_gateway_success_ratio{provider="gpt4"}': 1,
        'arc_saga_gateway_today_cost_usd{provider="gpt4"}': 0.000004,
        'arc_saga_gateway_today_tokens{provider="gpt4",kind="output"}': 2,
        'arc_saga_gateway_cost_usd_total{provider="gpt4"}': 0.000004,
        'arc_saga_gateway_unknown_cost_attempts_total{provider="gpt4"}': 0,
        'arc_saga_gateway_tokens_total{provider="gpt4",kind="input"}': 2,
        'arc_saga_gateway_tokens_total{provider="gpt4",kind="output"}': 2,
        'arc_saga_gateway_attempt_answer_seconds_count{provider="gpt4"}': 1,
        'arc_saga_gateway_attempt_answer_seconds_count{provider="claude"}': 0,
        'arc_saga_gateway_attempt_first_token_seconds_bucket{provider="gpt4",le="+Inf"}': 1,
        'arc_saga_gateway_info{process="",configuration=""}': 1
      }
      for (const [name, value] of Object.entries(expected)) assert.strictEqual(samples.get(name), value, name)
      assert.isTrue(samples.has('arc_saga_gateway_answer_seconds{provider="gpt4",quantile="0.99"}'))
      assert.isFalse(samples.has('arc_saga_gateway_circuit{provider="gpt4"}'))
    })
  )

  it.scopedLive("tells of all that the program counts with Effect's metrics", () =>
    Effect.gen(function* () {
      const { url } = yield* start({ engines: [] })
      yield* Metric.increment(Metric.counter("test.jobs", { description: "Jobs\\done" })).pipe(
        Effect.tagMetrics({ queue: 'a "b"\n\\c' })
      )
      yield* Effect.tagMetrics(Metric.increment(Metric.counter("test.jobs")), "queue", "z")
      yield* Metric.set(Metric.gauge("test_jobs"), 7)
      yield* Metric.set(Metric.gauge("2nd", { description: "Depth" }), -1.5)
      yield* Metric.update(Metric.frequency("test_words"), "yes")
      const histogram = Metric.histogram("test_size", MetricBoundaries.fromIterable([1, 10]))
      for (const size of [0.5, 5, 50]) yield* Metric.update(histogram, size)
      const summary = Metric.summary({
        name: "test_wait",
        maxAge: "1 hour",
        maxSize: 10,
        error: 0,
        quantiles: [0.5]
      })
      yield* Metric.update(summary, 3)
      const empty = Metric.summary({
        name: "test_none",
        maxAge: "1 hour",
        maxSize: 10,
        error: 0,
        quantiles: [0.5]
      })
      yield* Metric.value(empty)
      const big = Metric.counter("test_big", { bigint: true })
      yield* Metric.update(big, 12n)
      yield* Metric.set(Metric.gauge("test_least"), Number.NEGATIVE_INFINITY)
      const samples = yield* scraped(url)
      const expected = {
        'test_jobs{queue="a \\"b\\"\\n\\\\c"}': 1,
        'test_jobs{queue="z"}': 1,
        _2nd: -1.5,
        'test_words{key="yes"}': 1,
        'test_size_bucket{le="1"}': 1,
        'test_size_bucket{le="10"}': 2,
        'test_size_bucket{le="+Inf"}': 3,
        test_size_sum: 55.5,
        test_size_count: 3,
        'test_wait{quantile="0.5"}': 3,
        test_wait_count: 1,
        test_none_count: 0,
        test_big: 12,
        test_least: Number.NEGATIVE_INFINITY
      }
      for (const [name, value] of Object.entries(expected)) assert.strictEqual(samples.get(name), value, name)
      // A name has one type: the gauge of the counter's name is left out.
      assert.isFalse(samples.has("test_jobs"))
      assert.isNotEmpty(Chunk.toReadonlyArray(Chunk.fromIterable(samples)))
    })
  )

  it.scopedLive("needs a key that is there for it, where there are keys", () =>
    Effect.gen(function* () {
      const sha256 = (key: string) => createHash("sha256").update(key).digest("hex")
      const { url } = yield* start({
        engines: [],
        gateway: {
          keys: [
            { id: "web", sha256: sha256("test-key-web") },
            { id: "ops", sha256: sha256("test-key-ops"), observe: true }
          ]
        }
      })
      for (const path of ["/metrics", "/", "/status.json", "/page.js", "/page.css"]) {
        const status = (authorization: string) =>
          Effect.map(request(`${url}${path}`, { headers: { authorization } }), ({ status }) => status)
        const closed = yield* request(`${url}${path}`)
        assert.strictEqual(closed.status, 401)
        assert.match(closed.headers.get("www-authenticate") ?? "", /^Basic /)
        assert.strictEqual(yield* status("Bearer test-key-web"), 403)
        assert.strictEqual(yield* status("Bearer test-key-ops"), 200)
        assert.strictEqual(yield* status(`Basic ${Buffer.from("x:test-key-ops").toString("base64")}`), 200)
      }
    })
  )
})
