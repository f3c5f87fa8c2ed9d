import * as Arr from "effect/Array"
import * as DateTime from "effect/DateTime"
import * as Option from "effect/Option"
import * as Record from "effect/Record"
import type * as AIResult from "../../AIResult.js"
import type * as Activity from "../Activity.js"
import type * as Learned from "../Learned.js"
import type { Member } from "../../ReasoningEngine.js"
import type * as SharedState from "../../reliability/SharedState.js"
import { endings } from "./metrics.js"
import * as Usd from "../../Usd.js"

const decimal = (cost: Option.Option<Usd.Usd>): string | null =>
  Option.getOrNull(Option.map(cost, Usd.toDecimal))

const iso = (ms: number): string => DateTime.formatIso(DateTime.unsafeMake(ms))

const isoOrNull = (ms: number | undefined): string | null => (ms === undefined ? null : iso(ms))

const attempt = ({ cost, costSource, durationMs, error, model, outcome, provider }: AIResult.Attempt) => ({
  provider,
  model,
  outcome,
  error: Option.getOrNull(Option.map(error, ({ _tag }) => _tag)),
  durationMs,
  cost: decimal(cost),
  billed: costSource === "provider"
})

const member = ({ name, out, underWay, weight }: Member) => ({
  name,
  weight,
  underWay,
  out: Option.getOrNull(Option.map(out, ({ error, until }) => ({ error: error._tag, until: iso(until) })))
})

const provider = ({ circuit, measured, members, model, provider, state, today }: Activity.Provider) => ({
  provider,
  model,
  state,
  circuit: Option.getOrNull(Option.map(circuit, ({ _tag }) => _tag)),
  attempts: measured.attempts,
  successRate: Option.getOrNull(measured.successRate),
  firstTokenMs: Option.getOrNull(measured.firstTokenMs),
  totalMs: Option.getOrNull(measured.totalMs),
  today: {
    attempts: today.attempts,
    inputTokens: today.usage.inputTokens,
    outputTokens: today.usage.outputTokens,
    cost: Usd.toDecimal(today.cost),
    billed: Usd.toDecimal(today.billed),
    unknown: today.unpriced
  },
  members: members.map(member)
})

const call = ({ attempts, durationMs, ending, ...begun }: Activity.Call) => ({
  id: begun.id,
  startedAt: iso(begun.startedAt),
  model: begun.model,
  delivery: begun.delivery,
  key: begun.keyId ?? null,
  user: begun.userId ?? null,
  durationMs: durationMs ?? null,
  state: ending === undefined ? "running" : endings[ending._tag],
  code: ending?._tag === "Failed" ? ending.code : null,
  provider: ending?._tag === "Answered" ? ending.answer.provider : null,
  cost: ending?._tag === "Answered" ? decimal(ending.answer.cost) : null,
  attempts: attempts.map(attempt)
})

/** How many providers stand how: names are for those who may observe. */
export const health = ({ providers }: Activity.Snapshot): unknown => ({
  status: "ok",
  providers: Record.map(
    Arr.groupBy(providers, ({ state }) => state),
    (all) => all.length
  )
})

/** What a gateway is set up with, as it was told, and why not with something else. */
export interface About {
  readonly configuration: string | undefined
  readonly instance: string | undefined
  /** Since when, in milliseconds of the Clock. */
  readonly since: number
  readonly refused: { readonly at: number; readonly reason: string } | undefined
}
const learnedOf = ({ escalation, learning, model, training }: Learned.Snapshot) => ({
  model: model === undefined ? null : { ...model, writtenAt: isoOrNull(model.writtenAt) },
  learning: learning === undefined ? null : { ...learning, spentUsd: learning.spentUsd ?? null },
  training:
    training === undefined
      ? null
      : {
          count: training.count,
          last: training.last === undefined ? null : { ...training.last, at: iso(training.last.at) }
        },
  escalation: escalation ?? null
})

/** What goes on, as the page reads it. */
export const of = (
  snapshot: Activity.Snapshot,
  shared: SharedState.Service | undefined,
  { configuration, instance, refused, since }: About,
  learned: Learned.Snapshot | undefined
): unknown => ({
  instance: instance ?? null,
  configuration: {
    hash: configuration ?? null,
    since: iso(since),
    refused: refused === undefined ? null : { at: iso(refused.at), reason: refused.reason }
  },
  now: iso(snapshot.now),
  since: iso(snapshot.since),
  running: snapshot.running,
  ...(shared === undefined ? {} : { sharedAwaySince: isoOrNull(shared.unsafeAwaySince()) }),
  ...(learned === undefined ? {} : { learned: learnedOf(learned) }),
  cost: Usd.toDecimal(snapshot.cost),
  dearest: Option.getOrNull(
    Option.map(snapshot.dearest, ({ cost, provider }) => ({ provider, cost: Usd.toDecimal(cost) }))
  ),
  providers: snapshot.providers.map(provider),
  calls: snapshot.calls.map(call)
})
