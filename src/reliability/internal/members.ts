import type { EngineError } from "../../EngineError.js"
import { share } from "../../internal/hash.js"

/**
 * Why a member rests: its key is refused or it has no credit (`refused`), which one call finds out to be over; it is
 * limited (`limited`); it has said that its limit is spent (`spent`), or failed otherwise (`failing`), and is asked
 * where no other can be.
 */
type Kind = "refused" | "limited" | "spent" | "failing"

/** When a member isn't asked. Instants are in milliseconds of the Clock. */
export interface Rest {
  readonly kind: Kind
  readonly error: EngineError
  readonly since: number
  readonly until: number
}

const ranks: Readonly<Record<Kind, number>> = { refused: 3, limited: 2, spent: 1, failing: 0 }

/** Whether a member that rests so is left out, whoever else there is. */
export const isHard = ({ kind }: Rest): boolean => kind === "refused" || kind === "limited"

/** One of several that give the same answers. */
export class Member<out A> {
  /** The calls under way. */
  underWay = 0
  /** The calls until now. */
  asked = 0
  rest: Rest | undefined
  /** The call that is finding out whether it is refused still. */
  probe: Call | undefined

  constructor(
    readonly name: string,
    readonly weight: number,
    readonly of: A
  ) {}

  /** Whether a call may be made now. */
  isFresh(now: number): boolean {
    return this.rest === undefined || (now >= this.rest.until && this.probe === undefined)
  }
}

/** A call of a member. What it tells of the member is news only as long as nothing later is known. */
export class Call {
  /** Whether it has been answered. */
  answered = false

  constructor(
    readonly member: Member<unknown>,
    readonly since: number
  ) {
    member.underWay++
    member.asked++
    if (member.rest?.kind === "refused") member.probe = this
  }

  /** What this call knows of the member's rest; undefined where the member has been sent to it since. */
  private get isNews(): boolean {
    const { rest } = this.member
    return rest === undefined || rest.since < this.since || this.member.probe === this
  }

  /** It has failed so that the member rests; whether the member does so from now on, and didn't before. */
  rests(rest: Rest): boolean {
    const { member } = this
    const before = member.rest
    if (before !== undefined && !this.isNews && ranks[before.kind] > ranks[rest.kind]) return false
    member.rest = rest
    if (member.probe === this) member.probe = undefined
    return before?.kind !== rest.kind
  }

  /** It is being answered; the rest that is over with that, if there is one. */
  answers(now: number): Rest | undefined {
    if (this.answered) return undefined
    this.answered = true
    const { member } = this
    const { rest } = member
    // What is spent is so until it is full again, whoever is answered meanwhile.
    if (rest === undefined || !this.isNews || (rest.kind === "spent" && now < rest.until)) return undefined
    member.rest = undefined
    if (member.probe === this) member.probe = undefined
    return rest
  }

  end(): void {
    const { member } = this
    member.underWay--
    // One that was given up has found out nothing.
    if (member.probe === this) member.probe = undefined
  }
}

/**
 * How much a conversation belongs to a member: the highest has it. Of the conversations each member has its share by
 * weight, and when one is out only its own move (weighted rendezvous hashing).
 */
const belongs = (conversation: string, { name, weight }: Member<unknown>): number =>
  -weight / Math.log(share(`${conversation}\n${name}`))

/** Least calls under way by weight, then least calls until now: the shares are kept one after the other, too. */
const isBetter = (one: Member<unknown>, other: Member<unknown>): boolean => {
  const load = one.underWay * other.weight - other.underWay * one.weight
  return load === 0 ? (one.asked + 1) * other.weight < (other.asked + 1) * one.weight : load < 0
}

/** Who may be asked now: whoever rests without being left out only where no other may. */
const available = <A>(members: ReadonlyArray<Member<A>>, now: number): ReadonlyArray<Member<A>> => {
  const fresh = members.filter((member) => member.isFresh(now))
  return fresh.length > 0 ? fresh : members.filter(({ rest }) => rest !== undefined && !isHard(rest))
}

/** The member for a call, if one may be asked: that of its conversation, or the one with the least to do. */
export const choose = <A>(
  members: ReadonlyArray<Member<A>>,
  conversation: string | undefined,
  now: number
): Member<A> | undefined => {
  const [first, ...others] = available(members, now)
  if (first === undefined) return undefined
  return others.reduce(
    (best, each) =>
      (
        conversation === undefined
          ? isBetter(each, best)
          : belongs(conversation, each) > belongs(conversation, best)
      )
        ? each
        : best,
    first
  )
}
