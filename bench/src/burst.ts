/** A hundred calls at once while the primary fails: who is answered, and with whose answer? */
import * as work from "./work.js"

export interface Count {
  readonly name: string
  readonly answered: number
  /** Calls that failed although the fallback would have answered. */
  readonly lost: number
  /** Calls that succeeded with a text that isn't the answer: cut, doubled or another call's. */
  readonly wrong: number
  /** Milliseconds until the last of the calls was over. */
  readonly took: number
}

export type Kind = "complete" | "stream" | "cut"

const primary = (kind: Kind): work.Script => ({
  name: "primary",
  fails: kind === "cut" ? "midway" : "first",
  pace: "awaited"
})

const fallback: work.Script = { name: "fallback", fails: "never", pace: "awaited" }

/** One client for all calls, made anew for each burst, with its defaults, as a backend would have it. */
export const burst = async (contestant: work.Contestant, kind: Kind): Promise<Count> => {
  const client = await contestant.client(primary(kind), fallback, { forget: false })
  const start = performance.now()
  const outcomes = await Promise.all(
    Array.from({ length: work.callsAtOnce }, async (_, call): Promise<"answered" | "lost" | "wrong"> => {
      const prompt = work.burstPrompt(call)
      try {
        const text = await (kind === "complete" ? client.complete(prompt) : client.stream(prompt))
        return text === work.answerTo(prompt).text ? "answered" : "wrong"
      } catch {
        return "lost"
      }
    })
  )
  const count = (outcome: string): number => outcomes.filter((each) => each === outcome).length
  return {
    name: contestant.name,
    answered: count("answered"),
    lost: count("lost"),
    wrong: count("wrong"),
    took: performance.now() - start
  }
}
