import type * as TokenStore from "../../auth/TokenStore.js"

/** What is wrong with a store or one of its records; the store makes its error of it. */
export interface Fault {
  readonly reason: TokenStore.TokenStoreError["reason"]
  readonly description: string
  readonly cause?: unknown
}
