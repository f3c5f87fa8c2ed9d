import * as HttpMiddleware from "@effect/platform/HttpMiddleware"
import * as Context from "effect/Context"
import * as DefaultServices from "effect/DefaultServices"
import * as Effect from "effect/Effect"
import * as Tracer from "effect/Tracer"

/** The default tracer, whose spans go nowhere. */
const nobodys = Context.get(DefaultServices.liveServices, Tracer.Tracer)

/** Runs an effect without spans of the default tracer, those of the platform included. */
export const onlyIfSeen = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.tracerWith((tracer) =>
    tracer === nobodys
      ? effect.pipe(
          Effect.withTracerEnabled(false),
          Effect.locally(HttpMiddleware.currentTracerDisabledWhen, () => true)
        )
      : effect
  )
