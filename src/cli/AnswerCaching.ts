/** The cache of answers that the file sets up, in front of what answers tasks: shared, or in memory. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { optional } from "../internal/optional.js"
import { given } from "../internal/options.js"
import * as AnswerCache from "../routing/AnswerCache.js"
import type * as TaskService from "../routing/TaskService.js"

/** What the file says of it. */
export interface Settings extends Omit<AnswerCache.Options, "version">, AnswerCache.MemoryOptions {}

/**
 * A service like the given one that answers from the cache of the context, or else from memory. All have one, each by the name that it is called by; a
 * provider with another model is another one.
 */
export const make = (
  { bytes, entries, ...options }: Settings,
  providers: ReadonlyArray<{ readonly id: string; readonly model?: string | undefined }>
): Effect.Effect<
  (name: string, service: TaskService.Service) => Effect.Effect<TaskService.Service, never, Scope.Scope>
> =>
  Effect.gen(function* () {
    const shared = yield* optional(AnswerCache.AnswerCache)
    // The numbers were checked when they were read.
    const store = shared ?? (yield* Effect.orDie(AnswerCache.makeMemory(given({ bytes, entries }))))
    return (name, service) => {
      const version = JSON.stringify([name, ...providers.map(({ id, model }) => [id, model])])
      return Effect.orDie(
        Effect.provideService(
          AnswerCache.make(service, { ...options, version }),
          AnswerCache.AnswerCache,
          store
        )
      )
    }
  })
