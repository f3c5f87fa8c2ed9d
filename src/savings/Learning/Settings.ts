/**
 * What can be set of learning: apart from what learns, so that a configuration can be read without it.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"
import * as AIProvider from "../../AIProvider.js"
import * as numbers from "../../internal/numbers.js"

/**
 * How much is asked, of whom, and what is kept of it.
 *
 * @since 0.1.0
 * @category schemas
 */
export const Settings = Schema.Struct({
  /** The share of the tasks that are asked of the other providers, too, 0 to 1. */
  share: numbers.upTo("a share of the tasks", 1),
  /** What that may cost in a period, in USD: a day when absent, or a month of UTC. */
  budget: Schema.Struct({
    usd: numbers.upTo("an amount", 1_000_000),
    period: numbers.withDefault(Schema.Literal("day", "month"), "day")
  }),
  /** Who is compared; every provider that is registered when absent. */
  providers: Schema.optional(Schema.NonEmptyArray(AIProvider.AIProvider)),
  /** How many tasks are compared at a time, 1 when absent: a task that comes meanwhile isn't. */
  concurrency: numbers.withDefault(numbers.count("a number of tasks"), 1),
  /** What tasks are drawn by; 1 when absent. */
  seed: numbers.withDefault(Schema.Int, 1),
  /** Whether prompts are kept, 16,384 characters of each at most; only features when absent. */
  prompts: numbers.withDefault(Schema.Boolean, false),
  /** Of how many answered tasks feedback makes outcomes, the last ones; 1,000 when absent, 0 for none. */
  remembered: numbers.withDefault(numbers.countFrom0("a number of tasks"), 1000)
})
