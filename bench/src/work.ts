/** The work that every contestant is given: the same prompts, the same answers, the same tokens. */

/** An answer as a provider writes it: tokens, in the chunks in which they arrive. */
export interface Answer {
  readonly chunks: ReadonlyArray<ReadonlyArray<string>>
  readonly text: string
  readonly inputTokens: number
  readonly outputTokens: number
}

const answer = (word: string, chunkCount: number, chunkSize: number): Answer => {
  const chunks = Array.from({ length: chunkCount }, (_, chunk) =>
    Array.from({ length: chunkSize }, (_, token) => `${word}${chunk * chunkSize + token} `)
  )
  return {
    chunks,
    text: chunks.flat().join(""),
    inputTokens: 12,
    outputTokens: chunkCount * chunkSize
  }
}

export const completePrompt = "Why is the sky blue? Answer in one short paragraph."
export const streamPrompt = "Tell the whole story of the colour of the sky."
export const singlesPrompt = "Tell it token by token."

export const callsAtOnce = 100

/** A prompt and an answer of its own for each of the calls at once: a mixed-up answer shows. */
export const burstPrompt = (call: number): string => `What is the answer number ${call}?`

const answers: ReadonlyMap<string, Answer> = new Map([
  [completePrompt, answer("blue", 2, 20)],
  [streamPrompt, answer("tok", 100, 20)],
  [singlesPrompt, answer("tok", 200, 1)],
  ...Array.from(
    { length: callsAtOnce },
    (_, call) => [burstPrompt(call), answer(`a${call}-`, 10, 4)] as const
  )
])

/** What the mock provider answers. */
export const answerTo = (prompt: string): Answer => {
  const found = answers.get(prompt)
  if (found === undefined) throw new Error(`no answer is scripted for: ${prompt}`)
  return found
}

/** How a mock provider behaves. */
export interface Script {
  readonly name: string
  /** Quota exhausted before the first token; or a broken connection after half of them. */
  readonly fails: "never" | "first" | "midway"
  /** Whether a chunk is there when it is asked for, or a turn of the event loop later. */
  readonly pace: "instant" | "awaited"
}

/** One turn of the event loop: what waiting for a network costs at least. */
export const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

/** A stack under test: a primary and a fallback behind whatever it has for retries and failover. */
export interface Client {
  readonly complete: (prompt: string) => Promise<string>
  readonly stream: (prompt: string) => Promise<string>
  /** Forgets what the mocks recorded. */
  readonly reset: () => void
}

export interface Contestant {
  readonly name: string
  /** What it does for a call beside asking the model. */
  readonly does: string
  readonly failsOver: boolean
  /** `forget` asks it to try the primary in every call, where by default it would avoid it after a failure. */
  readonly client: (
    primary: Script,
    fallback: Script,
    options: { readonly forget: boolean }
  ) => Promise<Client>
}
