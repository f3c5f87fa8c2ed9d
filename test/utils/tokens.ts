/** Tokens of users, and what must never be told of them. */
import * as FastCheck from "effect/FastCheck"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import { assert } from "@effect/vitest"
import { inspect } from "node:util"
import type * as TokenStore from "../../src/auth/TokenStore.js"

/** 32 bytes in base64, the same for each number. */
export const key = (byte: number): Redacted.Redacted =>
  Redacted.make(Buffer.alloc(32, byte).toString("base64"))

/** Tokens that say which they are. */
export const tokens = (name: string, changes: Partial<TokenStore.Tokens> = {}): TokenStore.Tokens => ({
  accessToken: Redacted.make(`access-${name}`),
  expiresAt: 3_600_000,
  refreshToken: Option.some(Redacted.make(`refresh-${name}`)),
  scopes: ["Chat.Read", "offline_access"],
  ...changes
})

/** The tokens as plain data. */
export const plain = (tokens: TokenStore.Tokens) => ({
  accessToken: Redacted.value(tokens.accessToken),
  expiresAt: tokens.expiresAt,
  refreshToken: Option.getOrUndefined(Option.map(tokens.refreshToken, Redacted.value)),
  scopes: tokens.scopes
})

const text = FastCheck.string({ unit: "binary", maxLength: 60 })

/** Any tokens. */
export const arbitrary: FastCheck.Arbitrary<TokenStore.Tokens> = FastCheck.record({
  accessToken: text.map((value) => Redacted.make(value)),
  expiresAt: FastCheck.double({ noNaN: true, noDefaultInfinity: true }).map((value) => value + 0),
  refreshToken: FastCheck.option(text).map((value) =>
    Option.map(Option.fromNullable(value), (some) => Redacted.make(some))
  ),
  scopes: FastCheck.array(text, { maxLength: 4 })
})

/** Any id of a user, halves of surrogate pairs included. */
export const userId: FastCheck.Arbitrary<string> = FastCheck.oneof(
  FastCheck.string({ maxLength: 20 }),
  FastCheck.string({ unit: "binary", maxLength: 20 }),
  FastCheck.array(FastCheck.integer({ min: 0xd7f0, max: 0xe010 }), { maxLength: 4 }).map((units) =>
    String.fromCharCode(...units)
  ),
  FastCheck.constantFrom("", ".", "..", "../a", "a/b", "A", "a", "con", "x".repeat(5000), "\u0000")
)

/** All that can be seen of a value: its message, its fields, its stack. */
export const told = (value: unknown): string =>
  [
    String(value),
    JSON.stringify(value),
    inspect(value, { depth: 20, showHidden: true }),
    value instanceof Error ? `${value.message}\n${value.stack}` : ""
  ].join("\n")

/** Fails when a secret can be seen of a value. */
export const assertHides = (value: unknown, secrets: ReadonlyArray<string>): void => {
  for (const secret of secrets) assert.notInclude(told(value), secret)
}
