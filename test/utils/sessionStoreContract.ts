/** What every store of sessions does. */
import { assert, it } from "@effect/vitest"
import { AIProvider, SessionStore } from "arc-saga"
import * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"

export const entry = ({
  provider = "claude",
  ...fields
}: Partial<Omit<SessionStore.Entry, "provider">> & {
  readonly provider?: string
} = {}): SessionStore.Entry => ({
  provider: AIProvider.unsafeMake(provider),
  startedAt: 0,
  calls: 1,
  counted: true,
  marked: false,
  characters: 40_000,
  inputTokens: 10_000,
  firstTokens: 10_000,
  outputTokens: 100,
  readTokens: 0,
  writtenTokens: 0,
  hourTokens: 0,
  missed: false,
  ...fields
})

/** A new store. */
export type Made<E> = Effect.Effect<Layer.Layer<SessionStore.SessionStore, E>, never, Scope.Scope>

const byProvider = (entries: ReadonlyArray<SessionStore.Entry>): ReadonlyArray<SessionStore.Entry> =>
  entries.toSorted((left, right) => (left.provider < right.provider ? -1 : 1))

export const sessionStoreContract = <E>(made: Made<E>): void => {
  const test = (name: string, body: (store: SessionStore.Service) => Effect.Effect<void>) =>
    it.scoped(name, () =>
      Effect.flatMap(made, (layer) => Effect.provide(Effect.flatMap(SessionStore.SessionStore, body), layer))
    )

  test("knows nothing of a session that it was never told of", (store) =>
    Effect.gen(function* () {
      yield* store.put("a", entry())
      assert.deepStrictEqual(yield* store.get("b"), [])
    }))

  test("keeps one entry of each provider, the last, and all of its numbers", (store) =>
    Effect.gen(function* () {
      const claude = entry({ startedAt: 7, calls: 2, marked: true, readTokens: 9000, hourTokens: 5 })
      const gpt = entry({ provider: "gpt4", counted: false, missed: true, writtenTokens: 12 })
      yield* store.put("a", entry())
      yield* store.put("a", gpt)
      yield* store.put("a", claude)
      assert.deepStrictEqual(byProvider(yield* store.get("a")), [claude, gpt])
    }))

  test("keeps sessions apart, whatever their names are made of", (store) =>
    Effect.gen(function* () {
      const names = ["a", "a:b", '["a","b"]', "á\u0000", "a\n", " "]
      yield* Effect.forEach(names, (name, index) => store.put(name, entry({ calls: index })))
      const kept = yield* Effect.forEach(names, (name) => store.get(name))
      assert.deepStrictEqual(
        kept.map((entries) => entries.map(({ calls }) => calls)),
        names.map((_, index) => [index])
      )
    }))

  test("takes what many say at once, each of its provider", (store) =>
    Effect.gen(function* () {
      const providers = Array.from({ length: 20 }, (_, index) => `p${index}`)
      yield* Effect.forEach(providers, (provider) => store.put("a", entry({ provider })), {
        concurrency: "unbounded"
      })
      assert.sameMembers(
        (yield* store.get("a")).map(({ provider }): string => provider),
        providers
      )
    }))
}
