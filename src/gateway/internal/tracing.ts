import * as HttpMiddleware from "@effect/platform/HttpMiddleware"
import * as Context from "effect/Context"
import * as DefaultServices from "effect/DefaultServices"
import * as Effect from "effect/Effect"
import * as Tracer from "effect/Tracer"

/** The tracer that there is where nobody has set one: nobody sees its spans. */
const nobodys = Context.get(DefaultServices.liveServices, Tracer.Tracer)

/** Has what runs within make no spans, those of the platform's server and client included, that nobody sees. */
export const onlyIfSeen = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.tracerWith((tracer) =>
    tracer === nobodys
      ? effect.pipe(
          Effect.withTracerEnabled(false),
          Effect.locally(HttpMiddleware.currentTracerDisabledWhen, () => true)
        )
      : effect
  )
