/** Workers on Node. What only they need is loaded when there are some. */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Workers from "../Workers.js"

const cluster = Effect.promise(() => import("./cluster.js"))

/** Starts workers by `node:cluster`, or is one. */
export const layer: Layer.Layer<Workers.Workers> = Layer.effect(
  Workers.Workers,
  Effect.map(
    // The name of the variable that `cluster` sets.
    process.env["ARC_SAGA_WORKER"] === undefined
      ? Effect.succeed(undefined)
      : Effect.flatMap(cluster, ({ ownOf }) => ownOf(process)),
    (own) => ({
      own,
      start: (place) => Effect.flatMap(cluster, ({ start }) => start(place)),
      freePort: (host) => Effect.flatMap(cluster, ({ freePort }) => freePort(host))
    })
  )
)
