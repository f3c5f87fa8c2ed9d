import * as AITask from "../../AITask.js"

/** What is seen of where an agent stands. */
export interface Step {
  readonly depth: number
  readonly failures: number
  readonly failed: number
  readonly repeats: number
  readonly characters: number
  readonly isSubagent: boolean
}

/** Of how many steps it is looked for repetitions and failures. */
const looksBack = 6

/** How a result begins that says it is an error, over wires that have no mark for it. */
const failure = /^\s*(?:error\b|fatal\b|exception\b|traceback \(most recent)/i

const isFailed = (message: AITask.Message): boolean =>
  message.role === "tool" && (message.isError ?? failure.test(AITask.messageText(message).slice(0, 200)))

interface Made {
  readonly calls: string
  readonly isFailed: boolean
}

/** The steps since the last question, the latest first. */
const stepsOf = (task: AITask.AITask): ReadonlyArray<Made> => {
  const steps: Array<Made> = []
  let failed = false
  for (const message of task.messages.slice(AITask.questionIndex(task) + 1).toReversed()) {
    failed ||= isFailed(message)
    if (message.role !== "assistant" || message.toolCalls === undefined) continue
    const calls = message.toolCalls.map(({ arguments: args, name }) => [name, args])
    steps.push({ calls: JSON.stringify(calls), isFailed: failed })
    failed = false
  }
  return steps
}

/** Where the agent stands that a task is of. */
export const of = (task: AITask.AITask): Step => {
  const steps = stepsOf(task)
  const [last, ...before] = steps
  const worked = steps.findIndex((step) => !step.isFailed)
  return {
    depth: steps.length,
    failures: worked === -1 ? steps.length : worked,
    failed: steps.slice(0, looksBack).filter((step) => step.isFailed).length,
    repeats: before.slice(0, looksBack - 1).filter(({ calls }) => calls === last?.calls).length,
    characters: AITask.inputCharacters(task),
    isSubagent: task.agent !== undefined
  }
}

/** The same of an agent's task alone: one that has tools, or has used some. */
export const ofAgent = (task: AITask.AITask): Step | undefined => {
  const offers = task.tools !== undefined || (task.nativeTools ?? []).length > 0
  return offers || task.messages.some(({ role }) => role === "tool") ? of(task) : undefined
}

const has = (condition: boolean): number => (condition ? 1 : 0)

/** What a linear model sees of a step, by name: numbers that are none far from 0 to 1. */
const inputs = {
  isStep: () => 1,
  failures: ({ failures }) => Math.log1p(failures),
  failed: ({ failed }) => failed / looksBack,
  repeats: ({ repeats }) => Math.log1p(repeats),
  depth: ({ depth }) => Math.log1p(depth) / 4,
  characters: ({ characters }) => Math.log1p(characters) / 12,
  isSubagent: ({ isSubagent }) => has(isSubagent)
} as const satisfies Readonly<Record<string, (step: Step) => number>>

/** The names of those numbers, in their order: a model of other names can't be used. */
export const names: ReadonlyArray<string> = Object.keys(inputs)

/** What a linear model sees of a step. */
export const numbersOf = (step: Step): ReadonlyArray<number> =>
  Object.values(inputs).map((input) => input(step))
