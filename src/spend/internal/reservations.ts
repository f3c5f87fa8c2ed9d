import type { Account, Balance, Charge } from "./account.js"

interface Entry {
  readonly account: Account
  spent: bigint
  reserved: bigint
}

/** Accounts of one process, a hundred megabytes of them. */
export const maxAccounts = 250_000

const none: Balance = { spent: 0n, reserved: 0n }

/** What this process has spent and reserved of each account. */
export class ReservationTable {
  private readonly entries = new Map<string, Entry>()
  private earliestEnd = Number.POSITIVE_INFINITY

  of({ id }: Account): Balance {
    const entry = this.entries.get(id)
    return entry === undefined ? none : { spent: entry.spent, reserved: entry.reserved }
  }

  /** Whether there is room for what is to be reserved: no account that counts something is ever forgotten. */
  has(charges: ReadonlyArray<Charge>): boolean {
    return (
      this.entries.size + charges.length <= maxAccounts ||
      charges.every(({ account }) => this.entries.has(account.id))
    )
  }

  reserve({ account, amount }: Charge): void {
    this.entryOf(account).reserved += amount
  }

  settle({ account, amount }: Charge, spent: bigint): void {
    const entry = this.entryOf(account)
    entry.reserved -= amount
    entry.spent += spent
    // What cost nothing leaves nothing behind: names are free to make up.
    if (entry.spent === 0n && entry.reserved === 0n) this.entries.delete(account.id)
  }

  /** The accounts in which something is reserved. */
  get open(): ReadonlyArray<Account> {
    return Array.from(this.entries.values())
      .filter(({ reserved }) => reserved > 0n)
      .map(({ account }) => account)
  }

  /** Drops accounts whose period is over, unless something is reserved in them. */
  prune(now: number): void {
    if (now < this.earliestEnd) return
    this.earliestEnd = Number.POSITIVE_INFINITY
    for (const { account, reserved } of this.entries.values()) {
      if (account.endsAt <= now && reserved === 0n) this.entries.delete(account.id)
      else this.earliestEnd = Math.min(this.earliestEnd, account.endsAt)
    }
  }

  private entryOf(account: Account): Entry {
    const entry = this.entries.get(account.id)
    if (entry !== undefined) return entry
    const made = { account, spent: 0n, reserved: 0n }
    this.entries.set(account.id, made)
    this.earliestEnd = Math.min(this.earliestEnd, account.endsAt)
    return made
  }
}
