/** What isn't shared by processes that serve or work together. */
import * as Option from "effect/Option"
import type * as Configuration from "./Configuration.js"

/**
 * What isn't shared, though it might be expected, in words: of a process with a Redis, which has others beside it, and
 * of workers that serve at one address.
 */
export const unshared = (
  { budgets, ledger, learn, redis }: Configuration.Configuration,
  workers = 1
): ReadonlyArray<string> => {
  const isShared = Option.isSome(redis)
  if (!isShared && workers === 1) return []
  const each = workers === 1 ? "Each process" : `Each of the ${workers} workers`
  return [
    ...(isShared
      ? []
      : [
          `${each} has limits, circuits, pools, sessions, cached answers and what it knows of state at providers for itself: together they let through up to ${workers} times a limit. Configure redis to share them.`
        ]),
    ...Option.match(ledger, {
      onNone: () =>
        Option.isNone(budgets)
          ? []
          : [
              isShared
                ? `${each} has budgets of its own, though limits are shared in Redis. Configure a ledger to share them.`
                : `${each} has budgets of its own: together they spend up to ${workers} times as much. Configure a ledger to share them.`
            ],
      onSome: ({ location }) =>
        isShared && location._tag === "Sqlite"
          ? [
              "Limits are shared in Redis, the ledger and its budgets with processes of this machine alone. A ledger in PostgreSQL is shared by all."
            ]
          : []
    }),
    ...(workers === 1 || Option.isNone(learn)
      ? []
      : [`${each} learns on a budget of its own: together they spend up to ${workers} times as much on it.`])
  ]
}
