import type * as AITask from "../AITask.js"
import type { ReasoningEngine } from "../ReasoningEngine.js"

/** What a task carries beside its fields, for engines that are made to take it. */
export interface Cargo {
  /** What of the call isn't in the task's fields, in words: who doesn't take the cargo would leave it out. */
  readonly beyond: ReadonlyArray<string>
}

const Cargo: unique symbol = Symbol("arc-saga/Cargo")
const TakesCargo: unique symbol = Symbol("arc-saga/TakesCargo")

interface Loaded {
  readonly [Cargo]: Cargo
}

const isLoaded = (task: AITask.AITask): task is AITask.AITask & Loaded => Cargo in task

/** The task with a cargo. Copies of it carry the same. */
export const load = <M extends AITask.Mode>(task: AITask.AITask<M>, cargo: Cargo): AITask.AITask<M> => {
  const loaded: AITask.AITask<M> & Loaded = { ...task, [Cargo]: cargo }
  return loaded
}

/** What a task carries, where it carries something. */
export const of = (task: AITask.AITask): Cargo | undefined => (isLoaded(task) ? task[Cargo] : undefined)

/** An engine that takes the cargo of its tasks. */
export const taking = (engine: ReasoningEngine): ReasoningEngine => {
  const taker: ReasoningEngine & { readonly [TakesCargo]: true } = { ...engine, [TakesCargo]: true }
  return taker
}

/** What of a task an engine would leave out. */
export const left = (engine: ReasoningEngine, task: AITask.AITask): ReadonlyArray<string> =>
  TakesCargo in engine ? [] : (of(task)?.beyond ?? [])
