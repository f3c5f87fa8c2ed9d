import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Encoding from "effect/Encoding"
import * as Schema from "effect/Schema"
import type { Fault } from "./fault.js"
import type { Tokens } from "./tokens.js"

// A record: magic (4 bytes), version (1), length of the ciphertext (4, big endian), nonce (12), ciphertext
// with its tag. All before the nonce, and the user's id, are authenticated with it.
const magic = "ASTK"
const version = 1
const lengthAt = 5
const nonceAt = 9
const nonceBytes = 12
const ciphertextAt = nonceAt + nonceBytes

const Content = Schema.parseJson(
  Schema.Struct({
    accessToken: Schema.Redacted(Schema.String),
    expiresAt: Schema.Finite,
    refreshToken: Schema.optionalWith(Schema.Redacted(Schema.String), { as: "Option", exact: true }),
    scopes: Schema.Array(Schema.String)
  })
)

const encode = Schema.encodeSync(Content)
const decode = Schema.decodeUnknownEither(Content)

const encoder = new TextEncoder()
const decoder = new TextDecoder()

/** As JSON, since UTF-8 alone has one form for all halves of surrogate pairs. */
const bytesOf = (userId: string): Uint8Array<ArrayBuffer> => encoder.encode(JSON.stringify(userId))

/** The name of a user's record: the same length for every id, and letters that any file system tells apart. */
export const nameOf = (userId: string): Effect.Effect<string> =>
  Effect.map(
    Effect.promise(() => crypto.subtle.digest("SHA-256", bytesOf(userId))),
    (digest) => Encoding.encodeHex(new Uint8Array(digest))
  )

const algorithm = (header: Uint8Array, nonce: Uint8Array<ArrayBuffer>, userId: string): AesGcmParams => ({
  name: "AES-GCM",
  iv: nonce,
  additionalData: new Uint8Array([...header, ...bytesOf(userId)])
})

/** A user's tokens as a record. */
export const seal = (key: CryptoKey, userId: string, tokens: Tokens): Effect.Effect<Uint8Array> =>
  Effect.promise(async () => {
    const content = encoder.encode(encode(tokens))
    const record = new Uint8Array(ciphertextAt + content.length + 16)
    record.set(encoder.encode(magic))
    record[magic.length] = version
    new DataView(record.buffer).setUint32(lengthAt, record.length - ciphertextAt)
    const nonce = crypto.getRandomValues(record.subarray(nonceAt, ciphertextAt))
    const parameters = algorithm(record.subarray(0, nonceAt), nonce, userId)
    record.set(new Uint8Array(await crypto.subtle.encrypt(parameters, key, content)), ciphertextAt)
    return record
  })

const damaged = (description: string): Fault => ({ reason: "damaged", description })

/** What is wrong with a record before it is decrypted. */
const faultOf = (record: Uint8Array<ArrayBuffer>): Fault | undefined => {
  if (record.length < ciphertextAt) return damaged(`it has ${record.length} bytes`)
  if (decoder.decode(record.subarray(0, magic.length)) !== magic) return damaged("it isn't a record")
  if (record[magic.length] !== version) return damaged(`it is of version ${record[magic.length]}`)
  const expected = new DataView(record.buffer, record.byteOffset).getUint32(lengthAt) + ciphertextAt
  return record.length === expected ? undefined : damaged(`it has ${record.length} of ${expected} bytes`)
}

/** The tokens in a user's record. */
export const open = (key: CryptoKey, userId: string, bytes: Uint8Array): Effect.Effect<Tokens, Fault> =>
  Effect.gen(function* () {
    const record = new Uint8Array(bytes)
    const fault = faultOf(record)
    if (fault !== undefined) return yield* Effect.fail(fault)
    const parameters = algorithm(record.subarray(0, nonceAt), record.subarray(nonceAt, ciphertextAt), userId)
    const content = yield* Effect.tryPromise({
      try: () => crypto.subtle.decrypt(parameters, key, record.subarray(ciphertextAt)),
      catch: (): Fault => ({
        reason: "rejected",
        description: "it isn't encrypted with this key for this user, or it was changed"
      })
    })
    // The error of a failed decoding holds the tokens.
    return yield* Either.mapLeft(decode(decoder.decode(content)), () => damaged("it doesn't hold tokens"))
  })
