import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type { InvalidArgumentError } from "../../InvalidArgument.js"
import * as numbers from "../../internal/numbers.js"
import * as validation from "../../internal/validation.js"

/** How many judgements are kept. */
export interface Options {
  /**
   * Judgements that are kept of each key, and of callers without one, the latest; 10,000 when absent. Earlier ones
   * go together, so that up to a tenth more may be there.
   */
  readonly perKey?: number | undefined
}

const decode = validation.decoder(
  "Feedback",
  Schema.Struct({ perKey: numbers.withDefault(numbers.count("a number of judgements"), 10_000) })
)

/** The keys that are counted; of more the counting begins anew. */
const mostKeys = 10_000

/** What is kept of each key, and when what came before it has to go. */
export interface KeptPerKey {
  readonly perKey: number
  /** Counts one more: whether it is the first of its key since the process began, or a tenth of what is kept. */
  readonly isDue: (keyId: string | undefined) => boolean
}

export const make = (options: Options): Effect.Effect<KeptPerKey, InvalidArgumentError> =>
  Effect.map(decode(options), ({ perKey }) => {
    const batch = Math.ceil(perKey / 10)
    const since = new Map<string | undefined, number>()
    return {
      perKey,
      isDue: (keyId) => {
        const count = (since.get(keyId) ?? batch - 1) + 1
        if (since.size >= mostKeys) since.clear()
        since.set(keyId, count % batch)
        return count === batch
      }
    }
  })
