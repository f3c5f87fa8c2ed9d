/** Gateways of the program as processes of their own, and a provider that they ask. */
import { type ChildProcess, spawn } from "node:child_process"
import * as fs from "node:fs"
import * as http from "node:http"
import type { AddressInfo } from "node:net"
import * as os from "node:os"
import * as path from "node:path"
import { install } from "./program.js"

export interface Gateway {
  /** Without a slash at the end. */
  readonly url: string
  /** What it has said so far. */
  readonly said: () => string
}

export interface Answer {
  readonly status: number
  /** Names the call. */
  readonly id: string
  readonly text: string
}

/** A request that a provider got. */
export interface Asked {
  readonly at: number
  /** The prompt, by which a test knows whose call it was. */
  readonly prompt: string
}

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

/** Waits until something holds. */
export const until = async (holds: () => boolean | Promise<boolean>): Promise<void> => {
  while (!(await holds())) await sleep(20)
}

/** Runs something so often, evenly over so many milliseconds, whether what was begun has ended or not. */
export const evenly = async (
  times: number,
  overMs: number,
  run: (index: number) => Promise<unknown>
): Promise<void> => {
  const from = Date.now()
  const running: Array<Promise<unknown>> = []
  for (let index = 0; index < times; index++) {
    const wait = from + (index * overMs) / times - Date.now()
    if (wait > 0) await sleep(wait)
    running.push(run(index))
  }
  await Promise.all(running)
}

/** What tests of processes start, and what is removed with it. */
export const make = () => {
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), "arc-saga-gateways-"))
  const bin = install(directory, true)
  const children: Array<ChildProcess> = []
  const servers: Array<http.Server> = []

  /** A provider that charges 10 tokens read and 5 written for an answer, once a test lets it answer. */
  const provider = async (answered: () => { readonly status: number; readonly afterMs: number }) => {
    const asked: Array<Asked> = []
    let charged = 0
    let underWay = 0
    let most = 0
    const server = http.createServer((request, response) => {
      let body = ""
      request.on("data", (chunk) => (body += String(chunk)))
      request.on("end", () => {
        const { messages }: { messages: ReadonlyArray<{ content: string }> } = JSON.parse(body)
        asked.push({ at: Date.now(), prompt: messages.at(-1)?.content ?? "" })
        most = Math.max(most, ++underWay)
        const { afterMs, status } = answered()
        setTimeout(() => {
          underWay--
          if (status === 200) charged++
          response.writeHead(status, { "content-type": "application/json" }).end(
            JSON.stringify({
              model: "m-1",
              choices: [{ index: 0, message: { role: "assistant", content: "Yes" }, finish_reason: "stop" }],
              usage: { prompt_tokens: 10, completion_tokens: 5, total_tokens: 15 }
            })
          )
        }, afterMs)
      })
    })
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
    servers.push(server)
    // Node gives the address of a server that listens at a port.
    const { port } = server.address() as AddressInfo
    return {
      url: `http://127.0.0.1:${port}/v1`,
      asked,
      charged: () => charged,
      /** The most calls that were under way at a time. */
      most: () => most
    }
  }

  /** Starts so many with one configuration, and waits until they listen. */
  const serve = async (count: number, config: object): Promise<ReadonlyArray<Gateway>> => {
    const file = path.join(directory, `config-${children.length}.json`)
    fs.writeFileSync(file, JSON.stringify({ ollama: false, ...config }))
    const started = Array.from({ length: count }, () => {
      const child = spawn(process.execPath, [bin, "serve", "--port", "0", "--config", file], {
        cwd: directory,
        env: { PATH: process.env["PATH"] ?? "" },
        stdio: ["ignore", "ignore", "pipe"]
      })
      children.push(child)
      let output = ""
      child.stderr.on("data", (chunk) => (output += String(chunk)))
      const address = () => /Listening at (http:\/\/\S+:\d+)\./.exec(output)?.[1]
      return { address, said: () => output, isOver: () => child.exitCode !== null }
    })
    return Promise.all(
      started.map(async ({ address, isOver, said }) => {
        await until(() => address() !== undefined || isOver())
        return { url: address() ?? assertListening(said()), said }
      })
    )
  }

  const assertListening = (said: string): never => {
    throw new Error(said)
  }

  /** Sends a request and reads all of what is answered. */
  const request = (method: string, url: string, key: string | undefined, body?: object): Promise<Answer> =>
    new Promise((resolve, reject) => {
      const sent = http.request(
        url,
        {
          method,
          // One that is kept may be closed just when it is used.
          agent: false,
          headers: {
            ...(key === undefined ? {} : { authorization: `Bearer ${key}` }),
            ...(body === undefined ? {} : { "content-type": "application/json" })
          }
        },
        (response) => {
          let text = ""
          response.on("data", (chunk) => (text += String(chunk)))
          response.on("error", reject)
          response.on("end", () =>
            resolve({
              status: response.statusCode ?? 0,
              id: String(response.headers["x-request-id"] ?? ""),
              text
            })
          )
        }
      )
      sent.on("error", reject)
      sent.end(body === undefined ? undefined : JSON.stringify(body))
    })

  return {
    directory,
    provider,
    request,
    serve,
    /** Asks a gateway, which makes no other attempt than the one. */
    ask: (gateway: Gateway | undefined, key: string, model: string, prompt = key): Promise<Answer> =>
      request("POST", `${gateway?.url}/v1/chat/completions`, key, {
        model,
        max_tokens: 5,
        messages: [{ role: "user", content: prompt }]
      }),
    stop: async (): Promise<void> => {
      for (const server of servers) {
        server.closeAllConnections()
        server.close()
      }
      for (const child of children) child.kill("SIGKILL")
      await until(() =>
        children.every(({ exitCode, signalCode }) => exitCode !== null || signalCode !== null)
      )
      fs.rmSync(directory, { recursive: true, force: true })
    }
  }
}
