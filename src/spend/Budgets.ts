/**
 * What may be spent per day or month: in all, by a user, with a key, by a team; in USD or in tokens.
 *
 * Before an attempt the most that it can cost is reserved in every budget that it falls under, and when it
 * has ended that is replaced by what it did cost. So calls that run at once can't pass a budget together,
 * however many they are. The router asks the budgets that it finds in its context. What users, keys and teams have
 * as budgets of their own comes from the `OwnBudgets` of the context, if there are some.
 *
 * @since 0.1.0
 */
import * as Array from "effect/Array"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as LogLevel from "effect/LogLevel"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import type * as AIResult from "../AIResult.js"
import * as AITask from "../AITask.js"
import type * as AttemptGuard from "../AttemptGuard.js"
import * as BudgetExceeded from "../BudgetExceeded.js"
import * as BudgetStore from "./BudgetStore.js"
import type { InvalidArgumentError } from "../InvalidArgument.js"
import { Budget, Tokens } from "./internal/budget.js"
import { optional } from "../internal/optional.js"
import * as OwnBudgets from "./OwnBudgets.js"
import { inUnit, type Rule, ruleOf } from "./internal/rule.js"
import * as log from "../internal/log.js"
import * as validation from "../internal/validation.js"
import { type WorstCase, worstCase } from "./internal/worstCase.js"

export { Budget, Period } from "./internal/budget.js"

/**
 * Which budgets there are, and how calls are held against them.
 *
 * @since 0.1.0
 * @category schemas
 */
export const Options = Schema.Struct({
  /** Those that are configured; none when absent, where there are `OwnBudgets` alone. */
  budgets: Schema.optional(
    Schema.NonEmptyArray(Budget).pipe(
      Schema.filter((budgets) => {
        const names = budgets.map(({ name }) => name)
        const index = names.findIndex((name, index) => names.indexOf(name) < index)
        return index === -1
          ? undefined
          : { path: [index, "name"], message: `Expected each name once, actual ${names[index]} twice` }
      })
    )
  ),
  /**
   * The tokens that the answer to a task may have that doesn't limit them itself; 4096 when absent. Without
   * a limit there is no most that a call can cost.
   */
  maxOutputTokens: Schema.optional(Tokens),
  /**
   * What becomes of an attempt at a provider whose price isn't known, under a budget in USD: it is refused
   * (when absent), or allowed and counted as nothing.
   */
  unpriced: Schema.optional(Schema.Literal("refuse", "allow"))
})

/**
 * Which budgets there are, and how calls are held against them.
 *
 * @since 0.1.0
 * @category models
 */
export interface Options extends Schema.Schema.Type<typeof Options> {}

/**
 * Whose budgets are looked at.
 *
 * @since 0.1.0
 * @category models
 */
export interface Subject extends OwnBudgets.Subject {}

/**
 * How a budget stands in the current period. Amounts are in USD or tokens.
 *
 * @since 0.1.0
 * @category models
 */
export interface Status {
  readonly budget: string
  readonly scope: typeof BudgetExceeded.Scope.Type
  /** The user, key or team whose budget it is; none when it is the overall one. */
  readonly subject: Option.Option<string>
  readonly unit: typeof BudgetExceeded.Unit.Type
  readonly limit: number
  readonly spent: number
  /** For attempts that haven't ended. */
  readonly reserved: number
  /** What can still be reserved, 0 or more. */
  readonly left: number
  /** When the next period begins, in milliseconds of the Clock. */
  readonly resetsAt: number
}

/**
 * Holds attempts against the budgets.
 *
 * @since 0.1.0
 * @category models
 */
export interface Service extends AttemptGuard.Service {
  /**
   * Lets an attempt begin that all its budgets have enough left for. Fails with a BudgetExceededError that
   * names the first that hasn't, or with a BudgetUnavailableError where that can't be found out.
   */
  readonly admit: (
    asked: AttemptGuard.AdmissionRequest
  ) => Effect.Effect<AttemptGuard.Lease, BudgetExceeded.BudgetError>
  /** How the budgets stand that a task of the given user, key and team falls under. */
  readonly status: (
    of?: Subject
  ) => Effect.Effect<ReadonlyArray<Status>, BudgetExceeded.BudgetUnavailableError>
}

/**
 * Holds attempts against the budgets.
 *
 * @since 0.1.0
 * @category tags
 */
export class Budgets extends Context.Tag("arc-saga/Budgets")<Budgets, Service>() {}

const decode = validation.decoder("Budgets", Options)

const unavailable = ({ reason }: BudgetStore.BudgetStoreError) =>
  new BudgetExceeded.BudgetUnavailableError({ reason })

/** A budget that applies, and the account that it takes from. */
interface Applying {
  readonly rule: Rule
  readonly subject: string | undefined
  readonly account: BudgetStore.Account
}

/** What an attempt takes from a budget that it falls under. */
interface Hold extends Applying, BudgetStore.Charge {}

const exceeded = (
  { account, rule, subject }: Applying,
  balance: BudgetStore.Balance | undefined,
  needed: Option.Option<bigint>
): BudgetExceeded.BudgetExceededError => {
  const left = account.limit - (balance?.spent ?? 0n) - (balance?.reserved ?? 0n)
  return new BudgetExceeded.BudgetExceededError({
    budget: rule.name,
    scope: rule.scope,
    ...(subject === undefined ? {} : { subject }),
    unit: rule.unit,
    limit: inUnit(rule, account.limit),
    left: inUnit(rule, left > 0n ? left : 0n),
    ...Option.match(needed, {
      onNone: () => ({}),
      onSome: (amount) => ({ needed: inUnit(rule, amount) })
    }),
    resetsAt: account.endsAt
  })
}

const needOf = (rule: Rule, worst: WorstCase): Option.Option<bigint> =>
  rule.unit === "tokens"
    ? Option.some(BigInt(worst.inputTokens + worst.outputTokens))
    : Option.map(worst.cost, ({ pico }) => pico)

const spentOf = (rule: Rule, { cost, usage }: AIResult.Attempt): bigint =>
  rule.unit === "tokens"
    ? BigInt(usage.inputTokens + usage.outputTokens)
    : Option.match(cost, { onNone: () => 0n, onSome: ({ pico }) => pico })

const statusOf = ({ account, rule, subject }: Applying, balance: BudgetStore.Balance): Status => {
  const left = account.limit - balance.spent - balance.reserved
  return {
    budget: rule.name,
    scope: rule.scope,
    subject: Option.fromNullable(subject),
    unit: rule.unit,
    limit: inUnit(rule, account.limit),
    spent: inUnit(rule, balance.spent),
    reserved: inUnit(rule, balance.reserved),
    left: inUnit(rule, left > 0n ? left : 0n),
    resetsAt: account.endsAt
  }
}

/** Whose budget of a scope a task falls under. */
const subjectOf = {
  user: ({ userId }: Subject) => userId,
  key: ({ keyId }: Subject) => keyId,
  team: ({ team }: Subject) => team
} as const

const applyingTo = (rules: ReadonlyArray<Rule>, of: Subject, now: number): ReadonlyArray<Applying> =>
  rules.flatMap((rule): ReadonlyArray<Applying> => {
    if (rule.scope === "overall") return [{ rule, subject: undefined, account: rule.accountOf("", now) }]
    const subject = subjectOf[rule.scope](of)
    return subject === undefined || (rule.subject !== undefined && rule.subject !== subject)
      ? []
      : [{ rule, subject, account: rule.accountOf(subject, now) }]
  })

/** What an engine is sent of a task: a call as it came only where it came over a wire of the engine's. */
const askedOf = (asked: AITask.AITask, { wires }: AttemptGuard.AdmissionRequest["engine"]): AITask.AITask => {
  const task = AITask.within(wires, asked)
  return task.original === undefined || wires.includes(task.original.wire)
    ? task
    : { ...task, original: undefined }
}

/** The rules of budgets as they are held: an account asks the calendar once a period. */
const known = new WeakMap<OwnBudgets.Held, ReadonlyArray<Rule>>()

/** What a subject has of its own is named so; in accounts it has no name, which no other budget is without. */
const ownRules = (held: OwnBudgets.Held): ReadonlyArray<Rule> => {
  const made =
    known.get(held) ??
    held.budgets.map((budget) =>
      ruleOf({ ...budget, name: "own", scope: held.scope, subject: held.subject }, "")
    )
  known.set(held, made)
  return made
}

/** Where no budget applies there is nothing to do. */
const free: AttemptGuard.Lease = { settle: () => Effect.void, cancel: Effect.void }

/**
 * Makes budgets over the store of the context. Fails with an InvalidArgumentError that names the field.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (
  options: Options
): Effect.Effect<Service, InvalidArgumentError, BudgetStore.BudgetStore> =>
  Effect.gen(function* () {
    const { budgets = [], maxOutputTokens = 4096, unpriced = "refuse" } = yield* decode(options)
    const store = yield* BudgetStore.BudgetStore
    const configured = budgets.map((budget) => ruleOf(budget))
    const own = yield* optional(OwnBudgets.OwnBudgets)

    const rulesOf = (
      subject: Subject
    ): Effect.Effect<ReadonlyArray<Rule>, BudgetExceeded.BudgetUnavailableError> =>
      own === undefined
        ? Effect.succeed(configured)
        : Effect.map(own.of(subject), (held) => [...configured, ...held.flatMap(ownRules)])

    const refuse = (applying: Applying): Effect.Effect<never, BudgetExceeded.BudgetError> =>
      Effect.flatMap(Effect.mapError(store.balances([applying.account]), unavailable), ([balance]) =>
        Effect.fail(exceeded(applying, balance, Option.none()))
      )

    const reserve = (
      holds: ReadonlyArray<Hold>,
      deadline: number
    ): Effect.Effect<void, BudgetExceeded.BudgetError> =>
      Effect.flatMap(
        Effect.mapError(store.reserve(holds, deadline), unavailable),
        Option.match({
          onNone: () => Effect.void,
          onSome: ({ balance, charge }) => Effect.fail(exceeded(charge, balance, Option.some(charge.amount)))
        })
      )

    const lease = (
      holds: ReadonlyArray<Hold>,
      task: AITask.AITask,
      maxTokens: number
    ): AttemptGuard.Lease => ({
      maxTokens,
      settle: (attempt) => {
        const settled = holds.map((charge) => ({ charge, spent: spentOf(charge.rule, attempt) }))
        const over = settled.find(({ charge, spent }) => spent > charge.amount)
        return Effect.zipRight(
          store.settle(settled),
          over === undefined
            ? Effect.void
            : log.event(LogLevel.Warning, "budget_overrun", () => ({
                budget: over.charge.rule.name,
                taskId: String(task.id),
                provider: attempt.provider
              }))
        )
      },
      cancel: store.settle(holds.map((charge) => ({ charge, spent: 0n })))
    })

    return {
      admit: ({ deadline, engine, prefill, task }) =>
        Effect.flatMap(Effect.zip(rulesOf(task), Clock.currentTimeMillis), ([rules, now]) => {
          const applying = applyingTo(rules, task, now)
          if (applying.length === 0) return Effect.succeed(free)
          const maxTokens = task.maxTokens ?? maxOutputTokens
          const worst = worstCase(askedOf(task, engine), prefill, maxTokens, engine.price)
          const holds: Array<Hold> = []
          for (const each of applying) {
            const needed = needOf(each.rule, worst)
            if (Option.isNone(needed) && unpriced === "refuse") return refuse(each)
            holds.push({ ...each, amount: Option.getOrElse(needed, () => 0n) })
          }
          return Effect.as(reserve(holds, deadline), lease(holds, task, maxTokens))
        }),
      status: (of = {}) =>
        Effect.gen(function* () {
          const applying = applyingTo(yield* rulesOf(of), of, yield* Clock.currentTimeMillis)
          const balances = yield* Effect.mapError(
            store.balances(applying.map(({ account }) => account)),
            unavailable
          )
          return Array.zipWith(applying, balances, statusOf)
        })
    }
  })

/**
 * Budgets over the store of the context, for stores that several processes share.
 *
 * @since 0.1.0
 * @category layers
 */
export const layerStore = (
  options: Options
): Layer.Layer<Budgets, InvalidArgumentError, BudgetStore.BudgetStore> => Layer.effect(Budgets, make(options))

/**
 * Budgets of this process alone: what is spent is kept in memory and begins at nothing with each start.
 *
 * @since 0.1.0
 * @category layers
 */
export const layer = (options: Options): Layer.Layer<Budgets, InvalidArgumentError> =>
  Layer.provide(layerStore(options), BudgetStore.layerMemory)
