/**
 * What an engine does that its contract forbids.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"

/**
 * An engine breaks a law of the contract.
 *
 * @since 0.1.0
 * @category errors
 */
export class ContractViolation extends Schema.TaggedError<ContractViolation>("arc-saga/ContractViolation")(
  "ContractViolation",
  {
    /** The name of the engine under contract. */
    subject: Schema.String,
    /** The name of the law. */
    law: Schema.String,
    expected: Schema.String,
    /** At most some hundred characters of the actual answer. */
    seen: Schema.String
  }
) {
  override get message(): string {
    return `${this.subject} breaks the law “${this.law}”: expected ${this.expected}, seen ${this.seen}`
  }
}
