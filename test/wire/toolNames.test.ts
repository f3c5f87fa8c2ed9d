import { assert, describe, it } from "@effect/vitest"
import { AITask } from "arc-saga"
import * as Either from "effect/Either"
import * as FastCheck from "effect/FastCheck"
import * as toolNames from "../../src/wire/toolNames.js"
import { runs } from "../utils/property.js"

const taskOf = (
  tools: ReadonlyArray<string>,
  called: ReadonlyArray<string> = [],
  choice?: string
): AITask.AITask =>
  Either.getOrThrow(
    AITask.decodeUnknown({
      messages: [
        { role: "user", content: "Hi" },
        {
          role: "assistant",
          content: "",
          toolCalls: called.map((name, index) => ({ id: `c${index}`, name, arguments: "{}" }))
        },
        ...called.map((_, index) => ({ role: "tool", toolCallId: `c${index}`, content: "a" }))
      ],
      ...(tools.length === 0 ? {} : { tools: tools.map((name) => ({ name, parameters: {} })) }),
      ...(choice === undefined ? {} : { toolChoice: { name: choice } })
    })
  )

/** The names of a task: of its tools, of the calls of its history, and that of its choice. */
const namesOf = ({ messages, toolChoice, tools }: AITask.AITask) => ({
  tools: (tools ?? []).map(({ name }) => name),
  calls: messages.flatMap((message) =>
    message.role === "assistant" ? (message.toolCalls ?? []).map(({ name }) => name) : []
  ),
  choice: typeof toolChoice === "object" ? toolChoice.name : undefined
})

const long = (end: string, length = 128): string =>
  `${"mcp__server__".repeat(10).slice(0, length - end.length)}${end}`

describe("the names of tools for OpenAI", () => {
  it("stay where they fit, and so does the task", () => {
    const task = taskOf(["read", long("", 64)], ["read"], "read")
    const { nameOf, task: same } = toolNames.fitted(task)
    assert.strictEqual(same, task)
    assert.strictEqual(nameOf("read"), "read")
  })

  it("are the same in tools, history and choice, and are turned back", () => {
    const { nameOf, task } = toolNames.fitted(
      taskOf(["read", long("a"), long("b")], [long("b"), "odd.name"], long("a"))
    )
    const { calls, choice, tools } = namesOf(task)
    assert.strictEqual(tools[0], "read")
    for (const name of [...tools, ...calls]) assert.match(name, /^[\w-]{1,64}$/)
    assert.strictEqual(new Set(tools).size, 3)
    assert.strictEqual(choice, tools[1])
    assert.strictEqual(calls[0], tools[2])
    assert.deepStrictEqual(tools.map(nameOf), ["read", long("a"), long("b")])
    assert.deepStrictEqual(calls.map(nameOf), [long("b"), "odd.name"])
    assert.strictEqual(nameOf("never_offered"), "never_offered")
  })

  it("are the same in every turn, whatever is called and offered besides", () => {
    const [, first] = namesOf(toolNames.fitted(taskOf(["read", long("a")])).task).tools
    const later = namesOf(
      toolNames.fitted(taskOf([long("b"), long("a"), "write"], [long("b"), long("a")])).task
    )
    assert.strictEqual(later.tools[1], first)
    assert.strictEqual(later.calls[1], first)
  })

  it("never are another tool's", () => {
    const [made = ""] = namesOf(toolNames.fitted(taskOf([long("a")])).task).tools
    const { nameOf, task } = toolNames.fitted(taskOf([long("a"), made]))
    const { tools } = namesOf(task)
    assert.strictEqual(tools[1], made)
    assert.notStrictEqual(tools[0], made)
    assert.deepStrictEqual(tools.map(nameOf), [long("a"), made])
  })

  const name = FastCheck.oneof(
    FastCheck.stringMatching(/^[A-Za-z0-9_-]{1,128}$/),
    FastCheck.stringMatching(/^[ab]{1,3}$/).map((end) => long(end))
  )

  it.prop(
    "are reversible, whatever they are",
    [FastCheck.uniqueArray(name, { minLength: 1, maxLength: 8 })],
    ([names]) => {
      const { nameOf, task } = toolNames.fitted(taskOf(names, names))
      const { calls, tools } = namesOf(task)
      assert.deepStrictEqual(calls, tools)
      assert.strictEqual(new Set(tools).size, names.length)
      for (const each of tools) assert.match(each, /^[\w-]{1,64}$/)
      assert.deepStrictEqual(tools.map(nameOf), names)
    },
    runs(50)
  )
})
