import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"

/** What secret scanners and people know a key by. */
const prefix = "saga_"

const alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

/** So many digits hold 256 bits. */
const digits = 43

/** Whether a text has the form of a key that was issued. */
export const isIssued = (text: string): boolean => /^saga_[0-9A-Za-z]{43}$/.test(text)

/** A key that nobody has seen. It is no chance of the program's: no seed may bring it again. */
export const draw: Effect.Effect<Redacted.Redacted> = Effect.sync(() => {
  let rest = crypto
    .getRandomValues(new Uint8Array(32))
    .reduce((number, byte) => number * 256n + BigInt(byte), 0n)
  let text = ""
  for (let place = 0; place < digits; place++) {
    text += alphabet.charAt(Number(rest % 62n))
    rest /= 62n
  }
  return Redacted.make(prefix + text)
})

/** What of a key people may see, to tell it from others: its last four letters leave it 232 bits. */
export const hintOf = (secret: Redacted.Redacted): string => `${prefix}…${Redacted.value(secret).slice(-4)}`

/** The SHA-256 of a key, as 64 hexadecimal digits. */
export const hash = (key: Redacted.Redacted): Effect.Effect<string> =>
  Effect.map(
    Effect.promise(() => crypto.subtle.digest("SHA-256", new TextEncoder().encode(Redacted.value(key)))),
    (digest) => Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, "0")).join("")
  )
