import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/TestClock"
import * as Ask from "../../src/cli/Ask.js"
import * as StandardStreams from "../../src/cli/StandardStreams.js"
import * as harness from "./harness.js"
import * as eventLoop from "../utils/eventLoop.js"

const openAi = { OPENAI_API_KEY: "sk-secret", OPENAI_BASE_URL: "http://127.0.0.1:1234/v1", OPENAI_MODEL: "m" }

const answering =
  (text: string, usage = true): harness.Respond =>
  (url) =>
    url.port === "1234" && url.pathname === "/v1/chat/completions" ? harness.sse(text, usage) : undefined

describe("ask", () => {
  it.effect("answers by a simulated provider where nothing is configured, and says so on one line", () =>
    Effect.gen(function* () {
      const { code, err, out } = yield* harness.run(["ask", "Why is the sky blue?"])
      assert.strictEqual(code, 0)
      assert.match(out, /^This is a simulated answer of copilot_chat: .*“Why is the sky blue\?”.*\n$/)
      const [notice, summary, ...rest] = err.split("\n")
      assert.match(notice ?? "", /^No provider is configured.*OPENAI_API_KEY.*--config or ARC_SAGA_CONFIG/)
      assert.match(
        summary ?? "",
        /^copilot_chat \(simulated\) · 1 attempt · first token 150 ms, total \d+ ms · \d+ in \+ \d+ out tokens · \$0\.\d{6}$/
      )
      assert.deepStrictEqual(rest, [""])
    })
  )

  it.effect("writes the text as it arrives, or whole with --complete", () =>
    Effect.gen(function* () {
      const streamed = harness.command(["ask", "Hello"])
      const whole = harness.command(["ask", "Hello", "--complete"])
      yield* harness.settle(Effect.zip(streamed.effect, whole.effect, { concurrent: true }))
      assert.isAbove(streamed.printed.out.length, 5)
      assert.strictEqual(whole.printed.out.length, 1)
      assert.strictEqual(streamed.printed.out.join(""), whole.printed.out.join(""))
    })
  )

  it.effect("chooses by the strategy, and asks a provider by name whatever it says", () =>
    Effect.gen(function* () {
      const provider = (...args: ReadonlyArray<string>) =>
        Effect.map(harness.run(["ask", "Hi", ...args]), ({ err }) => err.split("\n")[1]?.split(" ")[0])
      assert.strictEqual(yield* provider("--strategy", "cheapest"), "gpt4")
      assert.strictEqual(yield* provider("--strategy", "fastest"), "copilot_chat")
      assert.strictEqual(yield* provider("--strategy", "quality"), "claude")
      assert.strictEqual(yield* provider("--strategy", "cheapest", "--provider", "claude"), "claude")
    })
  )

  it.effect("prints the whole result as one JSON document", () =>
    Effect.gen(function* () {
      const { code, out } = yield* harness.run(["ask", "Hi", "--json", "--max-tokens", "5"])
      assert.strictEqual(code, 0)
      const result: unknown = JSON.parse(out)
      assert.containSubset(result, {
        text: "This is a simulated ",
        finishReason: "length",
        provider: "copilot_chat",
        usage: { outputTokens: 5, estimated: false },
        attempts: [{ outcome: "succeeded" }]
      })
    })
  )

  it.effect("takes the prompt from a pipe, with an argument behind it after a blank line", () =>
    Effect.gen(function* () {
      const piped = { source: "pipe", input: Stream.make(harness.bytes("from the pipe\n")) } as const
      const alone = yield* harness.run(["ask"], piped)
      assert.include(alone.out, "“from the pipe”")
      const prompt = yield* Ask.promptOf(Option.some("Summarise")).pipe(
        Effect.provideService(StandardStreams.StandardStreams, harness.streams(piped, { out: [], err: [] }))
      )
      assert.strictEqual(prompt, "Summarise\n\nfrom the pipe")
      const simulated = yield* harness.run(["ask", "Summarise"], piped)
      assert.include(simulated.out, "“Summarise from the pipe”")
    })
  )

  it.effect("says what it waits for when a pipe beside the prompt stays silent", () =>
    Effect.gen(function* () {
      const late = Stream.fromEffect(Effect.delay(Effect.succeed(harness.bytes("late")), "5 seconds"))
      const { code, err, out } = yield* harness.run(["ask", "Summarise"], { source: "pipe", input: late })
      assert.strictEqual(code, 0)
      assert.match(err, /^Waiting for standard input to end…\n/)
      assert.include(out, "“Summarise late”")
    })
  )

  it.effect("leaves a silent connection beside the prompt alone, and says so", () =>
    Effect.gen(function* () {
      const { code, err, out } = yield* harness.run(["ask", "Hi"], {
        source: "connection",
        input: Stream.never
      })
      assert.strictEqual(code, 0)
      assert.match(err, /^Nothing came from standard input: asking without it\.\n/)
      assert.include(out, "“Hi”")
    })
  )

  it.effect("is wrong use when there is nothing to ask", () =>
    Effect.gen(function* () {
      for (const source of ["terminal", "nothing", "pipe"] as const) {
        const { code, err, out } = yield* harness.run(["ask"], { source })
        assert.strictEqual(code, 2)
        assert.match(err, /^UsageError: There is nothing to ask\. Give a prompt/)
        assert.strictEqual(out, "")
      }
    })
  )

  it.effect("names the field and the value of a task that it can't ask", () =>
    Effect.gen(function* () {
      const told = (...args: ReadonlyArray<string>) =>
        Effect.map(harness.run(["ask", ...args]), ({ code, err }) => `${code} ${err}`)
      assert.match(yield* told(""), /^2 InvalidArgumentError: AITask\.prompt: .*actual ""/)
      assert.match(yield* told("Hi", "--temperature", "3"), /^2 .*AITask\.temperature: .*actual 3/)
      assert.match(yield* told("Hi", "--max-tokens", "0"), /^2 .*AITask\.maxTokens: .*actual 0/)
      assert.match(yield* told("Hi", "--timeout", "0s"), /^2 .*AITask\.timeoutMs: .*actual 0/)
      assert.match(yield* told("Hi", "--timeout", "-5s"), /^2 --timeout: Expected a duration.*actual "-5s"/)
      assert.match(yield* told("Hi", "--temperature", "hot"), /^2 --temperature: .*a number, actual "hot"/)
      assert.match(yield* told("Hi", "--strategy", "best"), /^2 --strategy: .*cheapest.*actual "best"/)
    })
  )

  it.effect("lists the registered providers when another is asked for", () =>
    Effect.gen(function* () {
      const { code, err, out } = yield* harness.run(["ask", "Hi", "--provider", "nobody"])
      assert.strictEqual(code, 2)
      assert.include(err, "EngineNotRegisteredError (nobody): ")
      assert.include(err, "Registered: copilot_chat, claude, gpt4")
      assert.strictEqual(out, "")
    })
  )

  it.effect("says why a provider that is known can't be asked", () =>
    Effect.gen(function* () {
      const { code, err } = yield* harness.run(["ask", "Hi", "--provider", "ollama"])
      assert.strictEqual(code, 2)
      assert.match(err, /UsageError: --provider: ollama can't be asked: no server answers at http/)
    })
  )

  it.effect("ends with 1 when every provider failed, told on one line without a stack", () =>
    Effect.gen(function* () {
      const { code, err, out } = yield* harness.run(["ask", "Hi"], { env: openAi })
      assert.strictEqual(code, 1)
      assert.match(
        err,
        /^AllProvidersFailedError \(gpt4\): No provider answered\. gpt4 failed \(network\).*\n$/
      )
      assert.notInclude(err, "    at ")
      assert.strictEqual(out, "")
    })
  )

  it.effect("tells a rejected key with the provider and what to do, and never the key", () =>
    Effect.gen(function* () {
      const { code, err } = yield* harness.run(["ask", "Hi", "--no-fallback"], {
        env: openAi,
        respond: () => harness.json({ error: { message: "bad key sk-secret", code: "invalid_api_key" } }, 401)
      })
      assert.strictEqual(code, 1)
      assert.match(err, /^AuthenticationError \(gpt4\): gpt4 rejected the credentials \(401\)/)
      assert.include(err, "Check the key")
      assert.notInclude(err, "sk-secret")
    })
  )

  it.effect("says that a cost is unknown, and marks estimated tokens", () =>
    Effect.gen(function* () {
      const counted = yield* harness.run(["ask", "Hi"], { env: openAi, respond: answering("Yes.") })
      assert.match(counted.err, /^gpt4 \(m-1\) · 1 attempt · .* · 10 in \+ 5 out tokens · cost unknown\n$/)
      const estimated = yield* harness.run(["ask", "Hi"], { env: openAi, respond: answering("Yes.", false) })
      assert.match(estimated.err, /~\d+ in \+ ~\d+ out tokens · cost unknown/)
    })
  )

  it.effect("adds no line feed to an answer that ends with one", () =>
    Effect.gen(function* () {
      const world = { env: openAi, respond: answering("Yes.\n") }
      assert.strictEqual((yield* harness.run(["ask", "Hi"], world)).out, "Yes.\n")
      assert.strictEqual((yield* harness.run(["ask", "Hi", "--complete"], world)).out, "Yes.\n")
    })
  )

  it.effect("ends the line of an answer that broke off before telling why", () =>
    Effect.gen(function* () {
      const { code, err, out } = yield* harness.run(["ask", "Hi"], {
        env: openAi,
        respond: (url) =>
          url.port === "1234"
            ? new Response(
                `data: ${JSON.stringify({ choices: [{ index: 0, delta: { content: "Half an" } }] })}\n\n`,
                { headers: { "content-type": "text/event-stream" } }
              )
            : undefined
      })
      assert.strictEqual(code, 1)
      assert.strictEqual(out, "Half an\n")
      assert.match(err, /^StreamInterruptedError \(gpt4\): /)
    })
  )

  it.effect("stops quietly when whoever reads the answer has gone", () =>
    Effect.gen(function* () {
      const { code, err } = yield* harness.run(["ask", "Hi"], {
        env: openAi,
        respond: answering("Yes."),
        write: () => new StandardStreams.OutputClosedError()
      })
      assert.strictEqual(code, 0)
      assert.strictEqual(err, "")
    })
  )

  it.effect("tells when the answer can't be written", () =>
    Effect.gen(function* () {
      const { code, err } = yield* harness.run(["ask", "Hi", "--complete"], {
        env: openAi,
        respond: answering("Yes."),
        write: () => new StandardStreams.FileError({ file: "standard output", reason: "no space left" })
      })
      assert.strictEqual(code, 2)
      assert.strictEqual(err, "FileError: standard output: no space left\n")
    })
  )

  it.scoped("passes on what the engine notes", () =>
    Effect.gen(function* () {
      const file = yield* harness.directory({
        "c.json": JSON.stringify({
          ollama: false,
          providers: [{ id: "x", baseUrl: "http://127.0.0.1:1234/v1", model: "m" }]
        })
      })
      const { err } = yield* harness.run(["ask", "Hi", "--config", file("c.json")], {
        respond: (url) => {
          const good = answering("Yes.")(url, new Headers())
          if (good === undefined) return undefined
          const tool_calls = [{ index: 0, id: "c", function: { name: "f", arguments: '{"torn' } }]
          const choice = { index: 0, delta: { content: "Yes.", tool_calls }, finish_reason: "length" }
          return new Response(`data: ${JSON.stringify({ choices: [choice] })}\n\ndata: [DONE]\n\n`, {
            headers: { "content-type": "text/event-stream" }
          })
        }
      })
      assert.match(err, /^Note: .+tool call.+\n/)
    }).pipe(Effect.provide(harness.platform))
  )

  it.effect("stops at once when it is interrupted", () =>
    Effect.gen(function* () {
      const { effect, printed } = harness.command(["ask", "Hi", "--provider", "gpt4"])
      const fiber = yield* Effect.fork(effect)
      while (printed.out.length === 0) {
        yield* TestClock.adjust("50 millis")
        yield* eventLoop.turn
      }
      const exit = yield* Fiber.interrupt(fiber)
      assert.isTrue(exit._tag === "Failure")
      assert.strictEqual(printed.out.at(-1), "\n")
      const written = printed.out.length
      yield* TestClock.adjust("1 minute")
      assert.strictEqual(printed.out.length, written)
    })
  )
})
