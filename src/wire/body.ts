import type * as Either from "effect/Either"
import type * as AITask from "../AITask.js"

/** How one attempt asks. */
export interface Ask {
  readonly task: AITask.AITask
  readonly prefill: string | undefined
  readonly stream: boolean
}

/** An object of a body. */
export type Json = Readonly<Record<string, unknown>>

/** What of a body was made of a task; or what of the task the wire can't hold. */
export type Made<A> = Either.Either<A, string>

/** Makes the ids of a task's calls fit the provider. */
export type IdOf = (id: string) => string
