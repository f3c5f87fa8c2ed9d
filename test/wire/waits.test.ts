import * as Headers from "@effect/platform/Headers"
import { assert, describe, it } from "@effect/vitest"
import * as FastCheck from "effect/FastCheck"
import * as waits from "../../src/wire/waits.js"
import { runs } from "../utils/property.js"

const day = 86_400_000

/** 2026-11-30, 09:00:00 UTC. */
const now = Date.UTC(2026, 10, 30, 9)

const ofHeaders = (headers: Record<string, string>) => waits.ofHeaders(Headers.fromInput(headers), now)

const inBody = (error: unknown, message = "") => waits.inBody(error, message)(now)

describe("waits.ofHeaders", () => {
  it.each([
    ["7", 7000],
    ["0.25", 250],
    ["39.5s", 39_500],
    ["1m 2.5s", 62_500],
    ["6m0s", 360_000],
    ["120ms", 120],
    // No wait at all.
    ["0", undefined],
    ["0s", undefined],
    ["-5", undefined],
    ["soon", undefined],
    ["1e3", undefined],
    ["1e9", undefined],
    // Stated twice.
    ["30, 30", 30_000],
    ["1m 2s,7", 62_000],
    ["soon, 30", undefined],
    ["NaN", undefined],
    ["", undefined],
    // Longer than anybody waits.
    ["86400", day],
    ["86401", day],
    ["9999999", day],
    ["999999999999999999999999999999", day],
    // Instants.
    [String(now / 1000 + 30), 30_000],
    [String(now + 1500), 1500],
    [String(now / 1000 - 1), undefined],
    ["1771404540", day],
    ["Mon, 30 Nov 2026 09:00:20 GMT", 20_000],
    ["Mon, 30 Nov 2026 08:59:59 GMT", undefined],
    ["Fri, 31 Dec 9999 23:59:59 GMT", day],
    ["Fri, 99 Foo 2020 00:00:00 GMT", undefined]
  ] as const)("reads a retry-after of %j", (stated, wait) => {
    assert.strictEqual(ofHeaders({ "retry-after": stated }), wait)
  })

  it("prefers the milliseconds, where they can be meant", () => {
    assert.strictEqual(ofHeaders({ "retry-after": "7", "retry-after-ms": "1234.5" }), 1234.5)
    for (const none of ["0", "soon", "-1", ""]) {
      assert.strictEqual(ofHeaders({ "retry-after": "7", "retry-after-ms": none }), 7000)
    }
    assert.strictEqual(ofHeaders({ "retry-after-ms": String(now + 50) }), 50)
    assert.isUndefined(ofHeaders({}))
  })

  it("gives a wait above 0 and of a day at most, or none, whatever stands there", () => {
    FastCheck.assert(
      FastCheck.property(
        FastCheck.oneof(
          FastCheck.string(),
          FastCheck.double().map(String),
          FastCheck.bigInt().map(String),
          FastCheck.nat().map((n) => `${n}m${n}s`)
        ),
        FastCheck.string(),
        (seconds, milliseconds) => {
          // Not all texts can be the value of a header, but none may break the reading of it.
          const wait = waits.ofHeaders(
            Headers.unsafeFromRecord({ "retry-after": seconds, "retry-after-ms": milliseconds }),
            now
          )
          assert.isTrue(wait === undefined || (wait > 0 && wait <= day))
        }
      ),
      runs(300).fastCheck
    )
  })
})

describe("waits.inBody", () => {
  it.each([
    ["Rate limit reached for gpt-4o. Please try again in 39.5s. Visit …", 39_500],
    ["Please retry in 1m2.5s.", 62_500],
    ["Please try again in 6m0s.", 360_000],
    ["Please try again in 120ms.", 120],
    ["Please retry in 39.588837137s.", 39_588.837137],
    ["Please retry after 20 seconds.", 20_000],
    ["Try again in 1 minute and 20 seconds", 80_000],
    ["Try your request again after 2 hours, 3 minutes", 7_380_000],
    ["retry your request after 5 secs", 5000],
    ["Please wait 3 mins", 180_000],
    ["Please wait for about 3 min", 180_000],
    ["Limits reset in 2 days", day],
    ["Retry after 250 milliseconds", 250],
    // No wait.
    ["Please retry in 0s", undefined],
    ["Please try again later", undefined],
    ["Please try again in 5 steps", undefined],
    ["Limit 30000, Used 28000, Requested 4000", undefined],
    ["It took 5 seconds", undefined],
    ["", undefined]
  ] as const)("reads %j", (message, wait) => {
    assert.strictEqual(inBody(undefined, message), wait)
  })

  it.each([
    [{ details: [{ "@type": "type.googleapis.com/google.rpc.RetryInfo", retryDelay: "39.5s" }] }, 39_500],
    [{ details: [{}, null, 3, { retryDelay: { seconds: "39", nanos: 500_000_000 } }] }, 39_500],
    [{ details: { retry_after_seconds: 3 } }, 3000],
    [{ retry_after: 2.5 }, 2500],
    [{ retryAfter: "2" }, 2000],
    [{ retry_after_ms: 1500 }, 1500],
    [{ retry_after_ms: 0, retry_after: 4 }, 4000],
    [{ metadata: { headers: { "X-RateLimit-Reset": String(now + 60_000) } } }, 60_000],
    [{ metadata: { headers: { "Retry-After": "9" } } }, 9000],
    [{ metadata: { retry_after_seconds: 8 } }, 8000],
    [{ retry_after: null, retryAfter: {}, details: [{ retryDelay: "later" }] }, undefined],
    [{ retry_after: -3 }, undefined],
    [{ retry_after: 1e30 }, day],
    [undefined, undefined],
    ["text", undefined]
  ] as const)("reads the fields of %j", (error, wait) => {
    assert.strictEqual(inBody(error), wait)
  })

  it("prefers fields to words", () => {
    assert.strictEqual(inBody({ retry_after: 2 }, "try again in 5s"), 2000)
    assert.strictEqual(inBody({ retry_after: 0 }, "try again in 5s"), 5000)
  })
})
