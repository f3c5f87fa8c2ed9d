import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import * as Headers from "@effect/platform/Headers"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as FastCheck from "effect/FastCheck"
import * as Predicate from "effect/Predicate"
import * as TestClock from "effect/TestClock"
import * as rateLimitHeaders from "../../src/wire/rateLimitHeaders.js"
import type * as ReasoningEngine from "../../src/ReasoningEngine.js"
import * as attempts from "../utils/attempts.js"
import * as chatCompletions from "../utils/chatCompletions.js"
import * as messages from "../utils/messages.js"
import { runs } from "../utils/property.js"
import * as RawServer from "../utils/RawServer.js"

const now = Date.UTC(2026, 10, 27, 12)

const date = (waitMs: number): string => new Date(now + waitMs).toISOString()

type Said = readonly [limit: string | undefined, remaining: string | undefined, reset: string | undefined]

const openAI = (what: string, [limit, remaining, reset]: Said) => ({
  [`x-ratelimit-limit-${what}`]: limit,
  [`x-ratelimit-remaining-${what}`]: remaining,
  [`x-ratelimit-reset-${what}`]: reset
})

const anthropic = (what: string, [limit, remaining, reset]: Said) => ({
  [`anthropic-ratelimit-${what}-limit`]: limit,
  [`anthropic-ratelimit-${what}-remaining`]: remaining,
  [`anthropic-ratelimit-${what}-reset`]: reset
})

/** A reset, and in how many milliseconds it is; undefined where it says nothing. */
const durations: ReadonlyArray<readonly [string, number | undefined]> = [
  ["12ms", 12],
  ["1s", 1000],
  ["6m0s", 360_000],
  ["1h2m3.5s", 3_723_500],
  ["1d", 86_400_000],
  ["2d3h", 183_600_000],
  ["7.66s", 7660],
  ["0s", 0],
  ["0.4ms", 1],
  ["20", 20_000],
  ["0.25", 250],
  ["31d", 2_678_400_000],
  ["32d", undefined],
  // An instant in place of a duration.
  ["1795780800", undefined],
  ["9".repeat(400), undefined],
  ["-1s", undefined],
  ["-5", undefined],
  ["1w", undefined],
  ["1.2.3s", undefined],
  ["s", undefined],
  ["1s soon", undefined],
  ["soon", undefined],
  ["NaN", undefined],
  ["", undefined],
  [date(1000), undefined]
]

const dates: ReadonlyArray<readonly [string, number | undefined]> = [
  [date(1000), 1000],
  ["2026-11-27T12:00:01Z", 1000],
  ["2026-11-27t12:00:01z", 1000],
  ["2026-11-27T13:00:01+01:00", 1000],
  ["2026-11-27T12:00:00.123456789Z", 123],
  [date(-60_000), 0],
  [date(31 * 86_400_000), 31 * 86_400_000],
  [date(32 * 86_400_000), undefined],
  ["2026-13-99T99:99:99Z", undefined],
  ["2026-11-27", undefined],
  ["2026-11-27 12:00:01", undefined],
  ["Fri, 27 Nov 2026 12:00:01 GMT", undefined],
  ["1s", undefined],
  ["60", undefined],
  ["", undefined]
]

/** What is said of a limit, and how much is left; undefined where it says nothing. */
const counts: ReadonlyArray<
  readonly [limit: string | undefined, remaining: string | undefined, number | undefined]
> = [
  ["60", "59", 59],
  [undefined, "59", 59],
  ["lots", "59", 59],
  ["60", "0", 0],
  ["60", "007", 7],
  ["-1", "59", undefined],
  ["0", "59", undefined],
  ["-1", "-1", undefined],
  ["60", "-1", undefined],
  ["60", "1.5", undefined],
  ["60", "1e3", undefined],
  ["60", "9".repeat(16), undefined],
  ["60", "some", undefined],
  ["60", "", undefined],
  ["60", undefined, undefined]
]

const garbage = FastCheck.oneof(
  FastCheck.string(),
  FastCheck.double().map(String),
  FastCheck.constantFrom(
    "1s",
    "6m0s",
    "12ms",
    "0",
    "-1",
    "60",
    date(1000),
    date(-1000),
    "1e999",
    "Infinity",
    "0x10"
  ),
  FastCheck.tuple(
    FastCheck.double({ min: -1e9, max: 1e9 }),
    FastCheck.constantFrom("ms", "s", "m", "h", "d", "y")
  ).map(([amount, unit]) => `${amount}${unit}`)
)

const anyHeaders = FastCheck.dictionary(
  FastCheck.constantFrom(
    ...["requests", "tokens", "input-tokens", "output-tokens"].flatMap((what) => [
      ...Object.keys(openAI(what, [undefined, undefined, undefined])),
      ...Object.keys(anthropic(what, [undefined, undefined, undefined]))
    ])
  ),
  garbage,
  { noNullPrototype: true }
).map((headers) => Headers.fromInput(headers))

describe("rate-limit headers", () => {
  it("have durations until a reset in OpenAI's words", () => {
    for (const [reset, waitMs] of durations) {
      const { requests } = rateLimitHeaders.openAI(
        Headers.fromInput(openAI("requests", ["60", "59", reset])),
        now
      )
      assert.strictEqual(requests?.resetAt, waitMs === undefined ? undefined : now + waitMs, reset)
    }
  })

  it("have dates of a reset in Anthropic's words", () => {
    for (const [reset, waitMs] of dates) {
      const { requests } = rateLimitHeaders.anthropic(
        Headers.fromInput(anthropic("requests", ["60", "59", reset])),
        now
      )
      assert.strictEqual(requests?.resetAt, waitMs === undefined ? undefined : now + waitMs, reset)
    }
  })

  it("say how much is left, and nothing where the limit is unknown", () => {
    for (const [limit, remaining, expected] of counts) {
      const said = `${limit} ${remaining}`
      const { requests, tokens } = rateLimitHeaders.openAI(
        Headers.fromInput({
          ...openAI("requests", [limit, remaining, "1s"]),
          ...openAI("tokens", [limit, remaining, undefined])
        }),
        now
      )
      assert.strictEqual(requests?.remaining, expected, said)
      assert.isUndefined(tokens, said)
      const claude = rateLimitHeaders.anthropic(
        Headers.fromInput(anthropic("tokens", [limit, remaining, date(1000)])),
        now
      )
      assert.strictEqual(claude.tokens?.remaining, expected, said)
    }
  })

  it("say nothing where there are none", () => {
    assert.deepStrictEqual(rateLimitHeaders.openAI(Headers.empty, now), {})
    assert.deepStrictEqual(rateLimitHeaders.anthropic(Headers.empty, now), {})
  })

  it("tell of requests and tokens apart", () => {
    assert.deepStrictEqual(
      rateLimitHeaders.openAI(
        Headers.fromInput({
          ...openAI("requests", ["60", "59", "1s"]),
          ...openAI("tokens", ["150000", "149984", "6m0s"])
        }),
        now
      ),
      {
        requests: { remaining: 59, resetAt: now + 1000 },
        tokens: { remaining: 149_984, resetAt: now + 360_000 }
      }
    )
  })

  it("have the scarcest of Anthropic's three limits of tokens", () => {
    const of = (tokens: Said | undefined, read: Said | undefined, written: Said | undefined) =>
      rateLimitHeaders.anthropic(
        Headers.fromInput({
          ...(tokens === undefined ? {} : anthropic("tokens", tokens)),
          ...(read === undefined ? {} : anthropic("input-tokens", read)),
          ...(written === undefined ? {} : anthropic("output-tokens", written))
        }),
        now
      ).tokens
    const left = (remaining: number, waitMs: number): Said => ["100000", String(remaining), date(waitMs)]
    const [one, two, three] = [left(1000, 30), left(2000, 20), left(3000, 10)]
    const scarcest = { remaining: 1000, resetAt: now + 30 }
    const orders: ReadonlyArray<Parameters<typeof of>> = [
      [one, two, three],
      [two, three, one],
      [three, one, two],
      [undefined, two, one],
      [one, undefined, undefined],
      [undefined, one, undefined]
    ]
    for (const order of orders) assert.deepStrictEqual(of(...order), scarcest)
    // Both are used up: it goes on when the later one isn't any more.
    const [soon, late] = [left(0, 10), left(0, 20)]
    assert.deepStrictEqual(of(undefined, soon, late), { remaining: 0, resetAt: now + 20 })
    assert.deepStrictEqual(of(undefined, late, soon), { remaining: 0, resetAt: now + 20 })
  })

  it("tell the wait for all that is used up", () => {
    const quota = (remaining: number, waitMs: number) => ({ remaining, resetAt: now + waitMs })
    for (const [quotas, waitMs] of [
      [{}, undefined],
      [{ requests: quota(1, 10), tokens: quota(1, 20) }, undefined],
      [{ requests: quota(0, 10), tokens: quota(1, 20) }, 10],
      [{ requests: quota(0, 10), tokens: quota(0, 20) }, 20],
      [{ tokens: quota(0, 20) }, 20],
      // It has been there again for some time: something else is the matter.
      [{ requests: quota(0, 0) }, undefined],
      [{ requests: quota(0, -1000) }, undefined]
    ] as const) {
      assert.strictEqual(rateLimitHeaders.waitMs(quotas, now), waitMs)
    }
  })

  it.effect.prop(
    "never make a reader throw or say what can't be, whatever they hold",
    [anyHeaders, FastCheck.nat()],
    ([headers, at]) =>
      Effect.sync(() => {
        for (const read of [rateLimitHeaders.openAI, rateLimitHeaders.anthropic]) {
          const quotas = read(headers, at)
          for (const { remaining, resetAt } of Object.values(quotas).filter(Predicate.isNotUndefined)) {
            assert.isTrue(Number.isSafeInteger(remaining) && remaining >= 0)
            assert.isTrue(Number.isSafeInteger(resetAt) && resetAt >= at)
          }
          assert.isAtLeast(rateLimitHeaders.waitMs(quotas, at) ?? 1, 1)
        }
      }),
    runs()
  )
})

const { chunk, chunkedHead, end, lastChunk, pause, send } = RawServer

/** The head of a stream in HTTP chunks, with these headers. */
const eventStream = (headers: Readonly<Record<string, string>>): RawServer.Step =>
  send(
    chunkedHead("text/event-stream").replace(
      "\r\n\r\n",
      `\r\n${Object.entries(headers)
        .map(([name, value]) => `${name}: ${value}\r\n`)
        .join("")}\r\n`
    )
  )

const known = {
  "x-ratelimit-remaining-requests": "59",
  "x-ratelimit-reset-requests": "1s"
}

const claudes = {
  "anthropic-ratelimit-requests-remaining": "49",
  "anthropic-ratelimit-requests-reset": date(1000)
}

const sorts = (engine: ReasoningEngine.ReasoningEngine) =>
  Effect.gen(function* () {
    const chunks = yield* attempts.chunks(engine, yield* chatCompletions.streaming)
    const limits = chunks.flat().find(({ _tag }) => _tag === "RateLimits")
    return { limits, sorts: chunks.map((events) => events.map(({ _tag }) => _tag).join(" ") || "work") }
  })

describe("what a provider says of its limits", () => {
  it.scoped("comes once, with the first events, and not before there are some", () =>
    Effect.gen(function* () {
      yield* TestClock.setTime(now)
      const thinking = 'data: {"choices":[{"delta":{"reasoning":"Hm."}}]}\n\n'
      const { url } = yield* RawServer.make([
        eventStream(known),
        send(chunk(thinking)),
        pause(50),
        send(chunk(chatCompletions.hi)),
        pause(50),
        send(chunk(chatCompletions.stop + chatCompletions.usage + chatCompletions.done)),
        send(lastChunk),
        end
      ])
      const seen = yield* sorts(yield* chatCompletions.engine(url))
      assert.deepStrictEqual(seen, {
        sorts: ["RateLimits ReasoningDelta", "TextDelta", "Usage ReasoningDelta Finish"],
        limits: { _tag: "RateLimits", requests: { remaining: 59, resetAt: now + 1000 } }
      })
    }).pipe(Effect.provide(FetchHttpClient.layer))
  )

  it.scoped("comes with an answer in one piece too, before its warnings", () =>
    Effect.gen(function* () {
      yield* TestClock.setTime(now)
      const { url } = yield* RawServer.make(messages.json(200, messages.piece(), claudes))
      const engine = yield* messages.engine(url, { completeOver: "json", version: "2026-10-21" })
      const events = yield* attempts.events(engine, yield* chatCompletions.task({ temperature: 0.5 }))
      assert.deepStrictEqual(
        events.map(({ _tag }) => _tag),
        ["RateLimits", "Warning", "TextDelta", "Usage", "Finish"]
      )
      assert.deepStrictEqual(events[0], {
        _tag: "RateLimits",
        requests: { remaining: 49, resetAt: now + 1000 }
      })
    }).pipe(Effect.provide(FetchHttpClient.layer))
  )

  it.scoped("is nothing where it says nothing, or what can't be known", () =>
    Effect.gen(function* () {
      for (const headers of [
        {},
        claudes,
        { "x-ratelimit-limit-requests": "-1", ...known },
        { "x-ratelimit-remaining-requests": "59" }
      ]) {
        const { url } = yield* RawServer.make([
          eventStream(headers),
          send(chunk(chatCompletions.hi + chatCompletions.stop + chatCompletions.done)),
          send(lastChunk),
          end
        ])
        assert.isUndefined((yield* sorts(yield* chatCompletions.engine(url))).limits)
      }
    }).pipe(Effect.provide(FetchHttpClient.layer))
  )

  it.scoped("is when to come back where something is used up, unless a retry-after says it", () =>
    Effect.gen(function* () {
      yield* TestClock.setTime(now)
      const usedUp = {
        ...claudes,
        "anthropic-ratelimit-input-tokens-remaining": "0",
        "anthropic-ratelimit-input-tokens-reset": date(9000)
      }
      for (const [headers, retryAfterMs] of [
        [claudes, undefined],
        [usedUp, 9000],
        [{ ...usedUp, "retry-after": "2" }, 2000],
        // No wait: what is used up says when it isn't any more.
        [{ ...usedUp, "retry-after": "0" }, 9000]
      ] as const) {
        const error = yield* messages.failure(messages.json(429, messages.error("rate_limit_error"), headers))
        assert.strictEqual(error._tag === "RateLimitError" ? error.retryAfterMs : Number.NaN, retryAfterMs)
      }
    }).pipe(Effect.provide(FetchHttpClient.layer))
  )
})
