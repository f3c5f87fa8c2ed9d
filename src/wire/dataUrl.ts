import * as Either from "effect/Either"
import * as Encoding from "effect/Encoding"

/** What a `data:` URL in base64 holds. */
export interface Data {
  /** In lower case: `image/png`. */
  readonly mediaType: string
  readonly base64: string
}

const head = /^data:([^;,]+)(?:;[^;,]+)*;base64,/i

/** What a URL holds, where it is a `data:` URL in base64. */
export const read = (url: string): Data | undefined => {
  const [start = "", mediaType = ""] = head.exec(url.slice(0, 256)) ?? []
  return mediaType === ""
    ? undefined
    : { mediaType: mediaType.toLowerCase(), base64: url.slice(start.length) }
}

/** The text that a URL holds, where it is a `data:` URL of some text. */
export const textOf = (url: string): string | undefined => {
  if (!/^data:text\//i.test(url)) return undefined
  const data = read(url)
  if (data !== undefined) return Either.getOrUndefined(Encoding.decodeBase64String(data.base64))
  try {
    return decodeURIComponent(url.slice(url.indexOf(",") + 1))
  } catch {
    return undefined
  }
}

/** A text as a `data:` URL. */
export const ofText = (text: string, mediaType = "text/plain"): string =>
  `data:${mediaType},${encodeURIComponent(text)}`
