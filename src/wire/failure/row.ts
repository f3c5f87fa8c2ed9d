import type { Kind } from "../failure.js"

/**
 * How servers tell of one failure, and where that was found: vendors' own pages, or public reports that quote what
 * came. A row fits where all that it has fits. Rows with codes stand before those with words alone: the first that
 * fits decides.
 */
export interface Row {
  readonly kind: Kind
  /** Whose wording it is. */
  readonly of: string
  readonly source: string
  /** The code or the type, in small letters. */
  readonly codes?: ReadonlyArray<string> | RegExp | undefined
  /** Under which statuses; when absent, any for a code, and those of a rejected request for words. */
  readonly statuses?: ReadonlyArray<number> | undefined
  /** What it says: a sentence of the vendor's, never a lone term that a cited prompt has as well. */
  readonly words?: RegExp | undefined
}
