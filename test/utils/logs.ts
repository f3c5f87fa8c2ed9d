/** What an effect logs. */
import * as HashMap from "effect/HashMap"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as LogLevel from "effect/LogLevel"

export interface Logged {
  readonly level: string
  readonly event: string
  readonly fields: Readonly<Record<string, unknown>>
}

/** A layer whose logs end up in a list. */
export const logs = () => {
  const logged: Array<Logged> = []
  const logger = Logger.make(({ annotations, logLevel, message }) => {
    logged.push({
      level: logLevel.label,
      event: String(message),
      fields: Object.fromEntries(HashMap.toEntries(annotations))
    })
  })
  const layer = Layer.merge(
    Logger.replace(Logger.defaultLogger, logger),
    Logger.minimumLogLevel(LogLevel.Info)
  )
  return { logged, layer }
}
