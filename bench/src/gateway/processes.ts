/** The processes of the comparison: a provider that is made up, and the gateways before it. */
import { type ChildProcess, fork, spawn } from "node:child_process"
import { once } from "node:events"
import { mkdtempSync, readFileSync, writeFileSync } from "node:fs"
import { createServer } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"

/** Where a chat completion is asked for. */
export interface Target {
  readonly name: string
  readonly port: number
  readonly headers: Readonly<Record<string, string>>
  /** The gateway's process; none where the provider is asked directly. */
  readonly pid: number | undefined
}

const children: Array<ChildProcess> = []

/** Ends what was started. */
export const end = (): void => {
  for (const child of children) child.kill("SIGKILL")
}

/** Ends one; its workers end with it. */
export const stop = ({ pid }: Target): void => {
  children.find((child) => child.pid === pid)?.kill("SIGKILL")
}

const freePort = async (): Promise<number> => {
  const server = createServer().listen(0, "127.0.0.1")
  await once(server, "listening")
  const address = server.address()
  server.close()
  await once(server, "close")
  return typeof address === "object" && address !== null ? address.port : 0
}

const answers = async (url: string): Promise<void> => {
  const limit = performance.now() + 30_000
  for (;;) {
    try {
      await fetch(url)
      return
    } catch (error) {
      if (performance.now() > limit) throw error
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
  }
}

/** The provider, asked directly. */
export const upstream = async (tokens: number, pace: number): Promise<Target> => {
  const child = fork(new URL("upstream.mjs", import.meta.url), [String(tokens), String(pace)])
  children.push(child)
  const [port]: Array<unknown> = await once(child, "message")
  return { name: "direct", port: Number(port), headers: {}, pid: undefined }
}

/** A program that listens at a port. */
const started = async (
  name: string,
  args: ReadonlyArray<string>,
  port: number,
  headers: Target["headers"]
): Promise<Target> => {
  const child = spawn(process.execPath, args, {
    stdio: ["ignore", "ignore", "inherit"],
    env: { PATH: process.env["PATH"] ?? "", NODE_ENV: "production" }
  })
  children.push(child)
  await answers(`http://127.0.0.1:${port}/`)
  return { name, port, headers, pid: child.pid }
}

/** How many processes serve, and where they count the calls of a limit that is never reached; no limit when absent. */
interface Scale {
  readonly workers: number
  readonly redis: string | undefined
}

/** Whether all workers serve: a gateway answers as soon as the first does. */
const allServe = async (port: number, workers: number): Promise<void> => {
  const limit = performance.now() + 60_000
  for (;;) {
    const text = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text()
    if (workers === 1 || text.match(/_worker_up\{\S+ 1$/gm)?.length === workers) return
    if (performance.now() > limit) throw new Error("the workers don't serve")
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}

export const arcSaga = async (
  provider: Target,
  flags: ReadonlyArray<string> = [],
  scale?: Scale
): Promise<Target> => {
  const folder = mkdtempSync(join(tmpdir(), "arc-saga-bench-"))
  const file = join(folder, "config.json")
  const baseUrl = `http://127.0.0.1:${provider.port}/v1`
  writeFileSync(
    file,
    JSON.stringify({
      ollama: false,
      providers: [{ id: "mock", baseUrl, model: "mock", completeOver: "json" }],
      ...(scale === undefined ? {} : { rateLimits: { mock: { requestsPerMinute: 10_000_000 } } }),
      ...(scale?.redis === undefined ? {} : { redis: { url: scale.redis, prefix: `${folder}:` } })
    })
  )
  const port = await freePort()
  const serve = new URL("../../dist/bin.js", import.meta.url).pathname
  const workers = scale?.workers ?? 1
  const args = ["serve", "--port", String(port), "--config", file, "--workers", String(workers)]
  const target = await started("arc-saga", [...flags, serve, ...args], port, {})
  await allServe(port, workers)
  return target
}

/** Effect's HTTP server and client with nothing in between. */
export const bare = async (provider: Target): Promise<Target> => {
  const port = await freePort()
  const upstream = `http://127.0.0.1:${provider.port}/v1/chat/completions`
  const proxy = new URL("bare.mjs", import.meta.url).pathname
  return started("@effect/platform alone", [proxy, String(port), upstream], port, {})
}

export const portkey = async (provider: Target): Promise<Target> => {
  const port = await freePort()
  const server = new URL("../node_modules/@portkey-ai/gateway/build/start-server.js", import.meta.url)
    .pathname
  return started("@portkey-ai/gateway", [server, `--port=${port}`, "--headless"], port, {
    "x-portkey-provider": "openai",
    "x-portkey-custom-host": `http://127.0.0.1:${provider.port}/v1`
  })
}

const ticksPerSecond = 100

/** The processor's time of a process until now, in milliseconds; of Linux alone. */
export const cpuMs = (pid: number): number => {
  // The second field is the name, in brackets, and may hold anything.
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]?.split(" ") ?? []
  return ((Number(fields[11]) + Number(fields[12])) * 1000) / ticksPerSecond
}

/** The memory of a process that is in use, in MiB. */
export const rssMiB = (pid: number): number =>
  Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]) / 1024
