import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type * as AIProvider from "../../AIProvider.js"
import * as EngineError from "../../EngineError.js"
import type * as CircuitStore from "../CircuitStore.js"
import { isHard, type Member } from "./members.js"

type One = Member<unknown>

/** What a member is left out for in all pools; the first that it has been told of counts. */
const errors = {
  AuthenticationError: EngineError.AuthenticationError,
  QuotaExhaustedError: EngineError.QuotaExhaustedError,
  RateLimitError: EngineError.RateLimitError
}
const tags = ["AuthenticationError", "QuotaExhaustedError", "RateLimitError"] as const

/** A probe that a pool of all has been given. */
export interface Probe {
  readonly key: string
  readonly id: string
}

/** What all pools over one store know of their members: each way of being left out is a circuit of it. */
export interface SharedMembers {
  /** Takes over what is known of a member. */
  readonly learn: (member: One, now: number) => void
  /** Tells others how a member rests, or that it doesn't. */
  readonly tell: (member: One, probe?: Probe) => void
  /** Has the only call of all pools that finds out about a member that is refused; none where another does. */
  readonly probe: (member: One) => Effect.Effect<Option.Option<Probe>>
  /** The call of a probe has ended. */
  readonly release: (probe: Probe) => void
}

/** `probeMs` is for how long a probe that isn't ended keeps others from probing. */
export const make = (
  provider: AIProvider.AIProvider,
  store: CircuitStore.Service,
  probeMs: number
): SharedMembers => {
  const keyOf = ({ name }: One, tag: string): string => `pool\n${provider}\n${name}\n${tag}`
  const description = "another call of the pool's has found out"
  return {
    learn: (member, now) => {
      const { rest } = member
      for (const tag of tags) {
        const open = store.unsafeGet(keyOf(member, tag))
        if (open === undefined) continue
        const until = Math.max(open.until, open.probe?.until ?? open.until)
        const kind = tag === "RateLimitError" ? "limited" : "refused"
        if (kind === "limited" && now >= until) continue
        if (rest?.error._tag === tag && rest.until === until) return
        const error =
          rest?.error._tag === tag
            ? rest.error
            : new errors[tag]({ provider, description }, EngineError.unchecked)
        member.rest = { kind, error, since: now, until }
        return
      }
      if (rest !== undefined && isHard(rest)) member.rest = undefined
    },
    tell: (member, probe) => {
      const { rest } = member
      for (const tag of tags) {
        const key = keyOf(member, tag)
        if (rest !== undefined && isHard(rest) && rest.error._tag === tag) {
          store.unsafeOpen(key, { until: rest.until, waitMs: 0 }, probe?.key === key ? probe.id : undefined)
        } else if (store.unsafeGet(key) !== undefined) store.unsafeClose(key)
      }
    },
    probe: (member) => {
      const key = keyOf(member, member.rest?.error._tag ?? "")
      return Effect.map(
        store.probe(key, probeMs),
        Option.map((id) => ({ key, id }))
      )
    },
    release: ({ id, key }) => store.unsafeRelease(key, id)
  }
}
