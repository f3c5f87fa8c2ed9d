/** What calls name of what one provider keeps, and what answers say of it. */
import { assert, describe, it } from "@effect/vitest"
import { AITask } from "arc-saga"
import * as Either from "effect/Either"
import * as kept from "../../src/wire/kept.js"

const task = (options: Partial<AITask.Options>): AITask.AITask =>
  Either.getOrThrow(
    AITask.decodeUnknown({ ...(options.messages === undefined ? { prompt: "Hi" } : {}), ...options })
  )

const text = { type: "input_text", text: "a", file_id: "" }

describe("what a body names of what one provider keeps", () => {
  it.each<readonly [string, Readonly<Record<string, unknown>>, ReadonlyArray<readonly [string, string]>]>([
    ["nothing", { input: "Hi", messages: "odd", tools: [1, "a"], previous_response_id: null }, []],
    ["an answer", { previous_response_id: "resp_1" }, [["previous_response_id", "resp_1"]]],
    ["a conversation by its id", { conversation: "conv_1" }, [["conversation", "conv_1"]]],
    ["a conversation as an object", { conversation: { id: "conv_1" } }, [["conversation", "conv_1"]]],
    ["a container by its id", { container: "c" }, [["container", "c"]]],
    ["a container with skills", { container: { id: "c", skills: [] } }, [["container", "c"]]],
    ["no container yet", { container: { skills: [] } }, []],
    ["a thread that goes on", { thread: { type: "continue", previous_message_id: "m" } }, [["thread", "m"]]],
    ["no thread yet", { thread: { type: "create" } }, []],
    [
      "items and files of Responses",
      {
        input: [
          "odd",
          { type: "item_reference", id: "rs_1" },
          { type: "message", id: "msg_1", content: [text, { type: "input_file", file_id: "f1" }] },
          { type: "function_call_output", output: [{ type: "input_image", file_id: "f2" }] },
          { type: "computer_call_output", output: { type: "computer_screenshot", file_id: "f3" } }
        ]
      },
      [
        ["item_reference", "rs_1"],
        ["file_id", "f1"],
        ["file_id", "f2"],
        ["file_id", "f3"]
      ]
    ],
    [
      "files of Messages",
      {
        messages: [
          {
            role: "user",
            content: [
              { type: "document", source: { type: "file", file_id: "f1" } },
              { type: "tool_result", content: [{ type: "image", source: { type: "file", file_id: "f2" } }] },
              { type: "container_upload", file_id: "f3" }
            ]
          }
        ]
      },
      [
        ["file_id", "f1"],
        ["file_id", "f2"],
        ["file_id", "f3"]
      ]
    ],
    [
      "files of Chat Completions",
      { messages: [{ role: "user", content: [{ type: "file", file: { file_id: "f1" } }] }] },
      [["file_id", "f1"]]
    ],
    [
      "what tools work on",
      {
        tools: [
          { type: "file_search", vector_store_ids: ["vs_1", "vs_2"] },
          { type: "code_interpreter", container: "cntr_1" },
          { type: "code_interpreter", container: { type: "auto", file_ids: ["f1"] } }
        ]
      },
      [
        ["vector_store_ids", "vs_1"],
        ["vector_store_ids", "vs_2"],
        ["container", "cntr_1"],
        ["file_ids", "f1"]
      ]
    ]
  ])("%s", (_, body, expected) =>
    assert.deepStrictEqual(
      kept.inBody(body).map(({ field, id }) => [field, id]),
      expected.map((each) => [...each])
    )
  )
})

describe("what a task names of what one provider keeps", () => {
  it("is in its original, unless that only embeds", () => {
    const of = (wire: "responses" | "embeddings", body: Readonly<Record<string, unknown>>) =>
      kept.of(task({ original: { wire, body } }))
    assert.deepStrictEqual(of("responses", { previous_response_id: "r" }), {
      wire: "responses",
      named: [{ field: "previous_response_id", id: "r" }]
    })
    assert.isUndefined(of("responses", { input: "Hi" }))
    assert.isUndefined(of("embeddings", { previous_response_id: "r" }))
  })

  it("is in its options, and in parts and tools that one wire alone knows", () => {
    const ids = (options: Partial<AITask.Options>) => {
      const found = kept.of(task(options))
      return found && [found.wire, ...found.named.map(({ id }) => id)]
    }
    assert.isUndefined(ids({}))
    assert.isUndefined(ids({ options: { chatCompletions: { seed: 1 } } }))
    assert.deepStrictEqual(ids({ options: { responses: { previous_response_id: "r" } } }), ["responses", "r"])
    assert.deepStrictEqual(
      ids({
        options: { messages: { container: "c" } },
        messages: [
          {
            role: "user",
            content: [
              { type: "text", text: "a", options: { messages: { file_id: "f1" } } },
              { type: "native", wire: "messages", value: { type: "container_upload", file_id: "f2" } },
              { type: "native", wire: "responses", value: { type: "other", id: "f3" } }
            ]
          },
          { role: "assistant", content: [{ type: "reasoning", text: "hm" }] }
        ],
        nativeTools: [
          { wire: "messages", value: { type: "t", file_ids: ["f4"] } },
          { wire: "chatCompletions", value: { type: "t" } }
        ]
      }),
      ["messages", "c", "f1", "f2", "f4"]
    )
  })
})

describe("what an answer says that is kept", () => {
  const said = { id: "resp_1", conversation: { id: "conv_1" }, output: [{ id: "msg_1" }, { type: "odd" }] }
  const came = (wire: "responses" | "messages", body: Readonly<Record<string, unknown>>) =>
    task({ original: { wire, body } })

  it.each([
    ["as it is by default", came("responses", {}), ["resp_1", "msg_1", "conv_1"]],
    ["nothing but the conversation that isn't stored", came("responses", { store: false }), ["conv_1"]],
    ["as engines ask", task({}), ["conv_1"]],
    ["as options ask", task({ options: { responses: { store: true } } }), ["resp_1", "msg_1", "conv_1"]]
  ])("over Responses: %s", (_, asked, ids) => assert.deepStrictEqual(kept.ofResponse(asked, said), ids))

  it("over Messages: containers, and messages of threads", () => {
    const answer = { id: "msg_1", container: { id: "c" } }
    assert.deepStrictEqual(kept.ofMessage(task({}), answer), ["c"])
    assert.deepStrictEqual(kept.ofMessage(came("messages", {}), { id: "msg_1", container: null }), [])
    assert.deepStrictEqual(kept.ofMessage(came("messages", { thread: { type: "create" } }), answer), [
      "msg_1",
      "c"
    ])
    assert.deepStrictEqual(kept.ofMessage(task({ options: { messages: { thread: {} } } }), answer), [
      "msg_1",
      "c"
    ])
  })
})
