import type * as AITask from "../../AITask.js"
import * as effort from "../effort.js"

type Json = Readonly<Record<string, unknown>>

/** How a model is asked to think: `adaptive` by effort, `enabled` by tokens; not at all where it can't. */
export type Kind = "adaptive" | "enabled" | "none"

/** The families by their version: claude-opus-4-8, claude-sonnet-5; before 4 claude-3-7-sonnet. */
const name = /claude-(?:[a-z]+-(\d+)(?:-(\d{1,2}))?|(\d+)(?:-(\d{1,2}))?-[a-z]+)(?![\d])/

/**
 * How a model thinks, by its name: adaptively from 4.6 on, by tokens from 3.7 on (Anthropic's table of models,
 * "Adaptive thinking"). Of another maker's model on this wire `reasons` tells.
 */
export const kindOf = (model: string, reasons: boolean | undefined): Kind => {
  const [matched, major, minor, oldMajor, oldMinor] = name.exec(model.toLowerCase()) ?? []
  if (matched === undefined) return reasons === true ? "enabled" : "none"
  const version = Number(major ?? oldMajor) + Number(minor ?? oldMinor ?? 0) / 100
  return version >= 4.06 ? "adaptive" : version >= 3.07 ? "enabled" : "none"
}

/** Models that always think. */
const always = /claude-(?:fable|mythos)-/

/** Models that think where nothing is said. */
const unasked = /claude-(?:fable|mythos|opus-5|sonnet-5)/

/** Models that know the effort between high and max. */
const withExtraHigh = /claude-(?:fable|mythos|opus-5|opus-4-[78]|sonnet-5)/

/** The API takes no smaller budget. */
const leastBudget = 1024

/** What a task's reasoning is in a body. */
export interface Thinking {
  readonly thinking?: Json | undefined
  readonly effort?: string | undefined
  /** The most tokens to write, thinking included. */
  readonly maxTokens: number
  /** Why the model isn't asked to think as the task says; undefined where it is. */
  readonly untaken?: string | undefined
}

const adaptive = (model: string, { show, ...asked }: AITask.Reasoning, maxTokens: number): Thinking => {
  const said = effort.of(asked)
  const display = show === undefined ? {} : { display: show ? "summarized" : "omitted" }
  if (said === "none") {
    return always.test(model)
      ? { maxTokens, untaken: "always thinks" }
      : { maxTokens, thinking: { type: "disabled" } }
  }
  // To have it shown isn't to ask for it.
  if (said === undefined && !unasked.test(model)) return { maxTokens }
  const level = said === "minimal" ? "low" : said === "xhigh" && !withExtraHigh.test(model) ? "high" : said
  return { maxTokens, thinking: { type: "adaptive", ...display }, effort: level }
}

const enabled = (asked: AITask.Reasoning, task: AITask.AITask, maxTokens: number): Thinking => {
  const budget = effort.budgetOf(asked)
  if (budget === undefined) return { maxTokens }
  if (budget === 0) return { maxTokens, thinking: { type: "disabled" } }
  if (task.toolChoice !== undefined && task.toolChoice !== "auto" && task.toolChoice !== "none") {
    return { maxTokens, untaken: "doesn't think where a tool has to be called" }
  }
  // What is thought counts as written. Where the task doesn't say how much may be, both have room.
  const most = task.maxTokens ?? maxTokens + Math.max(budget, leastBudget)
  const fitting = Math.min(Math.max(budget, leastBudget), most - 1)
  return fitting < leastBudget
    ? { maxTokens: most, untaken: `thinks from ${leastBudget} tokens on, and may write ${most}` }
    : { maxTokens: most, thinking: { type: "enabled", budget_tokens: fitting } }
}

/** How a model is asked to think for a task; `maxTokens` is what it may write where the task doesn't say. */
export const of = (model: string, kind: Kind, maxTokens: number, task: AITask.AITask): Thinking => {
  const most = task.maxTokens ?? maxTokens
  const asked = task.reasoning
  if (asked === undefined) return { maxTokens: most }
  if (kind === "adaptive") return adaptive(model, asked, most)
  if (kind === "enabled") return enabled(asked, task, maxTokens)
  return effort.of(asked) === undefined || effort.of(asked) === "none"
    ? { maxTokens: most }
    : { maxTokens: most, untaken: "doesn't think" }
}
