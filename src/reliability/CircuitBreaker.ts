/**
 * Stops asking a provider that fails, and finds out when it is back.
 *
 * A circuit per provider opens after failures in a row, or when too many of the last calls failed. While
 * it is open the provider isn't chosen and isn't asked. After a wait it is half-open: exactly one attempt
 * passes, and its first content closes the circuit; if it fails, the next wait is twice as long, up to a
 * cap, and if it stalls, another one passes after a while. A wait that the provider states itself is never
 * shortened.
 *
 * A user whom a provider refuses (a sign-in that has lapsed, a licence that is missing) has a circuit of
 * their own there.
 *
 * Off unless its Layer is there.
 *
 * @since 0.1.0
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as LogLevel from "effect/LogLevel"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as numbers from "../internal/numbers.js"
import type { AIProvider } from "../AIProvider.js"
import type * as AIResult from "../AIResult.js"
import type * as AttemptGuard from "../AttemptGuard.js"
import * as EngineError from "../EngineError.js"
import type { InvalidArgumentError } from "../InvalidArgument.js"
import * as CircuitStore from "./CircuitStore.js"
import { Circuit } from "./internal/circuit.js"
import * as log from "../internal/log.js"
import * as validation from "../internal/validation.js"

/**
 * How a circuit stands: `closed`, all attempts pass; `open`, none does until `until`, in milliseconds of
 * the Clock; `half-open`, one does, or is under way, and another one once it has stalled for `probeMs`.
 *
 * @since 0.1.0
 * @category models
 */
export type State =
  | { readonly _tag: "closed" }
  | { readonly _tag: "open"; readonly until: number }
  | { readonly _tag: "half-open" }

/**
 * Stops asking providers that fail.
 *
 * @since 0.1.0
 * @category models
 */
export interface Service extends AttemptGuard.Service {
  /** How the circuit of a provider stands. */
  readonly state: (provider: AIProvider) => Effect.Effect<State>
  /** How it stands at an instant. */
  readonly unsafeState: (provider: AIProvider, now: number) => State
  /** Whether an attempt would be refused at an instant, for a user if one is named. */
  readonly unsafeRefuses: (provider: AIProvider, userId: string | undefined, now: number) => boolean
  /** Closes the circuits of a provider, those of its users included. */
  readonly reset: (provider: AIProvider) => Effect.Effect<void>
}

/**
 * Stops asking providers that fail.
 *
 * @since 0.1.0
 * @category tags
 */
export class CircuitBreaker extends Context.Tag("arc-saga/CircuitBreaker")<CircuitBreaker, Service>() {}

const count = (what: string, value: number) => numbers.withDefault(numbers.count(what), value)

const millis = (value: number) => numbers.withDefault(numbers.millis, value)

interface Wait {
  readonly maxOpenMs?: number | undefined
  readonly openMs: number
}

const cap = ({ maxOpenMs = Number.POSITIVE_INFINITY, openMs }: Wait) =>
  maxOpenMs >= openMs
    ? undefined
    : { path: ["maxOpenMs"], message: `Expected at least openMs, actual ${maxOpenMs}` }

/** The longest wait: where it isn't given, the usual one, or the first where that is longer. */
const capped = ({ maxOpenMs, openMs }: Wait, usualMs: number) => ({
  openMs,
  maxOpenMs: maxOpenMs ?? Math.max(openMs, usualMs)
})

const longest = Schema.optional(numbers.millis)

const UserSettings = Schema.Struct({
  /** Refusals in a row that open a user's circuit; 3 when absent. */
  consecutiveFailures: count("a number of calls", 3),
  /** Milliseconds until the user is tried again; 30,000 when absent. */
  openMs: millis(30_000),
  /** The longest wait between two tries, in milliseconds; 600,000 when absent, or `openMs` if that is more. */
  maxOpenMs: longest,
  /** How many users are remembered, those who were refused last; 10,000 when absent. */
  maximum: count("a number of users", 10_000)
}).pipe(Schema.filter(cap))

/**
 * When circuits open, and for how long.
 *
 * @since 0.1.0
 * @category schemas
 */
export const Settings = Schema.Struct({
  /** Failures in a row that open a circuit; 5 when absent. */
  consecutiveFailures: count("a number of calls", 5),
  /** The share of the last calls, above 0 to 1, that opens it when they fail; 0.5 when absent. */
  failureRate: numbers.withDefault(
    numbers.number("a share (a number above 0, at most 1)", (n) => n > 0 && n <= 1),
    0.5
  ),
  /** How many calls there have to be for a share to count; 20 when absent. */
  minimumCalls: count("a number of calls", 20),
  /** For how many milliseconds calls are counted; 30,000 when absent. */
  windowMs: millis(30_000),
  /** Milliseconds until the first probe; 5,000 when absent. Each failed probe doubles the wait. */
  openMs: millis(5000),
  /** The longest wait between two probes, in milliseconds; 15,000 when absent, or `openMs` if that is more. */
  maxOpenMs: longest,
  /** Milliseconds after which a probe that hasn't begun to be answered is followed by another; 15,000 when absent. */
  probeMs: millis(15_000),
  /** The circuits of single users. */
  users: Schema.optionalWith(UserSettings, {
    default: () => ({ consecutiveFailures: 3, openMs: 30_000, maximum: 10_000 })
  })
}).pipe(Schema.filter(cap))

/**
 * When circuits open, and for how long.
 *
 * @since 0.1.0
 * @category models
 */
export interface Options extends Schema.Schema.Encoded<typeof Settings> {
  /** Which attempts count as failures of their provider; {@link isFailure} when absent. */
  readonly isFailure?: ((attempt: AIResult.Attempt) => boolean) | undefined
}

/** Milliseconds after which a call whose time ran out had waited long enough for any provider. */
const fairWaitMs = 10_000

/**
 * Whether an attempt failed through its provider's fault: transient errors, a quota that is exhausted, a
 * model that is gone. Bad input, refusals by policy, sign-ins and interruptions aren't. A call that gave
 * the provider less than 10 s, because its own time ran out, isn't either.
 *
 * @since 0.1.0
 * @category predicates
 */
export const isFailure = ({ durationMs, error, firstTokenMs }: AIResult.Attempt): boolean => {
  if (Option.isNone(error)) return false
  switch (error.value._tag) {
    case "TimeoutError":
      return error.value.phase !== "total" || (Option.isNone(firstTokenMs) && durationMs >= fairWaitMs)
    case "RateLimitError":
    case "TransientError":
    case "QuotaExhaustedError":
    case "ModelNotFoundError":
      return true
    default:
      return false
  }
}

const decode = validation.decoder("CircuitBreaker", Settings)

/** A user's circuit at one provider, and what the provider said of the user. */
interface UserCircuit {
  readonly circuit: Circuit
  error: EngineError.EngineError
}

const makeOver = (
  { isFailure: counts = isFailure, ...options }: Options,
  store: CircuitStore.Service | undefined
): Effect.Effect<Service, InvalidArgumentError> =>
  Effect.map(decode(options), ({ users: ofUsers, ...ofProviders }) => {
    const settings = { ...ofProviders, ...capped(ofProviders, 15_000) }
    const userSettings = {
      ...settings,
      ...ofUsers,
      ...capped(ofUsers, 600_000),
      minimumCalls: Number.POSITIVE_INFINITY
    }
    const circuits = new Map<AIProvider, Circuit>()
    const users = new Map<string, UserCircuit>()

    const ownOf = (provider: AIProvider): Circuit => {
      const known = circuits.get(provider)
      if (known !== undefined) return known
      const made = new Circuit(settings)
      circuits.set(provider, made)
      return made
    }

    /** A circuit as it stands, here and elsewhere. */
    const circuitOf = (provider: AIProvider, circuit: Circuit = ownOf(provider)): Circuit => {
      if (store !== undefined) circuit.adopt(store.unsafeGet(provider))
      return circuit
    }

    /** The circuit of a provider that was asked, or that is open elsewhere. */
    const knownOf = (provider: AIProvider): Circuit | undefined =>
      store === undefined ? circuits.get(provider) : circuitOf(provider)

    // No id of a provider has a line break in it.
    const keyOf = (provider: AIProvider, userId: string): string => `${provider}\n${userId}`

    const userOf = (provider: AIProvider, userId: string | undefined): UserCircuit | undefined =>
      userId === undefined ? undefined : users.get(keyOf(provider, userId))

    /** A refused user's circuit; who was refused longest ago is forgotten when there are too many. */
    const refusedUser = (
      provider: AIProvider,
      userId: string,
      error: EngineError.EngineError
    ): UserCircuit => {
      const key = keyOf(provider, userId)
      const user = users.get(key) ?? {
        circuit: new Circuit(userSettings),
        error
      }
      user.error = error
      users.delete(key)
      users.set(key, user)
      const [oldest] = users.keys()
      if (users.size > ofUsers.maximum && oldest !== undefined) users.delete(oldest)
      return user
    }

    const refusal = (provider: AIProvider, circuit: Circuit, now: number): EngineError.TransientError =>
      new EngineError.TransientError(
        {
          provider,
          reason: "circuit-open",
          description:
            now < circuit.halfOpenAt
              ? "it failed too often lately"
              : "it failed too often lately, and an attempt that tells whether it is back is under way",
          ...(now < circuit.halfOpenAt ? { retryAfterMs: circuit.halfOpenAt - now } : {})
        },
        EngineError.unchecked
      )

    const opened = (provider: AIProvider, circuit: Circuit, now: number): Effect.Effect<void> =>
      log.event(LogLevel.Warning, "circuit_opened", () => ({ provider, waitMs: circuit.halfOpenAt - now }))

    const admit: Service["admit"] = ({ engine: { provider }, task: { userId } }) =>
      Effect.flatMap(Effect.clock, (clock) => {
        const now = clock.unsafeCurrentTimeMillis()
        const circuit = circuitOf(provider)
        if (circuit.refuses(now)) return Effect.fail(refusal(provider, circuit, now))
        const user = userOf(provider, userId)
        if (user?.circuit.refuses(now) === true) return Effect.fail(user.error)
        const userTrial = user?.circuit.enter(now)
        const leaveUser = (): void => {
          if (userTrial !== undefined) user?.circuit.leave(userTrial)
        }
        const enter = (probeId?: string): AttemptGuard.Lease => {
          const trial = circuit.enter(clock.unsafeCurrentTimeMillis(), probeId)
          let closed = false

          const works = (): void => {
            const at = clock.unsafeCurrentTimeMillis()
            if (circuitOf(provider, circuit).succeed(trial, at)) {
              closed = true
              store?.unsafeClose(provider)
            }
            if (userTrial === undefined) return
            user?.circuit.succeed(userTrial, at)
            if (userId !== undefined) users.delete(keyOf(provider, userId))
          }

          const fails = (at: number, error: EngineError.EngineError): boolean => {
            const opens = circuitOf(provider, circuit).fail(trial, at, EngineError.retryAfterMs(error))
            if (circuit.isOpen) store?.unsafeOpen(provider, circuit.wait, trial.probeId)
            return opens
          }

          const leave = (): void => {
            circuit.leave(trial)
            if (trial.probeId !== undefined) store?.unsafeRelease(provider, trial.probeId)
          }

          const refuseUser = (error: EngineError.EngineError): void => {
            if (userId === undefined) return
            const refused = refusedUser(provider, userId, error)
            const at = clock.unsafeCurrentTimeMillis()
            refused.circuit.fail(userTrial ?? refused.circuit.enter(at), at)
          }

          return {
            onFirstToken: works,
            settle: (attempt) => {
              const at = clock.unsafeCurrentTimeMillis()
              const error = Option.getOrUndefined(attempt.error)
              if (attempt.outcome === "succeeded") works()
              const failed = error !== undefined && counts(attempt)
              const opens = failed && fails(at, error)
              if (!failed) leave()
              if (error !== undefined && EngineError.belongsToUser(error)) refuseUser(error)
              else leaveUser()
              if (opens) return opened(provider, circuit, at)
              return closed ? log.event(LogLevel.Info, "circuit_closed", () => ({ provider })) : Effect.void
            },
            cancel: Effect.sync(() => {
              leave()
              leaveUser()
            })
          }
        }
        if (store === undefined || !circuit.isOpen) return Effect.succeed(enter())
        return Effect.flatMap(store.probe(provider, settings.probeMs), (probe) => {
          // What became of it meanwhile is known here now.
          circuitOf(provider, circuit)
          if (Option.isSome(probe) || !circuit.isOpen) {
            return Effect.succeed(enter(Option.getOrUndefined(probe)))
          }
          leaveUser()
          return Effect.fail(refusal(provider, circuit, clock.unsafeCurrentTimeMillis()))
        })
      })

    const stateOf = (provider: AIProvider, now: number): State => {
      const circuit = knownOf(provider)
      if (circuit === undefined || !circuit.isOpen) return { _tag: "closed" }
      return now < circuit.halfOpenAt ? { _tag: "open", until: circuit.halfOpenAt } : { _tag: "half-open" }
    }

    return {
      admit,
      state: (provider) => Effect.map(Clock.currentTimeMillis, (now) => stateOf(provider, now)),
      unsafeState: stateOf,
      unsafeRefuses: (provider, userId, now) =>
        knownOf(provider)?.refuses(now) === true || userOf(provider, userId)?.circuit.refuses(now) === true,
      reset: (provider) =>
        Effect.sync(() => {
          circuits.delete(provider)
          store?.unsafeClose(provider)
          for (const key of users.keys()) if (key.startsWith(keyOf(provider, ""))) users.delete(key)
        })
    }
  })

/**
 * Makes a circuit breaker of this process alone. Fails with an InvalidArgumentError when a number is out of range.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (options: Options = {}): Effect.Effect<Service, InvalidArgumentError> =>
  makeOver(options, undefined)

/**
 * Makes a circuit breaker whose open circuits are those of the store in the context: what one process finds out
 * holds for all, and one attempt of all of them is the probe. Each process counts its own calls. The circuits of
 * users aren't shared.
 *
 * @since 0.1.0
 * @category constructors
 */
export const makeStore = (
  options: Options = {}
): Effect.Effect<Service, InvalidArgumentError, CircuitStore.CircuitStore> =>
  Effect.flatMap(CircuitStore.CircuitStore, (store) => makeOver(options, store))

/**
 * Puts a circuit breaker before every attempt of the routers that are built on this Layer.
 *
 * @since 0.1.0
 * @category layers
 */
export const layer = (options: Options = {}): Layer.Layer<CircuitBreaker, InvalidArgumentError> =>
  Layer.effect(CircuitBreaker, make(options))

/**
 * Puts a circuit breaker before every attempt of the routers that are built on this Layer, whose open circuits are
 * those of the store: see {@link makeStore}.
 *
 * @since 0.1.0
 * @category layers
 */
export const layerStore = (
  options: Options = {}
): Layer.Layer<CircuitBreaker, InvalidArgumentError, CircuitStore.CircuitStore> =>
  Layer.effect(CircuitBreaker, makeStore(options))
