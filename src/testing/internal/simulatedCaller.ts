import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import type * as AIResult from "../../AIResult.js"
import type * as AITask from "../../AITask.js"
import type * as MultiLLMOrchestrator from "../../routing/MultiLLMOrchestrator.js"
import type { StreamInterruptedError } from "../../StreamEvent.js"
import type * as Report from "../Simulation/Report.js"
import { Counter, extraOf, latencyOf } from "./tally.js"

type Failure = MultiLLMOrchestrator.OrchestratorError | StreamInterruptedError

/** What a caller got for a task, and when. */
export interface Served {
  readonly outcome: Either.Either<AIResult.AIResult, Failure>
  /** Milliseconds until the first that the caller got: of a stream its first content, or its failure. */
  readonly firstMs: number
  /** The longest time between two pieces of a stream. */
  readonly longestPauseMs: number
}

const whole = (
  orchestrator: MultiLLMOrchestrator.Service,
  task: AITask.AITask,
  clock: Clock.Clock
): Effect.Effect<Served> => {
  const startedAt = clock.unsafeCurrentTimeMillis()
  return Effect.map(Effect.either(orchestrator.complete(task)), (outcome) => ({
    outcome,
    firstMs: clock.unsafeCurrentTimeMillis() - startedAt,
    longestPauseMs: 0
  }))
}

const streamed = (
  orchestrator: MultiLLMOrchestrator.Service,
  task: AITask.AITask,
  clock: Clock.Clock
): Effect.Effect<Served> => {
  const startedAt = clock.unsafeCurrentTimeMillis()
  let result: AIResult.AIResult | undefined
  let firstMs = Number.POSITIVE_INFINITY
  let longestPauseMs = 0
  let lastAt = startedAt
  const got = (): void => {
    const now = clock.unsafeCurrentTimeMillis()
    if (firstMs < Number.POSITIVE_INFINITY) longestPauseMs = Math.max(longestPauseMs, now - lastAt)
    else firstMs = now - startedAt
    lastAt = now
  }
  return Stream.runForEachChunk(orchestrator.stream(task), (events) =>
    Effect.sync(() => {
      got()
      for (const event of events) if (event._tag === "Completed") result = event.result
    })
  ).pipe(
    // A stream that succeeds ends with Completed: without it the router has a bug.
    Effect.zipRight(Effect.suspend(() => Effect.orDie(Effect.fromNullable(result)))),
    Effect.either,
    Effect.map((outcome) => {
      got()
      return { outcome, firstMs, longestPauseMs }
    })
  )
}

/** Serves one task as a caller does: whole, or to the end of its stream. */
export const serve = (
  orchestrator: MultiLLMOrchestrator.Service,
  task: AITask.AITask
): Effect.Effect<Served> =>
  Clock.clockWith((clock) =>
    task.mode === "complete" ? whole(orchestrator, task, clock) : streamed(orchestrator, task, clock)
  )

/** What callers say, added up as they get it: nothing of it is kept. */
export class Callers {
  private tasks = 0
  private late = 0
  private longestPauseMs = 0
  private retried = 0
  private fellOver = 0
  private resumed = 0
  private switched = 0
  private retries = 0
  private hedges = 0
  private readonly errors = new Counter()
  private readonly latencies: Array<number> = []
  private readonly firstTokens: Array<number> = []

  constructor(private readonly timeoutMs: number) {}

  /** A session goes on at another provider. */
  addSwitch(): void {
    this.switched += 1
  }

  /** A task has been served, with these attempts. */
  add({ firstMs, longestPauseMs, outcome }: Served, attempts: ReadonlyArray<AIResult.Attempt>): void {
    this.tasks += 1
    if (firstMs > this.timeoutMs) this.late += 1
    this.longestPauseMs = Math.max(this.longestPauseMs, longestPauseMs)
    const { hedges, retries } = extraOf(attempts)
    this.hedges += hedges
    this.retries += retries
    if (Either.isLeft(outcome)) this.errors.add(outcome.left._tag)
    else this.answered(outcome.right)
  }

  private answered({ attempts, durationMs, firstTokenMs, provider }: AIResult.AIResult): void {
    const [first, second] = attempts
    this.latencies.push(durationMs)
    if (Option.isSome(firstTokenMs)) this.firstTokens.push(firstTokenMs.value)
    if (second?.provider === first?.provider) this.retried += 1
    if (provider !== first?.provider) this.fellOver += 1
    if (attempts.some(({ outcome }) => outcome === "cut")) this.resumed += 1
  }

  get report(): Omit<Report.Report, "seed" | "endedAtMs" | "spendUsd" | "unpriced" | "providers"> {
    return {
      tasks: this.tasks,
      answered: this.latencies.length,
      late: this.late,
      longestPauseMs: this.longestPauseMs,
      errors: this.errors.byName,
      latencyMs: latencyOf(this.latencies),
      firstTokenMs: latencyOf(this.firstTokens),
      retried: this.retried,
      fellOver: this.fellOver,
      switched: this.switched,
      resumed: this.resumed,
      retries: this.retries,
      hedges: this.hedges
    }
  }
}
