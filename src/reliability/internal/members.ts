import * as Hash from "effect/Hash"
import type { EngineError } from "../../EngineError.js"

/** Why a member isn't asked now, and until when, in milliseconds of the Clock. */
export interface Rest {
  readonly error: EngineError
  readonly until: number
  /** Whether one call finds out if it is over before others are made. */
  readonly isProbed: boolean
  /** Whether it is asked all the same where no other can be. */
  readonly isSoft: boolean
}

/** One of several that give the same answers. */
export class Member<out A> {
  /** The calls under way. */
  underWay = 0
  /** The calls until now. */
  asked = 0
  rest: Rest | undefined
  /** Whether a call is finding out if its rest is over. */
  probing = false

  constructor(
    readonly name: string,
    readonly weight: number,
    readonly of: A
  ) {}
}

/** 32 bits in which each bit of a hash changes about half of all: the finalizer of MurmurHash3. */
const mixed = (hash: number): number => {
  let bits = hash
  bits = Math.imul(bits ^ (bits >>> 16), 0x85_eb_ca_6b)
  bits = Math.imul(bits ^ (bits >>> 13), 0xc2_b2_ae_35)
  return (bits ^ (bits >>> 16)) >>> 0
}

/**
 * How much a session belongs to a member: the highest has it. Of the sessions each member has its share by weight,
 * and when one is out only its sessions move (weighted rendezvous hashing).
 */
const belongs = (session: string, { name, weight }: Member<unknown>): number =>
  -weight / Math.log((mixed(Hash.string(`${session}\n${name}`)) + 0.5) / 2 ** 32)

/** Least calls under way by weight, then least calls until now: the shares are kept one after the other, too. */
const isBetter = (one: Member<unknown>, other: Member<unknown>): boolean => {
  const load = one.underWay * other.weight - other.underWay * one.weight
  return load === 0 ? (one.asked + 1) * other.weight < (other.asked + 1) * one.weight : load < 0
}

/** Who may be asked now: whoever rests softly only where no other may. */
const available = <A>(members: ReadonlyArray<Member<A>>, now: number): ReadonlyArray<Member<A>> => {
  const fresh = members.filter(({ probing, rest }) => rest === undefined || (now >= rest.until && !probing))
  return fresh.length > 0 ? fresh : members.filter(({ rest }) => rest?.isSoft === true)
}

/** The member for a call, if one may be asked: that of its session, or the one with the least to do. */
export const choose = <A>(
  members: ReadonlyArray<Member<A>>,
  session: string | undefined,
  now: number
): Member<A> | undefined => {
  const [first, ...others] = available(members, now)
  if (first === undefined) return undefined
  return others.reduce(
    (best, each) =>
      session === undefined
        ? isBetter(each, best)
          ? each
          : best
        : belongs(session, each) > belongs(session, best)
          ? each
          : best,
    first
  )
}
