import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import { describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type { InvalidArgumentError } from "../../src/InvalidArgument.js"
import type * as Behaviour from "../../src/testing/Behaviour.js"
import * as EngineContract from "../../src/testing/EngineContract.js"
import * as NodeWireServer from "../../src/testing/WireServer/Node.js"
import * as models from "../utils/languageModels.js"
import { answer, errors, key } from "../utils/messagesContract.js"

const malformed = { _tag: "TransientError", reason: "malformed" } as const
const cut = { _tag: "TransientError", reason: "network" } as const

/** What is another failure by the time that the package tells of it. */
const differently: Readonly<Record<string, Behaviour.ErrorData>> = {
  // It doesn't know them, and takes the whole event for one that it can't read.
  "something_new within the answer": malformed,
  "billing_error within the answer": malformed,
  "timeout_error within the answer": malformed,
  "a refusal": malformed,
  "an answer that fills the context window": malformed,
  "an error in plain words": malformed,
  // It finds no event in them.
  "a page in place of an answer": cut,
  "JSON without an answer": cut,
  "an empty body": cut
}

/** An error within an answer comes without the headers of that. */
const withoutHeaders = (error: Behaviour.ErrorData): Behaviour.ErrorData => ({
  _tag: error._tag,
  ...(error.reason === undefined ? {} : { reason: error.reason }),
  ...(error.phase === undefined ? {} : { phase: error.phase })
})

/** `@effect/ai-anthropic`, held to what Anthropic's API is held to. */
const subject: EngineContract.Subject<InvalidArgumentError> = {
  name: "@effect/ai-anthropic",
  engine: (baseUrl) => models.anthropicEngine(baseUrl, {}, key),
  secrets: [key],
  answer,
  errors: errors.map((row) => ({
    ...row,
    error:
      differently[row.name] ??
      (row.name.includes("within the answer") ? withoutHeaders(row.error) : row.error)
  })),
  // An answer without a count is one that it can't read.
  lacks: ["uncounted"]
}

const world = Layer.merge(FetchHttpClient.layer, NodeWireServer.layer)

describe(subject.name, () => {
  for (const { check, name } of EngineContract.laws(subject)) {
    // The spans of the package are its own: they have what the server replied.
    if (name.startsWith("tells no key")) continue
    it.live(name, () => Effect.provide(check, world))
  }
})
