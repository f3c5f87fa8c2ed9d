/** An engine of the simplest wire, JSON lines, that obeys the contract, and flaws that break it. */
import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import * as HttpClient from "@effect/platform/HttpClient"
import * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import * as Effect from "effect/Effect"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as AIProvider from "../../src/AIProvider.js"
import * as AITask from "../../src/AITask.js"
import * as EngineError from "../../src/EngineError.js"
import * as ReasoningEngine from "../../src/ReasoningEngine.js"
import type * as EngineContract from "../../src/testing/EngineContract.js"
import * as TokenUsage from "../../src/TokenUsage.js"

/** What may be wrong with an engine. */
export type Flaw =
  | "adds counts up"
  | "always stops"
  | "buffers"
  | "calls nobody"
  | "counts itself"
  | "decodes each chunk alone"
  | "dies"
  | "drops blanks when streamed"
  | "finishes twice"
  | "follows redirects"
  | "forgets retry-after"
  | "ignores the cancel"
  | "leaks the key in a log"
  | "leaks the key in a span"
  | "leaks the prompt in a cause"
  | "leaks the prompt in a description"
  | "leaks the prompt in an event of a span"
  | "overpromises"
  | "repeats text"
  | "retries"
  | "shares its prompt"
  | "swallows a cut"
  | "swallows a reset"
  | "takes every failure for the server's"
  | "truncates"

const provider = AIProvider.unsafeMake("lines")
const key = "lines-S3CRET-0123456789"

/** A line of an answer. */
type Line =
  | { readonly text: string }
  | { readonly call: AITask.ToolCall }
  | { readonly count: EngineContract.Count }
  | { readonly finish: ReasoningEngine.FinishReason }

const network = () =>
  new EngineError.TransientError({ provider, reason: "network", description: "the connection failed" })

/** Makes the engine, with a flaw. */
const make = (baseUrl: string, flaw: Flaw | undefined) =>
  Effect.map(HttpClient.HttpClient, (client) => {
    let latest = ""

    const eventsOf = (line: Line): ReadonlyArray<ReasoningEngine.EngineEvent> => {
      if ("text" in line) {
        const text = flaw === "truncates" ? line.text.slice(0, 10_000) : line.text
        const delta = ReasoningEngine.textDelta(text)
        return flaw === "repeats text" ? [delta, delta] : [delta]
      }
      if ("call" in line) return flaw === "calls nobody" ? [] : [ReasoningEngine.toolCall(line.call)]
      if ("count" in line) return [ReasoningEngine.usage(TokenUsage.make(line.count))]
      const reason = flaw === "always stops" && line.finish === "length" ? "stop" : line.finish
      const finish = ReasoningEngine.finish(reason, "lines-1")
      return flaw === "finishes twice" ? [finish, finish] : [finish]
    }

    const failed = (
      status: number,
      said: string,
      headers: Readonly<Record<string, string>>
    ): EngineError.EngineError => {
      const { location, "retry-after": retryAfter } = headers
      const common = {
        provider,
        status,
        description: flaw === "leaks the prompt in a description" ? said : "refused",
        ...(flaw === "leaks the prompt in a cause"
          ? { cause: new Error("refused", { cause: { said } }) }
          : {})
      }
      if (flaw === "takes every failure for the server's") {
        return new EngineError.TransientError({ ...common, reason: "server" })
      }
      if (location !== undefined) {
        const { origin, pathname } = new URL(location, baseUrl)
        return new EngineError.ModelNotFoundError({ ...common, description: `moved to ${origin}${pathname}` })
      }
      if (status === 401) return new EngineError.AuthenticationError(common)
      if (status === 429) {
        return new EngineError.RateLimitError(
          retryAfter === undefined || flaw === "forgets retry-after"
            ? common
            : { ...common, retryAfterMs: Number(retryAfter) * 1000 }
        )
      }
      return new EngineError.TransientError({ ...common, reason: "server" })
    }

    const post = (task: AITask.AITask) => {
      latest = AITask.promptText(task)
      const prompt =
        flaw === "shares its prompt"
          ? Effect.delay(
              Effect.sync(() => latest),
              "5 millis"
            )
          : Effect.succeed(latest)
      const posted = prompt.pipe(
        Effect.flatMap((prompt) =>
          HttpClientRequest.post(baseUrl).pipe(
            HttpClientRequest.bearerToken(key),
            HttpClientRequest.bodyUnsafeJson({ prompt }),
            client.execute,
            Effect.provideService(FetchHttpClient.RequestInit, {
              redirect: flaw === "follows redirects" ? "follow" : "manual"
            })
          )
        ),
        Effect.mapError(() => network()),
        Effect.tap((response) =>
          Effect.gen(function* () {
            if (response.status === 200) return
            const said = yield* Effect.orDie(response.text)
            if (flaw === "leaks the prompt in an event of a span") {
              const span = yield* Effect.orDie(Effect.currentSpan)
              span.event(said, 0n)
            }
            return yield* failed(response.status, said, response.headers)
          })
        )
      )
      return Effect.withSpan(
        flaw === "retries" ? Effect.retry(posted, { times: 1, while: EngineError.isTransient }) : posted,
        "post",
        flaw === "leaks the key in a span" ? { attributes: { key } } : {}
      )
    }

    const textIn = (
      body: Stream.Stream<Uint8Array, EngineError.EngineError>
    ): Stream.Stream<string, EngineError.EngineError> =>
      flaw === "decodes each chunk alone"
        ? Stream.map(body, (bytes) => new TextDecoder().decode(bytes))
        : body.pipe(Stream.decodeText())

    const untilCut = (body: Stream.Stream<Uint8Array, EngineError.EngineError>) =>
      flaw === "swallows a reset" ? Stream.catchAll(body, () => Stream.empty) : body

    const events = ({
      mode,
      task
    }: ReasoningEngine.Request): Stream.Stream<ReasoningEngine.EngineEvent, EngineError.EngineError> => {
      const body = Stream.unwrap(
        Effect.map(post(task), (response) => untilCut(Stream.mapError(response.stream, network)))
      )
      const read = textIn(body).pipe(
        Stream.splitLines,
        Stream.map((line): Line => JSON.parse(line)),
        Stream.mapConcat(eventsOf)
      )
      switch (flaw) {
        case "swallows a cut":
        case "swallows a reset":
          return Stream.concat(read, Stream.make(ReasoningEngine.finish("stop", "lines-1")))
        case "adds counts up": {
          let sum = 0
          return Stream.map(read, (event) => {
            if (event._tag !== "Usage") return event
            sum += event.usage.outputTokens
            return ReasoningEngine.usage({ ...event.usage, outputTokens: sum })
          })
        }
        case "counts itself":
          return Stream.concat(Stream.make(ReasoningEngine.usage(TokenUsage.make({ outputTokens: 1 }))), read)
        case "drops blanks when streamed":
          return mode === "complete"
            ? read
            : Stream.filter(read, (event) => event._tag !== "TextDelta" || event.text.trim() !== "")
        case "leaks the key in a log":
          return Stream.tap(read, () => Effect.logDebug(`asked with ${key}`))
        case "buffers":
          return Stream.unwrap(Effect.map(Stream.runCollect(read), Stream.fromChunk))
        case "dies":
          return Stream.die("a bug")
        default:
          return read
      }
    }

    const engine = ReasoningEngine.fromStream({
      provider,
      capabilities: { tools: true, streaming: flaw !== "overpromises", systemPrompt: false },
      stream: events
    })
    if (flaw !== "ignores the cancel") return engine
    return ReasoningEngine.make({
      provider,
      attempt: (request) =>
        Effect.map(
          // A scope that nobody closes.
          Effect.flatMap(Scope.make(), (scope) => Scope.extend(engine.attempt(request), scope)),
          Effect.uninterruptible
        )
    })
  })

/** The engine under contract. */
export const subject = (flaw?: Flaw): EngineContract.Subject => ({
  name: "Lines",
  engine: (baseUrl) => make(baseUrl, flaw),
  secrets: [key],
  answer: (_, { counts, finishReason, pieces, ending, toolCalls, whole }) => ({
    status: 200,
    body: [
      ...pieces.map((text): Line => ({ text })),
      ...toolCalls.map((call): Line => ({ call })),
      ...(whole ? [...counts.map((count): Line => ({ count })), { finish: finishReason }] : [])
    ].map((line) => `${JSON.stringify(line)}\n`),
    ending
  }),
  errors: [
    {
      name: "401",
      error: { _tag: "AuthenticationError", status: 401 },
      reply: (_, said) => ({ status: 401, body: [said] })
    },
    {
      name: "429",
      error: { _tag: "RateLimitError", status: 429, retryAfterMs: 2000 },
      reply: (_, said) => ({ status: 429, headers: { "retry-after": "2" }, body: [said] })
    },
    {
      name: "500",
      error: { _tag: "TransientError", reason: "server" },
      reply: (_, said) => ({ status: 500, body: [said] })
    }
  ]
})
