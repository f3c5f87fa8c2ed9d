import * as AITask from "../../AITask.js"
import { hash } from "../../internal/hash.js"
import { numbersOf, ofAgent, type Step } from "./steps.js"

/** What a linear model sees of a task: hashed words and pairs of words, and a few numbers of its form. */
export interface Features {
  /** Buckets of the words and pairs that occur, each once. */
  readonly buckets: Int32Array
  /** How much of each occurs; their squares add up to 1. */
  readonly amounts: Float64Array
  /** Always `formSize` numbers, none far from 0 to 1. */
  readonly form: ReadonlyArray<number>
  /** What `steps.names` say of an agent's step; absent of other tasks, and where a model doesn't look at it. */
  readonly step?: ReadonlyArray<number> | undefined
}

/** Words fall into so many buckets. */
export const bucketCount = 2 ** 14

/** What of a long text is looked at: its beginning, where the instructions are, and its end. */
const headLength = 3000
const tailLength = 1000

const excerpt = (text: string): string =>
  text.length <= headLength + tailLength ? text : `${text.slice(0, headLength)} ${text.slice(-tailLength)}`

/** Words, single digits, and single signs. */
const words = /\p{L}+|\p{N}|[^\s\p{L}\p{N}]/gu

const has = (condition: boolean): number => (condition ? 1 : 0)

/** How often signs of some kinds occur in a text, one look at each: it stands before every decision. */
const tally = (text: string) => {
  const counts = { digits: 0, operators: 0, lines: 0, foreign: 0 }
  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index)
    if (code >= 48 && code <= 57) counts.digits += 1
    else if (code === 10) counts.lines += 1
    else if (code > 127) counts.foreign += 1
    else if (operators.has(code)) counts.operators += 1
  }
  return counts
}

const operators = new Set(Array.from("+-*/=^<>", (sign) => sign.charCodeAt(0)))

interface Surroundings {
  readonly turns: number
  readonly tools: number
  readonly hasSystemPrompt: boolean
  readonly wantsJson: boolean
}

const alone: Surroundings = { turns: 1, tools: 0, hasSystemPrompt: false, wantsJson: false }

const formOf = (text: string, wordCount: number, length: number, around: Surroundings): Features["form"] => {
  const { digits, foreign, lines, operators } = tally(text)
  const per = 1 / Math.max(1, text.length)
  return [
    1,
    Math.log1p(length) / 8,
    Math.log1p(wordCount) / 6,
    digits * per,
    5 * operators * per,
    5 * lines * per,
    foreign * per,
    has(text.includes("?")),
    has(text.includes("_")),
    // Code, and questions that give their answers to choose from.
    has(/[{};]|\bdef |\breturn\b|=>/.test(text)),
    has(/^\(?[A-D][.)] /m.test(text)),
    Math.log1p(around.turns - 1),
    Math.log1p(around.tools),
    has(around.hasSystemPrompt),
    has(around.wantsJson)
  ]
}

export const formSize = formOf("", 0, 0, alone).length

/** The same as it is written down: what of the text is kept can't be read. */
export interface Written {
  /** The bucket of each word and pair, once for each time that it occurs, in no order but theirs. */
  readonly words: ReadonlyArray<number>
  readonly form: Features["form"]
}

/** What is seen of a task. */
export const fromWritten = ({ form, words }: Written): Features => {
  const counts = new Map<number, number>()
  for (const bucket of words) counts.set(bucket, (counts.get(bucket) ?? 0) + 1)
  const buckets = Int32Array.from(counts.keys())
  const amounts = Float64Array.from(counts.values(), (n) => 1 + Math.log(n))
  const norm = Math.sqrt(amounts.reduce((sum, amount) => sum + amount * amount, 0))
  return { buckets, amounts: amounts.map((amount) => amount / norm), form }
}

const write = (text: string, length: number, around: Surroundings): Written => {
  const seen = excerpt(text)
  const found = seen.toLowerCase().match(words) ?? []
  const buckets: Array<number> = []
  let before: string | undefined
  for (const word of found) {
    buckets.push(hash(word) % bucketCount)
    if (before !== undefined) buckets.push(hash(`${before} ${word}`) % bucketCount)
    before = word
  }
  return { words: buckets, form: formOf(seen, found.length, length, around) }
}

/** Of a prompt that stands alone. */
export const ofPrompt = (prompt: string): Features => fromWritten(write(prompt, prompt.length, alone))

const writeTask = (task: AITask.AITask): Written => {
  const prompt = AITask.promptText(task)
  return write(prompt, AITask.inputCharacters(task), {
    turns: task.messages.length,
    tools: task.tools?.length ?? 0,
    hasSystemPrompt: task.systemPrompt !== undefined,
    wantsJson: task.responseFormat !== undefined && task.responseFormat.type !== "text"
  })
}

/** What is seen of a task and of where the agent stands whose step it is. */
export const withStep = (features: Features, step: Step | undefined): Features =>
  step === undefined ? features : { ...features, step: numbersOf(step) }

/** Of a task: the words of what is asked last, the form of the whole, and where its agent stands if that is looked at. */
export const ofTask = (task: AITask.AITask, looksAtSteps: boolean): Features =>
  withStep(fromWritten(writeTask(task)), looksAtSteps ? ofAgent(task) : undefined)

/** The same to be written down; sorted, so that no sentence is left. */
export const toWritten = (task: AITask.AITask): Written => {
  const { form, words } = writeTask(task)
  return { form, words: words.toSorted((one, other) => one - other) }
}
