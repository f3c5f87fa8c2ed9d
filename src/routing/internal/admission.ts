import * as Effect from "effect/Effect"
import type * as AIResult from "../../AIResult.js"
import type * as AITask from "../../AITask.js"
import type * as AttemptGuard from "../../AttemptGuard.js"
import type * as AttemptObserver from "../../AttemptObserver.js"

/** What stands before an attempt and behind it; absent where it isn't configured. */
export interface Admission {
  readonly guard: AttemptGuard.Service | undefined
  readonly observer: AttemptObserver.Service | undefined
}

/** Makes the attempt's own fiber interruptible, where it runs under a lease. */
export type Restore = <A, E>(effect: Effect.Effect<A, E>) => Effect.Effect<A, E>

/** Asks the guard for a lease and makes the attempt under it; without a guard there is none. */
export const admit = <A, E>(
  { guard }: Admission,
  request: () => AttemptGuard.AdmissionRequest,
  onRefusal: (refusal: AttemptGuard.Refusal) => void,
  attempt: (lease?: AttemptGuard.Lease, restore?: Restore) => Effect.Effect<A, E>
): Effect.Effect<A, E | AttemptGuard.Refusal> =>
  guard === undefined
    ? attempt()
    : // A lease is released: no interruption comes between it and its attempt.
      Effect.uninterruptibleMask((restore) =>
        Effect.matchEffect(guard.admit(request()), {
          onFailure: (refusal) => {
            onRefusal(refusal)
            return Effect.fail(refusal)
          },
          onSuccess: (lease) => attempt(lease, restore)
        })
      )

/** Settles the lease of an ended attempt, then tells the observers. */
export const ended = (
  { observer }: Admission,
  lease: AttemptGuard.Lease | undefined,
  record: AIResult.Attempt,
  task: AITask.AITask
): Effect.Effect<void> => {
  const observed = observer?.observe(record, task) ?? Effect.void
  return lease === undefined ? observed : Effect.zipRight(lease.settle(record), observed)
}

/** The task with as many tokens to write as its lease allows at most. */
export const bounded = (task: AITask.AITask, lease: AttemptGuard.Lease | undefined): AITask.AITask =>
  lease?.maxTokens === undefined || (task.maxTokens !== undefined && task.maxTokens <= lease.maxTokens)
    ? task
    : { ...task, maxTokens: lease.maxTokens }
