import type { Account, Balance, Charge } from "./account.js"

interface Share {
  readonly account: Account
  spent: bigint
  reserved: bigint
}

const none: Balance = { spent: 0n, reserved: 0n }

/** What this process has spent and reserved of each account. */
export class Shares {
  private readonly shares = new Map<string, Share>()
  private earliestEnd = Number.POSITIVE_INFINITY

  of({ id }: Account): Balance {
    const share = this.shares.get(id)
    return share === undefined ? none : { spent: share.spent, reserved: share.reserved }
  }

  reserve({ account, amount }: Charge): void {
    this.shareOf(account).reserved += amount
  }

  settle({ account, amount }: Charge, spent: bigint): void {
    const share = this.shareOf(account)
    share.reserved -= amount
    share.spent += spent
  }

  /** The accounts in which something is reserved. */
  get open(): ReadonlyArray<Account> {
    return Array.from(this.shares.values())
      .filter(({ reserved }) => reserved > 0n)
      .map(({ account }) => account)
  }

  /** Drops accounts whose period is over, unless something is reserved in them. */
  prune(now: number): void {
    if (now < this.earliestEnd) return
    this.earliestEnd = Number.POSITIVE_INFINITY
    for (const { account, reserved } of this.shares.values()) {
      if (account.endsAt <= now && reserved === 0n) this.shares.delete(account.id)
      else this.earliestEnd = Math.min(this.earliestEnd, account.endsAt)
    }
  }

  private shareOf(account: Account): Share {
    const share = this.shares.get(account.id)
    if (share !== undefined) return share
    const made = { account, spent: 0n, reserved: 0n }
    this.shares.set(account.id, made)
    this.earliestEnd = Math.min(this.earliestEnd, account.endsAt)
    return made
  }
}
