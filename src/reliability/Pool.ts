/**
 * Several keys, regions or deployments of one model as one provider.
 *
 * A call goes to the member of its session, or to the one with the least calls under way by weight. One whose key
 * is refused, that has no credit or that is limited is left out for everybody until its time is over, and the call
 * goes on with the next one within the same attempt: nothing of it has been delivered then, and nothing was charged.
 * Only when no member is left does the attempt fail. Whatever else a member fails with is the attempt's failure, and
 * the router's to judge; the next attempt goes to another member.
 *
 * @since 0.1.0
 */
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
import * as EngineError from "../EngineError.js"
import { InvalidArgumentError } from "../InvalidArgument.js"
import * as log from "../internal/log.js"
import * as numbers from "../internal/numbers.js"
import * as validation from "../internal/validation.js"
import * as ReasoningEngine from "../ReasoningEngine.js"
import { choose, Member, type Rest } from "./internal/members.js"

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
}

const decode = validation.decoder("Pool", Settings)

const Weight = numbers.above0("a weight")
const isWeight = Schema.is(Weight)

const wrong = (field: string, reason: string): Either.Either<never, InvalidArgumentError> =>
  Either.left(new InvalidArgumentError({ subject: "Pool", field, reason }))

/** Members are one provider: to the caller, in the accounts, and in what they charge. */
const checked = (members: Options["members"]): Either.Either<void, InvalidArgumentError> => {
  const [{ engine }] = members
  const names = new Set<string>()
  for (const [index, member] of members.entries()) {
    const { name, weight = 1 } = member
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
  now: number,
  { failingMs, limitedMs, refusedMs }: typeof Settings.Type
): Rest | undefined => {
  const rest = (ms: number, isProbed: boolean, isSoft = false): Rest => ({
    error,
    until: now + ms,
    isProbed,
    isSoft
  })
  switch (error._tag) {
    case "AuthenticationError":
      // One user's sign-in is the same with every key.
      return EngineError.belongsToUser(error) ? undefined : rest(refusedMs, true)
    case "QuotaExhaustedError":
      return rest(refusedMs, true)
    case "RateLimitError":
      return rest(EngineError.retryAfterMs(error) ?? limitedMs, false)
    case "TransientError":
    case "TimeoutError":
      return rest(failingMs, false, true)
    default:
      return undefined
  }
}

/** Whether the next member is asked within the same attempt. */
const isNextAsked = (rest: Rest | undefined): boolean => rest !== undefined && !rest.isSoft

/** What a pool fails with of which no member may be asked: only when all keys are refused is it the provider's key. */
const failureOf = (
  provider: AIProvider.AIProvider,
  members: ReadonlyArray<Member<ReasoningEngine.ReasoningEngine>>,
  now: number
): EngineError.EngineError => {
  const rests = members.flatMap(({ rest }) => rest ?? [])
  const limited = rests.filter(({ error, isSoft }) => error._tag === "RateLimitError" && !isSoft)
  const without = rests.find(({ error }) => error._tag === "QuotaExhaustedError")
  if (limited.length > 0) {
    const retryAfterMs = Math.max(0, Math.min(...limited.map(({ until }) => until)) - now)
    const description = `no member of the pool takes a call now (${members.length} in all)`
    return new EngineError.RateLimitError({ provider, description, retryAfterMs }, EngineError.unchecked)
  }
  return (
    (without ?? rests.at(-1))?.error ??
    new EngineError.TransientError(
      { provider, reason: "overloaded", description: "no member of the pool takes a call now" },
      EngineError.unchecked
    )
  )
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

    const told = (
      level: LogLevel.LogLevel,
      name: "pool_member_back" | "pool_member_out",
      member: One,
      more: log.Fields = {}
    ): Effect.Effect<void> => log.event(level, name, () => ({ provider, member: member.name, ...more }))

    /** Takes note of how a member has failed. */
    const failed = (member: One, error: EngineError.EngineError): Effect.Effect<Rest | undefined> =>
      Effect.flatMap(Clock.currentTimeMillis, (now) => {
        const rest = restOf(error, now, settings)
        if (rest === undefined) return Effect.succeed(rest)
        const isNews = member.rest?.error._tag !== error._tag
        member.rest = rest
        member.probing = false
        return !isNews || rest.isSoft
          ? Effect.succeed(rest)
          : Effect.as(
              told(LogLevel.Warning, "pool_member_out", member, { error: error._tag, ms: rest.until - now }),
              rest
            )
      })

    /** Takes note that a member answers. */
    const answers = (member: One): Effect.Effect<void> => {
      const { rest } = member
      if (rest === undefined) return Effect.void
      member.rest = undefined
      member.probing = false
      return rest.isSoft ? Effect.void : told(LogLevel.Info, "pool_member_back", member)
    }

    /** Leaves the rest of its limit to when it is full again, as long as others have some left. */
    const headroom = (member: One, { requests, tokens }: ReasoningEngine.RateLimitsEvent): void => {
      const spent = [requests, tokens].filter((quota) => quota !== undefined && quota.remaining < 1)
      if (spent.length === 0 || member.rest !== undefined) return
      member.rest = {
        error: new EngineError.RateLimitError(
          { provider, description: "it has said that its limit is spent" },
          EngineError.unchecked
        ),
        until: Math.max(...spent.map((quota) => quota?.resetAt ?? 0)),
        isProbed: false,
        isSoft: true
      }
    }

    /** Takes a member for a call that lasts as long as the scope. */
    const take = (
      request: ReasoningEngine.Request,
      scope: Scope.Scope
    ): Effect.Effect<One, EngineError.EngineError> =>
      Effect.uninterruptible(
        Effect.flatMap(Clock.currentTimeMillis, (now) => {
          const member = choose(members, request.task.session, now)
          if (member === undefined) return Effect.fail(failureOf(provider, members, now))
          const probes = member.rest?.isProbed === true
          member.probing = probes
          member.underWay++
          member.asked++
          return Effect.as(
            Scope.addFinalizer(
              scope,
              Effect.sync(() => {
                member.underWay--
                // One that was given up has found out nothing.
                if (probes) member.probing = false
              })
            ),
            member
          )
        })
      )

    interface Asked {
      readonly member: One
      readonly pull: ReasoningEngine.Pull
      readonly close: Effect.Effect<void>
    }

    /** Begins at the first member that takes the call. */
    const begin = (
      request: ReasoningEngine.Request,
      scope: Scope.Scope
    ): Effect.Effect<Asked, EngineError.EngineError> =>
      Effect.gen(function* () {
        const own = yield* Scope.fork(scope, ExecutionStrategy.sequential)
        const close = Scope.close(own, Exit.void)
        const member = yield* Effect.onError(take(request, own), () => close)
        return yield* Effect.matchEffect(Scope.extend(member.of.attempt(request), own), {
          onSuccess: (pull) => Effect.succeed({ member, pull, close }),
          onFailure: (error) =>
            Effect.flatMap(failed(member, error), (rest) =>
              isNextAsked(rest) ? Effect.zipRight(close, begin(request, scope)) : Effect.fail(error)
            )
        })
      })

    const attempt: ReasoningEngine.ReasoningEngine["attempt"] = (request) =>
      Effect.flatMap(Effect.scope, (scope) =>
        Effect.map(begin(request, scope), (asked) => {
          let now = asked
          let delivered = false
          const pull: ReasoningEngine.Pull = Effect.suspend(() =>
            Effect.matchEffect(now.pull, {
              onSuccess: (events) => {
                const own = events.filter((event) => event._tag !== "RateLimits")
                if (own.length > 0) delivered = true
                const noted = own.length > 0 ? answers(now.member) : Effect.void
                const stated = events.filter((event) => event._tag === "RateLimits")
                for (const limits of stated) headroom(now.member, limits)
                // What one member says of its limits isn't the pool's, and no sign of the model's work.
                return Effect.zipRight(
                  noted,
                  own.length === 0 && stated.length > 0 ? pull : Effect.succeed(own)
                )
              },
              onFailure: (error) =>
                Effect.flatMap(failed(now.member, error), (rest) => {
                  if (delivered || !isNextAsked(rest)) return Effect.fail(error)
                  return Effect.flatMap(Effect.zipRight(now.close, begin(request, scope)), (next) => {
                    now = next
                    return pull
                  })
                })
            })
          )
          return pull
        })
      )

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
      members: Effect.sync(() =>
        members.map(({ name, rest, underWay, weight }) => ({
          name,
          weight,
          underWay,
          out: Option.map(Option.fromNullable(rest), ({ error, until }) => ({ error, until }))
        }))
      )
    }
  })
