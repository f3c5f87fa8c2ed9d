/** Calls that name what one provider keeps: who is asked, and what is told where that one can't be. */
import { assert, describe, it } from "@effect/vitest"
import {
  AIProvider,
  AITask,
  Budgets,
  CircuitBreaker,
  EngineError,
  type InvalidArgument,
  Pool,
  ProviderRouter,
  RateLimits,
  ReasoningEngine,
  ReasoningEngineRegistry,
  StateOwners,
  type Wire
} from "arc-saga"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Exit from "effect/Exit"
import * as FastCheck from "effect/FastCheck"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/TestClock"
import * as kept from "../../src/wire/kept.js"
import { runs } from "../utils/property.js"

const A = AIProvider.unsafeMake("a")
const B = AIProvider.unsafeMake("b")
const P = AIProvider.unsafeMake("pool")

/** A server that keeps what it answers, and knows only that. */
class Vendor {
  readonly own = new Set<string>()
  /** Ids of others that it was shown. */
  readonly foreign: Array<string> = []
  asked = 0
  failure: EngineError.EngineError | undefined
  /** Whether it takes calls and says nothing. */
  isSilent = false

  constructor(readonly name: string) {}

  engine(provider: AIProvider.AIProvider, wires: ReadonlyArray<Wire.Wire> = ["responses"]) {
    return ReasoningEngine.make({
      provider,
      wires,
      attempt: ({ task }) =>
        Effect.suspend(() => {
          this.asked++
          for (const { id } of kept.of(task)?.named ?? []) {
            if (!this.own.has(id) && id.startsWith("resp_")) this.foreign.push(id)
          }
          if (this.isSilent) return Effect.never
          if (this.failure !== undefined) return Effect.fail(this.failure)
          const id = `resp_${this.name}_${this.asked}`
          this.own.add(id)
          return Effect.succeed(
            Effect.succeed([
              ReasoningEngine.textDelta(id),
              ReasoningEngine.finish("stop", "m", { kept: [id] })
            ])
          )
        })
    })
  }
}

/** Another provider is asked at once, where one may. */
const without = (provider: AIProvider.AIProvider) =>
  new EngineError.QuotaExhaustedError({ provider, description: "no credit" })

const routerOf = (
  engines: ReadonlyArray<ReasoningEngine.ReasoningEngine>,
  owners: Effect.Effect<StateOwners.Service, InvalidArgument.InvalidArgumentError> = StateOwners.makeMemory(),
  around: Layer.Layer<never> = Layer.empty
) =>
  Effect.map(
    Layer.build(
      ProviderRouter.layer().pipe(
        Layer.provide(around),
        Layer.provide(ReasoningEngineRegistry.layerEngines(engines)),
        Layer.provide(Layer.effect(StateOwners.StateOwners, Effect.orDie(owners)))
      )
    ),
    Context.get(ProviderRouter.ProviderRouter)
  )

const asking = (options: Partial<AITask.Options> = {}, id?: string): AITask.AITask =>
  Either.getOrThrow(
    AITask.decodeUnknown({
      prompt: "Hi",
      ...(id === undefined ? {} : { options: { responses: { previous_response_id: id } } }),
      ...options
    })
  )

const poolOf = (east: Vendor, west: Vendor) =>
  Pool.make({
    members: [
      { name: "east", engine: east.engine(P) },
      { name: "west", engine: west.engine(P) }
    ]
  })

const reasonOf = (error: { readonly _tag: string }): string =>
  error instanceof StateOwners.StateUnavailableError ? error.reason : error._tag

describe("a call that names what one provider keeps", () => {
  /** Two providers and a pool of two, and a router over them. */
  const world = Effect.gen(function* () {
    const vendors = {
      a: new Vendor("a"),
      b: new Vendor("b"),
      east: new Vendor("east"),
      west: new Vendor("west")
    }
    const pool = yield* poolOf(vendors.east, vendors.west)
    const engines = [vendors.a.engine(A), vendors.b.engine(B), pool]
    const router = yield* routerOf(engines)
    return { ...vendors, vendors: Object.values(vendors), engines, router }
  })

  const steps = FastCheck.array(
    FastCheck.oneof(
      FastCheck.record({
        what: FastCheck.constant("ask" as const),
        provider: FastCheck.constantFrom(A, B, P),
        /** From which of the answers so far it goes on: a new one from none. */
        from: FastCheck.option(FastCheck.nat(), { nil: undefined }),
        mode: FastCheck.constantFrom<AITask.Mode>("complete", "streaming"),
        pinned: FastCheck.boolean()
      }),
      FastCheck.record({
        what: FastCheck.constant("break" as const),
        which: FastCheck.nat(3),
        works: FastCheck.boolean()
      })
    ),
    { maxLength: 30 }
  )

  it.scoped.prop(
    "reaches the one that keeps it and shows it to no other, whoever is named, down or asked before",
    { steps },
    ({ steps }) =>
      Effect.gen(function* () {
        const { router, vendors } = yield* world
        const answers: Array<string> = []
        const makerOf = (id: string): Vendor | undefined => vendors.find(({ own }) => own.has(id))
        for (const step of steps) {
          if (step.what === "break") {
            const vendor = vendors[step.which]
            if (vendor !== undefined) vendor.failure = step.works ? undefined : without(P)
            continue
          }
          const id = step.from === undefined ? undefined : answers[step.from % Math.max(1, answers.length)]
          const before = new Map(vendors.map((vendor) => [vendor, vendor.asked]))
          const task = asking({ provider: step.provider, pinned: step.pinned }, id)
          const answered = yield* Effect.either(
            step.mode === "complete"
              ? router.complete(task)
              : Effect.map(
                  Stream.runLast(router.stream(task)),
                  (last) =>
                    Option.getOrThrow(Option.filter(last, (event) => event._tag === "Completed")).result
                )
          )
          if (Either.isRight(answered)) answers.push(answered.right.text)
          if (id === undefined) continue
          const asked = vendors.filter((vendor) => vendor.asked !== before.get(vendor))
          const maker = makerOf(id)
          assert.includeMembers([maker], asked)
          if (Either.isRight(answered)) assert.strictEqual(makerOf(answered.right.text), maker)
        }
        assert.deepStrictEqual(
          vendors.flatMap(({ foreign }) => foreign),
          []
        )
      }),
    runs()
  )

  it.scoped("is answered by the one that keeps it in place of the one that is named, which is told", () =>
    Effect.gen(function* () {
      const { b, router } = yield* world
      const { text } = yield* router.complete(asking({ provider: B, pinned: true }))
      const next = yield* router.complete(asking({ provider: A, pinned: true }, text))
      assert.strictEqual(next.provider, B)
      assert.deepStrictEqual(next.warnings, [
        "b was asked in place of a, because it keeps previous_response_id"
      ])
      assert.strictEqual(b.asked, 2)
      const again = yield* router.complete(asking({ provider: B }, next.text))
      assert.deepStrictEqual(again.warnings, [])
    })
  )

  it.scoped("fails as the one that keeps it does, and goes on there when it is back", () =>
    Effect.gen(function* () {
      const { a, b, router } = yield* world
      const { text } = yield* router.complete(asking({ provider: B }))
      b.failure = without(B)
      const sole = yield* Effect.flip(router.complete(asking({}, text), { useFallback: false }))
      assert.strictEqual(sole._tag, "QuotaExhaustedError")
      const chained = yield* Effect.flip(router.complete(asking({}, text)))
      assert(chained._tag === "AllProvidersFailedError")
      assert.deepStrictEqual(
        chained.attempts.map(({ provider }) => provider),
        [B]
      )
      assert.strictEqual(a.asked, 0)
      b.failure = undefined
      assert.strictEqual((yield* router.complete(asking({}, text))).provider, B)
    })
  )

  it.scoped("goes back to its member of a pool, and fails with what that one fails with", () =>
    Effect.gen(function* () {
      const { east, router, west } = yield* world
      const ids = []
      for (let count = 0; count < 4; count++) ids.push((yield* router.complete(asking({ provider: P }))).text)
      assert.deepStrictEqual([east.asked, west.asked], [2, 2])
      for (const id of ids) yield* router.complete(asking({ provider: P }, id))
      assert.deepStrictEqual([east.asked, west.asked], [4, 4])
      west.failure = without(P)
      const ofWest = ids.find((id) => west.own.has(id))
      for (let count = 0; count < 2; count++) {
        const error = yield* Effect.flip(router.complete(asking({}, ofWest), { useFallback: false }))
        assert.strictEqual(error._tag, "QuotaExhaustedError")
      }
      // Once it is known to be out, it isn't asked.
      assert.deepStrictEqual([east.asked, west.asked], [4, 5])
    })
  )

  it.scoped("is refused where it isn't known who of several keeps it, and goes where but one can", () =>
    Effect.gen(function* () {
      const { a, b, engines, router, vendors } = yield* world
      const asked = (options: Partial<AITask.Options>) =>
        Effect.map(Effect.flip(router.complete(asking(options, "resp_x"))), reasonOf)
      assert.strictEqual(yield* asked({}), "unknown")
      assert.strictEqual(yield* asked({ provider: A }), "unknown")
      // No caller can name a member.
      assert.strictEqual(yield* asked({ provider: P, pinned: true }), "unknown")
      assert.strictEqual(yield* asked({ provider: AIProvider.Claude, pinned: true }), "unspoken")
      assert.isTrue(vendors.every((vendor) => vendor.asked === 0))
      const named = yield* router.complete(asking({ provider: A, pinned: true }, "resp_x"))
      assert.strictEqual(named.provider, A)
      // Who has answered is known to keep it.
      assert.strictEqual(
        (yield* router.complete(asking({ provider: B, pinned: true }, "resp_x"))).provider,
        A
      )
      assert.deepStrictEqual([a.asked, b.asked], [2, 0])
      const messages = new Vendor("m").engine(AIProvider.Claude, ["messages"])
      const alone = yield* routerOf([messages, ...engines.slice(1, 2)])
      assert.strictEqual((yield* alone.complete(asking({}, "resp_x"))).provider, B)
      const nobody = yield* Effect.flip((yield* routerOf([messages])).complete(asking({}, "resp_x")))
      assert.strictEqual(reasonOf(nobody), "unspoken")
      const container = asking({ options: { messages: { container: "c" } } })
      assert.strictEqual(
        (yield* (yield* routerOf([...engines, messages])).complete(container)).provider,
        "claude"
      )
    })
  )

  it.scoped("is refused where the one that keeps it isn't there, or mustn't be asked", () =>
    Effect.gen(function* () {
      const { a, b, engines, router, west } = yield* world
      const owners = yield* StateOwners.makeMemory()
      yield* owners.put(["of-b"], { provider: B })
      yield* owners.put(["of-east"], { provider: P, member: "east" })
      yield* owners.put(["of-south"], { provider: P, member: "south" })
      const other = yield* routerOf(
        [a.engine(A), yield* poolOf(new Vendor("x"), west)],
        Effect.succeed(owners)
      )
      const failed = (id: string) => Effect.map(Effect.flip(other.complete(asking({}, id))), reasonOf)
      assert.strictEqual(yield* failed("of-b"), "gone")
      assert.strictEqual(yield* failed("of-south"), "gone")
      const apart = { nativeTools: [{ wire: "responses", value: { file_ids: ["of-b"] } }] } as const
      assert.strictEqual(reasonOf(yield* Effect.flip(other.complete(asking(apart, "of-east")))), "apart")
      const { text } = yield* router.complete(asking({ provider: B }))
      const unavailable = yield* Effect.flip(router.complete(asking({}, text), { unavailable: new Set([B]) }))
      assert.strictEqual(reasonOf(unavailable), "unavailable")
      const forbidden = asking({ providers: [A] }, text)
      assert.strictEqual(reasonOf(yield* Effect.flip(router.complete(forbidden))), "unavailable")
      // Of those that may be asked, one alone can have it.
      assert.strictEqual((yield* router.complete(asking({ providers: [A] }, "resp_y"))).provider, A)
      assert.deepStrictEqual([a.asked, b.asked, west.asked, engines.length], [1, 1, 0, 3])
    })
  )

  it.scoped("says what a wire lacks of a call as it came, where no provider of its wire can be asked", () =>
    Effect.gen(function* () {
      const claude = new Vendor("m").engine(AIProvider.Claude, ["messages"])
      const router = yield* routerOf([claude])
      const original = {
        wire: "responses",
        body: { previous_response_id: "resp_x" },
        requires: ["previous_response_id"]
      } as const
      const error = yield* Effect.flip(router.complete(asking({ original })))
      assert.strictEqual(error._tag, "InputValidationError")
      assert.include(error.message, "previous_response_id")
    })
  )
})

describe("a call for the one provider that keeps what it names", () => {
  const open = { consecutiveFailures: 1, openMs: 1e9, maxOpenMs: 1e9 }
  const rows: ReadonlyArray<
    readonly [string, Layer.Layer<never, InvalidArgument.InvalidArgumentError>, string]
  > = [
    ["circuit is open", CircuitBreaker.layer(open), "TransientError"],
    ["limit is used up", RateLimits.layer({ providers: { b: { requestsPerMinute: 1 } } }), "RateLimitError"],
    [
      "budget is used up",
      Budgets.layer({ budgets: [{ name: "once", scope: "overall", period: "day", tokens: 500 }] }),
      "BudgetExceededError"
    ]
  ]

  it.scoped.each(rows)("is told that its %s, and no other is asked", ([, around, tag]) =>
    Effect.gen(function* () {
      const [a, b] = [new Vendor("a"), new Vendor("b")]
      const engines = [a.engine(A), b.engine(B)]
      const router = yield* routerOf(engines, StateOwners.makeMemory(), Layer.orDie(around))
      const { text } = yield* router.complete(asking({ provider: B, maxTokens: 20 }))
      const next = asking({ maxTokens: 500 }, text)
      if (tag === "TransientError") {
        b.failure = new EngineError.TransientError({ provider: B, reason: "server", description: "down" })
        const asked = yield* Effect.fork(router.complete(next, { useFallback: false }))
        // As long as it is asked again.
        yield* TestClock.adjust("20 seconds")
        assert.isTrue(Exit.isFailure(yield* Fiber.await(asked)))
      }
      const before = b.asked
      for (const useFallback of [false, true]) {
        const error = yield* Effect.flip(router.complete(next, { useFallback }))
        const cause = error._tag === "AllProvidersFailedError" ? error.primary : error
        assert.strictEqual(cause._tag, tag)
        if (cause._tag === "TransientError") assert.strictEqual(cause.reason, "circuit-open")
      }
      assert.deepStrictEqual([a.asked, b.asked], [0, before])
    })
  )

  it.scoped("reaches no other where its caller gives it up, and goes there again", () =>
    Effect.gen(function* () {
      const [a, b] = [new Vendor("a"), new Vendor("b")]
      const router = yield* routerOf([a.engine(A), b.engine(B)])
      const { text } = yield* router.complete(asking({ provider: B }))
      b.isSilent = true
      const fiber = yield* Effect.fork(router.complete(asking({ provider: A }, text)))
      yield* TestClock.adjust(10)
      yield* Fiber.interrupt(fiber)
      b.isSilent = false
      assert.deepStrictEqual([a.asked, b.asked], [0, 2])
      assert.strictEqual((yield* router.complete(asking({ provider: A }, text))).provider, B)
    })
  )
})

describe("who keeps what, in memory", () => {
  it.effect("is known by every id, each owner once, until there are too many or it is too long ago", () =>
    Effect.gen(function* () {
      const { get, put } = yield* StateOwners.makeMemory({ capacity: 3, keptMs: 1000 })
      const ofA = { provider: A }
      const east = { provider: P, member: "east" }
      yield* put(["1", "2"], ofA)
      yield* put(["3"], east)
      assert.deepStrictEqual(yield* get(["1", "2", "3", "4"]), [ofA, east])
      yield* TestClock.adjust(600)
      // What is used again stays.
      yield* put(["1"], ofA)
      yield* put(["4"], { provider: B })
      assert.deepStrictEqual(yield* get(["2"]), [])
      assert.deepStrictEqual(yield* get(["1"]), [ofA])
      yield* TestClock.adjust(600)
      assert.deepStrictEqual(yield* get(["3"]), [])
      assert.deepStrictEqual(yield* get(["1", "4"]), [ofA, { provider: B }])
    })
  )

  it.effect("refuses numbers that are out of range", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(Layer.build(StateOwners.layerMemory({ capacity: 0 })))
      assert.strictEqual(error.field, "capacity")
    }).pipe(Effect.scoped)
  )

  it("tells in words what can be done", () => {
    const said = (reason: StateOwners.StateUnavailableError["reason"]) =>
      new StateOwners.StateUnavailableError({
        field: "file_id",
        id: "f",
        reason,
        owners: [{ provider: A }, { provider: P, member: "east" }]
      }).message
    assert.include(
      said("unknown"),
      'file_id "f" not found: it isn\'t known which of a, pool (member east) keeps it'
    )
    assert.include(said("gone"), "isn't there any more")
    assert.include(said("unavailable"), "mustn't be asked now")
    assert.include(said("apart"), "kept by several")
    assert.include(said("unspoken"), "no provider speaks the wire")
  })
})
