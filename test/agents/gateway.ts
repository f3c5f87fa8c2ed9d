/** The gateway as it is installed, between a client and servers whose models follow scripts. */
import { assert } from "@effect/vitest"
import { WireServer } from "arc-saga/testing"
import * as Arr from "effect/Array"
import * as Effect from "effect/Effect"
import * as Order from "effect/Order"
import type * as Scope from "effect/Scope"
import { type ChildProcess, spawn } from "node:child_process"
import * as fs from "node:fs"
import * as os from "node:os"
import * as path from "node:path"
import * as docs from "../utils/docs.js"
import { install } from "../utils/program.js"
import type { Wire } from "../../src/Wire.js"
import { folder } from "./installed.js"
import * as Recording from "./Recording.js"
import * as upstream from "./upstream.js"

/** A folder that is there as long as the scope is open. */
export const temporary: Effect.Effect<string, never, Scope.Scope> = Effect.acquireRelease(
  Effect.sync(() => fs.mkdtempSync(path.join(os.tmpdir(), "arc-saga-agents-"))),
  (directory) => Effect.sync(() => fs.rmSync(directory, { recursive: true, force: true, maxRetries: 3 }))
)

export { folder }

interface Options {
  readonly cwd: string
  readonly env: Readonly<Record<string, string>>
}

/** A program of its own, which is killed with the scope. Nothing of the caller's environment reaches it. */
const started = (
  command: string,
  args: ReadonlyArray<string>,
  { cwd, env }: Options
): Effect.Effect<ChildProcess, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.sync(() =>
      spawn(command, args, {
        cwd,
        env: { PATH: process.env["PATH"] ?? "", ...env },
        stdio: ["ignore", "pipe", "pipe"]
      })
    ),
    (child) =>
      Effect.async<void>((resume) => {
        if (child.exitCode !== null || child.signalCode !== null) return resume(Effect.void)
        child.once("close", () => resume(Effect.void))
        child.kill("SIGKILL")
      })
  )

export interface Ended {
  readonly code: number | null
  readonly out: string
  readonly err: string
}

/** Runs a program to its end. */
export const run = (
  command: string,
  args: ReadonlyArray<string>,
  options: Options
): Effect.Effect<Ended, never, Scope.Scope> =>
  Effect.flatMap(started(command, args, options), (child) =>
    Effect.async<Ended>((resume) => {
      let out = ""
      let err = ""
      child.stdout?.on("data", (piece) => (out += String(piece)))
      child.stderr?.on("data", (piece) => (err += String(piece)))
      child.once("close", (code) => resume(Effect.succeed({ code, out, err })))
    })
  )

/** The program of a client that is installed. */
export const clientBin = (name: string): string => path.join(folder, "node_modules", ".bin", name)

const listening = (child: ChildProcess): Effect.Effect<string> =>
  Effect.async<string>((resume) => {
    let said = ""
    child.stderr?.on("data", (piece) => {
      said += String(piece)
      const [, url] = /Listening at (http:\S+)\. /.exec(said) ?? []
      if (url !== undefined) resume(Effect.succeed(url))
    })
    child.once("close", () => resume(Effect.dieMessage(`the gateway ended: ${said}`)))
  })

/** A provider of the gateway: what its server speaks, and what its model says. */
export interface Provider {
  readonly api: "anthropic" | "openai"
  readonly script: upstream.Script
}

export interface Gateway {
  /** Where the client finds it. */
  readonly url: string
  /** What the client said and was told. */
  readonly exchanges: ReadonlyArray<Recording.Exchange>
  /** What reached the server of a provider. */
  readonly arrived: (provider: string) => Effect.Effect<ReadonlyArray<WireServer.Request>>
}

/** Starts the gateway over providers, each at a server of its own. Clients name the models of vendors. */
export const over = (
  providers: Readonly<Record<string, Provider>>
): Effect.Effect<Gateway, never, Scope.Scope | WireServer.WireServer> =>
  Effect.gen(function* () {
    const servers = yield* WireServer.WireServer
    const running = new Map<string, WireServer.Server>()
    for (const [id, { script }] of Object.entries(providers)) {
      running.set(id, yield* servers.serve(upstream.following(script)))
    }
    const directory = yield* temporary
    const config = {
      providers: Object.entries(providers).map(([id, { api }]) => ({
        id,
        api,
        baseUrl: `${running.get(id)?.url}${api === "openai" ? "/v1" : ""}`,
        model: `${id}-upstream`,
        apiKey: "test-key-of-the-gateway",
        ...(api === "openai"
          ? {
              wires: ["chatCompletions", "responses"],
              maxTokensField: "max_completion_tokens",
              capabilities: { images: true }
            }
          : {})
      })),
      ollama: false,
      gateway: {
        models: Object.fromEntries(
          Object.keys(providers).map((id) => [id === "claude" ? "claude-*" : "gpt-*", id])
        )
      }
    }
    const file = path.join(directory, "config.json")
    fs.writeFileSync(file, JSON.stringify(config), { mode: 0o600 })
    const bin = install(path.join(directory, "program"), false)
    const child = yield* started(process.execPath, [bin, "serve", "--port", "0", "--config", file], {
      cwd: directory,
      env: {}
    })
    const { exchanges, url } = yield* Recording.before(yield* listening(child))
    return {
      url,
      exchanges,
      arrived: (id) => running.get(id)?.requests ?? Effect.dieMessage(`no provider ${id}`)
    }
  })

const lines = (block: docs.Block): ReadonlyArray<readonly [string, string]> =>
  Array.from(block.code.matchAll(/^export (\w+)=(.*)$/gm), ([, name = "", value = ""]) => [name, value])

/** What docs/agents.md has below a heading: its lines for a shell, and its files, for this gateway. */
export const documented = ({ url }: Gateway, heading: string) => {
  const document = "docs/agents.md"
  const begins = docs.read(document).split("\n").indexOf(`## ${heading}`) + 1
  assert.isAbove(begins, 0, heading)
  const ends = docs
    .read(document)
    .split("\n")
    .findIndex((line, at) => at >= begins && line.startsWith("## "))
  const here = (text: string): string => text.replaceAll("http://127.0.0.1:4000", url)
  const blocks = docs.blocks.filter(
    (block) => block.document === document && block.line > begins && block.line <= ends
  )
  return {
    env: Object.fromEntries(blocks.flatMap(lines).map(([name, value]) => [name, here(value)])),
    files: new Map(blocks.flatMap(({ code, name }) => (name === undefined ? [] : [[name, here(code)]])))
  }
}

/** The calls of models among what a client said. */
export const callsOf = ({ exchanges }: Gateway): ReadonlyArray<Recording.Exchange> =>
  exchanges.filter(({ method, path }) => method === "POST" && upstream.wireOf(path) !== undefined)

/** Headers that a provider of the wire is to see as they are: not what says that a browser asks. */
const kept = (headers: Readonly<Record<string, string | ReadonlyArray<string> | undefined>>) =>
  Object.fromEntries(
    Object.entries(headers).filter(([name]) => /^(?:anthropic-(?!dangerous)|openai-beta)/.test(name))
  )

type Json = Readonly<Record<string, unknown>>

const bodyOf = (text: string): Json => JSON.parse(text)

/** What a chat's stream is asked for beside what the client asks for. */
const counted = (body: Json, wire: Wire | undefined): Json =>
  body["stream"] === true && wire === "chatCompletions" ? { stream_options: { include_usage: true } } : {}

const byMessages = Order.mapInput(Order.string, ({ body }: { readonly body: Json }) =>
  JSON.stringify(body["messages"] ?? body["input"])
)

/**
 * Asserts that all that the client said reached the server of a provider of the same wire as it was said, the
 * model's name aside, and that what the server says to that reached the client byte for byte.
 */
export const assertCarried = (gateway: Gateway, provider: string, script: upstream.Script) =>
  Effect.gen(function* () {
    const model = `${provider}-upstream`
    const calls = callsOf(gateway)
    assert.isNotEmpty(calls)
    const expected = calls.map(({ body, headers, path }) => {
      const said = bodyOf(body)
      const wire = upstream.wireOf(path)
      return { wire, headers: kept(headers), body: { ...said, ...counted(said, wire), model } }
    })
    const arrived = (yield* gateway.arrived(provider)).map(({ body, headers, path }) => ({
      wire: upstream.wireOf(path),
      headers: kept(headers),
      body: bodyOf(body)
    }))
    // Some ask two things at the same time.
    assert.deepStrictEqual(Arr.sort(arrived, byMessages), Arr.sort(expected, byMessages))
    for (const call of calls) {
      const answer = upstream.following(script)(call)
      assert.strictEqual(call.answer.status, answer.status, call.answer.body)
      assert.strictEqual(call.answer.body, answer.body.join(""))
    }
  })
