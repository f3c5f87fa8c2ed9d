/**
 * A provider as it is configured, and its engine.
 *
 * @since 0.1.0
 */
import type * as HttpClient from "@effect/platform/HttpClient"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import type * as AIProvider from "../AIProvider.js"
import * as Claude from "../engines/Claude.js"
import * as OpenAICompatible from "../engines/OpenAICompatible.js"
import { InvalidArgumentError } from "../InvalidArgument.js"
import * as Price from "../Price.js"
import type * as ReasoningEngine from "../ReasoningEngine.js"
import * as ConfigFile from "./ConfigFile.js"
import * as Server from "./Server.js"

/**
 * Who is signed in at a provider that is asked on a user's behalf.
 *
 * @since 0.1.0
 * @category models
 */
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
 *
 * @since 0.1.0
 * @category models
 */
export type Status =
  | {
      readonly _tag: "Ready"
      readonly engine: ReasoningEngine.ReasoningEngine
      /** Asks its server whether it is there; absent when there is no server. */
      readonly probe?: Effect.Effect<Server.Answer, never, HttpClient.HttpClient>
      /** Absent where nobody has to sign in. */
      readonly signIn?: SignIn
    }
  | {
      readonly _tag: "Off"
      readonly why: string
      /** Whether it is configured all the same, so that nothing stands in for it. */
      readonly isConfigured: boolean
    }
  | { readonly _tag: "Broken"; readonly error: ConfigFile.ConfigurationError }

/**
 * A provider that is configured, or could be.
 *
 * @since 0.1.0
 * @category models
 */
export interface Provider {
  readonly id: AIProvider.AIProvider
  readonly model: Option.Option<string>
  readonly price: Option.Option<Price.Options>
  readonly p50LatencyMs: Option.Option<number>
  readonly p99LatencyMs: Option.Option<number>
  readonly quality: Option.Option<number>
  /** Where it is configured. */
  readonly origin: string
  readonly status: Status
  /** Whether it was merely found while others are configured, so that it is asked by its name alone. */
  readonly byNameOnly: boolean
}

/**
 * What is known of a provider besides its engine.
 *
 * @since 0.1.0
 * @category models
 */
export interface Described {
  readonly id: AIProvider.AIProvider
  readonly model?: string | undefined
  readonly price?: Price.Options | undefined
  readonly p50LatencyMs?: number | undefined
  readonly p99LatencyMs?: number | undefined
  readonly quality?: number | undefined
}

/**
 * @since 0.1.0
 * @category constructors
 */
export const make = (described: Described, origin: string, status: Status): Provider => ({
  id: described.id,
  model: Option.fromNullable(described.model),
  price: Option.orElse(Option.fromNullable(described.price), () =>
    status._tag === "Ready" ? Option.map(status.engine.price, Price.toOptions) : Option.none()
  ),
  p50LatencyMs: Option.fromNullable(described.p50LatencyMs),
  p99LatencyMs: Option.fromNullable(described.p99LatencyMs),
  quality: Option.fromNullable(described.quality),
  origin,
  status,
  byNameOnly: false
})

/**
 * Whether it is configured, whatever became of it.
 *
 * @since 0.1.0
 * @category getters
 */
export const isConfigured = ({ status }: Provider): boolean => status._tag !== "Off" || status.isConfigured

/**
 * It isn't configured, for want of something.
 *
 * @since 0.1.0
 * @category constructors
 */
export const off = (why: string): Status => ({ _tag: "Off", why, isConfigured: false })

/**
 * It is configured and takes no part, for a reason.
 *
 * @since 0.1.0
 * @category constructors
 */
export const away = (why: string): Status => ({ _tag: "Off", why, isConfigured: true })

/**
 * What is configured for it can't be used.
 *
 * @since 0.1.0
 * @category constructors
 */
export const broken = (file: string, field: string, reason: string): Status => ({
  _tag: "Broken",
  error: new ConfigFile.ConfigurationError({ file, field, reason })
})

/**
 * A server: where it is, and what it speaks.
 *
 * @since 0.1.0
 * @category models
 */
export interface Reached {
  readonly speaks: "chat completions" | "messages"
  readonly baseUrl: string
  readonly apiKey: Option.Option<Redacted.Redacted>
  readonly model: string
  readonly maxTokensField?: OpenAICompatible.Options["maxTokensField"] | undefined
  readonly completeOver?: OpenAICompatible.Options["completeOver"] | undefined
  readonly toolCallIds?: OpenAICompatible.Options["toolCallIds"] | undefined
  readonly capabilities?: Partial<ReasoningEngine.Capabilities>
  readonly maxAnswerCharacters?: number | undefined
}

const probeLimit = "2 seconds"

const versionHeader = { "anthropic-version": Claude.defaultVersion }

/** How a server of each kind is asked, and whether it is there. */
const reach = (reached: Reached, described: Described, price: Price.Price | undefined) => {
  const { apiKey, baseUrl, capabilities, maxAnswerCharacters, model } = reached
  const common = {
    provider: described.id,
    baseUrl,
    model,
    ...(capabilities === undefined ? {} : { capabilities }),
    ...(maxAnswerCharacters === undefined ? {} : { maxAnswerCharacters }),
    ...(price === undefined ? {} : { price })
  }
  if (reached.speaks === "messages") {
    return Effect.map(
      Option.match(apiKey, {
        onNone: () =>
          Effect.fail(
            new InvalidArgumentError({
              subject: "Claude",
              field: "apiKey",
              reason: "Expected a key, actual none"
            })
          ),
        onSome: (key) => Effect.map(Claude.make({ ...common, apiKey: key }), (engine) => ({ engine, key }))
      }),
      ({ engine, key }) => ({
        engine,
        probe: Server.models({
          baseUrl: `${baseUrl.replace(/(?<!\/)\/+$/, "").replace(/\/v1$/, "")}/v1`,
          headers: { ...versionHeader, "x-api-key": Redacted.value(key) },
          limit: probeLimit
        })
      })
    )
  }
  const key = Option.match(apiKey, { onNone: () => ({}), onSome: (apiKey) => ({ apiKey }) })
  return Effect.map(
    OpenAICompatible.make({
      ...common,
      ...key,
      maxTokensField: reached.maxTokensField,
      completeOver: reached.completeOver,
      toolCallIds: reached.toolCallIds
    }),
    (engine) => ({ engine, probe: Server.models({ baseUrl, ...key, limit: probeLimit }) })
  )
}

/**
 * The engine of a server; `blame` says whose field an error is.
 *
 * @since 0.1.0
 * @category constructors
 */
export const server = (
  described: Described,
  reached: Reached,
  blame: (error: InvalidArgumentError) => Status
): Effect.Effect<Status, never, HttpClient.HttpClient> =>
  Effect.gen(function* () {
    const price = described.price === undefined ? undefined : yield* Price.make(described.price)
    const { engine, probe } = yield* reach(reached, described, price)
    return { _tag: "Ready", engine, probe } as const
  }).pipe(Effect.catchAll((error) => Effect.succeed(blame(error))))
