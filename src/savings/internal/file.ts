import * as Arr from "effect/Array"
import * as Either from "effect/Either"
import * as Encoding from "effect/Encoding"
import * as Schema from "effect/Schema"
import * as AIProvider from "../../AIProvider.js"
import type { Cascade } from "./cascades.js"
import { bucketCount, formSize } from "./features.js"
import type { Head } from "./linear.js"
import type { Judge, Predictor } from "./predictor.js"

/** Models of another version see tasks otherwise: they can't be used. */
export const version = 2

const finite = Schema.Number.pipe(Schema.finite())
const Weights = Schema.Array(finite)

const bytesOf = (packed: string): Uint8Array =>
  Either.getOrElse(Encoding.decodeBase64(packed), () => new Uint8Array(0))

const HeadFile = Schema.Struct({
  /** One signed byte for each bucket, in base64; `scale` is what one step of it weighs. */
  words: Schema.String.pipe(
    Schema.filter((packed) => bytesOf(packed).length === bucketCount, {
      description: `${bucketCount} bytes in base64`
    })
  ),
  scale: finite,
  form: Weights.pipe(
    Schema.filter((form) => form.length === formSize, { description: `a list of ${formSize} numbers` })
  )
})

const sequence = {
  tasks: Schema.Int,
  quality: finite,
  shown: Schema.Array(Schema.Struct({ worth: finite, share: finite }))
} as const

const ShownFile = Schema.Struct({
  confidence: finite,
  whole: Schema.Struct(sequence),
  families: Schema.Array(Schema.Struct({ names: Schema.Array(Schema.String), ...sequence }))
})

const CascadeFile = Schema.Struct({
  stages: Schema.NonEmptyArray(
    Schema.Struct({ provider: AIProvider.AIProvider, accepted: Weights, better: Weights, worse: Weights })
  ),
  last: AIProvider.AIProvider,
  shown: ShownFile
})

export const ModelFile = Schema.Struct({
  format: Schema.Literal("arc-saga/quality-model").annotations({
    description: '"arc-saga/quality-model"'
  }),
  version: Schema.Literal(version).annotations({
    description: `${version} (train the model again with this release)`
  }),
  families: Schema.NonEmptyArray(Schema.Struct({ name: Schema.String, head: HeadFile })),
  providers: Schema.NonEmptyArray(
    Schema.Struct({
      provider: AIProvider.AIProvider,
      head: HeadFile,
      slope: finite,
      offset: finite,
      cost: Weights,
      outputTokens: Schema.optional(Weights)
    })
  ),
  best: AIProvider.AIProvider,
  shown: ShownFile,
  cascade: Schema.optional(CascadeFile)
})

export interface ModelFile extends Schema.Schema.Type<typeof ModelFile> {}

/** Six digits are more than a weight means. */
const rounded = (weight: number): number => Number(weight.toPrecision(6))

const packHead = ({ form, words }: Head): typeof HeadFile.Type => {
  const most = words.reduce((largest, weight) => Math.max(largest, Math.abs(weight)), 0)
  // A head without any word has a scale, too.
  const scale = Math.max(most, 1e-9) / 127
  const steps = Int8Array.from(words, (weight) => Math.round(weight / scale))
  return {
    words: Encoding.encodeBase64(new Uint8Array(steps.buffer)),
    scale,
    form: Array.from(form, rounded)
  }
}

const unpackHead = ({ form, scale, words }: typeof HeadFile.Type): Head => ({
  words: Float32Array.from(Int8Array.from(bytesOf(words)), (step) => step * scale),
  form: Float64Array.from(form)
})

export const pack = (
  { families, judges }: Predictor,
  { cascade, ...rest }: Pick<ModelFile, "best" | "shown"> & { readonly cascade: Cascade | undefined }
): ModelFile => ({
  format: "arc-saga/quality-model",
  version,
  families: Arr.map(families, ({ head, name }) => ({ name, head: packHead(head) })),
  providers: Arr.map(judges, ({ head, outputTokens, ...judge }) => ({
    ...judge,
    slope: rounded(judge.slope),
    offset: rounded(judge.offset),
    cost: judge.cost.map(rounded),
    head: packHead(head),
    ...(outputTokens === undefined ? {} : { outputTokens: outputTokens.map(rounded) })
  })),
  ...rest,
  ...(cascade === undefined
    ? {}
    : {
        cascade: {
          ...cascade,
          stages: Arr.map(cascade.stages, ({ accepted, better, provider, worse }) => ({
            provider,
            accepted: accepted.map(rounded),
            better: better.map(rounded),
            worse: worse.map(rounded)
          }))
        }
      })
})

export const unpack = ({ families, providers }: ModelFile): Predictor => ({
  families: Arr.map(families, ({ head, name }) => ({ name, head: unpackHead(head) })),
  judges: Arr.map(providers, ({ head, outputTokens, ...judge }): Judge => ({
    ...judge,
    head: unpackHead(head),
    outputTokens
  }))
})
