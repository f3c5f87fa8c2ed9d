/** What a gateway tells of the members of a pool. */
import { assert, describe, it } from "@effect/vitest"
import { AIProvider, Pool, ReasoningEngine } from "arc-saga"
import { Behaviour, ScriptedEngine } from "arc-saga/testing"
import * as Effect from "effect/Effect"
import { post, request, start } from "./harness.js"

const house = AIProvider.unsafeMake("house")

describe("a pool behind the gateway", () => {
  it.scopedLive("answers while a key is refused, and tells which, in status and metrics", () =>
    Effect.gen(function* () {
      const member = (name: string, script: ScriptedEngine.Script) =>
        Effect.map(ScriptedEngine.make({ provider: house, script }), ({ engine }) => ({ name, engine }))
      const pool = yield* Pool.make({
        members: [
          yield* member("east", [Behaviour.fail({ _tag: "AuthenticationError" })]),
          yield* member("west", [Behaviour.answer({ text: "Hi" })])
        ]
      })
      const other = ReasoningEngine.fromEffect({
        provider: AIProvider.unsafeMake("other"),
        answer: () => Effect.succeed({ text: "no pool" })
      })
      const { url } = yield* start({ engines: [], registered: [pool, other] })
      // Conversations that begin otherwise: both members have some of them.
      for (const content of ["a", "b", "c", "d", "e", "f", "g", "h"]) {
        const body = { model: "house", messages: [{ role: "user", content }] }
        const answer = yield* post(`${url}/v1/chat/completions`, body)
        assert.strictEqual(answer.status, 200)
        assert.strictEqual(answer.headers.get("x-saga-attempts"), "1")
      }
      const status = JSON.parse((yield* request(`${url}/status.json`)).text)
      const members = status.providers.map(({ members }: { readonly members: unknown }) => members)
      assert.deepStrictEqual(members[1], [])
      const [east, west] = members[0]
      assert.deepInclude(east, { name: "east", weight: 1, underWay: 0 })
      assert.strictEqual(east.out.error, "AuthenticationError")
      assert.isAbove(Date.parse(east.out.until), 0)
      assert.deepStrictEqual(west, { name: "west", weight: 1, underWay: 0, out: null })
      const { text } = yield* request(`${url}/metrics`)
      assert.include(text, 'arc_saga_gateway_pool_member_up{provider="house",member="east"} 0')
      assert.include(text, 'arc_saga_gateway_pool_member_up{provider="house",member="west"} 1')
    })
  )
})
