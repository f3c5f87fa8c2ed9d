/** `ask`: one prompt in, one answer out. */
import * as Args from "@effect/cli/Args"
import * as Command from "@effect/cli/Command"
import * as Options from "@effect/cli/Options"
import * as Chunk from "effect/Chunk"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Ref from "effect/Ref"
import * as Stream from "effect/Stream"
import * as AIResult from "../AIResult.js"
import * as AITask from "../AITask.js"
import { TaskService } from "../routing/TaskService.js"
import * as Chosen from "./Chosen.js"
import * as Composition from "./Composition.js"
import * as Configuration from "./Configuration.js"
import * as Flags from "./Flags.js"
import * as Format from "./Format.js"
import * as Inputs from "./Inputs.js"
import { UsageError } from "./Report.js"
import { type FileError, StandardStreams } from "./StandardStreams.js"

const efforts = AITask.Effort.literals

const options = {
  prompt: Args.text({ name: "PROMPT" }).pipe(
    Args.withDescription(
      "What to ask. Standard input is read when it is piped; with a prompt it is appended after a blank line"
    ),
    Args.optional
  ),
  strategy: Flags.strategy,
  provider: Flags.provider,
  model: Flags.model,
  complete: Options.boolean("complete").pipe(
    Options.withDescription("Print the answer when it is whole instead of as it arrives")
  ),
  system: Options.text("system").pipe(
    Options.withPseudoName("TEXT"),
    Options.withDescription("Instructions above the prompt"),
    Options.optional
  ),
  maxTokens: Options.optional(Flags.number("max-tokens", "The most tokens to write")),
  temperature: Options.optional(Flags.number("temperature", "From 0 (the likeliest words) to 2")),
  timeout: Options.optional(
    Flags.duration(
      "timeout",
      "How long the answer may take, retries and fallbacks included (10m); of a stream, until its first token"
    )
  ),
  image: Options.text("image").pipe(
    Options.withPseudoName("PATH"),
    Options.withDescription("An image to look at, a file or a URL; as often as there are images"),
    Options.repeated
  ),
  file: Options.text("file").pipe(
    Options.withPseudoName("PATH"),
    Options.withDescription("A document or a text to read, a file or a URL; as often as there are files"),
    Options.repeated
  ),
  reasoning: Flags.parsed(
    "reasoning",
    "EFFORT",
    `How much to think first: ${efforts.join(", ")}. What is thought goes to standard error`,
    (text) =>
      Either.fromNullable(
        efforts.find((effort) => effort === text),
        () => `one of ${efforts.join(", ")}`
      )
  ).pipe(Options.optional),
  tools: Options.text("tools").pipe(
    Options.withPseudoName("FILE"),
    Options.withDescription("Tools that may be called, as a JSON array; calls are printed, one a line"),
    Options.optional
  ),
  toolChoice: Options.text("tool-choice").pipe(
    Options.withPseudoName("CHOICE"),
    Options.withDescription("auto, none, required, or the name of the tool that has to be called"),
    Options.optional
  ),
  schema: Options.text("schema").pipe(
    Options.withPseudoName("FILE"),
    Options.withDescription("The JSON Schema that the answer is bound to"),
    Options.optional
  ),
  repair: Options.optional(
    Flags.number("repair", "Ask again, once or twice, where the answer isn't JSON that fits; prints it whole")
  ),
  json: Options.boolean("json").pipe(Options.withDescription("Print the whole result as one JSON document")),
  noFallback: Options.boolean("no-fallback").pipe(
    Options.withDescription("Ask no other provider when the first one fails")
  ),
  config: Flags.config
}

const readAll = (input: Stream.Stream<Uint8Array, FileError>): Effect.Effect<string, FileError> =>
  Effect.map(Stream.mkString(Stream.decodeText(input)), (text) => text.trimEnd())

/** How long standard input may say nothing before that is told. */
const patience = { pipe: "2 seconds", connection: "500 millis" } as const

/**
 * Standard input beside a prompt. The shell ends a pipe; a connection, which other programs open for what
 * they start, may stay open for ever, so that one which says nothing is left alone.
 */
const alongside = (
  streams: StandardStreams["Type"],
  source: "pipe" | "connection"
): Effect.Effect<string, FileError> =>
  Effect.gen(function* () {
    const begun = yield* Deferred.make<void>()
    const input = Stream.tap(streams.input, () => Deferred.succeed(begun, undefined))
    const reading = yield* Effect.fork(Effect.ensuring(readAll(input), Deferred.succeed(begun, undefined)))
    const isSilent = Option.isNone(yield* Effect.timeoutOption(Deferred.await(begun), patience[source]))
    if (isSilent && source === "connection") {
      yield* streams.writeError("Nothing came from standard input: asking without it.\n")
      yield* Fiber.interrupt(reading)
      return ""
    }
    if (isSilent) yield* streams.writeError("Waiting for standard input to end…\n")
    return yield* Fiber.join(reading)
  })

/** What to ask: the argument, standard input, or both with a blank line between them. */
export const promptOf = (
  argument: Option.Option<string>
): Effect.Effect<string, FileError | UsageError, StandardStreams> =>
  Effect.gen(function* () {
    const streams = yield* StandardStreams
    const { source } = streams
    const isPiped = source === "pipe" || source === "connection"
    if (Option.isSome(argument)) {
      const piped = isPiped ? yield* alongside(streams, source) : ""
      return piped === "" ? argument.value : `${argument.value}\n\n${piped}`
    }
    const piped = isPiped ? yield* readAll(streams.input) : ""
    return piped === ""
      ? yield* new UsageError({
          reason: 'There is nothing to ask. Give a prompt, ask "Why is the sky blue?", or pipe one in'
        })
      : piped
  })

/** A call of a tool, as a line of JSON. */
const callLine = ({ arguments: args, id, name }: AITask.ToolCall): string =>
  `${JSON.stringify({ id, name, arguments: args })}\n`

/** What ends the line that a text ends in. */
const newLine = (text: string): string => (text.endsWith("\n") ? "" : "\n")

/** Writes the answer as it arrives, and gives the result when it is whole. What is thought goes elsewhere. */
const streamed = (task: AITask.AITask, useFallback: boolean) =>
  Effect.gen(function* () {
    const streams = yield* StandardStreams
    const tasks = yield* TaskService
    const written = yield* Ref.make("\n")
    const thought = yield* Ref.make("\n")
    const result = yield* Ref.make(Option.none<AIResult.AIResult>())
    // The shell's prompt belongs on a line of its own, also after half an answer.
    const endLine = Effect.flatMap(Ref.get(written), (text) =>
      text.endsWith("\n") ? Effect.void : streams.write("\n")
    )
    const endThought = Effect.flatMap(Ref.getAndSet(thought, "\n"), (text) =>
      text.endsWith("\n") ? Effect.void : streams.writeError("\n")
    )
    yield* Stream.runForEachChunk(tasks.stream(task, { useFallback }), (events) =>
      Effect.gen(function* () {
        let text = ""
        for (const event of Chunk.toReadonlyArray(events)) {
          if (event._tag === "TextDelta") text += event.text
          if (event._tag === "ToolCall")
            text += newLine(text === "" ? yield* Ref.get(written) : text) + callLine(event.call)
          if (event._tag === "ReasoningDelta" && event.text !== "") {
            yield* streams.writeError(event.text)
            yield* Ref.set(thought, event.text)
          }
          if (event._tag === "Completed") yield* Ref.set(result, Option.some(event.result))
        }
        if (text === "") return
        yield* endThought
        yield* streams.write(text)
        yield* Ref.set(written, text)
      })
    ).pipe(
      Effect.ensuring(endThought),
      Effect.tapError((error) => (error._tag === "OutputClosedError" ? Effect.void : endLine)),
      Effect.onInterrupt(() => Effect.ignore(endLine))
    )
    yield* endLine
    // A stream that succeeds ends with its result.
    return yield* Effect.orDie(yield* Ref.get(result))
  })

const whole = (task: AITask.AITask, useFallback: boolean, json: boolean) =>
  Effect.gen(function* () {
    const streams = yield* StandardStreams
    const tasks = yield* TaskService
    const result = yield* tasks.complete(task, { useFallback })
    if (json) {
      yield* streams.write(`${JSON.stringify(AIResult.toJson(result))}\n`)
      return result
    }
    const { reasoning = [], text, toolCalls } = result
    for (const thought of reasoning) {
      if (thought.text !== "") yield* streams.writeError(`${thought.text}${newLine(thought.text)}`)
    }
    const calls = toolCalls.map(callLine).join("")
    yield* streams.write(text === "" && calls !== "" ? calls : `${text}${newLine(text)}${calls}`)
    return result
  })

/** The attempts that were given up, and may be charged all the same. */
const paidInVain = (attempts: ReadonlyArray<AIResult.Attempt>): ReadonlyArray<string> =>
  attempts.filter(AIResult.isPaidInVain).map(({ cost, durationMs, provider, usage }) => {
    const of = `${provider}, given up after ${Format.duration(durationMs)}`
    return `${Format.cost(cost, usage.estimated)} of it for ${of}`
  })

/** What choosing another provider than the baseline saved, or cost. */
const savedOf = (result: AIResult.AIResult): ReadonlyArray<string> =>
  Option.match(AIResult.saved(result), {
    onNone: () => [],
    onSome: (saved) => (result.baseline === undefined ? [] : [Format.saved(saved, result.baseline.provider)])
  })

/**
 * An answer on one line: who gave it, after how many attempts, how fast, for how much, and how much of that
 * went to attempts that were given up.
 */
export const summary = (result: AIResult.AIResult): string => {
  const firstToken = Option.match(result.firstTokenMs, {
    onNone: () => "",
    onSome: (ms) => `first token ${Format.duration(ms)}, `
  })
  const estimated = result.attempts.some(({ usage }) => usage.estimated)
  return Format.plain(
    [
      `${result.provider} (${result.model})`,
      result.attempts.length === 0 ? "given before" : Format.count(result.attempts.length, "attempt"),
      `${firstToken}total ${Format.duration(result.durationMs)}`,
      Format.tokens(result.usage),
      Format.cost(result.cost, estimated),
      ...savedOf(result),
      ...paidInVain(result.attempts)
    ].join(" · ")
  )
}

const optional = <A>(key: string, value: Option.Option<A>): Readonly<Record<string, A>> =>
  Option.match(value, { onNone: () => ({}), onSome: (given) => ({ [key]: given }) })

const toolChoiceOf = (choice: string): typeof AITask.ToolChoice.Type =>
  choice === "auto" || choice === "none" || choice === "required" ? choice : { name: choice }

/** The command. */
export const command = Command.make("ask", options, (given) =>
  Effect.gen(function* () {
    const streams = yield* StandardStreams
    const prompt = yield* promptOf(given.prompt)
    const parts = [
      ...(yield* Effect.forEach(given.image, Inputs.image)),
      ...(yield* Effect.forEach(given.file, Inputs.file))
    ]
    const task = yield* AITask.decodeUnknown({
      // Models read what is asked best behind what it is about.
      ...(parts.length === 0 || prompt.trim() === ""
        ? { prompt }
        : { messages: [{ role: "user", content: [...parts, { type: "text", text: prompt }] }] }),
      mode: given.complete || given.json || Option.isSome(given.repair) ? "complete" : "streaming",
      ...optional("systemPrompt", given.system),
      ...optional("maxTokens", given.maxTokens),
      ...optional("temperature", given.temperature),
      ...optional("timeoutMs", given.timeout),
      ...optional(
        "reasoning",
        Option.map(given.reasoning, (effort) => ({ effort, ...(effort === "none" ? {} : { show: true }) }))
      ),
      ...optional("tools", yield* Effect.transposeMapOption(given.tools, Inputs.tools)),
      ...optional("repair", given.repair),
      ...optional("toolChoice", Option.map(given.toolChoice, toolChoiceOf)),
      ...optional("responseFormat", yield* Effect.transposeMapOption(given.schema, Inputs.responseFormat)),
      ...(Option.isSome(given.provider) ? { provider: given.provider.value, pinned: true } : {})
    })
    const configuration = yield* Chosen.load(given)
    if (configuration.simulated) yield* streams.writeError(`${Configuration.simulatedNotice}\n`)
    const answer =
      task.mode === "streaming"
        ? streamed(task, !given.noFallback)
        : whole(task, !given.noFallback, given.json)
    const result = yield* Effect.provide(answer, Composition.layer(configuration, given.strategy))
    for (const warning of result.warnings) {
      yield* streams.writeError(`Note: ${Format.plain(warning)}\n`)
    }
    yield* streams.writeError(`${summary(result)}\n`)
  })
).pipe(Command.withDescription("Ask one thing and print the answer"))
