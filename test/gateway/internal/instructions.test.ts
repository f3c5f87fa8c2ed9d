/** Instructions within a conversation, over each wire, that aren't text alone. */
import { assert, describe, it } from "@effect/vitest"
import * as Either from "effect/Either"
import * as chat from "../../../src/gateway/internal/chat/request.js"
import * as messages from "../../../src/gateway/internal/messages/request.js"
import * as responses from "../../../src/gateway/internal/responses/request.js"

type Json = Readonly<Record<string, unknown>>

const hi = { role: "user", content: "Hi" }

const ofMessages = (...said: ReadonlyArray<Json>) =>
  Either.getOrThrow(messages.question({ model: "m", max_tokens: 9, messages: [hi, ...said] }))

describe("instructions midway", () => {
  it("may be about tools and effort alone: other wires offer all tools, and are told", () => {
    const tool = { type: "tool_reference", name: "read" }
    const asked = ofMessages(
      { role: "system", output_config: { effort: "low" } },
      { role: "system", content: [{ type: "tool_addition", tool }] },
      { role: "system", clear_at: "next_user_message", content: [{ type: "tool_removal", tool }] },
      { role: "system", clear_at: "never", content: [{ type: "text", text: "Be brief" }], output_config: {} }
    )
    assert.deepStrictEqual(asked.messages.slice(1), [{ role: "system", content: "Be brief" }])
    assert.deepStrictEqual(asked.uncarried, {
      preferences: ["messages[].output_config", "messages[].content[].tool", "messages[].clear_at"],
      requirements: [],
      states: []
    })
  })

  it("stay apart where they are several texts, as those above the conversation do", () => {
    const texts = ["Be brief", "Write in French"]
    const text = texts.map((text) => ({ type: "text", text }))
    const input = texts.map((text) => ({ type: "input_text", text }))
    const blank = { type: "text", text: " " }
    const rows = [
      [
        chat.question({ model: "m", messages: [{ role: "developer", content: text }, hi] }),
        chat.question({ model: "m", messages: [hi, { role: "system", content: [blank, ...text] }] })
      ],
      [
        messages.question({ model: "m", max_tokens: 9, system: text, messages: [hi] }),
        messages.question({ model: "m", max_tokens: 9, messages: [hi, { role: "system", content: text }] })
      ],
      [
        responses.question({ model: "m", input: [{ role: "developer", content: input }, hi] }),
        responses.question({ model: "m", input: [hi, { role: "developer", content: input }] })
      ]
    ]
    for (const [above, midway] of rows) {
      assert(above !== undefined && midway !== undefined)
      assert.strictEqual(Either.getOrThrow(above).fields["systemPrompt"], "Be brief\n\nWrite in French")
      const [, said] = Either.getOrThrow(midway).messages
      assert.strictEqual(said?.role, "system")
      assert.deepEqual<unknown>(said?.content, text)
    }
  })

  it("show what is no text as a user does", () => {
    const next = { type: "block_of_2027" }
    const image = { type: "image", source: { type: "url", url: "https://example.org/a.png" } }
    assert.deepStrictEqual(
      ofMessages({ role: "system", content: [{ type: "text", text: "Look" }, image, next] }).messages.slice(
        1
      ),
      [
        { role: "system", content: "Look" },
        {
          role: "user",
          content: [
            { type: "image", url: "https://example.org/a.png" },
            { type: "native", wire: "messages", value: next }
          ]
        }
      ]
    )
    const content = [{ type: "input_image", image_url: "https://example.org/a.png", detail: "low" }]
    assert.deepStrictEqual(
      Either.getOrThrow(responses.question({ model: "m", input: [hi, { role: "developer", content }] }))
        .messages[1],
      { role: "user", content: [{ type: "image", url: "https://example.org/a.png", detail: "low" }] }
    )
    const developer = { role: "developer", content: [{ type: "text", text: "Look" }, next] }
    assert.deepStrictEqual(
      Either.getOrThrow(chat.question({ model: "m", messages: [hi, developer] })).messages.slice(1),
      [
        { role: "system", content: "Look" },
        { role: "user", content: [{ type: "native", wire: "chatCompletions", value: next }] }
      ]
    )
  })
})
