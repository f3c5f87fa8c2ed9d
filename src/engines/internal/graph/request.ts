import * as Either from "effect/Either"
import * as AITask from "../../../AITask.js"
import * as notice from "../../../wire/notice.js"

/** What of the engine's configuration shows in a request's body. */
export interface Settings {
  readonly timeZone: string
  /** The addresses of files to take into account. */
  readonly files: ReadonlyArray<string>
  /** Whether the web may be searched; the service's own default when absent. */
  readonly webSearch: boolean | undefined
}

interface Context {
  readonly text: string
  readonly description: string
}

/** What is asked of a conversation; fields that are undefined don't reach the wire. */
export interface Body {
  readonly message: { readonly text: string }
  readonly locationHint: { readonly timeZone: string }
  readonly additionalContext: ReadonlyArray<Context> | undefined
  readonly contextualResources:
    | {
        readonly files: ReadonlyArray<{ readonly uri: string }> | undefined
        readonly webContext: { readonly isWebEnabled: boolean } | undefined
      }
    | undefined
}

const speakers = { user: "User", assistant: "Assistant", tool: "Tool", system: "Instructions" } as const

const turn = (message: AITask.Message): string => `${speakers[message.role]}: ${AITask.messageText(message)}`

/** There is no system role, and a conversation is always a new one: both travel as context. */
const contextOf = (task: AITask.AITask): ReadonlyArray<Context> => {
  const before = task.messages.slice(0, -1)
  return [
    ...(task.systemPrompt === undefined
      ? []
      : [{ text: task.systemPrompt, description: "Instructions to follow in the answer" }]),
    ...(before.length === 0
      ? []
      : [
          {
            text: before.map(turn).join("\n\n"),
            description: "The conversation so far, oldest first, which the message goes on from"
          }
        ])
  ]
}

const resourcesOf = ({ files, webSearch }: Settings): Body["contextualResources"] =>
  files.length === 0 && webSearch === undefined
    ? undefined
    : {
        files: files.length === 0 ? undefined : files.map((uri) => ({ uri })),
        webContext: webSearch === undefined ? undefined : { isWebEnabled: webSearch }
      }

/** The body of a request; or what of the task it can't hold. */
export const body = (settings: Settings, task: AITask.AITask): Either.Either<Body, string> => {
  const last = task.messages.at(-1)
  if (last?.role !== "user") {
    return Either.left("its last message isn't a user's, and Copilot answers nobody else")
  }
  const text = AITask.messageText(last)
  if (text.trim() === "") return Either.left("its last message has no text")
  const context = contextOf(task)
  return Either.right({
    message: { text },
    locationHint: { timeZone: settings.timeZone },
    additionalContext: context.length === 0 ? undefined : context,
    contextualResources: resourcesOf(settings)
  })
}

/** The UTF-16 units of all text that a request sends. */
export const characters = ({ additionalContext = [], message }: Body): number =>
  additionalContext.reduce(
    (sum, { description, text }) => sum + description.length + text.length,
    message.text.length
  )

/** What a task asks for and the request has no place for. */
export const dropped = (task: AITask.AITask): ReadonlyArray<notice.Notice> =>
  notice.untaken(
    "copilot",
    notice.given(task, [
      "maxTokens",
      "stop",
      "temperature",
      "topP",
      "topK",
      "seed",
      "frequencyPenalty",
      "presencePenalty",
      "verbosity",
      "reasoning"
    ])
  )
