/** Entra ID with a server of the tests, in virtual time. */
import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import type * as HttpClient from "@effect/platform/HttpClient"
import * as Chunk from "effect/Chunk"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import type * as Scope from "effect/Scope"
import * as TestClock from "effect/TestClock"
import * as EntraId from "../../src/auth/EntraId.js"
import * as TokenStore from "../../src/auth/TokenStore.js"
import type { InvalidArgumentError } from "../../src/InvalidArgument.js"
import * as EntraServer from "./EntraServer.js"

/** What a test needs: the server, the service under test, and its store. */
export interface World {
  readonly server: EntraServer.EntraServer
  readonly entraId: EntraId.Service
  readonly store: TokenStore.Service
  /** Another service over the same store: another process. */
  readonly another: Effect.Effect<EntraId.Service, InvalidArgumentError, Scope.Scope>
}

/** A world whose server gives these answers. */
export const world = (
  replies: ReadonlyArray<EntraServer.Reply | EntraServer.Fault> = [],
  changes: Partial<EntraId.Options> = {},
  client: Layer.Layer<HttpClient.HttpClient> = FetchHttpClient.layer
): Effect.Effect<World, InvalidArgumentError, Scope.Scope> =>
  Effect.gen(function* () {
    const server = yield* EntraServer.make(...replies)
    const store = Context.get(yield* Layer.build(TokenStore.layerMemory), TokenStore.TokenStore)
    const another = EntraId.make({
      clientId: "app",
      tenantId: "contoso.com",
      scopes: ["Chat.Read", "offline_access"],
      baseUrl: server.url,
      ...changes
    }).pipe(Effect.provideService(TokenStore.TokenStore, store), Effect.provide(yield* Layer.build(client)))
    return { server, store, entraId: yield* another, another }
  })

/** Time for what is under way between two sockets. */
export const pause: Effect.Effect<void> = Effect.promise(
  () => new Promise((resolve) => setTimeout(resolve, 30))
)

/** Waits for as long as sockets take, whatever the virtual clock says, until something holds. */
export const until = <E>(holds: Effect.Effect<boolean, E>): Effect.Effect<void, E> =>
  Effect.asVoid(
    Effect.repeat(
      Effect.zipRight(
        Effect.promise(() => new Promise((resolve) => setTimeout(resolve, 1))),
        holds
      ),
      { until: (held) => held }
    )
  )

/** Waits until something sleeps until a moment of virtual time. */
export const sleeping = (moment: number): Effect.Effect<void> =>
  until(Effect.map(TestClock.sleeps(), (sleeps) => Chunk.contains(sleeps, moment)))

/** Waits until something sleeps until a moment of virtual time, then lets that moment come. */
export const sleepUntil = (moment: number): Effect.Effect<void> =>
  Effect.zipRight(sleeping(moment), TestClock.setTime(moment))

/** The text of a token that was given. */
export const text = <E, R>(token: Effect.Effect<Redacted.Redacted, E, R>): Effect.Effect<string, E, R> =>
  Effect.map(token, Redacted.value)

/** What is stored of a user. */
export const storedText = (store: TokenStore.Service, userId: string) =>
  Effect.map(
    store.get(userId),
    Option.map((tokens) => [
      Redacted.value(tokens.accessToken),
      Option.getOrUndefined(Option.map(tokens.refreshToken, Redacted.value))
    ])
  )
