/** `login` and `logout`: sign-ins of users at providers that are asked on their behalf. */
import * as Args from "@effect/cli/Args"
import * as Command from "@effect/cli/Command"
import * as Options from "@effect/cli/Options"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type * as EntraId from "../auth/EntraId.js"
import * as Copilot from "./Copilot.js"
import * as Format from "./Format.js"
import { UsageError } from "./Report.js"
import { StandardStreams } from "./StandardStreams.js"

const options = {
  provider: Args.choice<"copilot">([["copilot", "copilot"]], { name: "PROVIDER" }).pipe(
    Args.withDescription("Where: copilot is the one that people sign in to")
  ),
  user: Options.text("user").pipe(
    Options.withPseudoName("ID"),
    Options.withDescription("Whose sign-in it is, by the userId of their tasks (or COPILOT_USER)"),
    Options.optional
  )
}

const application = Effect.flatMap(
  Copilot.entraId,
  Option.match({
    onNone: () =>
      new UsageError({
        reason:
          "There is no application to sign in to. Set COPILOT_CLIENT_ID to the id of yours (and COPILOT_TENANT_ID)"
      }),
    onSome: Effect.succeed
  })
)

/** Until when, and whether that is the end of it. */
const validity = ({ expiresAt, renewable }: EntraId.Status): string =>
  `${Format.instant(expiresAt)}${renewable ? ", and renewed by itself from then on" : ""}`

/** The command that signs a user in. */
export const login = Command.make("login", options, (given) =>
  Effect.gen(function* () {
    const user = yield* Effect.orElse(given.user, () => Copilot.user)
    const streams = yield* StandardStreams
    const { signIn } = yield* application
    const status = yield* signIn(user, ({ message }) => streams.writeError(`${Format.plain(message)}\n`))
    yield* streams.write(`${Format.plain(user)} is signed in until ${validity(status)}\n`)
  })
).pipe(Command.withDescription("Sign a user in, in a browser and with a code"))

/** The command that forgets a user's sign-in. */
export const logout = Command.make("logout", options, (given) =>
  Effect.gen(function* () {
    const user = yield* Effect.orElse(given.user, () => Copilot.user)
    const streams = yield* StandardStreams
    const { signOut } = yield* application
    yield* signOut(user)
    yield* streams.write(`${Format.plain(user)} is signed out\n`)
  })
).pipe(Command.withDescription("Forget a user's sign-in"))
