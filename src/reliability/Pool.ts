/**
 * Several keys, regions or deployments of one model as one provider.
 *
 * A call goes to the member of its conversation, or to the one with the least calls under way by weight. One whose key
 * is refused, that has no credit or that is limited is left out for everybody until its time is over, and the call
 * goes on with the next one within the same attempt: nothing of it has been delivered then, and nothing was charged.
 * Only when no member is left does the attempt fail. Whatever else a member fails with is the attempt's failure, and
 * the router's to judge; the next attempt goes to another member.
 *
 * @since 0.1.0
 */
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Equal from "effect/Equal"
import * as Exit from "effect/Exit"
import * as ExecutionStrategy from "effect/ExecutionStrategy"
import * as LogLevel from "effect/LogLevel"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as Scope from "effect/Scope"
import type * as AIProvider from "../AIProvider.js"
import * as AITask from "../AITask.js"
import * as EngineError from "../EngineError.js"
import { InvalidArgumentError } from "../InvalidArgument.js"
import * as log from "../internal/log.js"
import * as numbers from "../internal/numbers.js"
import * as validation from "../internal/validation.js"
import * as ReasoningEngine from "../ReasoningEngine.js"
import * as CircuitStore from "./CircuitStore.js"
import { Call, choose, isHard, Member, type Rest } from "./internal/members.js"
import * as sharedMembers from "./internal/sharedMembers.js"

/**
 * For how long members are left out that don't say it themselves.
 *
 * @since 0.1.0
 * @category schemas
 */
export const Settings = Schema.Struct({
  /** Milliseconds for a member whose key is refused or that has no credit; then one call finds out. 60,000 when absent. */
  refusedMs: numbers.withDefault(numbers.count("milliseconds"), 60_000),
  /** Milliseconds for a member that is limited and doesn't say for how long; 1,000 when absent. */
  limitedMs: numbers.withDefault(numbers.count("milliseconds"), 1000),
  /** Milliseconds for a member that fails otherwise, while there is another; 5,000 when absent. */
  failingMs: numbers.withDefault(numbers.count("milliseconds"), 5000)
})

/**
 * For how long members are left out that don't say it themselves.
 *
 * @since 0.1.0
 * @category models
 */
export interface Settings extends Schema.Schema.Encoded<typeof Settings> {}

/**
 * A member: an engine of the pool's provider, with a key, a region or a deployment of its own.
 *
 * @since 0.1.0
 * @category models
 */
export interface MemberOptions {
  /** What logs and tables call it: never the key itself. */
  readonly name: string
  readonly engine: ReasoningEngine.ReasoningEngine
  /** Its share of the calls beside the others' weights, above 0; 1 when absent. */
  readonly weight?: number | undefined
}

/**
 * What a pool is made of.
 *
 * @since 0.1.0
 * @category models
 */
export interface Options extends Settings {
  readonly members: readonly [MemberOptions, ...ReadonlyArray<MemberOptions>]
}

/**
 * A provider of several members.
 *
 * @since 0.1.0
 * @category models
 */
export interface Pool extends ReasoningEngine.ReasoningEngine {
  readonly members: Effect.Effect<ReadonlyArray<ReasoningEngine.Member>>
  /**
   * From now on a member that is refused, without credit or limited is left out by all pools of the provider over
   * this store, and one call of all of them finds out: see {@link makeStore}.
   */
  readonly share: (store: CircuitStore.Service) => Effect.Effect<void>
}

const decode = validation.decoder("Pool", Settings)

const Weight = numbers.above0("a weight")
const isWeight = Schema.is(Weight)

const wrong = (field: string, reason: string): Either.Either<never, InvalidArgumentError> =>
  Either.left(new InvalidArgumentError({ subject: "Pool", field, reason }))

const memberFields = { name: true, engine: true, weight: true }

/** Members are one provider: to the caller, in the accounts, and in what they charge. */
const checked = (members: Options["members"]): Either.Either<void, InvalidArgumentError> => {
  const [{ engine }] = members
  const names = new Set<string>()
  for (const [index, member] of members.entries()) {
    const { name, weight = 1 } = member
    const unknown = validation.known<MemberOptions>("Pool", memberFields, "members", index)(member)
    if (Either.isLeft(unknown)) return unknown
    const at = (field: string): string => `members[${index}].${field}`
    if (name === "" || names.has(name)) {
      return wrong(at("name"), `Expected a name of its own, actual ${JSON.stringify(name)}`)
    }
    if (!isWeight(weight)) return wrong(at("weight"), `Expected a weight above 0, actual ${weight}`)
    if (member.engine.provider !== engine.provider) {
      return wrong(
        at("engine"),
        `Expected one of ${engine.provider}, actual one of ${member.engine.provider}`
      )
    }
    if (
      !Equal.equals(Option.map(member.engine.price, JSON.stringify), Option.map(engine.price, JSON.stringify))
    ) {
      return wrong(at("engine"), "Expected the price of the first member, actual another one")
    }
    names.add(name)
  }
  return Either.void
}

/** What all members can. */
const common = (engines: ReadonlyArray<ReasoningEngine.ReasoningEngine>): ReasoningEngine.Capabilities => {
  const all = engines.map(({ capabilities }) => capabilities)
  const can = (what: keyof Omit<ReasoningEngine.Capabilities, "contextWindow" | "reasoning">): boolean =>
    all.every((each) => each[what])
  const windows = Option.all(all.map(({ contextWindow }) => contextWindow))
  return {
    tools: can("tools"),
    systemPrompt: can("systemPrompt"),
    sampling: can("sampling"),
    prefill: can("prefill"),
    jsonSchema: can("jsonSchema"),
    images: can("images"),
    documents: can("documents"),
    audio: can("audio"),
    logProbabilities: can("logProbabilities"),
    streaming: can("streaming"),
    contextWindow: Option.map(windows, (sizes) => Math.min(...sizes)),
    ...(all.some(({ reasoning }) => reasoning === true) ? { reasoning: true } : {})
  }
}

/** The rest that a failure is followed by; undefined where it says nothing of the member. */
const restOf = (
  error: EngineError.EngineError,
  since: number,
  { failingMs, limitedMs, refusedMs }: typeof Settings.Type
): Rest | undefined => {
  const rest = (kind: Rest["kind"], ms: number): Rest => ({ kind, error, since, until: since + ms })
  switch (error._tag) {
    case "AuthenticationError":
      // One user's sign-in is the same with every key.
      return EngineError.belongsToUser(error) ? undefined : rest("refused", refusedMs)
    case "QuotaExhaustedError":
      return rest("refused", refusedMs)
    case "RateLimitError":
      return rest("limited", EngineError.retryAfterMs(error) ?? limitedMs)
    case "TransientError":
    case "TimeoutError":
      return rest("failing", failingMs)
    default:
      return undefined
  }
}

/** The rest of a member whose provider says that its limit is spent; undefined where some of it is left. */
const spentOf = (
  provider: AIProvider.AIProvider,
  { requests, tokens }: ReasoningEngine.RateLimitsEvent,
  since: number
): Rest | undefined => {
  const spent = [requests, tokens].flatMap((quota) =>
    quota !== undefined && quota.remaining < 1 ? quota.resetAt : []
  )
  const description = "it has said that its limit is spent"
  return spent.length === 0
    ? undefined
    : {
        kind: "spent",
        error: new EngineError.RateLimitError({ provider, description }, EngineError.unchecked),
        since,
        until: Math.max(...spent)
      }
}

/** What a pool fails with of which no member may be asked: only when all keys are refused is it the provider's key. */
const failureOf = (
  provider: AIProvider.AIProvider,
  members: ReadonlyArray<Member<ReasoningEngine.ReasoningEngine>>,
  now: number
): EngineError.EngineError => {
  const rests = members.flatMap(({ rest }) => rest ?? [])
  const limited = rests.filter(({ kind }) => kind === "limited")
  const refused = rests.filter(({ kind }) => kind === "refused")
  const without = refused.find(({ error }) => error._tag === "QuotaExhaustedError")
  if (limited.length === 0 && refused.length === members.length) {
    const last = refused.at(-1)
    if (last !== undefined) return (without ?? last).error
  }
  const retryAfterMs = Math.min(...limited.map(({ until }) => until)) - now
  const description = `no member of the pool takes a call now (${members.length} in all)`
  return new EngineError.RateLimitError(
    { provider, description, ...(retryAfterMs > 0 && Number.isFinite(retryAfterMs) ? { retryAfterMs } : {}) },
    EngineError.unchecked
  )
}

/** What the calls of a conversation have in common, so that they go to where it is cached. */
const conversationOf = (task: AITask.AITask): string | undefined => {
  const name = AITask.conversation(task)
  return name && JSON.stringify([...name, task.agent])
}

/**
 * Makes one provider of several engines that give the same answers. What it can is what all of them can. Fails with
 * an InvalidArgumentError when they aren't of one provider at one price, or names or weights can't be used.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = ({ members: given, ...options }: Options): Effect.Effect<Pool, InvalidArgumentError> =>
  Effect.gen(function* () {
    const settings = yield* decode(options)
    yield* checked(given)
    const [{ engine: first }] = given
    const { provider } = first
    const members = given.map(({ engine, name, weight = 1 }) => new Member(name, weight, engine))
    type One = (typeof members)[number]
    /** What pools of other processes know, where it is shared. */
    let shared: sharedMembers.SharedMembers | undefined

    interface Taken {
      readonly call: Call
      readonly probe: sharedMembers.Probe | undefined
    }

    /** Takes note of how a call has failed; whether the next member is to be asked. */
    const failed = ({ call, probe }: Taken, error: EngineError.EngineError): Effect.Effect<boolean> =>
      Effect.flatMap(Clock.currentTimeMillis, (now) => {
        const rest = restOf(error, now, settings)
        if (rest === undefined) return Effect.succeed(false)
        const { member } = call
        shared?.learn(member, now)
        const isNew = call.rests(rest)
        if (member.rest === rest) shared?.tell(member, probe)
        if (!isHard(rest)) return Effect.succeed(false)
        return Effect.as(
          isNew
            ? log.event(LogLevel.Warning, "pool_member_out", () => ({
                provider,
                member: member.name,
                error: error._tag,
                ms: rest.until - now
              }))
            : Effect.void,
          true
        )
      })

    /** Takes note that a call is being answered, and of what the provider says of its limits. */
    const answers = (
      call: Call,
      stated: ReadonlyArray<ReasoningEngine.RateLimitsEvent>,
      isAnswered: boolean
    ): Effect.Effect<void> =>
      call.answered && stated.length === 0
        ? Effect.void
        : Effect.flatMap(Clock.currentTimeMillis, (now) => {
            const { member } = call
            shared?.learn(member, now)
            const over = isAnswered ? call.answers(now) : undefined
            if (isAnswered && (member.rest === undefined || !isHard(member.rest))) shared?.tell(member)
            for (const limits of stated) {
              const rest = spentOf(provider, limits, now)
              if (rest !== undefined) call.rests(rest)
            }
            return over !== undefined && isHard(over)
              ? log.event(LogLevel.Info, "pool_member_back", () => ({ provider, member: member.name }))
              : Effect.void
          })

    interface Asked extends Taken {
      readonly pull: ReasoningEngine.Pull
      readonly close: Effect.Effect<void>
    }

    /** Chooses a member, and has the probe of all pools where it is to be one. */
    const pick = (
      left: ReadonlyArray<One>,
      conversation: string | undefined,
      now: number
    ): Effect.Effect<{ readonly member: One; readonly probe: sharedMembers.Probe | undefined } | undefined> =>
      Effect.suspend(() => {
        for (const member of left) shared?.learn(member, now)
        const member = choose(left, conversation, now)
        if (member === undefined) return Effect.succeed(undefined)
        if (shared === undefined || member.rest?.kind !== "refused") {
          return Effect.succeed({ member, probe: undefined })
        }
        return Effect.flatMap(
          shared.probe(member),
          Option.match({
            onSome: (probe) => Effect.succeed({ member, probe }),
            onNone: () =>
              pick(
                left.filter((other) => other !== member),
                conversation,
                now
              )
          })
        )
      })

    /** Takes a member that this attempt hasn't asked yet, for as long as the scope is open. */
    const take = (request: ReasoningEngine.Request, tried: Set<One>, scope: Scope.Scope) =>
      Effect.uninterruptible(
        Effect.flatMap(Clock.currentTimeMillis, (now) => {
          const { member: only } = request
          const may = only === undefined ? members : members.filter(({ name }) => name === only)
          const left = may.filter((member) => !tried.has(member))
          return Effect.flatMap(pick(left, conversationOf(request.task), now), (picked) => {
            if (picked === undefined) return Effect.fail(failureOf(provider, may, now))
            const { member, probe } = picked
            tried.add(member)
            const call = new Call(member, now)
            const ended = (exit: Exit.Exit<unknown, unknown>): Effect.Effect<unknown> => {
              // Who is silent for too long is ended by the router: its scope closes with the reason.
              const error = Exit.isFailure(exit)
                ? Option.getOrUndefined(Cause.failureOption(exit.cause))
                : undefined
              const noted =
                error instanceof EngineError.TimeoutError ? failed({ call, probe }, error) : Effect.void
              return Effect.ensuring(
                noted,
                Effect.sync(() => {
                  call.end()
                  if (probe !== undefined) shared?.release(probe)
                })
              )
            }
            return Effect.as(Scope.addFinalizerExit(scope, ended), { call, probe, engine: member.of })
          })
        })
      )

    /** Says at the end who has answered. */
    const named = (pull: ReasoningEngine.Pull, { name }: { readonly name: string }): ReasoningEngine.Pull =>
      Effect.map(pull, (events) =>
        events.some(({ _tag }) => _tag === "Finish")
          ? events.map((event) => (event._tag === "Finish" ? { ...event, member: name } : event))
          : events
      )

    /** Begins at the first member that takes the call. */
    const begin = (
      request: ReasoningEngine.Request,
      tried: Set<One>,
      scope: Scope.Scope
    ): Effect.Effect<Asked, EngineError.EngineError> =>
      Effect.gen(function* () {
        const own = yield* Scope.fork(scope, ExecutionStrategy.sequential)
        const close = Scope.close(own, Exit.void)
        const { engine, ...taken } = yield* Effect.onError(take(request, tried, own), () => close)
        return yield* Effect.matchEffect(Scope.extend(engine.attempt(request), own), {
          onSuccess: (pull) => Effect.succeed({ ...taken, pull: named(pull, taken.call.member), close }),
          onFailure: (error) =>
            Effect.flatMap(failed(taken, error), (isNextAsked) =>
              isNextAsked && request.member === undefined
                ? Effect.zipRight(close, begin(request, tried, scope))
                : Effect.fail(error)
            )
        })
      })

    const attempt: ReasoningEngine.ReasoningEngine["attempt"] = (request) =>
      Effect.flatMap(Effect.scope, (scope) => {
        const tried = new Set<One>()
        return Effect.map(begin(request, tried, scope), (first) => {
          let asked = first
          let delivered = false
          const pull: ReasoningEngine.Pull = Effect.suspend(() =>
            Effect.matchEffect(asked.pull, {
              onSuccess: (events) => {
                const own = events.filter((event) => event._tag !== "RateLimits")
                const stated = events.filter((event) => event._tag === "RateLimits")
                if (own.length > 0) delivered = true
                // What one member says of its limits isn't the pool's, and no sign of the model's work.
                const isNothing = own.length === 0 && stated.length > 0
                return Effect.zipRight(
                  answers(asked.call, stated, own.length > 0),
                  isNothing ? pull : Effect.succeed(own)
                )
              },
              onFailure: (error) =>
                Effect.flatMap(failed(asked, error), (isNextAsked) => {
                  if (delivered || !isNextAsked || request.member !== undefined) return Effect.fail(error)
                  return Effect.flatMap(
                    Effect.zipRight(asked.close, begin(request, tried, scope)),
                    (next) => {
                      asked = next
                      return pull
                    }
                  )
                })
            })
          )
          return pull
        })
      })

    const counts = members.flatMap(({ of }) => of.countTokens ?? [])
    const engine = ReasoningEngine.make({
      provider,
      model: first.model,
      capabilities: common(members.map(({ of }) => of)),
      wires: first.wires.filter((wire) => members.every(({ of }) => of.wires.includes(wire))),
      price: Option.getOrUndefined(first.price),
      attempt,
      countTokens:
        counts.length === 0 ? undefined : (task) => Effect.firstSuccessOf(counts.map((count) => count(task)))
    })
    return {
      ...engine,
      members: Effect.map(Clock.currentTimeMillis, (now) =>
        members.map((member) => {
          shared?.learn(member, now)
          const { name, rest, underWay, weight } = member
          // One that is refused is out until a call has found out.
          const isOut = rest !== undefined && isHard(rest) && (rest.kind === "refused" || now < rest.until)
          return {
            name,
            weight,
            underWay,
            out: isOut ? Option.some({ error: rest.error, until: rest.until }) : Option.none()
          }
        })
      ),
      share: (store) =>
        Effect.sync(() => {
          shared = sharedMembers.make(provider, store, settings.refusedMs)
        })
    }
  })

/**
 * The same over the store of the context, which may be shared by several processes: a member whose key is refused,
 * that has no credit or is limited is left out by the pools of all of them, and one call of all finds out when a key
 * is taken again. Members are known by their names: give one another name when its key is another. Weights, calls
 * under way and what a member says is left are each pool's own.
 *
 * @since 0.1.0
 * @category constructors
 */
export const makeStore = (
  options: Options
): Effect.Effect<Pool, InvalidArgumentError, CircuitStore.CircuitStore> =>
  Effect.gen(function* () {
    const pool = yield* make(options)
    yield* pool.share(yield* CircuitStore.CircuitStore)
    return pool
  })
