import type { ApiKey } from "../ApiKeys.js"
import { RejectedRequest } from "./rejection.js"

const minute = 60_000

interface Use {
  /** When its last calls began, as many as it may make in a minute; the oldest is the next to be replaced. */
  readonly begun: Array<number>
  next: number
  running: number
}

/** Counts the calls of each key. */
export interface KeyLimits {
  /** Lets a call begin at an instant in milliseconds, or says why not. */
  readonly begin: (key: ApiKey, now: number) => RejectedRequest | undefined
  /** A call that was let in has ended. */
  readonly end: (key: ApiKey) => void
  /** Keys whose calls are counted. */
  readonly size: number
}

const tooMany = (limit: string, advice: string, retryAfterMs?: number): RejectedRequest =>
  new RejectedRequest({
    reason: "limited",
    description: `This key may make ${limit}. ${advice}`,
    ...(retryAfterMs === undefined ? {} : { retryAfterMs })
  })

export const make = (): KeyLimits => {
  const uses = new Map<string, Use>()
  let enough = 1000
  /** Forgets keys that no limit can hold back any more; at most as often as there are twice as many. */
  const forget = (now: number): void => {
    if (uses.size < enough) return
    for (const [id, { begun, running }] of uses) {
      if (running === 0 && begun.every((at) => at + minute <= now)) uses.delete(id)
    }
    enough = Math.max(1000, 2 * uses.size)
  }
  const useOf = ({ id }: ApiKey, now: number): Use => {
    const known = uses.get(id)
    if (known !== undefined) return known
    forget(now)
    const use: Use = { begun: [], next: 0, running: 0 }
    uses.set(id, use)
    return use
  }
  return {
    begin: (key, now) => {
      const { concurrent, requestsPerMinute } = key
      const use = useOf(key, now)
      if (concurrent !== undefined && use.running >= concurrent) {
        return tooMany(`${concurrent} calls at a time`, "Wait until one of them has ended")
      }
      if (requestsPerMinute !== undefined) {
        const wait = (use.begun[use.next] ?? Number.NEGATIVE_INFINITY) + minute - now
        if (wait > 0) {
          return tooMany(`${requestsPerMinute} calls in a minute`, `Retry after ${Math.ceil(wait)} ms`, wait)
        }
        use.begun[use.next] = now
        use.next = (use.next + 1) % requestsPerMinute
      }
      use.running++
      return undefined
    },
    end: ({ id }) => {
      const use = uses.get(id)
      if (use !== undefined) use.running--
    },
    get size() {
      return uses.size
    }
  }
}
