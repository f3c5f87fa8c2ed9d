import type * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as FiberRef from "effect/FiberRef"
import * as Option from "effect/Option"
import type * as Tracer from "effect/Tracer"
import type * as AIProvider from "../../AIProvider.js"
import type * as AIResult from "../../AIResult.js"
import type * as AttemptGuard from "../../AttemptGuard.js"
import * as metrics from "./metrics.js"
import * as names from "./names.js"

/** Shorter gaps aren't waits: the machine itself takes that long. */
const shortestWait = 1_000_000n

const seconds = (nanos: bigint): number => Number(nanos) / 1e9

/** What is measured of one call while it goes on. */
export class TracedCall {
  readonly startedAt: bigint
  attempts = 0
  result: AIResult.AIResult | undefined = undefined
  /** What there is to measure once it has ended: set by the router that asks for it. */
  afterwards: Effect.Effect<void> = Effect.void

  private underWay = 0
  private since = 0n
  /** Nanoseconds in which at least one provider was asked. */
  private asked = 0n
  /** Nanoseconds without a running attempt, spent waiting. */
  private waited = 0n
  /** The provider that failed last, until the next attempt begins. */
  private failed: AIProvider.AIProvider | undefined = undefined

  constructor(
    readonly taskId: string,
    readonly span: Tracer.Span,
    private readonly clock: Clock.Clock,
    readonly streamed: boolean
  ) {
    this.startedAt = this.now()
  }

  now(): bigint {
    return this.clock.unsafeCurrentTimeNanos()
  }

  begin(provider: AIProvider.AIProvider): void {
    this.attempts++
    if (this.failed !== undefined && this.failed !== provider) metrics.fallback(this.failed, provider)
    this.failed = undefined
    if (this.underWay++ === 0) this.since = this.now()
  }

  end({ error, provider }: AIResult.Attempt): void {
    if (--this.underWay === 0) this.asked += this.now() - this.since
    if (Option.isSome(error)) this.failed = provider
  }

  /** A wait from an instant until now, as a span and as time that isn't our own. */
  wait(reason: "admission" | "retry", from: bigint): Effect.Effect<void> {
    return Effect.suspend(() => {
      const until = this.now()
      if (until - from < shortestWait) return Effect.void
      if (this.underWay === 0) this.waited += until - from
      return Effect.whenEffect(
        Effect.tracerWith((tracer) =>
          Effect.sync(() => {
            const span = tracer.span(
              "arc_saga.wait",
              Option.some(this.span),
              Context.empty(),
              [],
              from,
              "internal"
            )
            span.attribute("arc_saga.wait.reason", reason)
            span.end(until, Exit.void)
          })
        ),
        FiberRef.get(FiberRef.currentTracerEnabled)
      )
    })
  }

  /** The call has ended: in how many seconds, and in how many of them nothing was waited for. */
  close(): { readonly duration: number; readonly overhead: number } {
    const duration = this.now() - this.startedAt
    const own = duration - this.asked - this.waited
    return { duration: seconds(duration), overhead: own > 0n ? seconds(own) : 0 }
  }
}

/** The call that a fiber is part of. */
export class CurrentCall extends Context.Tag("arc-saga/internal/CurrentCall")<CurrentCall, TracedCall>() {}

const exitOf = (
  { error, outcome }: AIResult.Attempt,
  fiberId: Effect.Effect.Success<typeof Effect.fiberId>
) =>
  Option.match(error, {
    onNone: () => (outcome === "interrupted" ? Exit.interrupt(fiberId) : Exit.void),
    onSome: Exit.fail
  })

/** Lets every attempt of a call begin, and makes a span of it. */
export const leaseOf = (
  call: TracedCall,
  { engine, task }: AttemptGuard.AdmissionRequest,
  vendor: string
): AttemptGuard.Lease => {
  const from = call.now()
  const operation = names.operationOf(task)
  const labels = metrics.engineLabels(engine, vendor, operation)
  let span: Tracer.Span | undefined
  let startedAt = from
  return {
    wrap: (attempt) =>
      Effect.zipRight(
        call.wait("admission", from),
        Effect.flatMap(
          Effect.makeSpan(`${operation} ${engine.model}`, {
            kind: "client",
            attributes: { ...names.request(engine, task, vendor) },
            captureStackTrace: false
          }),
          (made) => {
            span = made
            startedAt = call.now()
            call.begin(engine.provider)
            return Effect.withParentSpan(attempt, made)
          }
        )
      ),
    onFinish: ({ reason }) => span?.attribute("gen_ai.response.finish_reasons", [names.finishReason(reason)]),
    settle: (record) =>
      Effect.map(Effect.fiberId, (fiberId) => {
        const now = call.now()
        call.end(record)
        metrics.attempt(record, labels, seconds(now - startedAt), call.streamed)
        for (const [name, value] of Object.entries(names.response(record))) span?.attribute(name, value)
        span?.end(now, exitOf(record, fiberId))
      }),
    cancel: call.wait("admission", from)
  }
}
