import * as Metric from "effect/Metric"
import * as Option from "effect/Option"
import * as Struct from "effect/Struct"
import type * as Activity from "../Activity.js"
import * as Usd from "../../Usd.js"
import { type Family, family, fromEffect, histograms, type Labels, render } from "./prometheus.js"

/** Counts responses by route and status: both are few. */
export interface Responses {
  readonly count: (route: string, status: number) => void
  readonly families: () => ReadonlyArray<Family>
}

const prefix = "arc_saga_gateway"

export const responses = (): Responses => {
  const counts = new Map<string, { readonly labels: Labels; value: number }>()
  return {
    count: (route, status) => {
      const key = `${status} ${route}`
      const counted = counts.get(key)
      if (counted === undefined) counts.set(key, { labels: { route, status: String(status) }, value: 1 })
      else counted.value++
    },
    families: () => [
      family(
        "counter",
        `${prefix}_requests_total`,
        "Requests by route and status; 499 where the client went away before.",
        Array.from(counts.values(), ({ labels, value }) => [labels, value])
      )
    ]
  }
}

type Providers = ReadonlyArray<Activity.Provider>

const ofEach = (
  providers: Providers,
  value: (provider: Activity.Provider) => number | undefined,
  labels: Labels = {}
): ReadonlyArray<readonly [Labels, number | undefined]> =>
  providers.map((each) => [{ provider: each.provider, ...labels }, value(each)])

const latency = (
  providers: Providers,
  name: string,
  help: string,
  measured: "firstTokenMs" | "totalMs"
): Family => {
  const quantile = (at: "p50" | "p99", label: string) =>
    ofEach(
      providers,
      (each) => Option.getOrUndefined(Option.map(each.measured[measured], (ms) => ms[at] / 1000)),
      { quantile: label }
    )
  return family("gauge", `${prefix}_${name}`, help, [...quantile("p50", "0.5"), ...quantile("p99", "0.99")])
}

const circuitValues = { closed: 0, "half-open": 0.5, open: 1 } as const

const providerFamilies = (providers: Providers): ReadonlyArray<Family> => [
  family(
    "gauge",
    `${prefix}_circuit`,
    "The circuit of a provider: 0 closed, 0.5 half-open, 1 open.",
    ofEach(providers, ({ circuit }) =>
      Option.getOrUndefined(Option.map(circuit, ({ _tag }) => circuitValues[_tag]))
    )
  ),
  family(
    "gauge",
    `${prefix}_pool_member_up`,
    "Whether a member of a pool takes calls: 1, or 0 where it is left out.",
    providers.flatMap(({ members, provider }) =>
      members.map(({ name, out }) => [{ provider, member: name }, Option.isNone(out) ? 1 : 0] as const)
    )
  ),
  family(
    "gauge",
    `${prefix}_success_ratio`,
    "The share of a provider's last attempts that it didn't fail.",
    ofEach(providers, ({ measured }) => Option.getOrUndefined(measured.successRate))
  ),
  latency(providers, "first_token_seconds", "Time to first content at a provider, lately.", "firstTokenMs"),
  latency(providers, "answer_seconds", "Time to the whole answer at a provider, lately.", "totalMs"),
  family(
    "gauge",
    `${prefix}_today_cost_usd`,
    "What was spent at a provider since midnight UTC, as far as it is known.",
    ofEach(providers, ({ today }) => Usd.toNumber(today.cost))
  ),
  family(
    "gauge",
    `${prefix}_today_unknown_cost_attempts`,
    "Attempts since midnight UTC whose cost isn't known.",
    ofEach(providers, ({ today }) => today.unpriced)
  ),
  family("gauge", `${prefix}_today_tokens`, "Tokens since midnight UTC.", [
    ...ofEach(providers, ({ today }) => today.usage.inputTokens, { kind: "input" }),
    ...ofEach(providers, ({ today }) => today.usage.outputTokens, { kind: "output" })
  ])
]

/** What only grows while a process lives, so that it can be added up over processes, and over their lives. */
const lifetimeFamilies = (lifetimes: Activity.Snapshot["lifetimes"]): ReadonlyArray<Family> => [
  family(
    "counter",
    `${prefix}_cost_usd_total`,
    "What was spent at a provider, as far as it is known.",
    lifetimes.map(({ provider, totals }) => [{ provider }, Usd.toNumber(totals.cost)])
  ),
  family(
    "counter",
    `${prefix}_unknown_cost_attempts_total`,
    "Attempts whose cost isn't known.",
    lifetimes.map(({ provider, totals }) => [{ provider }, totals.unpriced])
  ),
  family(
    "counter",
    `${prefix}_tokens_total`,
    "Tokens of attempts.",
    lifetimes.flatMap(({ provider, totals: { usage } }) => [
      [{ provider, kind: "input" }, usage.inputTokens],
      [{ provider, kind: "output" }, usage.outputTokens]
    ])
  ),
  histograms(
    `${prefix}_attempt_first_token_seconds`,
    "Time to first content of attempts.",
    lifetimes.map(({ firstToken, provider }) => [{ provider }, firstToken])
  ),
  histograms(
    `${prefix}_attempt_answer_seconds`,
    "Time to the whole answer of attempts that gave one.",
    lifetimes.map(({ answer, provider }) => [{ provider }, answer])
  )
]

/** The endings of calls as metrics and the page name them. */
export const endings: Readonly<Record<Activity.CallOutcome["_tag"], string>> = {
  Answered: "answered",
  Failed: "failed",
  ClientDisconnected: "abandoned"
}

/** All metrics as Prometheus reads them: the gateway's own, then all of Effect's registry. */
export const text = (
  snapshot: Activity.Snapshot,
  counted: Responses,
  {
    configuration = "",
    instance = ""
  }: { readonly configuration?: string | undefined; readonly instance?: string | undefined }
): string =>
  render([
    family(
      "gauge",
      `${prefix}_info`,
      "The process that these are the numbers of, and its configuration: 1.",
      [[{ process: instance, configuration }, 1]]
    ),
    ...counted.families(),
    family(
      "counter",
      `${prefix}_calls_total`,
      "Calls by how they ended.",
      Struct.entries(snapshot.endings).map(([tag, count]) => [{ ending: endings[tag] }, count])
    ),
    family("gauge", `${prefix}_calls_running`, "Calls under way.", [[{}, snapshot.running]]),
    family(
      "counter",
      `${prefix}_attempts_total`,
      "Attempts at providers by how they ended.",
      snapshot.counts.map(({ attempts, outcome, provider }) => [{ provider, outcome }, attempts])
    ),
    ...lifetimeFamilies(snapshot.lifetimes),
    ...providerFamilies(snapshot.providers),
    ...fromEffect(Metric.unsafeSnapshot())
  ])
