/** Two hours in which everything goes wrong that goes wrong with providers. */
import { Hedging, Reliability } from "arc-saga"
import type { Simulation } from "arc-saga/testing"
import * as Layer from "effect/Layer"
import { isFull, sized } from "./property.js"

/** A small storm is shorter, so that as many come in a minute as make the numbers mean something. */
const minute = sized(60_000, 18_000)

/** Tasks of a storm; its providers have as many, or as few. */
export const tasks = sized(200_000, 3000)

/** Chance has much to say where there are few tasks: this seed's numbers lie well within the bounds. */
export const seed = sized(1, 4)

export const durationMs = 120 * minute

export const outage = { fromMs: 30 * minute, toMs: 50 * minute }

/** The share of calls that may be retries or hedges: the defaults. */
export const shares = { retries: 0.2, hedges: 0.05 }

/** What opens a circuit, and how long it stays open: the defaults. */
export const breaker = { consecutiveFailures: 5, openMs: 5000, maxOpenMs: 15_000 }

/** What came of a storm. */
export interface Weathered {
  readonly report: Simulation.Report
  /** What the ledger has of each provider that was asked. */
  readonly ledger: ReadonlyArray<
    Pick<
      Simulation.Report["providers"][number]["record"],
      "attempts" | "inputTokens" | "outputTokens" | "costUsd" | "unpriced"
    > & { readonly provider: string | null }
  >
}

/** Everything that keeps providers healthy, at its default numbers. */
export const reliability = Layer.provideMerge(Hedging.layer(), Reliability.layer())

/**
 * The favourite bursts with 429s whenever its requests of a minute are used up, and is down for 20 minutes;
 * the second is 10 times as slow for a quarter of an hour; the third cuts one answer in twenty.
 */
export const options = (size: number, seed: number): Simulation.Options => {
  const perMinute = (size / durationMs) * 60_000
  return {
    seed,
    durationMs,
    arrivals: { perMinute },
    // Of few tasks more have to stream, so that some are cut.
    streamingShare: isFull ? 0.1 : 0.5,
    timeoutMs: 20_000,
    strategy: "fastest",
    outputTokens: { p50: 80, p99: 500 },
    providers: [
      {
        provider: "copilot_chat",
        price: { input: 2.5, output: 10 },
        firstTokenMs: { p50: 300, p99: 1500 },
        tokensPerSecond: 200,
        requestsPerMinute: 0.6 * perMinute,
        prefill: true,
        outages: [outage]
      },
      {
        provider: "claude",
        price: { input: 3, output: 15 },
        firstTokenMs: { p50: 400, p99: 2000 },
        tokensPerSecond: 180,
        requestsPerMinute: 0.6 * perMinute,
        prefill: true,
        slowdowns: [{ fromMs: 75 * minute, toMs: 90 * minute, factor: 10 }]
      },
      {
        provider: "gpt4",
        price: { input: 1, output: 4 },
        firstTokenMs: { p50: 500, p99: 2500 },
        tokensPerSecond: 160,
        prefill: true,
        cutShare: 0.05
      }
    ]
  }
}
