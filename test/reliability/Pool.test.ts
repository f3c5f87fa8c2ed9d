/** Several keys as one provider, in virtual time: who is asked, who is left out, and what the caller is told. */
import { assert, describe, it } from "@effect/vitest"
import {
  AIProvider,
  AITask,
  EngineError,
  MultiLLMOrchestrator,
  Pool,
  Price,
  RateLimits,
  ReasoningEngine,
  ReasoningEngineRegistry,
  TaskService
} from "arc-saga"
import { Behaviour, ScriptedEngine } from "arc-saga/testing"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as FastCheck from "effect/FastCheck"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as TestClock from "effect/TestClock"
import { logged } from "../utils/logged.js"
import { runs } from "../utils/property.js"
import { collect, textOf } from "../utils/scripted.js"

const house = AIProvider.unsafeMake("house")
const taskOf = (options: Partial<AITask.Options> = {}) =>
  Either.getOrThrow(AITask.make({ prompt: "Why?", ...options }))

const says = (text: string): Behaviour.Behaviour => Behaviour.answer({ text })
const refused = Behaviour.fail({ _tag: "AuthenticationError" })
const broke = Behaviour.fail({ _tag: "QuotaExhaustedError" })
const limited = (retryAfterMs?: number) =>
  Behaviour.fail({ _tag: "RateLimitError", ...(retryAfterMs === undefined ? {} : { retryAfterMs }) })

type Scripts = Readonly<Record<string, ScriptedEngine.Script>>

/** A pool of scripted members by name, and those members. */
const poolOf = (
  scripts: Scripts,
  options: Pool.Settings & { readonly weights?: Readonly<Record<string, number>> } = {}
) =>
  Effect.gen(function* () {
    const { weights = {}, ...settings } = options
    const named = yield* Effect.forEach(Object.entries(scripts), ([name, script]) =>
      Effect.map(ScriptedEngine.make({ provider: house, model: "m", script }), (made) => ({ name, made }))
    )
    const [first, ...others] = named.map(({ made, name }) => ({
      name,
      engine: made.engine,
      weight: weights[name]
    }))
    if (first === undefined) throw new Error("no member")
    const pool = yield* Pool.make({ ...settings, members: [first, ...others] })
    const asked = Effect.map(
      Effect.forEach(named, ({ made }) => made.calls),
      (calls) => calls.map(({ length }) => length)
    )
    const open = Effect.map(
      Effect.forEach(named, ({ made }) => made.open),
      (counts) => counts.reduce((sum, count) => sum + count, 0)
    )
    const ask = (task = taskOf()) => Effect.map(collect(pool, { task, mode: "complete" }), textOf)
    return { ask, asked, open, pool }
  })

describe("a pool", () => {
  const rotating: ReadonlyArray<readonly [string, Behaviour.Behaviour]> = [
    ["AuthenticationError", refused],
    ["QuotaExhaustedError", broke],
    ["RateLimitError", limited()],
    ["RateLimitError", Behaviour.fail({ _tag: "RateLimitError" }, { afterMs: 0, during: "pull" })]
  ]
  it.effect.each(rotating)(
    "goes on with the next member within the same attempt after %s",
    ([_tag, behaviour]) =>
      Effect.gen(function* () {
        const { exit, lines } = yield* logged(
          Effect.gen(function* () {
            const { ask, asked, open, pool } = yield* poolOf({ a: [behaviour], b: [says("b")] })
            assert.strictEqual(yield* ask(), "b")
            assert.strictEqual(yield* ask(), "b")
            assert.deepStrictEqual(yield* asked, [1, 2])
            assert.strictEqual(yield* open, 0)
            const [a, b] = yield* pool.members
            assert.deepStrictEqual(
              Option.map(a?.out ?? Option.none(), ({ error }) => error._tag),
              Option.some(_tag)
            )
            assert.deepStrictEqual([a?.underWay, b?.underWay, b?.out], [0, 0, Option.none()])
          })
        )
        assert.strictEqual(exit._tag, "Success")
        assert.deepStrictEqual(
          lines.filter(({ name }) => name === "pool_member_out").map(({ level }) => level),
          ["WARN"]
        )
      })
  )

  const staying = [
    "InputValidationError",
    "ContextLengthError",
    "ContentPolicyError",
    "ModelNotFoundError"
  ] as const
  it.effect.each(staying)("fails as its member does with %s, and doesn't leave it out", (_tag) =>
    Effect.gen(function* () {
      const { ask, asked, pool } = yield* poolOf({ a: [Behaviour.fail({ _tag }), says("a")], b: [says("b")] })
      assert.strictEqual((yield* Effect.flip(ask()))._tag, _tag)
      assert.deepStrictEqual(yield* asked, [1, 0])
      assert.isTrue((yield* pool.members).every(({ out }) => Option.isNone(out)))
    })
  )

  it.effect("leaves what else fails to its caller, whose next attempt goes to another member", () =>
    Effect.gen(function* () {
      const overloaded = Behaviour.fail({ _tag: "TransientError" })
      const { ask, asked } = yield* poolOf({ a: [overloaded, says("a")], b: [says("b")] })
      assert.strictEqual((yield* Effect.flip(ask()))._tag, "TransientError")
      assert.strictEqual(yield* ask(), "b")
      assert.strictEqual(yield* ask(), "b")
      yield* TestClock.adjust("5 seconds")
      assert.strictEqual(yield* ask(), "a")
      assert.deepStrictEqual(yield* asked, [2, 2])
      // Where no other is left it is asked all the same.
      const alone = yield* poolOf({ a: [overloaded, says("a")], b: [refused] })
      yield* Effect.flip(alone.ask())
      assert.strictEqual(yield* alone.ask(), "a")
    })
  )

  it.effect("never goes on elsewhere once something of the answer has come", () =>
    Effect.gen(function* () {
      const { ask, asked } = yield* poolOf({
        a: [
          Behaviour.failAfter({
            chunks: ["a", "b"],
            after: 1,
            msPerChunk: 10,
            error: { _tag: "RateLimitError" }
          })
        ],
        b: [says("b")]
      })
      const fiber = yield* Effect.fork(Effect.flip(ask()))
      yield* TestClock.adjust("1 second")
      assert.strictEqual((yield* Fiber.join(fiber))._tag, "RateLimitError")
      assert.deepStrictEqual(yield* asked, [1, 0])
    })
  )

  it.effect(
    "fails as its key does only when all keys are refused, and finds out by one call when that is over",
    () =>
      Effect.gen(function* () {
        const back = (name: string): ScriptedEngine.Script => [
          refused,
          Behaviour.answer({ text: name, firstTokenMs: 100 })
        ]
        const { ask, asked } = yield* poolOf({ a: back("a"), b: back("b") }, { refusedMs: 30_000 })
        assert.strictEqual((yield* Effect.flip(ask()))._tag, "AuthenticationError")
        // Nobody is asked meanwhile.
        assert.strictEqual((yield* Effect.flip(ask()))._tag, "AuthenticationError")
        assert.deepStrictEqual(yield* asked, [1, 1])
        yield* TestClock.adjust("30 seconds")
        const five = yield* Effect.fork(
          Effect.all(
            Array.from({ length: 5 }, () => Effect.either(ask())),
            { concurrency: "unbounded" }
          )
        )
        yield* TestClock.adjust("1 second")
        // One for each of the two keys.
        assert.strictEqual((yield* Fiber.join(five)).filter(Either.isRight).length, 2)
        assert.deepStrictEqual(yield* asked, [2, 2])
        yield* Effect.all([Effect.fork(ask()), Effect.fork(ask())])
        yield* TestClock.adjust("1 second")
        assert.deepStrictEqual(yield* asked, [3, 3])
      })
  )

  it.effect("has the next call find out where the one that was to was given up", () =>
    Effect.gen(function* () {
      const { ask, asked } = yield* poolOf(
        { a: [refused, Behaviour.never(), says("a")] },
        { refusedMs: 1000 }
      )
      yield* Effect.flip(ask())
      yield* TestClock.adjust("1 second")
      const first = yield* Effect.fork(ask())
      yield* TestClock.adjust("1 second")
      yield* Effect.flip(ask())
      yield* Fiber.interrupt(first)
      assert.strictEqual(yield* ask(), "a")
      assert.deepStrictEqual(yield* asked, [3])
    })
  )

  it.effect("says when the first of its members takes calls again, where one is limited", () =>
    Effect.gen(function* () {
      const { ask } = yield* poolOf({
        a: [limited(9000), says("a")],
        b: [limited(4000), says("b")],
        c: [refused],
        d: [broke]
      })
      const error = yield* Effect.flip(ask())
      assert.deepInclude(error, { _tag: "RateLimitError", provider: house, retryAfterMs: 4000 })
      yield* TestClock.adjust("1 second")
      assert.deepInclude(yield* Effect.flip(ask()), { retryAfterMs: 3000 })
      yield* TestClock.adjust("3 seconds")
      assert.strictEqual(yield* ask(), "b")
      const poor = yield* poolOf({ a: [broke], b: [refused] })
      assert.strictEqual((yield* Effect.flip(poor.ask()))._tag, "QuotaExhaustedError")
    })
  )

  it.effect(
    "leaves a member alone whose provider says that its limit is spent, as long as there are others",
    () =>
      Effect.gen(function* () {
        const spent = Behaviour.answer({
          text: "a",
          rateLimits: { requests: { remaining: 0, resetAt: 60_000 } }
        })
        const { ask, pool } = yield* poolOf({ a: [spent], b: [says("b")] })
        assert.strictEqual(yield* ask(), "a")
        for (const _ of [1, 2, 3]) assert.strictEqual(yield* ask(), "b")
        yield* TestClock.adjust("1 minute")
        assert.strictEqual(yield* ask(), "a")
        const events = (yield* collect(pool, { task: taskOf(), mode: "complete" })).flat()
        assert.isFalse(events.some(({ _tag }) => _tag === "RateLimits"))
        const alone = yield* poolOf({ a: [spent] })
        assert.deepStrictEqual([yield* alone.ask(), yield* alone.ask()], ["a", "a"])
      })
  )

  it.effect("doesn't take one user's sign-in for its key", () =>
    Effect.gen(function* () {
      const engine = (error: EngineError.EngineError) =>
        ReasoningEngine.make({ provider: house, attempt: () => Effect.fail(error) })
      const own = new EngineError.AuthenticationError({
        provider: house,
        description: "sign in",
        userId: "u"
      })
      const pool = yield* Pool.make({
        members: [
          { name: "a", engine: engine(own) },
          { name: "b", engine: engine(own) }
        ]
      })
      assert.strictEqual(
        yield* Effect.flip(Effect.scoped(Effect.asVoid(pool.attempt({ task: taskOf(), mode: "complete" })))),
        own
      )
      assert.isTrue((yield* pool.members).every(({ out }) => Option.isNone(out)))
    })
  )
})

describe("a pool's shares", () => {
  it.effect("are its weights, one call after the other", () =>
    Effect.gen(function* () {
      const { ask, asked } = yield* poolOf(
        { a: [says("a")], b: [says("b")], c: [says("c")] },
        { weights: { a: 5, b: 3, c: 2 } }
      )
      yield* Effect.replicateEffect(ask(), 100)
      assert.deepStrictEqual(yield* asked, [50, 30, 20])
    })
  )

  it.effect("are its weights of the calls under way", () =>
    Effect.gen(function* () {
      const slow = [Behaviour.answer({ text: "a", firstTokenMs: 1000 })] as const
      const { ask, asked, pool } = yield* poolOf({ a: slow, b: slow }, { weights: { a: 3 } })
      const all = yield* Effect.fork(
        Effect.all(
          Array.from({ length: 40 }, () => ask()),
          { concurrency: "unbounded" }
        )
      )
      yield* TestClock.adjust("1 millis")
      assert.deepStrictEqual(
        (yield* pool.members).map(({ underWay }) => underWay),
        [30, 10]
      )
      yield* TestClock.adjust("1 second")
      yield* Fiber.join(all)
      assert.deepStrictEqual(yield* asked, [30, 10])
    })
  )

  it.effect("leave a session where it is, and move it only while its member is out", () =>
    Effect.gen(function* () {
      const names = ["a", "b", "c", "d"]
      const script: ScriptedEngine.Script = ({ task }) =>
        Effect.succeed(task.metadata?.["limit"] === "yes" ? limited(1000) : says("x"))
      const { ask, asked } = yield* poolOf(Object.fromEntries(names.map((name) => [name, script])), {
        weights: { d: 2 }
      })
      const sessions = Array.from({ length: 200 }, (_, index) => `session-${index}`)
      const homes = new Map<string, number>()
      const keys = [{ session: "by name" }, { cacheKey: "by key" }].map((named) => taskOf(named))
      for (const task of keys) {
        const before = yield* asked
        yield* Effect.replicateEffect(ask(task), 3)
        assert.isTrue((yield* asked).some((count, index) => count === (before[index] ?? 0) + 3))
      }
      for (const session of sessions) {
        const before = yield* asked
        for (const _ of [1, 2, 3]) yield* ask(taskOf({ session }))
        const after = yield* asked
        const home = after.findIndex((count, index) => count === (before[index] ?? 0) + 3)
        assert.isAtLeast(home, 0, session)
        homes.set(session, home)
      }
      const shares = names.map(
        (_, index) => Array.from(homes.values()).filter((home) => home === index).length
      )
      for (const [index, share] of shares.entries()) {
        const expected = index === 3 ? 80 : 40
        assert.isAtLeast(share, expected * 0.6)
        assert.isAtMost(share, expected * 1.5)
      }
      // Its member is limited: it goes elsewhere, and comes back.
      const home = homes.get("session-0") ?? 0
      yield* ask(taskOf({ session: "session-0", metadata: { limit: "yes" } })).pipe(Effect.ignore)
      const counts = Effect.map(asked, (all) => all[home] ?? 0)
      const before = yield* counts
      yield* ask(taskOf({ session: "session-0" })).pipe(Effect.ignore)
      assert.strictEqual(yield* counts, before)
      yield* TestClock.adjust("1 second")
      yield* ask(taskOf({ session: "session-0" }))
      assert.strictEqual(yield* counts, before + 1)
    })
  )
})

describe("what a call tells of its member", () => {
  const slow = Behaviour.answer({ chunks: ["o", "l", "d"], firstTokenMs: 100, msPerChunk: 1000 })

  it.effect("is no news where the member has been left out since it began", () =>
    Effect.gen(function* () {
      const { ask, asked } = yield* poolOf({ a: [slow, refused, says("a")] })
      const old = yield* Effect.fork(ask())
      yield* TestClock.adjust("150 millis")
      assert.strictEqual((yield* Effect.flip(ask()))._tag, "AuthenticationError")
      yield* TestClock.adjust("5 seconds")
      assert.strictEqual(yield* Fiber.join(old), "old")
      assert.strictEqual((yield* Effect.flip(ask()))._tag, "AuthenticationError")
      assert.deepStrictEqual(yield* asked, [2])
    })
  )

  it.effect("doesn't shorten the rest of one that is refused by failing otherwise", () =>
    Effect.gen(function* () {
      const late = Behaviour.fail({ _tag: "TransientError" }, { afterMs: 1000 })
      const { ask, asked, pool } = yield* poolOf({ a: [late, refused, says("a")] })
      const old = yield* Effect.fork(Effect.flip(ask()))
      yield* TestClock.adjust("1 millis")
      assert.strictEqual((yield* Effect.flip(ask()))._tag, "AuthenticationError")
      yield* TestClock.adjust("10 seconds")
      assert.strictEqual((yield* Fiber.join(old))._tag, "TransientError")
      assert.strictEqual((yield* Effect.flip(ask()))._tag, "AuthenticationError")
      assert.deepStrictEqual(yield* asked, [2])
      assert.isTrue(Option.isSome((yield* pool.members)[0]?.out ?? Option.none()))
    })
  )

  it.effect("is that its limit is spent, however long it goes on writing", () =>
    Effect.gen(function* () {
      const spent = Behaviour.answer({
        chunks: ["a", "a"],
        msPerChunk: 100,
        rateLimits: { requests: { remaining: 0, resetAt: 60_000 } }
      })
      const { ask } = yield* poolOf({ a: [spent], b: [says("b")] })
      const first = yield* Effect.fork(ask())
      yield* TestClock.adjust("1 second")
      assert.strictEqual(yield* Fiber.join(first), "aa")
      for (const _ of [1, 2, 3]) assert.strictEqual(yield* ask(), "b")
    })
  )

  it.effect("is over with its time, for those who look", () =>
    Effect.gen(function* () {
      const { ask, pool } = yield* poolOf({ a: [limited(2000)], b: [says("b")] })
      yield* ask()
      const out = Effect.map(pool.members, (all) => Option.isSome(all[0]?.out ?? Option.none()))
      assert.isTrue(yield* out)
      yield* TestClock.adjust("2 seconds")
      assert.isFalse(yield* out)
    })
  )
})

describe("an attempt", () => {
  it.effect("asks no member twice, however soon each takes calls again", () =>
    Effect.gen(function* () {
      const soon = Behaviour.fail({ _tag: "RateLimitError", retryAfterMs: 6 }, { afterMs: 50 })
      const { ask, asked } = yield* poolOf({ a: [soon], b: [soon], c: [soon] })
      const fiber = yield* Effect.fork(Effect.flip(ask()))
      yield* TestClock.adjust("1 minute")
      assert.strictEqual((yield* Fiber.join(fiber))._tag, "RateLimitError")
      assert.deepStrictEqual(yield* asked, [1, 1, 1])
    })
  )

  it.scoped("that was given up as silent leaves its member out, as long as there is another", () =>
    Effect.gen(function* () {
      const { asked, pool } = yield* poolOf({ a: [Behaviour.never()], b: [says("b")] })
      const built = yield* Layer.build(
        MultiLLMOrchestrator.layerFor({
          providers: [{ provider: "house" }]
        }).pipe(Layer.provide(ReasoningEngineRegistry.layerEngines([pool])))
      )
      const { complete } = Context.get(built, TaskService.TaskService)
      const silent = yield* Effect.fork(Effect.exit(complete(taskOf({ timeoutMs: 1000 }))))
      yield* TestClock.adjust("2 seconds")
      yield* Fiber.join(silent)
      // Within the time for which it is asked only where no other can be.
      for (const _ of [1, 2, 3]) assert.strictEqual((yield* complete(taskOf())).text, "b")
      assert.deepStrictEqual(yield* asked, [1, 3])
    })
  )
})

describe("a pool behind the router", () => {
  it.scoped("takes one attempt for a call, and holds back nothing for the limits of one member", () =>
    Effect.gen(function* () {
      const spent = Behaviour.answer({
        text: "a",
        rateLimits: { requests: { remaining: 0, resetAt: 60_000 } }
      })
      const { pool } = yield* poolOf({ a: [refused, spent], b: [spent] })
      const built = yield* Layer.build(
        MultiLLMOrchestrator.layerFor({ providers: [{ provider: "house" }] }).pipe(
          Layer.provide(RateLimits.layer()),
          Layer.provide(ReasoningEngineRegistry.layerEngines([pool]))
        )
      )
      const { complete } = Context.get(built, TaskService.TaskService)
      for (const _ of [1, 2, 3]) {
        const { attempts, text } = yield* complete(taskOf())
        assert.strictEqual(text, "a")
        assert.deepStrictEqual(
          attempts.map(({ outcome }) => outcome),
          ["succeeded"]
        )
      }
    })
  )
})

describe("the members of a pool", () => {
  const engine = (provider = "house", price?: number) =>
    ReasoningEngine.fromEffect({
      provider: AIProvider.unsafeMake(provider),
      ...(price === undefined ? {} : { price: Either.getOrThrow(Price.make({ input: price, output: 1 })) }),
      answer: () => Effect.succeed({ text: "a" })
    })
  const faults: ReadonlyArray<readonly [string, Pool.MemberOptions, string]> = [
    ["a name that another has", { name: "a", engine: engine() }, "members[1].name"],
    ["no name", { name: "", engine: engine() }, "members[1].name"],
    ["no weight", { name: "b", weight: 0, engine: engine() }, "members[1].weight"],
    ["another provider", { name: "b", engine: engine("other") }, "members[1].engine"],
    ["another price", { name: "b", engine: engine("house", 2) }, "members[1].engine"]
  ]
  it.effect.each(faults)("can't have %s", ([_fault, member, field]) =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(Pool.make({ members: [{ name: "a", engine: engine() }, member] }))
      assert.strictEqual(error.field, field)
    })
  )

  it.effect("give what all of them can, and count where one can", () =>
    Effect.gen(function* () {
      const able = (capabilities: Partial<ReasoningEngine.Capabilities>, tokens?: number) =>
        ReasoningEngine.make({
          provider: house,
          capabilities,
          wires: ["chatCompletions", ...(tokens === undefined ? [] : ["responses" as const])],
          attempt: () => Effect.never,
          ...(tokens === undefined ? {} : { countTokens: () => Effect.succeed(tokens) })
        })
      const pool = yield* Pool.make({
        members: [
          { name: "a", engine: able({ images: true, documents: true, contextWindow: Option.some(100) }) },
          { name: "b", engine: able({ images: true, reasoning: true, contextWindow: Option.some(50) }, 7) }
        ]
      })
      const { contextWindow, documents, images, reasoning } = pool.capabilities
      assert.deepStrictEqual(
        { contextWindow, documents, images, reasoning },
        { contextWindow: Option.some(50), documents: false, images: true, reasoning: true }
      )
      assert.deepStrictEqual(pool.wires, ["chatCompletions"])
      assert.strictEqual(yield* pool.countTokens?.(taskOf()) ?? Effect.succeed(0), 7)
      const unsure = yield* Pool.make({ members: [{ name: "a", engine: able({}) }] })
      assert.isUndefined(unsure.countTokens)
      assert.isTrue(Option.isNone(unsure.capabilities.contextWindow))
    })
  )
})

describe("whatever members do", () => {
  const behaviour = FastCheck.constantFrom(
    says("a"),
    refused,
    broke,
    limited(),
    limited(5000),
    Behaviour.fail({ _tag: "RateLimitError", retryAfterMs: 6 }, { afterMs: 50 }),
    Behaviour.fail({ _tag: "TransientError" }),
    Behaviour.answer({ text: "a", firstTokenMs: 300 })
  )
  const script = FastCheck.array(behaviour, { minLength: 1, maxLength: 4 })
  it.effect.prop(
    "no call asks a member twice, none is left under way, and who is out isn't asked",
    [
      FastCheck.array(script, { minLength: 1, maxLength: 4 }),
      FastCheck.array(FastCheck.nat(70_000), { minLength: 1, maxLength: 12 })
    ],
    ([scripts, waits]) =>
      Effect.gen(function* () {
        const { ask, asked, open, pool } = yield* poolOf(
          Object.fromEntries(
            scripts.map(([first = refused, ...others], index) => [`m${index}`, [first, ...others] as const])
          )
        )
        for (const wait of waits) {
          const before = yield* asked
          const standings = yield* pool.members
          const now = yield* TestClock.currentTimeMillis
          const fiber = yield* Effect.fork(Effect.either(ask()))
          yield* TestClock.adjust("1 second")
          const result = yield* Fiber.join(fiber)
          const after = yield* asked
          for (const [index, count] of after.entries()) {
            const more = count - (before[index] ?? 0)
            assert.isAtMost(more, 1)
            const out = Option.getOrUndefined(standings[index]?.out ?? Option.none())
            const isHard = out !== undefined && out.error._tag !== "TransientError"
            // The call takes less than a second: later it may ask whose rest is over by then.
            if (isHard && now + 1000 < out.until) assert.strictEqual(more, 0)
          }
          if (Either.isLeft(result) && result.left._tag === "AuthenticationError") {
            const tags = (yield* pool.members).map(({ out }) => Option.getOrUndefined(out)?.error._tag)
            assert.isTrue(tags.every((tag) => tag === "AuthenticationError"))
          }
          yield* TestClock.adjust(wait)
        }
        assert.strictEqual(yield* open, 0)
        assert.isTrue((yield* pool.members).every(({ underWay }) => underWay === 0))
      }),
    runs(200, 40)
  )
})
