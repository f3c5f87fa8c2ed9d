import * as Schema from "effect/Schema"

/**
 * A value that the caller gave is out of range, malformed or contradictory. The message names the
 * argument (`subject`), the field, and why it can't be used; it never holds the text of a prompt.
 *
 * @since 0.1.0
 * @category errors
 */
export class InvalidArgumentError extends Schema.TaggedError<InvalidArgumentError>(
  "arc-saga/InvalidArgumentError"
)("InvalidArgumentError", {
  /** The argument: `AITask`, `RoutingPolicy`, a file's path. */
  subject: Schema.String,
  /** The field, as a path: `messages[0].content`; empty for the whole. */
  field: Schema.String,
  /** The expected form and the actual value. */
  reason: Schema.String
}) {
  override get message(): string {
    const where = this.field === "" ? this.subject : `${this.subject}.${this.field}`
    return `${where}: ${this.reason}`
  }
}
