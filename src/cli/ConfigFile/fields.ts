/** What several parts of the configuration file are made of. */
import * as Schema from "effect/Schema"
import * as numbers from "../../internal/numbers.js"

export const exact = { exact: true } as const

/** Milliseconds, where there is a limit. */
export const limit = Schema.optionalWith(numbers.millis, exact)

export const environmentVariable = Schema.String.pipe(
  Schema.pattern(/^[A-Za-z_][A-Za-z0-9_]*$/, { description: "the name of an environment variable" })
)
