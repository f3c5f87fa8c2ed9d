import { assert, describe, it } from "@effect/vitest"
import * as FastCheck from "effect/FastCheck"
import * as ReasoningEngine from "../../src/ReasoningEngine.js"
import * as TokenUsage from "../../src/TokenUsage.js"
import * as decoding from "../../src/wire/decoding.js"
import { Answer } from "../../src/wire/responses/answer.js"
import * as attempts from "../utils/attempts.js"
import * as bodies from "../utils/decoding.js"
import { runs } from "../utils/property.js"
import {
  added,
  args,
  argsDone,
  completed,
  counted,
  created,
  customCall,
  done,
  failed,
  finish,
  functionCall,
  hi,
  incomplete,
  message,
  partAdded,
  partDone,
  reasoning,
  response,
  rest,
  text,
  textDone,
  usage,
  wholeEvents,
  wire
} from "../utils/responses.js"

const encoder = new TextEncoder()

const decoderOf = (isStream = true, continues = false) =>
  decoding.streamDecoder(new Answer({ model: "gpt-4o", continues, distinct: (id) => id || "made" }), isStream)

/** Decodes a body that comes at once. */
const decode = (body: string) => bodies.decode(decoderOf(), encoder.encode(body), [])

type Events = ReadonlyArray<{ readonly type: string }>

const gives = (events: Events, expected: ReadonlyArray<ReasoningEngine.EngineEvent>): void => {
  const { answer, events: seen } = decode(wire(...events))
  assert.deepStrictEqual(seen, expected, JSON.stringify(answer.failure))
  assert.isTrue(answer.finished)
}

const fails = (events: Events, kind: string): void => {
  const { answer } = decode(wire(...events))
  assert.isFalse(answer.finished)
  assert.strictEqual(answer.failure?.kind, kind, JSON.stringify(events))
}

const call = (id: string, name: string, args: string) =>
  ReasoningEngine.toolCall({ id, name, arguments: args })

const hiText = ReasoningEngine.textDelta("Hi")

const state = (item: object) => ReasoningEngine.reasoningDelta("", { wire: "responses", value: { ...item } })

describe("Responses streams", () => {
  it("give the text once, whatever of it is repeated", () => {
    gives([...hi, ...rest], wholeEvents)
  })

  it("give all of an answer of which only some kinds of events come", () => {
    const output = [message("Hi")]
    for (const events of [
      [completed({ output })],
      [done(message("Hi")), completed({ output })],
      [done(message("Hi")), completed({ output: [] })],
      [created, textDone("Hi"), completed({ output: [] })],
      [created, partDone("Hi"), completed({ output: [] })],
      [text("Hi"), completed({ output: [] })],
      [text("Hi"), done(message("Hi")), completed({ output })],
      // Deltas that name their item by nothing at all.
      [
        { type: "response.output_text.delta", delta: "H" },
        { type: "response.output_text.delta", delta: "i" },
        completed({ output })
      ],
      // Ids that are others in each event.
      [
        added({ ...message(""), id: "a" }),
        text("H", 0, { item_id: "b" }),
        text("i", 0, { item_id: "c" }),
        done({ ...message("Hi"), id: "d" }),
        completed({ output: [{ ...message("Hi"), id: "e" }] })
      ],
      // What had come when the limit was in reach, and the rest with the end.
      [added(message("")), text("H"), done(message("Hi")), completed({ output })],
      [added(message("")), text("H"), completed({ output })]
    ]) {
      const { answer, events: seen } = decode(wire(...events))
      assert.strictEqual(attempts.text(seen), "Hi", JSON.stringify(events))
      assert.isTrue(answer.finished)
      assert.deepStrictEqual(seen.slice(-2), [counted(3, 1), finish()])
    }
  })

  it("give several messages in their order", () => {
    const output = [message("A"), { ...message("B"), id: "msg_2" }]
    const both = [ReasoningEngine.textDelta("A"), ReasoningEngine.textDelta("B"), counted(3, 1), finish()]
    gives([completed({ output })], both)
    gives([text("A"), completed({ output })], both)
    gives([text("A"), text("B", 1, { item_id: "msg_2" }), completed({ output })], both)
    gives(
      [text("A"), text("", 0, { content_index: 1 }), text("B", 0, { content_index: 1 }), completed()].map(
        (event) =>
          event.type === "response.completed"
            ? completed({
                output: [
                  {
                    ...message("A"),
                    content: [...message("A").content, ...message("B").content]
                  }
                ]
              })
            : event
      ),
      both
    )
  })

  it("fail where the whole isn't what its pieces are, or a piece comes out of its order", () => {
    fails([...hi, textDone("Hello")], "malformed")
    fails([...hi, partDone("Ho"), ...rest], "malformed")
    fails([...hi, done(message("Hello!"))], "malformed")
    fails([...hi, completed({ output: [message("Hello!")] })], "malformed")
    fails(
      [
        text("B", 1, { item_id: "msg_2" }),
        text("C", 2, { item_id: "msg_3" }),
        text("D", 1, { item_id: "msg_2" })
      ],
      "malformed"
    )
  })

  it("fail where one event among good ones can't be read", () => {
    for (const bad of [
      'data: {"type":"response.output_text.delta",\n\n',
      'event: response.output_text.delta\ndata: {"delta":\n\n',
      "data: 17\n\n",
      "data: {}\n\n",
      wire({ ...text(""), delta: 17 } as never),
      wire({ type: "response.output_item.added" }),
      wire(done({ no: "type" })),
      wire(done({ type: "function_call", name: 17 })),
      wire({ ...completed(), response: { output: [17] } } as never)
    ]) {
      const { answer } = decode(wire(...hi) + bad + wire(...rest))
      assert.strictEqual(answer.failure?.kind, "malformed", bad)
    }
  })

  it("pass over events, items and parts that they don't know, which are signs of work", () => {
    gives(
      [
        created,
        { type: "response.web_search_call.searching", output_index: 0 } as never,
        { type: "codex.rate_limits" },
        { type: "keepalive" },
        added({ type: "web_search_call", id: "ws_1" }),
        done({ type: "web_search_call", id: "ws_1", action: 17 }),
        added({ ...message(""), content: [{ type: "something_new" }] }, 1),
        { ...partAdded(1), part: { type: "something_new", text: "no" } } as never,
        text("Hi", 1),
        done(message("Hi"), 1),
        completed({ output: [{ type: "web_search_call", id: "ws_1" } as never, message("Hi")] })
      ],
      wholeEvents
    )
    const broken = "event: something_new\ndata: {broken\n\n"
    assert.deepStrictEqual(decode(wire(...hi) + broken + wire(...rest)).events, wholeEvents)
    const decoder = decoderOf()
    decoder.feed([encoder.encode(wire({ type: "keepalive" }, created))])
    assert.isFalse(decoder.answer.working)
    decoder.feed([encoder.encode(wire({ type: "response.mcp_call.in_progress" }))])
    assert.isTrue(decoder.answer.working)
    decoder.answer.working = false
    decoder.feed([encoder.encode(wire(added(message(""))))])
    assert.isTrue(decoder.answer.working)
    decoder.answer.working = false
    decoder.feed([encoder.encode(": comment\n\n")])
    assert.isTrue(decoder.answer.working)
  })

  it("tolerate data without a space, comments, CRLF, no event names, and a missing last blank line", () => {
    const whole = wire(...hi, ...rest)
    for (const bytes of [
      whole.replaceAll("data: ", "data:"),
      whole.replaceAll("\n", "\r\n"),
      whole.replaceAll(/^event: .*\n/gm, ""),
      whole.replaceAll(/"type":"response\.[\w.]+",?/g, ""),
      `\uFEFF: ping\n\n${whole.trimEnd()}`,
      `${whole}data: [DONE]\n\n`,
      whole.replace("event: response.completed", "data: [DONE]\n\nevent: response.completed"),
      whole + wire(text("never"))
    ]) {
      assert.deepStrictEqual(decode(bytes).events, wholeEvents, bytes)
    }
  })

  it("end as their terminal event says", () => {
    const said = (terminal: Events[number]) => decode(wire(...hi, terminal))
    const limit = said(incomplete("max_output_tokens"))
    assert.deepStrictEqual(limit.events.slice(-1), [finish("length", { rawReason: "max_output_tokens" })])
    assert.deepStrictEqual(said(incomplete("interrupted")).events.slice(-1), [
      finish("other", { rawReason: "interrupted" })
    ])
    assert.deepStrictEqual(said(incomplete(undefined)).events.slice(-1), [finish("other")])
    assert.strictEqual(said(incomplete("content_filter")).answer.failure?.kind, "policy")
    assert.deepStrictEqual(said(incomplete("content_filter")).events.slice(-1), [counted(3, 1)])
    // The event says that it is complete, the response that it isn't.
    const both = { ...completed(), response: incomplete("max_output_tokens").response }
    assert.deepStrictEqual(said(both).events, limit.events)
    assert.strictEqual(
      said({ ...completed(), response: failed("x", "y").response } as never).answer.finished,
      false
    )
    // Nothing but the end.
    assert.deepStrictEqual(said({ type: "response.completed" }).events, [hiText, finish()])
  })

  it("are cut without their terminal event, whatever was done", () => {
    for (const events of [hi, [...hi, ...rest.slice(0, -1)], [created], []]) fails(events, "cut")
    const { answer } = decode(`${wire(...hi)}data: [DONE]\n\n`)
    assert.strictEqual(answer.failure?.kind, "cut")
    const torn = decode(wire(...hi, ...rest).slice(0, -20))
    assert.strictEqual(torn.answer.failure?.kind, "cut")
  })

  it("fail as the server says", () => {
    const said = (event: object, name = "") => {
      const { answer } = decode(`${wire(...hi)}${name}data: ${JSON.stringify(event)}\n\n`)
      assert.isFalse(answer.finished)
      return answer.failure
    }
    assert.deepInclude(said(failed("rate_limit_exceeded", "slow down")), {
      code: "rate_limit_exceeded",
      message: "slow down"
    })
    assert.deepInclude(said({ type: "error", code: "server_error", message: "no", param: null }), {
      code: "server_error",
      message: "no"
    })
    assert.deepInclude(said({ error: { code: "x", message: "no" } }), { code: "x", message: "no" })
    assert.deepInclude(said({ message: "no" }, "event: error\n"), { message: "no" })
    assert.strictEqual(
      said({ type: "response.failed", response: response({ status: "failed" }) })?.kind,
      "server"
    )
    assert.strictEqual(said({ type: "response.cancelled" })?.kind, "server")
    const usages = decode(wire(...hi, failed("server_error", "no"))).events.at(-1)
    assert.deepStrictEqual(usages, counted(3, 1))
  })

  it("are refusals where the model refuses, in any form", () => {
    const refusal = { ...message(""), content: [{ type: "refusal", refusal: "I can't" }] } as never
    const delta = { type: "response.refusal.delta", item_id: "msg_1", output_index: 0, content_index: 0 }
    for (const events of [
      [{ ...delta, delta: "I " }, { ...delta, delta: "can't" }, completed({ output: [] })],
      [{ ...delta, type: "response.refusal.done", refusal: "I can't" }, completed({ output: [] })],
      [{ ...partDone(""), part: { type: "refusal", refusal: "I can't" } }, completed({ output: [] })],
      [done(refusal), completed({ output: [refusal] })],
      [completed({ output: [refusal] })],
      [{ ...delta, delta: "I can't" }]
    ]) {
      const { answer } = decode(wire(...events))
      assert.deepInclude(answer.failure, { kind: "policy", message: "I can't" }, JSON.stringify(events))
    }
  })

  it("say what else was said of the answer", () => {
    const citation = {
      type: "url_citation",
      url: "https://example.org",
      title: "a",
      start_index: 0,
      end_index: 1
    }
    const logprob = { token: "Hi", logprob: -0.1, bytes: [72, 105], top_logprobs: [] }
    const annotation = {
      type: "response.output_text.annotation.added",
      item_id: "msg_1",
      output_index: 0,
      content_index: 0,
      annotation_index: 0,
      annotation: citation
    }
    const cited = message("Hi", { annotations: [citation] as never, logprobs: [logprob] })
    const expected = finish("stop", {
      citations: [citation],
      logProbabilities: [logprob],
      serviceTier: "flex"
    })
    for (const events of [
      [text("Hi", 0, { logprobs: [logprob] }), annotation, completed({ output: [], service_tier: "flex" })],
      [text("Hi"), done(cited), completed({ output: [], service_tier: "flex" })],
      [
        text("Hi", 0, { logprobs: [logprob] }),
        annotation,
        done(cited),
        completed({ output: [cited], service_tier: "flex" })
      ],
      [completed({ output: [cited], service_tier: "flex" })]
    ]) {
      gives(events, [hiText, counted(3, 1), expected])
    }
  })

  it("count what was read, cached, written and thought", () => {
    gives(
      [
        ...hi,
        completed({
          usage: {
            input_tokens: 100,
            input_tokens_details: { cached_tokens: 60, cache_write_tokens: 30 },
            output_tokens: 50,
            output_tokens_details: { reasoning_tokens: 40 },
            total_tokens: 150
          }
        })
      ],
      [
        hiText,
        ReasoningEngine.usage(
          TokenUsage.make({
            inputTokens: 100,
            outputTokens: 50,
            cacheReadTokens: 60,
            cacheWriteTokens: 30,
            reasoningTokens: 40
          })
        ),
        finish()
      ]
    )
    for (const none of [null, undefined, "many", { input_tokens: -1 }]) {
      gives([...hi, completed({ usage: none as never })], [hiText, finish()])
    }
  })

  it("aren't taken for answers where nothing was written", () => {
    const nothing = { output: [], usage: usage(3, 0) }
    fails([created, completed(nothing)], "malformed")
    gives(
      [created, incomplete("max_output_tokens", nothing)],
      [counted(3, 0), finish("length", { rawReason: "max_output_tokens" })]
    )
    const continued = bodies.decode(decoderOf(true, true), encoder.encode(wire(completed(nothing))), [])
    assert.isTrue(continued.answer.finished)
  })
})

describe("Responses tool calls", () => {
  const f = functionCall("call_a", "f", '{"a":1}')
  const g = functionCall("call_b", "g", "")

  it("come whole, each when its item ends, and once", () => {
    gives(
      [
        created,
        added({ ...f, arguments: "" }),
        args("fc_call_a", '{"a"', 0),
        args("fc_call_a", ":1}", 0),
        argsDone("fc_call_a", '{"a":1}', 0),
        done(f),
        added(g, 1),
        done(g, 1),
        completed({ output: [f, g] })
      ],
      [call("call_a", "f", '{"a":1}'), call("call_b", "g", "{}"), counted(3, 1), finish("tool_calls")]
    )
  })

  it("come from any of the events that tell them", () => {
    const expected = [call("call_a", "f", '{"a":1}'), counted(3, 1), finish("tool_calls")]
    const head = added({ ...f, arguments: "" })
    for (const events of [
      [completed({ output: [f] })],
      [done(f), completed({ output: [] })],
      [done(f), completed({ output: [f] })],
      [head, args("fc_call_a", '{"a":1}', 0), completed({ output: [] })],
      [head, argsDone("fc_call_a", '{"a":1}', 0), completed({ output: [f] })],
      [head, completed({ output: [f] })],
      [
        added({ ...f, arguments: "{}" }),
        args("fc_call_a", '{"a":1}', 0),
        done(f),
        completed({ output: [f] })
      ],
      [added(f), completed({ output: [] })],
      // The head comes after the first piece.
      [args("fc_call_a", '{"a":', 0), head, args("fc_call_a", "1}", 0), completed({ output: [] })],
      // The arguments parsed.
      [completed({ output: [{ ...f, arguments: { a: 1 } as never }] })],
      // Every item at the same place, and without an id.
      [
        added({ type: "reasoning", summary: [] }),
        done({ type: "reasoning", summary: [] }),
        added({ ...f, id: undefined, arguments: "" }),
        done({ ...f, id: undefined }),
        completed({ output: [f] })
      ],
      // Ids that are others in each event.
      [
        { ...head, item: { ...f, id: "x", arguments: "" } },
        args("y", '{"a":1}', 0),
        done({ ...f, id: "z" }),
        completed({ output: [{ ...f, id: "w" }] })
      ]
    ]) {
      gives(events, expected)
    }
  })

  it("are told apart at one place and without ids", () => {
    const a = { ...f, id: undefined }
    const b = { ...g, id: undefined }
    gives(
      [done(a), done(b), completed({ output: [f, g] })],
      [call("call_a", "f", '{"a":1}'), call("call_b", "g", "{}"), counted(3, 1), finish("tool_calls")]
    )
  })

  it("of custom tools have their text as the input of arguments, and say what they are", () => {
    const patch = customCall("call_c", "apply_patch", "*** Begin\n")
    const expected = [
      ReasoningEngine.toolCall({
        id: "call_c",
        name: "apply_patch",
        arguments: '{"input":"*** Begin\\n"}',
        options: { responses: { type: "custom_tool_call" } }
      }),
      counted(3, 1),
      finish("tool_calls")
    ]
    const piece = { type: "response.custom_tool_call_input.delta", item_id: "ctc_call_c", output_index: 0 }
    for (const events of [
      [
        added({ ...patch, input: "" }),
        { ...piece, delta: "*** Be" },
        { ...piece, delta: "gin\n" },
        { ...piece, type: "response.custom_tool_call_input.done", input: patch.input },
        done(patch),
        completed({ output: [patch] })
      ],
      [completed({ output: [patch] })],
      [added({ ...patch, input: "" }), { ...piece, delta: "*** Begin\n" }, completed({ output: [] })]
    ]) {
      gives(events, expected)
    }
  })

  it("keep the namespace of their tool", () => {
    const named = functionCall("call_a", "spawn", "{}", { namespace: "agents" })
    gives(
      [done(named), completed({ output: [named] })],
      [
        ReasoningEngine.toolCall({
          id: "call_a",
          name: "spawn",
          arguments: "{}",
          options: { responses: { namespace: "agents" } }
        }),
        counted(3, 1),
        finish("tool_calls")
      ]
    )
    const custom = { ...customCall("call_c", "patch", "x"), namespace: "agents" }
    const { events } = decode(wire(completed({ output: [custom] })))
    assert.deepInclude(events[0], {
      call: {
        id: "call_c",
        name: "patch",
        arguments: '{"input":"x"}',
        options: { responses: { type: "custom_tool_call", namespace: "agents" } }
      }
    })
  })

  it("that the limit of tokens cut are left out, and told of", () => {
    const torn = functionCall("call_b", "g", '{"b":', { status: "incomplete" })
    const limit = [
      ReasoningEngine.warning(decoding.tornCall),
      call("call_a", "f", '{"a":1}'),
      counted(3, 1),
      finish("length", { rawReason: "max_output_tokens" })
    ]
    for (const events of [
      [done(f), done(torn, 1), incomplete("max_output_tokens", { output: [f, torn] })],
      [done(f), added({ ...torn, arguments: "" }, 1), incomplete("max_output_tokens", { output: [f] })],
      [incomplete("max_output_tokens", { output: [f, torn] })]
    ]) {
      const { events: seen } = decode(wire(...events))
      assert.sameDeepMembers([...seen], limit, JSON.stringify(events))
    }
    const custom = { ...customCall("call_c", "patch", "half"), status: "incomplete" }
    const { events } = decode(
      wire(done(custom), incomplete("max_output_tokens", { output: [custom as never] }))
    )
    assert.deepStrictEqual(events[0], ReasoningEngine.warning(decoding.tornCall))
  })

  it("fail the answer without a name", () => {
    fails([args("fc_1", "{}", 0), completed({ output: [] })], "malformed")
    fails([completed({ output: [functionCall("a", "", "{}")] })], "malformed")
  })
})

describe("Responses reasoning", () => {
  const thought = reasoning(["Hm.", "So."], { encrypted_content: "gAAA", status: "completed" })
  const summary = (delta: string, summary_index = 0, type = "response.reasoning_summary_text.delta") => ({
    type,
    item_id: "rs_1",
    output_index: 0,
    summary_index,
    delta
  })
  const answer = [hiText, counted(3, 1), finish()]
  const rest = [text("Hi", 1), done(message("Hi"), 1)]

  it("comes as it is written, and ends in the state that goes back", () => {
    gives(
      [
        created,
        added({ ...thought, summary: [], encrypted_content: "g" }),
        { type: "response.reasoning_summary_part.added" },
        summary("Hm"),
        summary("."),
        summary("So.", 1),
        done(thought),
        ...rest,
        completed({ output: [thought, message("Hi")] })
      ],
      [
        ReasoningEngine.reasoningDelta("Hm"),
        ReasoningEngine.reasoningDelta("."),
        ReasoningEngine.reasoningDelta("\n\nSo."),
        state(thought),
        ...answer
      ]
    )
  })

  it("comes with its item, or with the answer, where it isn't streamed", () => {
    const expected = [ReasoningEngine.reasoningDelta("Hm.\n\nSo."), state(thought), ...answer]
    const output = [thought, message("Hi")]
    gives([done(thought), ...rest, completed({ output })], expected)
    gives([completed({ output })], expected)
    gives(
      [summary("Hm."), done(thought), ...rest, completed({ output })],
      [
        ReasoningEngine.reasoningDelta("Hm."),
        ReasoningEngine.reasoningDelta("\n\nSo."),
        state(thought),
        ...answer
      ]
    )
  })

  it("in words of its own goes back as they are; in both forms the first is told", () => {
    const open = reasoning([], { content: [{ type: "reasoning_text", text: "Hm" }] })
    const raw = (delta: string) => ({ ...summary(delta), type: "response.reasoning_text.delta" })
    const expected = [ReasoningEngine.reasoningDelta("Hm"), state(open), ...answer]
    gives([raw("Hm"), done(open), ...rest, completed({ output: [] })], expected)
    gives([completed({ output: [open, message("Hi")] })], expected)
    gives([raw("Hm"), summary("Summed up"), done(open), ...rest, completed({ output: [] })], expected)
  })

  it("without a state has none, and its thoughts stand apart", () => {
    const bare = (text: string, id: string) => reasoning([text], { id, encrypted_content: null })
    gives(
      [completed({ output: [bare("A", "rs_1"), bare("B", "rs_2"), message("Hi")] })],
      [ReasoningEngine.reasoningDelta("A"), ReasoningEngine.reasoningDelta("\n\nB"), ...answer]
    )
  })

  it("is an answer of its own where nothing else was written", () => {
    const bare = reasoning([])
    gives([completed({ output: [bare], usage: usage(3, 0) })], [counted(3, 0), finish()])
  })
})

describe("Responses in one piece", () => {
  it("are decoded as streams are", () => {
    const thought = reasoning(["Hm"], { encrypted_content: "gAAA" })
    const whole = response({
      output: [thought, message("Hi"), functionCall("call_a", "f", "{}")],
      service_tier: "default"
    })
    const { events } = decode(JSON.stringify(whole))
    assert.deepStrictEqual(events, [
      ReasoningEngine.reasoningDelta("Hm"),
      state(thought),
      hiText,
      call("call_a", "f", "{}"),
      counted(3, 1),
      finish("tool_calls", { serviceTier: "default" })
    ])
    const { object: _, status: __, ...bare } = response()
    assert.deepStrictEqual(decode(JSON.stringify(bare)).events, wholeEvents)
  })

  it("are told apart from failures, what isn't finished, and what isn't one", () => {
    const kind = (body: unknown) => decode(JSON.stringify(body)).answer.failure
    assert.deepInclude(kind(response({ status: "failed", error: { code: "server_error", message: "no" } })), {
      code: "server_error"
    })
    assert.strictEqual(kind(response({ status: "cancelled" }))?.kind, "server")
    assert.strictEqual(kind(response({ status: "queued" }))?.kind, "malformed")
    assert.strictEqual(kind({ choices: [] })?.kind, "malformed")
    assert.deepInclude(kind({ error: "no" }), { message: "no" })
    const { answer } = bodies.decode(decoderOf(false), encoder.encode(""), [])
    assert.strictEqual(answer.failure?.kind, "malformed")
  })
})

describe("Responses decoding", () => {
  it("gives each text once and no other, whichever of the events that tell it come", () => {
    const pieces = FastCheck.array(FastCheck.string({ minLength: 1, maxLength: 5, unit: "grapheme" }), {
      minLength: 1,
      maxLength: 5
    })
    FastCheck.assert(
      FastCheck.property(
        FastCheck.array(pieces, { minLength: 1, maxLength: 3 }),
        FastCheck.array(FastCheck.boolean(), { minLength: 4, maxLength: 4 }),
        (texts, [deltas = false, partDones = false, dones = false, last = false]) => {
          const items = texts.map((pieces, index) => ({ ...message(pieces.join("")), id: `m${index}` }))
          const events = texts.flatMap((pieces, index) => {
            const more = { item_id: `m${index}` }
            const all = pieces.join("")
            return [
              ...(deltas ? pieces.map((piece) => text(piece, index, more)) : []),
              ...(partDones ? [{ ...textDone(all, index), ...more }] : []),
              ...(dones ? [done(items[index] ?? {}, index)] : [])
            ]
          })
          const isTold = deltas || partDones || dones
          const output = last || !isTold ? items : []
          const { answer, events: seen } = decode(wire(created, ...events, completed({ output })))
          assert.isTrue(answer.finished, JSON.stringify(answer.failure))
          assert.strictEqual(attempts.text(seen), texts.flat().join(""))
        }
      ),
      runs(500).fastCheck
    )
  })
})
