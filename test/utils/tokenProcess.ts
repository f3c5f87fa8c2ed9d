/** A process that uses a directory of tokens: what two processes on one store do is tested with it. */
import * as NodeContext from "@effect/platform-node/NodeContext"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as TokenStore from "../../src/auth/TokenStore.js"
import * as halfWriting from "./halfWriting.js"

const [, , does = "", directory = "", user = "", count = ""] = process.argv

/** Long, so that writing takes its time. */
const access = (number: number): string => `${user}:${number}:${"x".repeat(200_000)}:${user}:${number}`

const say = (line: string): Effect.Effect<void> =>
  Effect.async((resume) => {
    process.stdout.write(`${line}\n`, () => resume(Effect.void))
  })

const killed = Effect.sync(() => process.kill(process.pid, "SIGKILL")).pipe(Effect.zipRight(Effect.never))

const program = Effect.gen(function* () {
  const store = yield* TokenStore.makeDirectory({ directory })
  yield* say("ready")
  for (let number = 1; number <= Number(count); number++) {
    yield* store.set(user, {
      accessToken: Redacted.make(access(number)),
      expiresAt: number,
      refreshToken: Option.none(),
      scopes: []
    })
    if (number === 1) yield* say("wrote")
  }
})

const platform =
  does === "die" ? Layer.provideMerge(halfWriting.layer(killed), NodeContext.layer) : NodeContext.layer

await Effect.runPromise(Effect.provide(program, platform))
