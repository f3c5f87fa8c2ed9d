/** Listens for HTTP at an address of this machine, and asks others: what `serve` needs of the platform. */
import type * as HttpClient from "@effect/platform/HttpClient"
import type * as HttpServer from "@effect/platform/HttpServer"
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"

/** Where to listen. */
export interface At {
  /** A name or an address of this machine. */
  readonly host: string
  /** 0 for any that is free. */
  readonly port: number
}

/** Nothing can listen there. */
export class ListenError extends Schema.TaggedError<ListenError>("arc-saga/cli/ListenError")("ListenError", {
  host: Schema.String,
  port: Schema.Number,
  reason: Schema.String
}) {
  override get message(): string {
    return `Can't listen at ${this.host}, port ${this.port}: ${this.reason}. Choose another by --host and --port, or stop what listens there`
  }
}

/** Where a gateway is, in words. */
export const announcement = (address: string): string =>
  `Listening at ${address}. Base URL: ${address}/v1 (OpenAI), ${address} (Anthropic). What goes on: ${address}/\n`

/** What a server is made of. */
export interface Service {
  /** A server that listens for as long as the Layer lives. */
  readonly listen: (at: At) => Layer.Layer<HttpServer.HttpServer, ListenError>
  /**
   * Tells, until the scope closes, whenever the process is to take its configuration anew. Windows has no signal that
   * says so.
   */
  readonly onReload: (told: () => void) => Effect.Effect<unknown, never, Scope.Scope>
  /** Names this process among those that serve together. */
  readonly instance: string
  /** A client that many requests cost little. */
  readonly client: Layer.Layer<HttpClient.HttpClient>
}

/** Listens. */
export class Listener extends Context.Tag("arc-saga/cli/Listener")<Listener, Service>() {}
