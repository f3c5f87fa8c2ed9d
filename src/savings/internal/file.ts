import * as Arr from "effect/Array"
import * as Either from "effect/Either"
import * as Encoding from "effect/Encoding"
import * as Schema from "effect/Schema"
import * as AIProvider from "../../AIProvider.js"
import * as numbers from "../../internal/numbers.js"
import type { Cascade } from "./cascades.js"
import { bucketCount, formSize } from "./features.js"
import { blank, type Head } from "./linear.js"
import type { Judge, Predictor } from "./predictor.js"
import { names } from "./steps.js"

/**
 * Models of another version see tasks otherwise: they can't be used. Those that look at steps have the later one, so that
 * a release that can't look at any refuses them, and all others stay as they are.
 */
export const versions = { plain: 2, steps: 3 } as const

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
  ),
  /** Of what `steps` of the file names; absent where it names nothing. */
  step: Schema.optional(
    Weights.pipe(
      Schema.filter((step) => step.length === names.length, {
        description: `a list of ${names.length} numbers`
      })
    )
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
  version: numbers.number(
    `${versions.plain} or ${versions.steps} (train the model again with this release)`,
    (version) => version === versions.plain || version === versions.steps
  ),
  /** The numbers of a step that it looks at. */
  steps: Schema.optional(
    Schema.Array(Schema.String).pipe(
      Schema.filter((all) => all.join() === names.join(), {
        description: `${names.join(", ")} (train the model again with this release)`
      })
    )
  ),
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
}).pipe(
  Schema.filter(({ steps, version }) =>
    (version === versions.steps) === (steps !== undefined)
      ? undefined
      : {
          path: ["steps"],
          message: `Expected names of what it sees of steps in a model of version ${versions.steps}, and in no other`
        }
  )
)

export interface ModelFile extends Schema.Schema.Type<typeof ModelFile> {}

/** Six digits are more than a weight means. */
const rounded = (weight: number): number => Number(weight.toPrecision(6))

const looksAtSteps = ({ step }: Head): boolean => step.some((weight) => weight !== 0)

const packHead = (head: Head): typeof HeadFile.Type => {
  const { form, step, words } = head
  const most = words.reduce((largest, weight) => Math.max(largest, Math.abs(weight)), 0)
  // A head without any word has a scale, too.
  const scale = Math.max(most, 1e-9) / 127
  const steps = Int8Array.from(words, (weight) => Math.round(weight / scale))
  return {
    words: Encoding.encodeBase64(new Uint8Array(steps.buffer)),
    scale,
    form: Array.from(form, rounded),
    ...(looksAtSteps(head) ? { step: Array.from(step, rounded) } : {})
  }
}

const unpackHead = ({ form, scale, step, words }: typeof HeadFile.Type): Head => ({
  words: Float32Array.from(Int8Array.from(bytesOf(words)), (each) => each * scale),
  form: Float64Array.from(form),
  step: step === undefined ? blank().step : Float64Array.from(step)
})

export const pack = (
  { families, judges }: Predictor,
  { cascade, ...rest }: Pick<ModelFile, "best" | "shown"> & { readonly cascade: Cascade | undefined }
): ModelFile => ({
  format: "arc-saga/quality-model",
  ...(judges.some(({ head }) => looksAtSteps(head))
    ? { version: versions.steps, steps: names }
    : { version: versions.plain }),
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
