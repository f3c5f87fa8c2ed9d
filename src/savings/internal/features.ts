import * as AITask from "../../AITask.js"
import { hash } from "./hash.js"

/** What a linear model sees of a task: hashed words and pairs of words, and a few numbers of its form. */
export interface Features {
  /** Buckets of the words and pairs that occur, each once. */
  readonly buckets: Int32Array
  /** How much of each occurs; their squares add up to 1. */
  readonly amounts: Float64Array
  /** Always `formSize` numbers, none far from 0 to 1. */
  readonly form: ReadonlyArray<number>
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

const of = (text: string, length: number, around: Surroundings): Features => {
  const seen = excerpt(text)
  const found = seen.toLowerCase().match(words) ?? []
  const counts = new Map<number, number>()
  const count = (name: string): void => {
    const bucket = hash(name) % bucketCount
    counts.set(bucket, (counts.get(bucket) ?? 0) + 1)
  }
  let before: string | undefined
  for (const word of found) {
    count(word)
    if (before !== undefined) count(`${before} ${word}`)
    before = word
  }
  const buckets = Int32Array.from(counts.keys())
  const amounts = Float64Array.from(counts.values(), (n) => 1 + Math.log(n))
  const norm = Math.sqrt(amounts.reduce((sum, amount) => sum + amount * amount, 0))
  return {
    buckets,
    amounts: amounts.map((amount) => amount / norm),
    form: formOf(seen, found.length, length, around)
  }
}

/** Of a prompt that stands alone. */
export const ofPrompt = (prompt: string): Features => of(prompt, prompt.length, alone)

/** Of a task: the words of what is asked last, and the form of the whole. */
export const ofTask = (task: AITask.AITask): Features => {
  const prompt = AITask.promptText(task)
  return of(prompt, AITask.inputCharacters(task), {
    turns: task.messages.length,
    tools: task.tools?.length ?? 0,
    hasSystemPrompt: task.systemPrompt !== undefined,
    wantsJson: task.responseFormat !== undefined && task.responseFormat.type !== "text"
  })
}
