/**
 * Learns while tasks are served: a share of the tasks is asked of the other providers, too, in the background, and a
 * judge makes an outcome of the answers. Off unless its Layer is there.
 *
 * The caller's call isn't touched: it has its answer before another provider is asked. What is asked besides has a
 * budget of its own, no more of it is under way at a time than `concurrency` says, and it is given up where a
 * provider's circuit isn't closed or its limits are used up. In the ledger its attempts are those of the agent
 * `learning`.
 *
 * Which tasks are asked is drawn by the hash of seed and task id alone, and each is asked of all of the
 * `providers`: outcomes are then like the tasks, and say of each what every provider would have done, as promises
 * need it. Left out are tasks that name their provider, say which alone may be asked (`providers`) or are served with
 * `useFallback: false`, have tools, go on from what one provider keeps (a stored answer, encrypted reasoning), are
 * stored by a provider, or embed.
 *
 * @since 0.1.0
 */
import * as Arr from "effect/Array"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as LogLevel from "effect/LogLevel"
import * as Metric from "effect/Metric"
import * as Option from "effect/Option"
import * as Random from "effect/Random"
import type * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import type * as AIProvider from "../AIProvider.js"
import type { AIResult } from "../AIResult.js"
import * as AITask from "../AITask.js"
import * as AnswerObserver from "../AnswerObserver.js"
import type { InvalidArgumentError } from "../InvalidArgument.js"
import * as log from "../internal/log.js"
import { optional } from "../internal/optional.js"
import { given } from "../internal/options.js"
import * as validation from "../internal/validation.js"
import { ReasoningEngineRegistry } from "../ReasoningEngineRegistry.js"
import type * as RoutingPolicy from "../routing/RoutingPolicy.js"
import * as Usd from "../Usd.js"
import * as Comparison from "./Comparison.js"
import * as background from "./internal/background.js"
import { isComparable } from "./internal/comparable.js"
import { toWritten } from "./internal/features.js"
import { hash, share as shareOf } from "../internal/hash.js"
import type { Judge } from "./Judge.js"
import { Settings } from "./Learning/Settings.js"
import * as Outcomes from "./Outcomes.js"

export { Settings } from "./Learning/Settings.js"

/**
 * How much is asked, of whom, and what is kept of it.
 *
 * @since 0.1.0
 * @category models
 */
export interface Options extends Schema.Schema.Encoded<typeof Settings> {
  /** Says how good the answers are. */
  readonly judge: Judge
  /** Keeps an outcome: in a file, for one (`OutcomesFile`). What it fails with is told in the log. */
  readonly record: (outcome: Outcomes.Outcome) => Effect.Effect<void, { readonly message: string }>
  /** The kind of a task; `all` of every task when absent. */
  readonly familyOf?: ((task: AITask.AITask) => string) | undefined
  /** Time limits of what is asked; those of the default policy when absent. Nothing is asked twice. */
  readonly policy?: Pick<RoutingPolicy.Options, "limits" | "providerLimits"> | undefined
}

/**
 * What became of a task that was drawn: an outcome was made (`compared`); nothing was asked, because as many as may
 * be were under way (`busy`), or a provider's circuit wasn't closed or its limits were used up (`yielded`); the budget
 * had too little left (`over-budget`); no other provider answered at a known price (`failed`); the judge said nothing
 * (`undecided`); or the outcome couldn't be kept (`lost`). Or an outcome was made of feedback (`judged`).
 *
 * @since 0.1.0
 * @category models
 */
export type Ending =
  | "compared"
  | "judged"
  | "busy"
  | "yielded"
  | "over-budget"
  | "failed"
  | "undecided"
  | "lost"

/**
 * Learns while tasks are served.
 *
 * @since 0.1.0
 * @category models
 */
export interface Service {
  /** How often each ending was, since the Layer was built. */
  readonly counts: Effect.Effect<Readonly<Partial<Record<Ending, number>>>>
  /** USD that were spent of the budget in the period of now; none where its store can't say. */
  readonly spentUsd: Effect.Effect<Option.Option<number>>
}

/**
 * Learns while tasks are served.
 *
 * @since 0.1.0
 * @category tags
 */
export class Learning extends Context.Tag("arc-saga/Learning")<Learning, Service>() {}

const decode = validation.decoder("Learning", Settings)

const endings = Metric.counter("arc_saga.learning", {
  description: "Tasks that were drawn for learning, and feedback, by what became of them.",
  incremental: true
})

/** What in the ledger tells the attempts of learning from those of the program. */
const agent = "learning"

const longestPrompt = 16_384

/** What an answer of one provider is as an outcome, but for its quality; none at a price that isn't known. */
const answeredBy = (
  { attempts, provider, usage }: AIResult,
  key: string | undefined
): Option.Option<Omit<Outcomes.Answered, "quality">> => {
  const own = attempts.filter((attempt) => attempt.outcome === "succeeded" && attempt.provider === provider)
  // What others have begun is no answer of the one that ended it.
  const isOwn = own.length === 1 && attempts.every(({ outcome }) => outcome !== "cut")
  return Option.map(
    isOwn ? Option.fromNullable(own[0]?.cost).pipe(Option.flatten) : Option.none(),
    (cost) => ({
      costUsd: Usd.toNumber(cost),
      outputTokens: usage.outputTokens,
      ...(key === undefined ? {} : { answer: key })
    })
  )
}

/** What is remembered of an answered task. */
interface Remembered {
  readonly outcome: Omit<Outcomes.Outcome, "outcomes">
  readonly provider: AIProvider.AIProvider
  readonly answered: Omit<Outcomes.Answered, "quality">
}

/**
 * Makes what learns, and the observer that tells it of answers and of feedback. It ends with the scope: what is under
 * way is then interrupted, and accounted for. Fails with an InvalidArgumentError when a setting is out of range.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (
  options: Options
): Effect.Effect<
  { readonly learning: Service; readonly observer: AnswerObserver.Service },
  InvalidArgumentError,
  ReasoningEngineRegistry | Scope.Scope
> =>
  Effect.gen(function* () {
    const { familyOf = () => "all", judge, policy, record, ...settings } = options
    const { budget, concurrency, prompts, providers, remembered, seed, share } = yield* decode(settings)
    const registry = yield* ReasoningEngineRegistry
    const scope = yield* Effect.scope
    const behind = yield* background.make({ ...budget, policy })
    const counts: Partial<Record<Ending, number>> = {}
    const answeredTasks = new Map<string, Remembered>()
    let underWay = 0

    const count = (ending: Ending): Effect.Effect<void> =>
      Effect.suspend(() => {
        counts[ending] = (counts[ending] ?? 0) + 1
        return Metric.increment(Metric.tagged(endings, "ending", ending))
      })

    /** The form in which answers are compared; what it says is kept where prompts are. */
    const keyOf = (answer: AIResult): string | undefined => {
      if (judge.comparison === undefined) return undefined
      const key = Comparison.keyOf(judge.comparison, answer)
      return key === "" || prompts ? key : `${hash(key).toString(36)}-${hash(`${key}/`).toString(36)}`
    }

    const outcomeOf = (task: AITask.AITask, taskId: string): Remembered["outcome"] => {
      const prompt = AITask.promptText(task)
      return {
        id: taskId,
        family: familyOf(task),
        group: hash(prompt).toString(36),
        features: toWritten(task),
        ...given({ step: Outcomes.stepOf(task) }),
        ...(prompts ? { prompt: prompt.slice(0, longestPrompt) } : {})
      }
    }

    const keep = (taskId: string, outcome: Outcomes.Outcome, ending: Ending): Effect.Effect<void> =>
      Effect.matchEffect(record(outcome), {
        onFailure: ({ message }) =>
          Effect.zipRight(
            count("lost"),
            log.event(LogLevel.Warning, "learning_outcome_lost", () => ({ taskId, reason: message }))
          ),
        onSuccess: () => count(ending)
      })

    /** The task as it is asked of another provider: nobody's but this service's. */
    const asked = (task: AITask.AITask, id: string): AITask.AITask => {
      const { keyId: _key, session: _session, userId: _user, ...rest } = task
      return { ...rest, id: `${id}/${agent}`, agent, mode: "complete" }
    }

    const askOf = (id: string) => (question: AITask.Options, provider: AIProvider.AIProvider) =>
      Effect.option(Effect.flatMap(AITask.make(question), (task) => behind.ask(asked(task, id), provider)))

    const compare = (
      task: AITask.AITask,
      delivered: AIResult,
      others: ReadonlyArray<AIProvider.AIProvider>
    ): Effect.Effect<void> =>
      Effect.gen(function* () {
        const { taskId } = delivered
        const now = yield* Clock.currentTimeMillis
        if (others.some((provider) => behind.yields(provider, now))) return yield* count("yielded")
        const results = yield* Effect.forEach(others, (provider) =>
          Effect.either(behind.ask(asked(task, taskId), provider))
        )
        const answers: Arr.NonEmptyReadonlyArray<AIResult> = [delivered, ...Arr.getRights(results)]
        const known = answers.map((answer) => answeredBy(answer, keyOf(answer)))
        if (known.filter(Option.isSome).length < 2) {
          const refused = Arr.getLefts(results).some(({ _tag }) => _tag === "BudgetExceededError")
          return yield* count(refused ? "over-budget" : "failed")
        }
        const scores = yield* Effect.catchAllDefect(
          judge.judge({ task, answers, ask: askOf(taskId) }),
          () => Effect.succeedNone
        )
        const outcomes = answers.flatMap(({ provider }, index) =>
          Option.match(Option.all([known[index] ?? Option.none(), Option.map(scores, (all) => all[index])]), {
            onNone: () => [],
            onSome: ([answered, quality]) =>
              quality !== undefined && quality >= 0 && quality <= 1
                ? [[provider, { ...answered, quality }] as const]
                : []
          })
        )
        if (outcomes.length < 2) return yield* count("undecided")
        const outcome = { ...outcomeOf(task, taskId), outcomes: Object.fromEntries(outcomes) }
        yield* keep(taskId, outcome, "compared")
      })

    /** Begins to compare, in a fiber of this service: the caller goes on. */
    const begin = (task: AITask.AITask, result: AIResult): Effect.Effect<void> =>
      Effect.flatMap(registry.list, (engines) => {
        const all = providers ?? engines.map(({ provider }) => provider)
        const others = all.filter((provider) => provider !== result.provider)
        if (others.length === 0 || others.length === all.length) return Effect.void
        if (underWay >= concurrency) return count("busy")
        underWay += 1
        return Effect.yieldNow().pipe(
          Effect.zipRight(compare(task, result, others)),
          // What chance gives to the calls of the program is the same with and without it.
          Effect.withRandom(Random.make(`${seed}/${result.taskId}`)),
          Effect.interruptible,
          Effect.ensuring(Effect.sync(() => void (underWay -= 1))),
          Effect.forkIn(scope)
        )
      })

    const remember = (task: AITask.AITask, result: AIResult): void => {
      const { provider, taskId } = result
      const answered = answeredBy(result, keyOf(result))
      if (Option.isNone(answered)) return
      answeredTasks.delete(taskId)
      answeredTasks.set(taskId, { outcome: outcomeOf(task, taskId), provider, answered: answered.value })
      // The first key is the oldest.
      for (const oldest of answeredTasks.keys()) {
        if (answeredTasks.size <= remembered) break
        answeredTasks.delete(oldest)
      }
    }

    return {
      learning: { counts: Effect.sync(() => ({ ...counts })), spentUsd: behind.spentUsd },
      observer: {
        answered: (task, result, serving) =>
          Effect.suspend(() => {
            if (remembered > 0 && task.original?.wire !== "embeddings") remember(task, result)
            return shareOf(`${seed}/learning/${result.taskId}`) < share && isComparable(task, serving)
              ? begin(task, result)
              : Effect.void
          }),
        judged: (taskId, score) =>
          Effect.suspend(() => {
            const known = answeredTasks.get(taskId)
            if (known === undefined || !(score >= 0 && score <= 1)) return Effect.void
            answeredTasks.delete(taskId)
            const { answered, outcome, provider } = known
            return keep(
              taskId,
              { ...outcome, outcomes: { [provider]: { ...answered, quality: score } } },
              "judged"
            )
          })
      }
    }
  })

/**
 * Learns of what the orchestrators and cascades answer that are built on this Layer. An observer of answers that is
 * there already is told as before.
 *
 * @since 0.1.0
 * @category layers
 * @example
 * ```ts
 * import { NodeFileSystem } from "@effect/platform-node"
 * import { AIProvider, Comparison, Judge, Learning, MultiLLMOrchestrator } from "arc-saga"
 * import * as OutcomesFile from "arc-saga/Outcomes/File"
 * import { Effect, Layer } from "effect"
 *
 * const Learns = Layer.unwrapEffect(
 *   Effect.map(OutcomesFile.make("outcomes.jsonl"), (record) =>
 *     Learning.layer({
 *       share: 0.02,
 *       budget: { usd: 1 },
 *       judge: Judge.agreement(Comparison.number, AIProvider.Gpt4),
 *       record
 *     })
 *   )
 * ).pipe(Layer.provide(NodeFileSystem.layer))
 *
 * // What remains is the registry with the engines.
 * export const Orchestrator = Layer.provide(MultiLLMOrchestrator.layerFor({}), Learns)
 * ```
 */
export const layer = (
  options: Options
): Layer.Layer<Learning | AnswerObserver.AnswerObserver, InvalidArgumentError, ReasoningEngineRegistry> =>
  Layer.scopedContext(
    Effect.gen(function* () {
      const before = yield* optional(AnswerObserver.AnswerObserver)
      const { learning, observer } = yield* make(options)
      const joined = before === undefined ? observer : AnswerObserver.all([before, observer])
      return Context.make(Learning, learning).pipe(Context.add(AnswerObserver.AnswerObserver, joined))
    })
  )
