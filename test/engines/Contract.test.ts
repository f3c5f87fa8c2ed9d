import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import type * as HttpClient from "@effect/platform/HttpClient"
import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import { describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type { InvalidArgumentError } from "../../src/InvalidArgument.js"
import * as EngineContract from "../../src/testing/EngineContract.js"
import * as NodeWireServer from "../../src/testing/WireServer/Node.js"
import { compatible, compatibleInOnePiece, openai } from "../utils/chatCompletionsContract.js"
import { copilot } from "../utils/graphContract.js"
import { claude, claudeInOnePiece } from "../utils/messagesContract.js"

const prove = (
  subject: EngineContract.Subject<InvalidArgumentError>,
  client: Layer.Layer<HttpClient.HttpClient>
): void => {
  const world = Layer.merge(client, NodeWireServer.layer)
  for (const { check, name } of EngineContract.laws(subject)) {
    it.live(name, () => Effect.provide(check, world))
  }
}

describe.each([claude, claudeInOnePiece, openai, compatible, compatibleInOnePiece, copilot])(
  "$name",
  (subject) => prove(subject, FetchHttpClient.layer)
)

// What a failure is doesn't depend on the client.
const connected = [claude, compatible, copilot].map((subject) => ({ ...subject, errors: [] }))

describe.each(connected)("$name over undici", (subject) => prove(subject, NodeHttpClient.layerUndici))

describe.each(connected)("$name over node:http", (subject) => prove(subject, NodeHttpClient.layer))
