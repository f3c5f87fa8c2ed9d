import * as FileSystem from "@effect/platform/FileSystem"
import * as NodeContext from "@effect/platform-node/NodeContext"
import * as Path from "@effect/platform/Path"
import { assert, describe, it } from "@effect/vitest"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Config from "effect/Config"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as TestClock from "effect/TestClock"
import * as TokenStore from "../../src/auth/TokenStore.js"
import * as halfWriting from "../utils/halfWriting.js"
import { assertHides, key, plain, told, tokens } from "../utils/tokens.js"

/** A place for a directory of tokens, which isn't there yet. */
const temporary = Effect.gen(function* () {
  const fs = yield* FileSystem.FileSystem
  const directory = `${yield* fs.makeTempDirectoryScoped({ prefix: "arc-saga-tokens-" })}/a/tokens`
  const file = (name: string): string => `${directory}/${name}`
  const names = Effect.map(fs.readDirectory(directory), (all) => all.toSorted())
  const mode = (path: string) => Effect.map(fs.stat(path), (info) => (info.mode & 0o777).toString(8))
  /** The name of the one record. */
  const record = Effect.map(names, (all) => all.find((name) => name !== "key") ?? "")
  return { fs, directory, file, names, mode, record }
})

const stale = "0".repeat(64) + ".00000000-0000-4000-8000-000000000000.tmp"

describe("TokenStore in a directory", () => {
  it.scoped("keeps tokens from one process to the next, with a key of its own making", () =>
    Effect.gen(function* () {
      const { directory } = yield* temporary
      const first = yield* TokenStore.makeDirectory({ directory })
      yield* first.set("alice", tokens("a"))
      const second = yield* TokenStore.makeDirectory({ directory })
      const got = Option.getOrThrow(yield* second.get("alice"))
      assert.deepStrictEqual(plain(got), plain(tokens("a")))
      yield* second.remove("alice")
      yield* second.remove("alice")
      assert.isTrue(Option.isNone(yield* first.get("alice")))
    }).pipe(Effect.provide(NodeContext.layer))
  )

  it.scoped("is the owner's alone: directory, key and records", () =>
    Effect.gen(function* () {
      const { directory, file, fs, mode, names, record } = yield* temporary
      const store = yield* TokenStore.makeDirectory({ directory })
      yield* store.set("alice", tokens("a"))
      assert.deepStrictEqual(yield* names, [yield* record, "key"])
      assert.strictEqual(yield* mode(directory), "700")
      assert.strictEqual(yield* mode(file("key")), "600")
      assert.strictEqual(yield* mode(file(yield* record)), "600")
      assert.match(yield* fs.readFileString(file("key")), /^[A-Za-z0-9+/]{43}=\n$/)
    }).pipe(Effect.provide(NodeContext.layer))
  )

  it.scoped("takes a key that it is given, and makes no file for it", () =>
    Effect.gen(function* () {
      const { directory, names, record } = yield* temporary
      const store = yield* TokenStore.makeDirectory({ directory, key: key(1) })
      yield* store.set("alice", tokens("a"))
      assert.deepStrictEqual(yield* names, [yield* record])
      const other = yield* TokenStore.makeDirectory({ directory, key: key(2) })
      assert.strictEqual((yield* Effect.flip(other.get("alice"))).reason, "rejected")
    }).pipe(Effect.provide(NodeContext.layer))
  )

  it.scoped("takes both from Config", () =>
    Effect.gen(function* () {
      const { directory, names, record } = yield* temporary
      const configured = TokenStore.layerDirectoryConfig({
        directory: Config.string("TOKEN_DIRECTORY"),
        key: Config.redacted("TOKEN_KEY")
      })
      const config = ConfigProvider.fromMap(
        new Map([
          ["TOKEN_DIRECTORY", directory],
          ["TOKEN_KEY", Redacted.value(key(1))]
        ])
      )
      const set = Effect.flatMap(TokenStore.TokenStore, (store) => store.set("alice", tokens("a")))
      yield* Effect.withConfigProvider(Effect.provide(set, configured), config)
      assert.deepStrictEqual(yield* names, [yield* record])
      const missing = yield* Effect.flip(
        Effect.withConfigProvider(Effect.provide(set, configured), ConfigProvider.fromMap(new Map()))
      )
      assert.strictEqual(missing._tag, "ConfigError")
      const given = Layer.provide(TokenStore.layerDirectory({ directory, key: key(1) }), NodeContext.layer)
      const get = Effect.flatMap(TokenStore.TokenStore, (store) => store.get("alice"))
      assert.isTrue(Option.isSome(yield* Effect.provide(get, given)))
    }).pipe(Effect.provide(NodeContext.layer))
  )

  it.scoped("fails by a key file that others have access to, or that holds no key", () =>
    Effect.gen(function* () {
      const { directory, file, fs } = yield* temporary
      yield* TokenStore.makeDirectory({ directory })
      const made = (yield* fs.readFileString(file("key"))).trim()
      for (const mode of [0o640, 0o604, 0o610]) {
        yield* fs.chmod(file("key"), mode)
        const open = yield* Effect.flip(TokenStore.makeDirectory({ directory }))
        assert.strictEqual(
          open.message,
          `The stored sign-in can't be used (key): ${file("key")}: others have access to it (mode ${mode.toString(8)}): make it 600`
        )
        assertHides(open, [made])
      }
      yield* fs.chmod(file("key"), 0o600)
      for (const content of ["", made.slice(0, 20), `${made}${made}`, "SECRET-SECRET-SECRET"]) {
        yield* fs.writeFileString(file("key"), content)
        const wrong = yield* Effect.flip(TokenStore.makeDirectory({ directory }))
        assert.deepInclude({ ...wrong }, { reason: "key" })
        if (content !== "") assert.notInclude(told(wrong), content)
      }
      yield* fs.remove(file("key"))
      yield* fs.makeDirectory(file("key"), { mode: 0o700 })
      const folder = yield* Effect.flip(TokenStore.makeDirectory({ directory }))
      assert.include(folder.message, "(key)")
      assert.include(folder.message, "it can't be read")
    }).pipe(Effect.provide(NodeContext.layer))
  )

  it.scoped("doesn't look at modes where there are none", () =>
    Effect.gen(function* () {
      const { directory, file, fs } = yield* temporary
      yield* TokenStore.makeDirectory({ directory })
      yield* fs.chmod(file("key"), 0o666)
      const windows = { ...(yield* Path.Path), sep: "\\" }
      yield* Effect.provideService(TokenStore.makeDirectory({ directory }), Path.Path, windows)
    }).pipe(Effect.provide(NodeContext.layer))
  )

  it.scoped("tells its records as rejected when its key was lost, and none as signed out", () =>
    Effect.gen(function* () {
      const { directory, file, fs } = yield* temporary
      yield* (yield* TokenStore.makeDirectory({ directory })).set("alice", tokens("a"))
      yield* fs.remove(file("key"))
      const store = yield* TokenStore.makeDirectory({ directory })
      assert.strictEqual((yield* Effect.flip(store.get("alice"))).reason, "rejected")
    }).pipe(Effect.provide(NodeContext.layer))
  )

  it.scoped("fails by a directory that can't be one, or that can't be written", () =>
    Effect.gen(function* () {
      const { directory, file, fs, record } = yield* temporary
      const store = yield* TokenStore.makeDirectory({ directory })
      const none = yield* Effect.flip(TokenStore.makeDirectory({ directory: file("key") }))
      assert.deepInclude({ ...none }, { reason: "unreadable" })
      yield* store.set("alice", tokens("a"))
      const name = file(yield* record)
      yield* fs.remove(name)
      yield* fs.makeDirectory(name)
      const folder = yield* Effect.flip(store.get("alice"))
      assert.deepInclude({ ...folder }, { reason: "unreadable", userId: "alice" })
      assert.strictEqual((yield* Effect.flip(store.set("alice", tokens("secret")))).reason, "unreadable")
      yield* fs.remove(directory, { recursive: true })
      const gone = yield* Effect.flip(store.set("alice", tokens("secret")))
      assert.deepInclude({ ...gone }, { reason: "unreadable", userId: "alice" })
      assertHides(gone, ["access-secret", "refresh-secret"])
    }).pipe(Effect.provide(NodeContext.layer))
  )

  it.scoped("says that the key file can't be made where it can't", () =>
    Effect.gen(function* () {
      const { directory } = yield* temporary
      const fs = yield* FileSystem.FileSystem
      const unlinked = { ...fs, link: () => fs.readFileString(`${directory}/none`).pipe(Effect.asVoid) }
      const error = yield* Effect.flip(
        Effect.provideService(TokenStore.makeDirectory({ directory }), FileSystem.FileSystem, unlinked)
      )
      assert.include(error.message, `(key): ${directory}/key: it can't be made`)
      assert.deepStrictEqual(yield* fs.readDirectory(directory), [])
    }).pipe(Effect.provide(NodeContext.layer))
  )

  it.scoped("leaves the old record, and nothing else, when writing fails or is interrupted", () =>
    Effect.gen(function* () {
      const { directory, names } = yield* temporary
      const store = yield* TokenStore.makeDirectory({ directory })
      yield* store.set("alice", tokens("old"))
      const before = yield* names
      const set = (then: Effect.Effect<void>) =>
        Effect.flatMap(TokenStore.makeDirectory({ directory }), (broken) =>
          broken.set("alice", tokens("new"))
        ).pipe(Effect.provide(halfWriting.layer(then)))
      yield* Effect.exit(set(Effect.die("power")))
      assert.deepStrictEqual(yield* names, before)
      const writing = yield* Effect.makeLatch()
      const fiber = yield* Effect.fork(set(Effect.zipRight(writing.open, Effect.never)))
      yield* writing.await
      assert.lengthOf(yield* names, before.length + 1)
      yield* Fiber.interrupt(fiber)
      assert.deepStrictEqual(yield* names, before)
      const got = Option.getOrThrow(yield* store.get("alice"))
      assert.deepStrictEqual(plain(got), plain(tokens("old")))
    }).pipe(Effect.provide(NodeContext.layer))
  )

  it.scoped("removes what others left half-written long ago, and nothing else", () =>
    Effect.gen(function* () {
      const { directory, file, fs, names } = yield* temporary
      yield* fs.makeDirectory(directory, { recursive: true })
      const recent = stale.replace("8000", "8001")
      const now = 1_800_000_000_000
      yield* TestClock.setTime(now)
      for (const [name, age] of [
        [stale, 601_000],
        [recent, 599_000],
        ["notes.tmp", 601_000],
        ["0".repeat(64), 601_000],
        ["key.00000000-0000-4000-8000-000000000000.tmp", 601_000]
      ] as const) {
        yield* fs.writeFileString(file(name), "")
        yield* fs.utimes(file(name), new Date(now - age), new Date(now - age))
      }
      yield* TokenStore.makeDirectory({ directory, key: key(1) })
      assert.deepStrictEqual(yield* names, ["0".repeat(64), recent, "notes.tmp"])
    }).pipe(Effect.provide(NodeContext.layer))
  )
})
