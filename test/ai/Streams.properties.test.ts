import { LanguageModel } from "@effect/ai"
import type { Response } from "@effect/ai"
import { assert, describe, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as FastCheck from "effect/FastCheck"
import * as Stream from "effect/Stream"
import * as AIProvider from "../../src/AIProvider.js"
import * as models from "../utils/languageModels.js"
import { runs } from "../utils/property.js"
import { over } from "../utils/sagaLanguageModel.js"

type Part = Response.StreamPartEncoded

const text = "The sky is blue because of how the air scatters light"

/** A text in blocks and pieces, with what else an answer has between them. */
const answer: FastCheck.Arbitrary<ReadonlyArray<Part>> = FastCheck.array(
  FastCheck.tuple(
    FastCheck.integer({ min: 1, max: 9 }),
    FastCheck.constantFrom("go on", "block", "think", "cite")
  ),
  { minLength: 1, maxLength: 20 }
).map((steps) => {
  const parts: Array<Part> = [{ type: "text-start", id: "0" }]
  let at = 0
  let id = 0
  for (const [length, then] of steps) {
    const delta = text.slice(at, at + length)
    at += length
    parts.push({ type: "text-delta", id: String(id), delta })
    if (then === "go on") continue
    parts.push({ type: "text-end", id: String(id) })
    if (then === "think") {
      parts.push(
        { type: "reasoning-start", id: "r" },
        { type: "reasoning-delta", id: "r", delta: "Hm" },
        { type: "reasoning-end", id: "r" }
      )
    }
    if (then === "cite") {
      parts.push({ type: "source", sourceType: "url", id: "s", url: "https://example.org/", title: "Sky" })
    }
    parts.push({ type: "text-start", id: String(++id) })
  }
  return [
    ...parts,
    { type: "text-delta", id: String(id), delta: text.slice(at) },
    { type: "text-end", id: String(id) }
  ]
})

/** What becomes of an answer: it is whole, it is cut or fails somewhere, or it says that it failed. */
const script = FastCheck.tuple(
  answer,
  FastCheck.nat(40),
  FastCheck.constantFrom("whole", "cut", "error", "failed")
).map(([parts, at, end]): models.Script => {
  switch (end) {
    case "whole":
      return { parts: [...parts, models.finish()] }
    case "cut":
      return { parts: parts.slice(0, at) }
    case "error":
      return { parts: [...parts.slice(0, at), { type: "error", error: { message: "no" } }, models.finish()] }
    default:
      return { parts: [...parts.slice(0, at), models.finish("error")] }
  }
})

/** Whether every block is begun once, written to in between, and ended once. */
const wellFormed = (parts: ReadonlyArray<Response.StreamPart<{}>>, ended: boolean): boolean => {
  const open = new Set<string>()
  for (const part of parts) {
    switch (part.type) {
      case "text-start":
      case "reasoning-start":
        if (open.has(part.id)) return false
        open.add(part.id)
        break
      case "text-delta":
      case "reasoning-delta":
        if (!open.has(part.id)) return false
        break
      case "text-end":
      case "reasoning-end":
        if (!open.delete(part.id)) return false
        break
      default:
        break
    }
  }
  return !ended || open.size === 0
}

describe.concurrent("a stream over language models, whatever becomes of them", () => {
  it.effect.prop(
    "is an answer in well-formed blocks with one finish, or fails, and never gives a part for the whole",
    [FastCheck.array(script, { minLength: 1, maxLength: 3 })],
    ([scripts]) =>
      Effect.gen(function* () {
        const engines = yield* Effect.forEach(scripts, (each, index) =>
          Effect.flatMap(models.scripted(each), ({ model }) =>
            models.scriptedEngine(model, { provider: AIProvider.unsafeMake(`p${index}`), model: `m${index}` })
          )
        )
        const seen: Array<Response.StreamPart<{}>> = []
        const exit = yield* LanguageModel.streamText({ prompt: "Why is the sky blue?" }).pipe(
          Stream.runForEachChunk((chunk) =>
            Effect.sync(() => void seen.push(...Chunk.toReadonlyArray(chunk)))
          ),
          Effect.provide(over(engines, { rules: { TransientError: { _tag: "fail-over" } } })),
          Effect.exit
        )
        const given = seen.map((part) => (part.type === "text-delta" ? part.delta : "")).join("")
        assert.isTrue(wellFormed(seen, Exit.isSuccess(exit)), JSON.stringify(seen))
        assert.strictEqual(seen.filter(({ type }) => type === "finish").length, Exit.isSuccess(exit) ? 1 : 0)
        assert.isFalse(seen.some(({ type }) => type === "error"))
        if (Exit.isSuccess(exit)) assert.strictEqual(given, text)
        else {
          assert.isTrue(Cause.isFailType(exit.cause))
          assert.isTrue(text.startsWith(given))
        }
      }),
    runs()
  )
})
