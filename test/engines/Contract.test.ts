import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import type * as HttpClient from "@effect/platform/HttpClient"
import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type { InvalidArgumentError } from "../../src/InvalidArgument.js"
import * as Pool from "../../src/reliability/Pool.js"
import * as EngineContract from "../../src/testing/EngineContract.js"
import * as NodeWireServer from "../../src/testing/WireServer/Node.js"
import { compatible, compatibleInOnePiece, openai } from "../utils/chatCompletionsContract.js"
import { copilot } from "../utils/graphContract.js"
import { claude, claudeInOnePiece } from "../utils/messagesContract.js"
import { isFull, some } from "../utils/property.js"
import { openaiResponding, responding, respondingInOnePiece } from "../utils/responsesContract.js"

const prove = (
  subject: EngineContract.Subject<InvalidArgumentError>,
  client: Layer.Layer<HttpClient.HttpClient>,
  without: ReadonlyArray<string> = []
): void => {
  const world = Layer.merge(client, NodeWireServer.layer)
  for (const { check, name } of EngineContract.laws(subject)) {
    if (!without.includes(name)) it.live(name, () => Effect.provide(check, world))
  }
}

/** Laws that take long. At the small size they are for one client, and for one engine of each wire. */
const long = [
  "reads an answer whose bytes all come apart",
  "brings a megabyte whole",
  "gives each of 50 attempts at once its own answer",
  "tells no key and nothing of the task in an error, a log or a span"
]

/** One engine of each wire. */
const wires = [claude, compatible, responding, copilot]

describe.each(wires)("$name", (subject) => prove(subject, FetchHttpClient.layer))

const unless = isFull ? [] : long

// Their errors are those of the wire, of which the first engine has shown all.
const others = [claudeInOnePiece, openai, compatibleInOnePiece, openaiResponding, respondingInOnePiece].map(
  (subject) => ({
    ...subject,
    errors: some(subject.errors, 12)
  })
)

describe.each(others)("$name", (subject) => prove(subject, FetchHttpClient.layer, unless))

// What a failure is doesn't depend on the client.
const connected = wires.map((subject) => ({ ...subject, errors: [] }))

describe.each(some(connected, 1))("$name over undici", (subject) =>
  prove(subject, NodeHttpClient.layerUndici, unless)
)

describe.each(some(connected.toReversed(), 1))("$name over node:http", (subject) =>
  prove(subject, NodeHttpClient.layer, unless)
)

it("knows the laws that take long by their names", () => {
  assert.includeMembers(
    EngineContract.laws(claude).map(({ name }) => name),
    long
  )
})

/** A pool of two keys is an engine, too; what its members fail with is told by the pool's own tests. */
const pooled: EngineContract.Subject<InvalidArgumentError> = {
  ...claude,
  name: "a pool",
  errors: [],
  engine: (baseUrl) =>
    Effect.flatMap(Effect.all([claude.engine(baseUrl), claude.engine(baseUrl)]), ([one, other]) =>
      Pool.make({
        members: [
          { name: "one", engine: one },
          { name: "other", engine: other }
        ]
      })
    )
}

describe.each([pooled])("$name", (subject) => prove(subject, FetchHttpClient.layer, unless))
