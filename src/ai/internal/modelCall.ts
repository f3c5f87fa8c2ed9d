import type * as LanguageModel from "@effect/ai/LanguageModel"
import type * as Response from "@effect/ai/Response"
import type * as AIProvider from "../../AIProvider.js"
import type * as AITask from "../../AITask.js"
import type { TextDelta, ToolCallEvent } from "../../ReasoningEngine.js"
import * as attachment from "../../internal/attachment.js"

/** What a language model is asked. */
export type ModelRequest = Pick<
  LanguageModel.ProviderOptions,
  "prompt" | "responseFormat" | "toolChoice" | "tools"
>

/** A part of an answer as a provider gives it. */
export type Part = Response.StreamPartEncoded

/**
 * A call of a language model, as the attachment of the task that stands for it: engines that are language
 * models get the original request, and leave here the parts of their answer that an engine's events lack.
 */
export class ModelCall implements attachment.Attachment {
  /** Of each provider that finished: the parts that its events haven't brought, or of a whole answer all. */
  readonly endings = new Map<AIProvider.AIProvider, ReadonlyArray<Part>>()

  constructor(
    readonly request: ModelRequest,
    readonly beyond: ReadonlyArray<string>
  ) {}
}

/** The call of a language model that a task stands for, where it does. */
export const of = (task: AITask.AITask): ModelCall | undefined => {
  const carried = attachment.of(task)
  return carried instanceof ModelCall ? carried : undefined
}

const Parts: unique symbol = Symbol("arc-saga/ai/Parts")

type Content = TextDelta | ToolCallEvent

/** An event that brings the parts of the answer which it stands for, and those that came before it. */
export const withParts = <C extends Content>(content: C, parts: ReadonlyArray<Part>): C => {
  const bringing: C & { readonly [Parts]: ReadonlyArray<Part> } = { ...content, [Parts]: parts }
  return bringing
}

const bringsParts = (content: Content): content is Content & { readonly [Parts]: ReadonlyArray<Part> } =>
  Parts in content

/** The parts that an event brings; none from engines that know of none. */
export const partsOf = (content: Content): ReadonlyArray<Part> | undefined =>
  bringsParts(content) ? content[Parts] : undefined
