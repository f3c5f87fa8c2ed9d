/** The gateways, databases and balancer of docs/compose. */
import * as Schema from "effect/Schema"
import { spawnSync } from "node:child_process"
import * as fs from "node:fs"
import { fileURLToPath } from "node:url"
import { assert, describe, it } from "vitest"
import * as yaml from "yaml"
import * as ConfigFile from "../src/cli/ConfigFile.js"

const directory = fileURLToPath(new URL("../docs/compose/", import.meta.url))
const read = (file: string): string => fs.readFileSync(`${directory}${file}`, "utf8")

const texts = Schema.Array(Schema.String)
const Service = Schema.Struct({
  user: Schema.String,
  read_only: Schema.Boolean,
  cap_drop: texts,
  security_opt: texts,
  restart: Schema.String,
  healthcheck: Schema.Struct({ test: texts }),
  networks: texts,
  environment: Schema.optionalWith(Schema.Record({ key: Schema.String, value: Schema.String }), {
    default: () => ({})
  }),
  ports: Schema.optionalWith(texts, { default: () => [] }),
  volumes: Schema.optionalWith(texts, { default: () => [] }),
  command: Schema.optionalWith(texts, { default: () => [] }),
  stop_grace_period: Schema.optional(Schema.String),
  depends_on: Schema.optionalWith(
    Schema.Record({ key: Schema.String, value: Schema.Struct({ condition: Schema.String }) }),
    { default: () => ({}) }
  )
})

const text = read("compose.yaml")
const compose = Schema.decodeUnknownSync(
  Schema.Struct({
    services: Schema.Record({ key: Schema.String, value: Service }),
    networks: Schema.Record({
      key: Schema.String,
      value: Schema.Struct({ internal: Schema.optional(Schema.Boolean) })
    }),
    volumes: Schema.Record({ key: Schema.String, value: Schema.Unknown })
  })
)(yaml.parse(text, { merge: true }))
const services = Object.entries(compose.services)
const gateways = services.filter(([name]) => name.startsWith("gateway-"))

const configuration = ConfigFile.parse("arc-saga.json", read("arc-saga.json"))

describe("the compose file", () => {
  it("has two gateways, what they share, and a balancer, each as little as it needs to be", () => {
    assert.sameMembers(
      services.map(([name]) => name),
      ["gateway-1", "gateway-2", "balancer", "redis", "postgres"]
    )
    for (const [name, service] of services) {
      assert.isTrue(service.read_only, name)
      assert.notInclude(["", "root", "0"], service.user, name)
      assert.deepStrictEqual(service.cap_drop, ["ALL"], name)
      assert.deepStrictEqual(service.security_opt, ["no-new-privileges:true"], name)
      assert.strictEqual(service.healthcheck.test[0], "CMD", name)
      for (const [other, { condition }] of Object.entries(service.depends_on)) {
        assert.property(compose.services, other)
        assert.strictEqual(condition, "service_healthy")
      }
      for (const network of service.networks) assert.property(compose.networks, network)
      for (const [source = "", , mode] of service.volumes.map((volume) => volume.split(":"))) {
        // What isn't data is a file beside it, and only read.
        if (source in compose.volumes) continue
        assert.isTrue(fs.existsSync(`${directory}${source}`), source)
        assert.strictEqual(mode, "ro", source)
      }
    }
    const [[, first], [, second]] = [gateways[0] ?? ["", undefined], gateways[1] ?? ["", undefined]]
    assert.deepStrictEqual(first, second)
  })

  it("opens the balancer alone, on this machine alone, and the databases to the gateways alone", () => {
    assert.deepStrictEqual(
      services.flatMap(([name, { ports }]) => ports.map((port) => [name, port])),
      [["balancer", "127.0.0.1:4000:4000"]]
    )
    assert.isTrue(compose.networks["state"]?.internal)
    for (const name of ["redis", "postgres"]) {
      assert.deepStrictEqual(compose.services[name]?.networks, ["state"])
    }
    assert.deepStrictEqual(compose.services["balancer"]?.networks, ["calls"])
  })

  it("has no secret", () => {
    for (const [name, { environment }] of services) {
      for (const [variable, value] of Object.entries(environment)) {
        if (!/KEY|PASSWORD|LEDGER/.test(variable)) continue
        assert.match(value, /\$\{(OPENAI_API_KEY|POSTGRES_PASSWORD):\?[^}]+\}/, `${name} ${variable}`)
        assert.notMatch(value.replaceAll(/\$\{[^}]*\}/g, ""), /:[^/@]+@/, `${name} ${variable}`)
      }
    }
    assert.notMatch(text + read("haproxy.cfg") + read("arc-saga.json"), /sk-|BEGIN|"apiKey"/)
  })

  it("configures gateways that the program takes, with what is in their environment", () => {
    assert(configuration._tag === "Right", configuration._tag === "Left" ? configuration.left.message : "")
    const { gateway, issuedKeys, providers = [], redis } = configuration.right
    assert.isDefined(issuedKeys)
    assert.strictEqual(redis?.share, 1 / gateways.length)
    for (const [name, { command, environment, stop_grace_period, volumes }] of gateways) {
      assert.property(environment, String(redis?.urlEnv), name)
      for (const { apiKeyEnv } of providers) assert.property(environment, String(apiKeyEnv), name)
      assert.match(environment["ARC_SAGA_LEDGER"] ?? "", /^postgres:\/\/\S/)
      assert.include(volumes, "./arc-saga.json:/etc/arc-saga/arc-saga.json:ro")
      assert.include(command, "/etc/arc-saga/arc-saga.json")
      assert.isAbove(
        Number.parseInt(stop_grace_period ?? "0", 10) * 1000,
        (gateway?.drainMs ?? 30_000) + 5000
      )
    }
  })

  it("has a balancer that looks whether gateways are ready, and asks nothing twice", () => {
    const lines = read("haproxy.cfg")
      .split("\n")
      .map((line) => line.trim())
    for (const line of [
      "option httpchk GET /readyz",
      "http-check expect status 200",
      "option http-no-delay",
      "retry-on conn-failure",
      "bind :4000"
    ]) {
      assert.include(lines, line)
    }
    assert.notInclude(lines, "option http-buffer-request")
    const servers = lines.filter((line) => line.startsWith("server "))
    const variables = servers.map((line) => /^server (\S+) "\$\{(\w+)\}"$/.exec(line)?.slice(1))
    assert.deepStrictEqual(
      variables.map((found) => [found?.[0], compose.services["balancer"]?.environment[found?.[1] ?? ""]]),
      gateways.map(([name]) => [name, `${name}:4000`])
    )
  })

  const isThere = spawnSync("haproxy", ["-v"]).status === 0

  it.runIf(isThere)("has a balancer that HAProxy takes", () => {
    const { status, stderr, stdout } = spawnSync("haproxy", ["-c", "-f", `${directory}haproxy.cfg`], {
      encoding: "utf8",
      env: { ...process.env, GATEWAY_1: "127.0.0.1:4001", GATEWAY_2: "127.0.0.1:4002" }
    })
    assert.strictEqual(status, 0, stdout + stderr)
    assert.notMatch(stdout + stderr, /WARNING/)
  })
})
