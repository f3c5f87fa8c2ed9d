import * as Effect from "effect/Effect"
import * as HashMap from "effect/HashMap"
import * as Logger from "effect/Logger"
import * as LogLevel from "effect/LogLevel"

/** What is logged, as level, name and annotations. */
export const logged = <A, E, R>(
  effect: Effect.Effect<A, E, R>,
  minimum: LogLevel.LogLevel = LogLevel.All
) => {
  const lines: Array<{ readonly level: string; readonly name: unknown; readonly fields: unknown }> = []
  const sink = Logger.make(({ annotations, logLevel, message }) => {
    lines.push({
      level: logLevel.label,
      name: Array.isArray(message) ? message[0] : message,
      fields: Object.fromEntries(HashMap.entries(annotations))
    })
  })
  return Effect.exit(effect).pipe(
    Logger.withMinimumLogLevel(minimum),
    Effect.provide(Logger.replace(Logger.defaultLogger, sink)),
    // Running a Stream logs lines of its own.
    Effect.map((exit) => ({ exit, lines: lines.filter(({ name }) => /^[a-z_]+$/.test(String(name))) }))
  )
}
