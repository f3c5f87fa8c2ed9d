import * as Cause from "effect/Cause"
import type * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as FiberId from "effect/FiberId"
import * as Option from "effect/Option"
import * as Runtime from "effect/Runtime"
import * as Scope from "effect/Scope"
import type * as AIResult from "../../AIResult.js"
import * as AITask from "../../AITask.js"
import type * as AttemptGuard from "../../AttemptGuard.js"
import * as EngineError from "../../EngineError.js"
import * as Price from "../../Price.js"
import type * as ReasoningEngine from "../../ReasoningEngine.js"
import * as TokenUsage from "../../TokenUsage.js"
import * as Usd from "../../Usd.js"
import * as toolArguments from "../../internal/toolArguments.js"
import * as refusal from "../../wire/refusal.js"
import * as watchdog from "./watchdog.js"

/** What a caller of a stream sees of an engine's events. */
export type Content =
  | ReasoningEngine.TextDelta
  | ReasoningEngine.ReasoningDelta
  | ReasoningEngine.ToolCallEvent
  | ReasoningEngine.NativeEvent

const isFirstHalf = (unit: number): boolean => unit >= 0xd800 && unit <= 0xdbff

/**
 * One attempt at one engine: everything that is known of it while it runs. It belongs to one call and is
 * written by one fiber at a time.
 *
 * The engine's effects run in a fiber of their own, so that a limit can end them without ending the
 * caller. Running out of time doesn't wait for the engine to let go, being interrupted does.
 */
export class Attempt {
  readonly startedAt: number
  text = ""
  readonly toolCalls: Array<AITask.ToolCall> = []
  readonly warnings: Array<string> = []
  /** What of the task was left out. */
  readonly dropped: Array<string> = []
  /** What the provider said at the end; means nothing before `finished`. */
  finish: ReasoningEngine.Finish
  /** Whether the provider has said that the answer is whole. */
  finished = false
  /** Whether some of it has reached the caller. */
  committed = false
  settled = false

  private usage: TokenUsage.TokenUsage | undefined = undefined
  /** What the provider says that it bills. */
  private billed: Usd.Usd | undefined = undefined
  /** The first half of a character whose other half hasn't come. */
  private half = ""
  private pending: Array<Content> = []
  /** Whether something is pending that commits: what only is native to the wire, or isn't shown, waits for it. */
  private ready = false
  /** The answer as it came over the wire, where that is wanted. */
  private readonly body: Array<string> = []
  /** Whether more than text has come so. */
  beyondText = false
  private readonly thoughts: Array<AITask.ReasoningPart> = []
  private thought = ""
  private firstContentAt: number | undefined = undefined
  /** Whether the engine was asked at all: the time may have been over before. */
  private asked = false
  private scope: Scope.CloseableScope | undefined = undefined
  private pull: ReasoningEngine.Pull | undefined = undefined
  /** That of the fiber that began the attempt: its engine keeps the context that it was asked in. */
  private runtime: Runtime.Runtime<Scope.Scope> | undefined = undefined
  /** Why it was interrupted, where it took too long. */
  private expired: EngineError.EngineError | undefined = undefined
  private child: Fiber.RuntimeFiber<Exit.Exit<void, EngineError.EngineError>> | undefined = undefined
  private readonly watchdog: watchdog.Watchdog

  constructor(
    readonly engine: ReasoningEngine.ReasoningEngine,
    readonly request: ReasoningEngine.Request,
    private readonly clock: Clock.Clock,
    bounds: watchdog.Bounds,
    /** What the guards gave that let it in; absent where there are none. */
    readonly lease: AttemptGuard.Lease | undefined
  ) {
    this.startedAt = clock.unsafeCurrentTimeMillis()
    this.finish = { _tag: "Finish", reason: "other", model: engine.model }
    this.watchdog = new watchdog.Watchdog(clock, engine.provider, this.startedAt, bounds)
  }

  /** Asks the engine on until there is enough, or all of it. */
  advance(enough: (attempt: Attempt) => boolean): Effect.Effect<void, EngineError.EngineError> {
    const more = (pull: ReasoningEngine.Pull): ReturnType<Attempt["advance"]> =>
      Effect.flatMap(pull, (events) => {
        this.absorb(events)
        return this.finished || enough(this) ? Effect.void : more(pull)
      })
    const opened = Effect.suspend(() => {
      if (this.pull !== undefined) return more(this.pull)
      this.asked = true
      return Effect.flatMap(this.engine.attempt(this.request), (pull) => {
        this.pull = pull
        return more(pull)
      })
    })
    return this.guard(opened)
  }

  /** The content that came since it was last taken. */
  take(): ReadonlyArray<Content> {
    const taken = this.pending
    this.pending = []
    this.ready = false
    return taken
  }

  get hasContent(): boolean {
    return this.ready || (this.committed && this.pending.length > 0)
  }

  /** The answer as it came over the wire; undefined where it didn't come so. */
  get native(): string | undefined {
    return this.body.length === 0 ? undefined : this.body.join("")
  }

  /** Whether what is to be taken comes as it is on the wire, too. */
  get isNative(): boolean {
    return this.body.length > 0
  }

  /** What the model thought, in the order of its thoughts. */
  get reasoning(): ReadonlyArray<AITask.ReasoningPart> {
    return this.thought === "" ? this.thoughts : [...this.thoughts, { type: "reasoning", text: this.thought }]
  }

  /** Drops what repeats the given text; what comes after it stays to be taken. */
  skip(characters: number): void {
    let left = characters
    this.pending = this.pending.flatMap((content): ReadonlyArray<Content> => {
      if (content._tag !== "TextDelta" || left === 0) return [content]
      const rest = content.text.slice(left)
      left = Math.max(0, left - content.text.length)
      return rest === "" ? [] : [{ _tag: "TextDelta", text: rest }]
    })
  }

  /** From here on the attempt's content is the caller's: other limits hold. */
  commit(bounds: watchdog.Bounds): void {
    this.committed = true
    this.watchdog.setBounds(bounds)
  }

  /** Ends what the engine is doing, and waits until it has ended: for a caller that was interrupted. */
  get abandoned(): Effect.Effect<void> {
    return this.child === undefined ? Effect.void : Effect.asVoid(Fiber.interrupt(this.child))
  }

  /** Ends the attempt at the provider. */
  close(exit: Exit.Exit<unknown, unknown>): Effect.Effect<void> {
    return this.scope === undefined ? Effect.void : Scope.close(this.scope, exit)
  }

  /** Ends the attempt and gives its record. */
  record(outcome: AIResult.Outcome, error: EngineError.EngineError | undefined): AIResult.Attempt {
    this.settled = true
    this.watchdog.stop()
    const usage = this.usageOf(outcome, error)
    if (error !== undefined) refusal.note(error, { text: this.text, model: this.finish.model, usage })
    return {
      provider: this.engine.provider,
      model: this.finish.model,
      outcome,
      error: Option.fromNullable(error),
      usage,
      ...this.costOf(usage, outcome),
      ...this.cacheSavedOf(usage),
      startedAt: this.startedAt,
      durationMs: this.clock.unsafeCurrentTimeMillis() - this.startedAt,
      firstTokenMs:
        this.firstContentAt === undefined ? Option.none() : Option.some(this.firstContentAt - this.startedAt)
    }
  }

  /** The provider's bill where it says one that can be believed, or what the usage costs by the price. */
  private costOf(
    usage: TokenUsage.TokenUsage,
    outcome: AIResult.Outcome
  ): Pick<AIResult.Attempt, "cost" | "costSource"> {
    const byPrice = TokenUsage.isUsed(usage)
      ? Option.map(this.engine.price, (price) => Price.cost(price, usage))
      : Option.some(Usd.zero)
    // A bill from before the end lacks the later output, as its usage does.
    const isWhole = outcome === "succeeded" || usage === this.usage
    if (this.billed === undefined || !isWhole) return { cost: byPrice }
    // Nothing isn't believed where the price says otherwise.
    const isFree = this.billed.pico === 0n && Option.exists(byPrice, ({ pico }) => pico > 0n)
    return isFree ? { cost: byPrice } : { cost: Option.some(this.billed), costSource: "provider" }
  }

  private cacheSavedOf(usage: TokenUsage.TokenUsage): Pick<AIResult.Attempt, "cacheSaved"> {
    if (usage.cacheReadTokens + usage.cacheWriteTokens === 0) return {}
    return Option.match(this.engine.price, {
      onNone: () => ({}),
      onSome: (price) => ({ cacheSaved: Price.cacheSaved(price, usage) })
    })
  }

  /**
   * The provider's count. Where it gave none and may still charge, where it counts nothing beside some output
   * or input, and where it counted before the end: an estimate that says it is one.
   */
  private usageOf(
    outcome: AIResult.Outcome,
    error: EngineError.EngineError | undefined
  ): TokenUsage.TokenUsage {
    if (!this.asked) return TokenUsage.none
    const counted = this.usage
    const written = this.toolCalls.reduce((sum, call) => sum + call.arguments.length, this.text.length)
    if (counted === undefined && error !== undefined && error._tag !== "TimeoutError" && written === 0) {
      return TokenUsage.none
    }
    const least = TokenUsage.estimateTokens(written)
    const read = (): number =>
      TokenUsage.estimateTokens(
        AITask.inputCharacters(this.request.task) + (this.request.prefill?.length ?? 0)
      )
    if (counted === undefined) {
      return TokenUsage.make({ inputTokens: read(), outputTokens: least, estimated: true })
    }
    const isWhole = outcome === "succeeded" && !counted.estimated && counted.outputTokens > 0
    const outputTokens = isWhole ? counted.outputTokens : Math.max(counted.outputTokens, least)
    const inputTokens = counted.inputTokens === 0 && outputTokens > 0 ? read() : counted.inputTokens
    return inputTokens === counted.inputTokens && outputTokens === counted.outputTokens
      ? counted
      : { ...counted, inputTokens, outputTokens, estimated: true }
  }

  private absorb(events: ReadonlyArray<ReasoningEngine.EngineEvent>): void {
    const now = this.watchdog.onRequest()
    if (events.length === 0) this.onProgress()
    for (const event of events) {
      switch (event._tag) {
        case "TextDelta":
          this.write(event)
          break
        case "ReasoningDelta":
          this.think(event)
          break
        case "ToolCall":
          this.writeHalf()
          this.call(event)
          break
        case "Native":
          this.body.push(event.text)
          this.beyondText ||= event.beyondText === true
          this.pending.push(event)
          break
        case "Usage":
          this.usage = event.usage
          this.billed = event.cost ?? this.billed
          break
        case "RateLimits":
          this.lease?.onRateLimits?.(event)
          break
        case "Warning":
          if (!this.warnings.includes(event.message)) this.warnings.push(event.message)
          this.dropped.push(...(event.fields ?? []))
          break
        case "Finish":
          this.writeHalf()
          this.finish = event
          this.finished = true
          this.lease?.onFinish?.(event)
          break
      }
      if (this.finished) break
    }
    if (this.firstContentAt === undefined && this.ready) {
      this.firstContentAt = now
      this.onProgress()
    }
  }

  /** Takes more of a thought; at its end there may be a state. */
  private think(event: ReasoningEngine.ReasoningDelta): void {
    this.onProgress()
    this.thought += event.text
    if (event.state !== undefined) {
      this.thoughts.push({ type: "reasoning", text: this.thought, state: event.state })
      this.thought = ""
    }
    if (this.request.task.reasoning?.show !== true) return
    this.ready ||= event.text !== ""
    this.pending.push(event)
  }

  /** Takes a call, whose arguments are JSON though the model gave none. */
  private call(event: ReasoningEngine.ToolCallEvent): void {
    const args = toolArguments.text(event.call.arguments)
    const call = args === event.call.arguments ? event.call : { ...event.call, arguments: args }
    this.toolCalls.push(call)
    this.ready = true
    this.pending.push(call === event.call ? event : { ...event, call })
  }

  /** A character may come in two halves. What is delivered can be encoded by itself: the first half waits. */
  private write(event: ReasoningEngine.TextDelta): void {
    const written = this.half + event.text
    const end = isFirstHalf(written.charCodeAt(written.length - 1)) ? written.length - 1 : written.length
    const text = written.slice(0, end)
    this.half = written.slice(end)
    // What the event carries beside its text stays with it.
    this.append(text === event.text ? event : { ...event, text })
  }

  /** No other half follows. */
  private writeHalf(): void {
    this.append({ _tag: "TextDelta", text: this.half })
    this.half = ""
  }

  private append(event: ReasoningEngine.TextDelta): void {
    if (event.text === "") return
    this.text += event.text
    this.ready = true
    this.pending.push(event)
  }

  /** The provider has shown that it is at work, if only by thinking. */
  private onProgress(): void {
    if (this.watchdog.onFirstToken()) this.lease?.onFirstToken?.()
  }

  /** Runs the engine's effect in a fiber of its own, within the limits. */
  private guard(
    effect: Effect.Effect<void, EngineError.EngineError, Scope.Scope>
  ): ReturnType<Attempt["advance"]> {
    const runtime = this.runtime
    if (runtime !== undefined) return Effect.suspend(() => this.guardIn(runtime, effect))
    return Effect.flatMap(Scope.make(), (scope) => {
      this.scope = scope
      return Effect.flatMap(Effect.runtime(), (current) =>
        this.guardIn((this.runtime = Runtime.provideService(current, Scope.Scope, scope)), effect)
      )
    })
  }

  private guardIn(
    runtime: Runtime.Runtime<Scope.Scope>,
    effect: Effect.Effect<void, EngineError.EngineError, Scope.Scope>
  ): ReturnType<Attempt["advance"]> {
    this.watchdog.onRequest()
    const expired = this.watchdog.check()
    if (expired !== undefined) {
      Runtime.runFork(runtime, this.close(Exit.fail(expired)))
      return expired
    }
    // Its failure is the call's: an unobserved fiber would log it.
    const child = Runtime.runFork(runtime, this.closing(effect))
    const done = child.unsafePoll()
    if (done !== null) return this.ended(done)
    this.child = child
    return Effect.async<void, EngineError.EngineError>((resume) => {
      child.addObserver((exit) => resume(this.ended(exit)))
      this.watchdog.start(runtime, (error) => {
        this.expired = error
        child.unsafeInterruptAsFork(FiberId.none)
        // What is whole stays whole, however long the engine takes to let go.
        resume(this.finished ? Effect.void : error)
      })
    })
  }

  /** What ends with a failure, or with all of the answer, closes the attempt. */
  private closing(
    effect: Effect.Effect<void, EngineError.EngineError, Scope.Scope>
  ): Effect.Effect<Exit.Exit<void, EngineError.EngineError>, never, Scope.Scope> {
    return Effect.uninterruptible(
      Effect.matchCauseEffect(Effect.interruptible(effect), {
        onFailure: (cause) => {
          const exit = Exit.failCause(cause)
          // Who is silent for too long is interrupted, and is told why.
          return Effect.as(this.close(this.expired === undefined ? exit : Exit.fail(this.expired)), exit)
        },
        onSuccess: () =>
          this.finished ? Effect.as(this.close(Exit.void), Exit.void) : Effect.succeed(Exit.void)
      })
    )
  }

  /** An engine that interrupts itself has failed: its caller wasn't interrupted. */
  private ended(
    of: Exit.Exit<Exit.Exit<void, EngineError.EngineError>>
  ): Exit.Exit<void, EngineError.EngineError> {
    this.watchdog.onReply()
    const exit = Exit.flatten(of)
    return Exit.isFailure(exit) && Cause.isInterruptedOnly(exit.cause)
      ? Exit.fail(
          new EngineError.TransientError({
            provider: this.engine.provider,
            reason: "server",
            description: "the engine interrupted its own attempt"
          })
        )
      : exit
  }
}
