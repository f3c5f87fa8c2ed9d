import { assert, describe, it } from "@effect/vitest"
import { ToolCalls } from "../../../src/wire/chatCompletions/toolCalls.js"

describe("the arguments of a tool call", () => {
  it("are looked at once, however many pieces they come in", () => {
    const calls = new ToolCalls(["f"])
    const text = "a".repeat(1000)
    const began = process.cpuUsage()
    calls.add([{ index: 0, function: { name: "f", arguments: '{"a":"' } }])
    // Some servers say the name with each piece.
    for (let piece = 0; piece < 2000; piece++)
      calls.add([{ index: 0, function: { name: "f", arguments: text } }])
    calls.add([{ index: 0, function: { name: "f", arguments: '"}' } }])
    const { user } = process.cpuUsage(began)
    assert.lengthOf(calls.all(String)[0]?.arguments ?? "", 2_000_008)
    assert.isBelow(user / 1e6, 1)
  })
})
