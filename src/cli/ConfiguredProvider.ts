/** A provider as it is configured, and its engine. */
import type * as HttpClient from "@effect/platform/HttpClient"
import type * as Arr from "effect/Array"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Equal from "effect/Equal"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Record from "effect/Record"
import * as Claude from "../engines/Claude.js"
import * as OpenAI from "../engines/OpenAI.js"
import * as OpenAICompatible from "../engines/OpenAICompatible.js"
import type { Given } from "../internal/options.js"
import { InvalidArgumentError } from "../InvalidArgument.js"
import * as Price from "../Price.js"
import type * as ReasoningEngine from "../ReasoningEngine.js"
import type * as Pool from "../reliability/Pool.js"
import * as ConfigFile from "./ConfigFile.js"
import * as Identity from "./Identity.js"
import * as Server from "./Server.js"

/** Who is signed in at a provider that is asked on a user's behalf. */
export interface SignIn {
  readonly user: string
  /** When the access token ends, in milliseconds of the Clock. */
  readonly expiresAt: number
  /** Whether there will be another one without a new sign-in. */
  readonly renewable: boolean
}

/**
 * Whether a provider can be asked: it has an engine; it takes no part, for a reason; or what is configured
 * for it can't be used.
 */
export type Status =
  | {
      readonly _tag: "Ready"
      readonly engine: ReasoningEngine.ReasoningEngine
      /** Asks its server whether it is there; absent when there is no server. */
      readonly probe?: Effect.Effect<Server.Answer, never, HttpClient.HttpClient>
      /** Absent where no user has to sign in. */
      readonly signIn?: SignIn
      /** Has other processes know which of its members are out; absent where it isn't a pool. */
      readonly share?: Pool.Pool["share"]
    }
  | {
      readonly _tag: "Off"
      readonly why: string
      /** Whether it is configured all the same, so that nothing stands in for it. */
      readonly isConfigured: boolean
    }
  | { readonly _tag: "Broken"; readonly error: ConfigFile.ConfigurationError }

/** A provider as a file, or the environment, describes it. It has an address where it is a server. */
export type Described = Pick<ConfigFile.Provider, "id"> & Given<ConfigFile.Provider>

/** A server as it is described. */
export type ServerDescribed = Described & Pick<ConfigFile.Provider, "baseUrl" | "model">

/** A provider that is configured, or could be. */
export interface Provider extends Pick<
  Described,
  "id" | "model" | "p50LatencyMs" | "p99LatencyMs" | "price" | "quality"
> {
  /** Where it is configured. */
  readonly origin: string
  readonly status: Status
  /** All that it is made of, secrets too: one with the same can stay where it is made anew. */
  readonly settings: Redacted.Redacted
  /** Whether it was merely found while others are configured, so that it is asked by its name alone. */
  readonly byNameOnly: boolean
}

export const make = (
  described: Described,
  origin: string,
  status: Status,
  /** What it is made of, where that is more than its description. */
  settings: unknown = described
): Provider => ({
  id: described.id,
  model: described.model,
  price:
    described.price ??
    (status._tag === "Ready"
      ? Option.getOrUndefined(Option.map(status.engine.price, Price.toOptions))
      : undefined),
  p50LatencyMs: described.p50LatencyMs,
  p99LatencyMs: described.p99LatencyMs,
  quality: described.quality,
  origin,
  status,
  settings: Identity.of(settings),
  byNameOnly: false
})

/** The same providers, with the engines that the ones before have, where they are made of the same. */
export const kept = (
  providers: ReadonlyArray<Provider>,
  before: ReadonlyArray<Provider>
): ReadonlyArray<Provider> =>
  providers.map((each) => {
    const same = before.find(({ id, settings }) => id === each.id && Equal.equals(settings, each.settings))
    return each.status._tag === "Ready" && same?.status._tag === "Ready"
      ? { ...each, status: same.status }
      : each
  })

/** Whether it is configured, whatever became of it. */
export const isConfigured = ({ status }: Provider): boolean => status._tag !== "Off" || status.isConfigured

/** It isn't configured, for want of something. */
export const off = (why: string): Status => ({ _tag: "Off", why, isConfigured: false })

/** It is configured and takes no part, for a reason. */
export const away = (why: string): Status => ({ _tag: "Off", why, isConfigured: true })

/** What is configured for it can't be used. */
export const broken = (file: string, field: string, reason: string): Status => ({
  _tag: "Broken",
  error: new ConfigFile.ConfigurationError({ file, field, reason })
})

/** Whether an address is OpenAI's own, or that of one of its regions. */
const isOpenAI = (baseUrl: string): boolean => /^https:\/\/(?:\w+\.)?api\.openai\.com\/v1\/*$/i.test(baseUrl)

const probeLimit = "2 seconds"

/** The engine of a server of each kind, and how it is asked whether it is there. */
const reach = (
  server: ServerDescribed,
  capabilities: Given<ReasoningEngine.Capabilities>,
  price: Price.Price | undefined
) => {
  const {
    api,
    apiKey,
    baseUrl,
    completeOver,
    headers,
    id,
    includeUsage,
    maxAnswerCharacters,
    maxTokensField,
    model,
    toolCallIds,
    wires
  } = server
  const options = {
    provider: id,
    baseUrl,
    model,
    capabilities,
    headers: headers && Record.map(headers, Redacted.value),
    maxAnswerCharacters,
    price
  }
  if (api === "anthropic") {
    if (apiKey === undefined) {
      const reason = "Expected a key, actual none"
      return Effect.fail(new InvalidArgumentError({ subject: "Claude", field: "apiKey", reason }))
    }
    const probe = Server.models({
      baseUrl: `${baseUrl.replace(/(?<!\/)\/+$/, "").replace(/\/v1$/, "")}/v1`,
      headers: { "anthropic-version": Claude.defaultVersion, "x-api-key": Redacted.value(apiKey) },
      limit: probeLimit
    })
    return Effect.map(Claude.make({ ...options, apiKey }), (engine) => ({ engine, probe }))
  }
  const probe = Server.models({ baseUrl, apiKey, limit: probeLimit })
  return Effect.map(
    OpenAICompatible.make({
      ...options,
      apiKey,
      maxTokensField: maxTokensField ?? (isOpenAI(baseUrl) ? "max_completion_tokens" : undefined),
      completeOver,
      toolCallIds,
      includeUsage,
      wires: wires ?? (isOpenAI(baseUrl) ? ["chatCompletions", "responses"] : undefined),
      extraFields: isOpenAI(baseUrl)
    }),
    (engine) => ({ engine, probe })
  )
}

/** A member of a pool as it is configured. */
export interface Member {
  readonly name: string
  readonly weight: number | undefined
  readonly status: Status
}

/** Who can be asked, or why not. */
const readyOf = ({ name, status, weight }: Member) =>
  status._tag === "Ready" ? Either.right({ ...status, name, weight }) : Either.left(status)

const memberOf = ({ engine, name, weight }: Pool.MemberOptions): Pool.MemberOptions => ({
  engine,
  name,
  weight
})

/** Several servers as one; what the first is that can't be used, where there is one. */
export const pooled = ([first, ...others]: Arr.NonEmptyReadonlyArray<Member>): Effect.Effect<Status> =>
  Either.match(Either.all({ first: readyOf(first), others: Either.all(others.map(readyOf)) }), {
    onLeft: (status) => Effect.succeed<Status>(status),
    onRight: ({ first, others }) =>
      // They are of one provider at one price, and their names were checked when they were read.
      Effect.promise(() => import("../reliability/Pool.js")).pipe(
        Effect.flatMap(({ make }) =>
          Effect.orDie(make({ members: [memberOf(first), ...others.map(memberOf)] }))
        ),
        Effect.map((engine) => ({ ...first, engine, share: engine.share }))
      )
  })

/** The provider that a server is; `blame` says whose field an error is. */
export const server = (
  described: ServerDescribed,
  origin: string,
  blame: (error: InvalidArgumentError) => Status
): Effect.Effect<Provider, never, HttpClient.HttpClient> =>
  Effect.gen(function* () {
    const { contextWindow, price, reasoning } = described
    const capabilities = {
      ...(isOpenAI(described.baseUrl) ? OpenAI.defaultCapabilities : {}),
      ...described.capabilities,
      contextWindow: contextWindow === undefined ? undefined : Option.some(contextWindow),
      reasoning
    }
    const made = price === undefined ? undefined : yield* Price.make(price)
    return { _tag: "Ready", ...(yield* reach(described, capabilities, made)) } as const
  }).pipe(
    Effect.catchAll((error) => Effect.succeed(blame(error))),
    Effect.map((status) => make(described, origin, status))
  )
