/** What `ask` reads from files, or passes on by address: images, documents and texts, tools, a schema. */
import * as FileSystem from "@effect/platform/FileSystem"
import * as Effect from "effect/Effect"
import * as Encoding from "effect/Encoding"
import * as Predicate from "effect/Predicate"
import * as Stream from "effect/Stream"
import type * as AITask from "../AITask.js"
import * as jsonSchema from "../internal/jsonSchema.js"
import { FileError } from "./StandardStreams.js"
import * as TaskFile from "./TaskFile.js"

/** The most bytes of one file: base64 makes a third more of them, and servers take 32 MB or so. */
const maxBytes = 20 * 1024 * 1024

/** Reads a file, or a pipe (`<(…)`), no further than to its bound. */
const read = (file: string): Effect.Effect<Uint8Array, FileError, FileSystem.FileSystem> =>
  Effect.gen(function* () {
    const fs = yield* FileSystem.FileSystem
    const chunks = yield* fs
      .stream(file, { bytesToRead: maxBytes + 1 })
      .pipe(Stream.runCollect, Effect.mapError(TaskFile.fileError(file)))
    const bytes = new Uint8Array(Array.from(chunks).reduce((sum, { length }) => sum + length, 0))
    let at = 0
    for (const chunk of chunks) {
      bytes.set(chunk, at)
      at += chunk.length
    }
    if (bytes.length > maxBytes) {
      return yield* new FileError({ file, reason: "Expected at most 20 MiB, actual more" })
    }
    return bytes.length === 0 ? yield* new FileError({ file, reason: "is empty" }) : bytes
  })

/** How files of a type begin; `?` stands for any byte. */
const signatures: ReadonlyArray<readonly [begins: string, mediaType: string]> = [
  ["\u0089PNG\r\n\u001A\n", "image/png"],
  ["\u00FF\u00D8\u00FF", "image/jpeg"],
  ["GIF8", "image/gif"],
  ["RIFF????WEBP", "image/webp"],
  ["%PDF-", "application/pdf"]
]

const office = "application/vnd.openxmlformats-officedocument"

/** Types that a file's beginning doesn't tell. */
const extensions: Readonly<Record<string, string>> = {
  docx: `${office}.wordprocessingml.document`,
  pptx: `${office}.presentationml.presentation`,
  xlsx: `${office}.spreadsheetml.sheet`,
  odt: "application/vnd.oasis.opendocument.text",
  epub: "application/epub+zip"
}

const nameOf = (path: string): string => path.split(/[/\\]/).findLast((part) => part !== "") ?? path

/** What is in a file, by its beginning or else by its name; undefined where neither tells. */
const mediaTypeOf = (bytes: Uint8Array, name: string): string | undefined => {
  const begins = (signature: string): boolean =>
    Array.from(signature).every((each, at) => each === "?" || each.charCodeAt(0) === bytes[at])
  return (
    signatures.find(([signature]) => begins(signature))?.[1] ??
    extensions[/\.(\w+)$/.exec(name.toLowerCase())?.[1] ?? ""]
  )
}

/** The text of a file; undefined where it holds something else. */
const textOf = (bytes: Uint8Array): string | undefined => {
  if (bytes.includes(0)) return undefined
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes)
  } catch {
    return undefined
  }
}

const isAddress = (source: string): boolean => /^(https?:\/\/|data:)/i.test(source)

type Part = AITask.ImagePart | AITask.DocumentPart | AITask.TextPart

const asUrl = (mediaType: string, bytes: Uint8Array): string =>
  `data:${mediaType};base64,${Encoding.encodeBase64(bytes)}`

/** An image, from a file or by its address. */
export const image = (source: string): Effect.Effect<AITask.ImagePart, FileError, FileSystem.FileSystem> =>
  isAddress(source)
    ? Effect.succeed({ type: "image", url: source })
    : Effect.flatMap(read(source), (bytes) => {
        const mediaType = mediaTypeOf(bytes, source)
        return mediaType?.startsWith("image/") === true
          ? Effect.succeed({ type: "image", url: asUrl(mediaType, bytes) })
          : new FileError({
              file: source,
              reason: `Expected an image (PNG, JPEG, GIF or WebP), actual ${mediaType ?? "another file"}`
            })
      })

/** A document, an image or a text, from a file or by its address. A text is one for every provider. */
export const file = (source: string): Effect.Effect<Part, FileError, FileSystem.FileSystem> => {
  if (isAddress(source)) {
    const name = /^data:/i.test(source) ? "" : nameOf(source.replace(/[?#].*$/s, ""))
    return Effect.succeed({ type: "document", url: source, ...(name === "" ? {} : { name }) })
  }
  return Effect.flatMap(read(source), (bytes): Effect.Effect<Part, FileError> => {
    const name = nameOf(source)
    const mediaType = mediaTypeOf(bytes, name)
    if (mediaType?.startsWith("image/") === true) {
      return Effect.succeed({ type: "image", url: asUrl(mediaType, bytes) })
    }
    if (mediaType !== undefined) {
      return Effect.succeed({ type: "document", url: asUrl(mediaType, bytes), name })
    }
    const text = textOf(bytes)
    return text === undefined
      ? new FileError({
          file: source,
          reason: `Expected a PDF, an image, text in UTF-8 or one of ${Object.keys(extensions).join(", ")}, actual another file`
        })
      : Effect.succeed({ type: "text", text: `File ${name}:\n\n${text}` })
  })
}

const json = (path: string): Effect.Effect<unknown, FileError, FileSystem.FileSystem> =>
  Effect.flatMap(read(path), (bytes) =>
    Effect.try({
      try: (): unknown => JSON.parse(textOf(bytes) ?? ""),
      catch: () => new FileError({ file: path, reason: "Expected JSON, actual text that isn't JSON" })
    })
  )

/** The form of an answer that is bound to the JSON Schema in a file. */
export const responseFormat = (
  path: string
): Effect.Effect<typeof AITask.ResponseFormat.Type, FileError, FileSystem.FileSystem> =>
  Effect.flatMap(json(path), (schema) => {
    if (!Predicate.isRecord(schema)) {
      return new FileError({ file: path, reason: "Expected a JSON Schema (an object), actual another value" })
    }
    const reason = jsonSchema.problem(schema)
    return reason === undefined
      ? Effect.succeed({ type: "json_schema", name: "answer", schema })
      : new FileError({ file: path, reason })
  })

/** The tools in a file: a JSON array of what a task has as its tools. A task says what is wrong with one. */
export const tools = (
  path: string
): Effect.Effect<ReadonlyArray<unknown>, FileError, FileSystem.FileSystem> =>
  Effect.flatMap(json(path), (value) =>
    Array.isArray(value)
      ? Effect.succeed(value)
      : new FileError({ file: path, reason: "Expected a JSON array of tools, actual another value" })
  )
