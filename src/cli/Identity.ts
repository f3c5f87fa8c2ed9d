/** What tells one setting from another, and one configuration from another. */
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"

/** A value with its fields in order, and without those that are absent; `secret` says what a secret becomes. */
const ordered = (value: unknown, secret: (value: unknown) => unknown): unknown => {
  if (Redacted.isRedacted(value)) return secret(Redacted.value(value))
  if (Array.isArray(value)) return value.map((each) => ordered(each, secret))
  return typeof value === "object" && value !== null
    ? Object.fromEntries(
        Object.entries(value)
          .filter(([, field]) => field !== undefined)
          .toSorted(([one], [other]) => (one < other ? -1 : 1))
          .map(([name, field]) => [name, ordered(field, secret)])
      )
    : value
}

/** Everything that a value is made of, with its secrets: to be compared, and never shown. */
export const of = (value: unknown): Redacted.Redacted =>
  Redacted.make(JSON.stringify(ordered(value, (all) => all)))

/** Whether two values are made of the same. */
export const equal = (one: unknown, other: unknown): boolean =>
  Redacted.value(of(one)) === Redacted.value(of(other))

/** The hash of a gateway's key stands for the key, and an address may hold a password. */
const withoutSecrets = (_name: string, value: unknown): unknown => {
  if (typeof value === "string")
    return value.replace(/^(\w+:\/\/)[^/@]*@/, "$1").replace(/^(\w+:\/\/[^?#]*)[?#].*$/s, "$1")
  if (typeof value !== "object" || value === null || !("sha256" in value)) return value
  const { sha256: _sha256, ...key } = value
  return key
}

/**
 * Sixteen hexadecimal digits of the SHA-256 of what a value is made of without its secrets. Not even their hashes take
 * part: a short one could be guessed by them.
 */
export const hash = (value: unknown): Effect.Effect<string> =>
  Effect.map(
    Effect.promise(() =>
      crypto.subtle.digest(
        "SHA-256",
        new TextEncoder().encode(
          JSON.stringify(
            ordered(value, () => "secret"),
            withoutSecrets
          )
        )
      )
    ),
    (digest) =>
      Array.from(new Uint8Array(digest, 0, 8), (byte) => byte.toString(16).padStart(2, "0")).join("")
  )
