import * as Effect from "effect/Effect"
import type { AIProvider } from "../../AIProvider.js"
import type * as AITask from "../../AITask.js"
import type * as Registry from "../../ReasoningEngineRegistry.js"
import type { ReasoningEngine } from "../../ReasoningEngine.js"
import type { Kept } from "../../wire/kept.js"
import type { RouteOptions } from "../RoutingPolicy.js"
import { type Owner, type Service as StateOwners, StateUnavailableError } from "../StateOwners.js"

/** What of a call is kept at one provider, and at which. */
export interface Bound {
  readonly ids: ReadonlyArray<string>
  /** Undefined where no provider can have it: what a call needs of its provider is told otherwise. */
  readonly provider?: AIProvider | undefined
  readonly member?: string | undefined
  readonly warnings: ReadonlyArray<string>
}

const ownersOf = ({ members, provider }: ReasoningEngine): Effect.Effect<ReadonlyArray<Owner>> =>
  members === undefined
    ? Effect.succeed([{ provider }])
    : Effect.map(members, (all) => all.map(({ name }) => ({ provider, member: name })))

/** How many ids of a call are looked for: of more the first say enough. */
const mostIds = 64

/** Who keeps what a task names: it is known, or there is but one that can, or the caller has named it. */
export const of = (
  registry: Registry.Service,
  owners: StateOwners,
  task: AITask.AITask,
  { named, wire }: Kept,
  { unavailable }: RouteOptions
): Effect.Effect<Bound, StateUnavailableError> => {
  const ids = Array.from(new Set(named.map(({ id }) => id)))
  const [first] = named
  const fail = (reason: StateUnavailableError["reason"], whose: ReadonlyArray<Owner>) =>
    Effect.fail(
      new StateUnavailableError({
        field: first?.field ?? "",
        id: first?.id.slice(0, 128) ?? "",
        reason,
        owners: whose
      })
    )
  const isAllowed = (provider: AIProvider): boolean => task.providers?.includes(provider) !== false
  return Effect.gen(function* () {
    const known = yield* owners.get(ids.slice(0, mostIds))
    const engines = yield* registry.list
    if (known.length > 1) return yield* fail("apart", known)
    const [owner = yield* guess(engines)] = known
    if (owner === undefined) return { ids, warnings: [] }
    const { member, provider } = owner
    const engine = engines.find((each) => each.provider === provider)
    const those = engine === undefined ? [] : yield* ownersOf(engine)
    if (!those.some((one) => one.member === member)) return yield* fail("gone", [owner])
    if (unavailable?.has(provider) === true || !isAllowed(provider))
      return yield* fail("unavailable", [owner])
    const isOther = task.pinned && task.provider !== undefined && task.provider !== provider
    return {
      ids,
      ...owner,
      warnings: isOther
        ? [`${provider} was asked in place of ${task.provider}, because it keeps ${first?.field}`]
        : []
    }
  })

  function guess(
    engines: ReadonlyArray<ReasoningEngine>
  ): Effect.Effect<Owner | undefined, StateUnavailableError> {
    const speaking = engines.filter(({ provider, wires }) => wires.includes(wire) && isAllowed(provider))
    const asked = task.pinned ? engines.filter(({ provider }) => provider === task.provider) : speaking
    return Effect.flatMap(
      Effect.all(asked.filter((engine) => speaking.includes(engine)).map(ownersOf)),
      (all) => {
        const [one, ...others] = all.flat()
        if (one !== undefined)
          return others.length === 0 ? Effect.succeed(one) : fail("unknown", [one, ...others])
        // Of a call as it came it is told by all of its fields what no other wire has.
        return task.original === undefined ? fail("unspoken", []) : Effect.succeed(undefined)
      }
    )
  }
}
