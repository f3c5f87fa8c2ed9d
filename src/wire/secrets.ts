import * as Encoding from "effect/Encoding"

const hidden = "<redacted>"

/** A shorter one guards nothing, and hiding it would spoil every other word. */
const shortest = 8

const encoder = new TextEncoder()

const escaped = (text: string): string => text.replaceAll(/[\\^$.*+?()[\]{}|/]/g, "\\$&")

const hex = (bytes: Uint8Array): string => Encoding.encodeHex(bytes)

/** What splits a text: spaces, line ends (escaped ones, too), and the quotes and signs between its halves. */
const splitting = String.raw`(?:\\[nrt]|[\s"'+]|\\"){0,6}`

/** Each character as itself, behind escapes, by its codes, or as its bytes in an address, which may be in another. */
const charactersOf = (secret: string): string =>
  Array.from(secret, (character) => {
    const codes = Array.from({ length: character.length }, (_, at) =>
      character.charCodeAt(at).toString(16).padStart(4, "0")
    )
    const bytes = Array.from(encoder.encode(character), (byte) => hex(Uint8Array.of(byte)))
    return [
      String.raw`(?:\\{0,8}${escaped(character)}`,
      codes.map((code) => String.raw`\\{1,8}u${code}`).join(""),
      `${bytes.map((byte) => `%(?:25)*${byte}`).join("")})`
    ].join("|")
  }).join(splitting)

/** Base64 of bytes that stand anywhere in others: what of it depends on them alone. */
const base64Of = (bytes: Uint8Array): ReadonlyArray<string> =>
  [0, 1, 2].flatMap((before) => {
    const all = new Uint8Array(before + bytes.length)
    all.set(bytes, before)
    const core = Encoding.encodeBase64(all).slice(
      Math.ceil((before * 4) / 3),
      Math.floor((all.length * 4) / 3)
    )
    return [core, core.replaceAll("+", "-").replaceAll("/", "_")]
  })

/** What finds a secret in every form: the work for each character of a text is bounded, whatever the text is. */
export const patternOf = (secret: string): RegExp => {
  const bytes = encoder.encode(secret)
  return new RegExp([charactersOf(secret), ...base64Of(bytes).map(escaped), hex(bytes)].join("|"), "gi")
}

/**
 * Hides secrets in a text: as they are, escaped as JSON or in an address, in base64 or hexadecimal digits, alone or
 * within others, and split by spaces or quotes.
 */
export const hide = (text: string, secrets: ReadonlyArray<string>): string =>
  secrets
    .filter(({ length }) => length >= shortest)
    .reduce((rest, secret) => rest.replaceAll(patternOf(secret), hidden), text)
