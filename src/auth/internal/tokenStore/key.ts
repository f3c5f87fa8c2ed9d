import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Encoding from "effect/Encoding"
import * as Redacted from "effect/Redacted"
import type { Fault } from "./fault.js"

const keyBytes = 32

/** A new key, in base64. */
export const generate: Effect.Effect<Redacted.Redacted> = Effect.sync(() =>
  Redacted.make(Encoding.encodeBase64(crypto.getRandomValues(new Uint8Array(keyBytes))))
)

/** The key in a text, which isn't told whatever is wrong with it. */
export const parse = (text: Redacted.Redacted): Effect.Effect<CryptoKey, Fault> =>
  Effect.suspend(() => {
    const bytes = Either.getOrUndefined(Encoding.decodeBase64(Redacted.value(text).trim()))
    return bytes?.length === keyBytes
      ? Effect.promise(() =>
          crypto.subtle.importKey("raw", new Uint8Array(bytes), "AES-GCM", false, ["encrypt", "decrypt"])
        )
      : Effect.fail({ reason: "key", description: `Expected a key of ${keyBytes} bytes in base64` })
  })
