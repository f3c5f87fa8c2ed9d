import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import type { AIProvider } from "../../AIProvider.js"
import type * as AITask from "../../AITask.js"
import type * as Options from "../Simulation/Options.js"
import type { Served } from "./simulatedCaller.js"
import { chance, draw } from "./simulatedProvider.js"

/** A token is four characters, as estimates have it. */
const textOf = (tokens: number): string => "tok ".repeat(Math.max(1, Math.round(tokens)))

const user = (text: string): AITask.Message => ({ role: "user", content: text })

/** The last message is marked: what stands before it is the same in the next task. */
const markedAtEnd = (
  messages: readonly [AITask.Message, ...ReadonlyArray<AITask.Message>],
  text: string
): AITask.AITask["messages"] => [
  ...messages,
  { role: "user", content: [{ type: "text", text, cache: { ttl: "5m" } }] }
]

/** Runs sessions of agents, each one's calls in turn, and waits until the last is over. */
export const drive = (
  { durationMs, seed, streamingShare }: Options.Decoded,
  sessions: typeof Options.Sessions.Type,
  template: AITask.AITask,
  serving: (task: AITask.AITask) => Effect.Effect<Served>,
  onSwitch: () => void
): Effect.Effect<void> => {
  const session = (name: string): Effect.Effect<void> =>
    Effect.gen(function* () {
      const random = chance(`${seed}/${name}`)
      yield* Effect.sleep(random.number() * durationMs)
      let messages: AITask.AITask["messages"] = [user(textOf(draw(sessions.openingTokens, random)))]
      let last: AIProvider | undefined
      for (let turn = 0; turn < sessions.turns; turn++) {
        const added = textOf(draw(sessions.addedTokens, random))
        const mode = random.number() < streamingShare ? "streaming" : "complete"
        const pauseMs = draw(sessions.pauseMs, random)
        const { outcome } = yield* serving({
          ...template,
          id: `${name}/${turn}`,
          session: name,
          mode,
          messages: markedAtEnd(messages, added),
          ...(sessions.pinned && last !== undefined ? { provider: last, pinned: true } : {})
        })
        messages = [...messages, user(added)]
        if (Either.isRight(outcome)) {
          const { provider, text } = outcome.right
          if (last !== undefined && provider !== last) onSwitch()
          last = provider
          messages = [...messages, { role: "assistant", content: text }]
        }
        yield* Effect.sleep(pauseMs)
      }
    })
  return Effect.forEach(
    Array.from({ length: sessions.count }, (_, index) => `session-${index}`),
    session,
    { concurrency: "unbounded", discard: true }
  )
}
