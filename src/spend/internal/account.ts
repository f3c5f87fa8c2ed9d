/**
 * The account of one budget, subject and period. Amounts are whole numbers of the budget's unit: tokens, or
 * picodollars.
 *
 * @since 0.1.0
 * @category models
 */
export interface Account {
  /** Names the budget, its unit, its subject and its period. */
  readonly id: string
  /** What may be spent. */
  readonly limit: bigint
  /** When the period is over, in milliseconds of the Clock. */
  readonly endsAt: number
}

/**
 * What an attempt may take from an account at most.
 *
 * @since 0.1.0
 * @category models
 */
export interface Charge {
  readonly account: Account
  readonly amount: bigint
}

/**
 * What an account has.
 *
 * @since 0.1.0
 * @category models
 */
export interface Balance {
  readonly spent: bigint
  /** For attempts that haven't ended. */
  readonly reserved: bigint
}
