/** Copilot's engine over servers of the test's own, and the tokens that it is asked with. */
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import type * as AITask from "../../src/AITask.js"
import { AccessTokens, type Service } from "../../src/auth/AccessTokens.js"
import * as Copilot from "../../src/engines/Copilot.js"
import * as ReasoningEngine from "../../src/ReasoningEngine.js"
import * as TokenUsage from "../../src/TokenUsage.js"
import * as attempts from "./attempts.js"
import { task } from "./chatCompletions.js"
import * as GraphServer from "./GraphServer.js"

/** Differences from the usual options. */
export type Changes = Partial<Copilot.Options>

/** Tokens by user: "token-of-ann", then "token-of-ann-2". */
export const tokens: Service = {
  get: (userId) => Effect.succeed(Redacted.make(`token-of-${userId}`)),
  renew: (userId) => Effect.succeed(Redacted.make(`token-of-${userId}-2`))
}

/** An engine for a server, asked for ann unless a task says otherwise. */
export const engine = (baseUrl: string, changes: Changes = {}, signedIn: Partial<Service> = {}) =>
  Effect.provideService(Copilot.make({ baseUrl, user: "ann", ...changes }), AccessTokens, {
    ...tokens,
    ...signedIn
  })

/** What a task gives at a server of this script. */
export const answered = (
  script: Partial<GraphServer.Script>,
  options: Partial<AITask.Options> = { mode: "streaming" },
  changes: Changes = {}
) =>
  Effect.gen(function* () {
    const server = yield* GraphServer.make(script)
    return yield* attempts.events(yield* engine(server.url, changes), yield* task(options))
  }).pipe(Effect.catchTag("InvalidArgumentError", Effect.die), Effect.scoped)

/** How a task fails at a server of this script. */
export const failure = (
  script: Partial<GraphServer.Script>,
  options: Partial<AITask.Options> = { mode: "streaming" },
  changes: Changes = {}
) => Effect.flip(answered(script, options, changes))

/** The usage of so many UTF-16 units. */
export const estimated = (sent: number, received: number) =>
  ReasoningEngine.usage(
    TokenUsage.make({
      inputTokens: TokenUsage.estimateTokens(sent),
      outputTokens: TokenUsage.estimateTokens(received),
      estimated: true
    })
  )

export const finish = (reason: ReasoningEngine.FinishReason = "stop") =>
  ReasoningEngine.finish(reason, "copilot")

/** The prompt of the usual task. */
export const prompt = "Say hi"

/** The end of an answer of so much text to the usual task. */
export const ending = (text: string) => [estimated(prompt.length, text.length), finish()]
