import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import * as ids from "../../internal/ids.js"
import * as CircuitStore from "../../reliability/CircuitStore.js"
import { Connection } from "../Connection.js"
import * as scripts from "./circuitScripts.js"
import type * as script from "./script.js"
import { ofServer, type Time } from "./time.js"

/** How circuits are shared. */
export interface Settings {
  /** Milliseconds between two looks at what others have found out. */
  readonly refreshMs: number
}

/** The name, milliseconds until it is half-open, the wait, those until its probe stalls, and the probe. */
const decodeList = Schema.decodeUnknownOption(
  Schema.Array(Schema.Tuple(Schema.String, Schema.Number, Schema.Number, Schema.Number, Schema.String))
)

/** A store of open circuits, and a look at what others have found out. */
export interface Circuits {
  readonly store: CircuitStore.Service
  readonly refresh: Effect.Effect<void>
}

/**
 * Keeps open circuits in the Redis of the context. What is known of them is looked at from time to time, and changed
 * here at once by what this process finds out; what couldn't be written is written before the next look.
 */
export const make = (
  { refreshMs }: Settings,
  time: Time = ofServer
): Effect.Effect<Circuits, never, Connection | Scope.Scope> =>
  Effect.gen(function* () {
    const redis = yield* Connection
    const [opens, closes, probes, releases, lists] = yield* Effect.all([
      scripts.opens,
      scripts.closes,
      scripts.probes,
      scripts.releases,
      scripts.lists
    ])
    const clock = yield* Effect.clock
    const owner = yield* Effect.flatMap(
      Effect.sync(() => clock.unsafeCurrentTimeMillis()),
      ids.row
    )
    const keys = [redis.key("circuits", "all")]
    /** What is known here; this process goes by it alone while Redis is away. */
    const circuits = new Map<string, CircuitStore.Open>()
    let attempts = 0
    /** How many changes were made here, and the last one of each circuit: an older look says nothing of it. */
    let changes = 0
    const changed = new Map<string, number>()
    /** Circuits whose last change Redis may not have. */
    const unwritten = new Set<string>()

    const now = (): number => clock.unsafeCurrentTimeMillis()

    /** Changes what is known, here at once. */
    const set = (name: string, open: CircuitStore.Open | undefined): void => {
      changed.set(name, ++changes)
      if (open === undefined) circuits.delete(name)
      else circuits.set(name, open)
    }

    const write = (name: string, probeId = ""): void => {
      const lost = (): void => void unwritten.add(name)
      const open = circuits.get(name)
      unwritten.delete(name)
      if (open === undefined) return redis.unsafeSend({ script: closes, keys, args: [name] }, lost)
      const waitsMs = Math.max(0, open.until - now())
      const args = [time(now()), name, waitsMs, open.waitMs, probeId]
      redis.unsafeSend({ script: opens, keys, args }, lost)
    }

    const releasing = (name: string, probeId: string): script.Command => ({
      script: releases,
      keys,
      args: [time(now()), name, probeId]
    })

    const refresh: Effect.Effect<void> = Effect.suspend(() => {
      if (redis.unsafeAwaySince() === undefined) for (const name of unwritten) write(name)
      const before = changes
      const sentAt = now()
      return Effect.map(redis.run({ script: lists, keys, args: [time(sentAt)] }), (reply) => {
        const listed = Option.flatMap(reply, decodeList)
        if (Option.isNone(listed)) return
        const isOlder = (name: string): boolean => (changed.get(name) ?? 0) <= before
        for (const name of circuits.keys()) if (isOlder(name)) circuits.delete(name)
        for (const [name, untilMs, waitMs, probesMs, id] of listed.value) {
          const probe = id === "-" ? undefined : { id, until: sentAt + probesMs }
          if (isOlder(name)) circuits.set(name, { until: sentAt + untilMs, waitMs, probe })
        }
      })
    })
    const looks = Effect.schedule(refresh, Schedule.spaced(Duration.millis(refreshMs)))
    yield* refresh
    yield* Effect.forkScoped(Effect.interruptible(looks))

    /** Begins a probe by what is known here. */
    const begin = (name: string, id: string, probeMs: number): Option.Option<string> => {
      const open = circuits.get(name)
      if (open === undefined || now() < Math.max(open.until, open.probe?.until ?? open.until)) {
        return Option.none()
      }
      set(name, { ...open, probe: { id, until: now() + probeMs } })
      return Option.some(id)
    }

    const store: CircuitStore.Service = {
      unsafeGet: (name) => circuits.get(name),
      unsafeOpen: (name, { until, waitMs }, probeId) => {
        const open = circuits.get(name)
        const next = {
          until: Math.max(until, open?.until ?? until),
          waitMs: Math.max(waitMs, open?.waitMs ?? waitMs),
          probe: open?.probe?.id === probeId ? undefined : open?.probe
        }
        const isNews = open === undefined || next.until > open.until || next.waitMs > open.waitMs
        if (!isNews && probeId === undefined) return
        set(name, next)
        write(name, probeId)
      },
      unsafeClose: (name) => {
        set(name, undefined)
        write(name)
      },
      probe: (name, probeMs) =>
        Effect.suspend(() => {
          const id = `${owner}-${++attempts}`
          const asks = { script: probes, keys, args: [time(now()), name, probeMs, id] }
          return Effect.flatMap(
            redis.run(asks, () => releasing(name, id)),
            Option.match({
              onNone: () => Effect.sync(() => begin(name, id, probeMs)),
              onSome: (reply) => {
                // What another process has found out or is about to keeps the next attempts from asking.
                if (reply !== 1) return Effect.as(refresh, Option.none())
                const open = circuits.get(name)
                if (open !== undefined) set(name, { ...open, probe: { id, until: now() + probeMs } })
                return Effect.succeedSome(id)
              }
            })
          )
        }),
      unsafeRelease: (name, probeId) => {
        const open = circuits.get(name)
        if (open?.probe?.id !== probeId) return
        set(name, { ...open, probe: undefined })
        redis.unsafeSend(releasing(name, probeId))
      }
    }
    return { store, refresh }
  })
