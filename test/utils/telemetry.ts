/** Spans and metrics as they leave the process: over @effect/opentelemetry, into memory. */
import * as NodeSdk from "@effect/opentelemetry/NodeSdk"
import {
  AggregationTemporality,
  InMemoryMetricExporter,
  PeriodicExportingMetricReader
} from "@opentelemetry/sdk-metrics"
import { InMemorySpanExporter, type ReadableSpan, SimpleSpanProcessor } from "@opentelemetry/sdk-trace-base"
import * as Effect from "effect/Effect"

/** A span, as much of it as a test looks at. */
export interface Span {
  readonly name: string
  readonly parent: string | undefined
  readonly kind: number
  readonly attributes: Readonly<Record<string, unknown>>
  readonly ms: number
  /** Its status and what it has besides attributes. */
  readonly told: string
  readonly failed: boolean
}

const millis = ([seconds, nanos]: readonly [number, number]): number => seconds * 1000 + nanos / 1e6

const toSpan = (span: ReadableSpan, all: ReadonlyArray<ReadableSpan>): Span => ({
  name: span.name,
  parent: all.find((other) => other.spanContext().spanId === span.parentSpanContext?.spanId)?.name,
  kind: span.kind,
  attributes: span.attributes,
  ms: Math.round(millis(span.duration)),
  told: JSON.stringify([span.name, span.attributes, span.status, span.events]),
  failed: span.status.code === 2
})

/** Runs an effect with an exporter of spans: what it gave, and its spans in the order in which they began. */
export const traced = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.gen(function* () {
    const exporter = new InMemorySpanExporter()
    const sdk = NodeSdk.layer(() => ({
      resource: { serviceName: "test" },
      spanProcessor: new SimpleSpanProcessor(exporter)
    }))
    // The exporter forgets them when it is shut down.
    const { all, given } = yield* Effect.provide(
      Effect.map(effect, (result) => ({ given: result, all: exporter.getFinishedSpans() })),
      sdk
    )
    const spans = all
      .map((span) => ({ at: millis(span.startTime), span: toSpan(span, all) }))
      .toSorted((left, right) => left.at - right.at)
    return { given, spans: spans.map(({ span }) => span) }
  })

/** A point of a metric: its labels, and its value or its count and sum. */
export interface Point {
  readonly name: string
  readonly unit: string
  readonly labels: Readonly<Record<string, unknown>>
  readonly value: number
  readonly count: number
  readonly boundaries: ReadonlyArray<number>
}

/** All metrics as they are exported now; those of other tests of the process are among them. */
export const exported: Effect.Effect<ReadonlyArray<Point>> = Effect.gen(function* () {
  const exporter = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE)
  const metricReader = new PeriodicExportingMetricReader({ exporter, exportIntervalMillis: 2 ** 31 - 1 })
  const sdk = NodeSdk.layer(() => ({ resource: { serviceName: "test" }, metricReader }))
  yield* Effect.provide(
    Effect.promise(() => metricReader.forceFlush()),
    sdk
  )
  return exporter
    .getMetrics()
    .flatMap(({ scopeMetrics }) => scopeMetrics)
    .flatMap(({ metrics }) => metrics)
    .flatMap(({ dataPoints, descriptor: { name, unit } }) =>
      dataPoints.map(({ attributes, value }) => ({
        name,
        unit,
        labels: attributes,
        value: typeof value === "number" ? value : (value.sum ?? Number.NaN),
        count: typeof value === "number" ? 1 : value.count,
        boundaries: typeof value === "number" || !("buckets" in value) ? [] : boundariesOf(value.buckets)
      }))
    )
})

const boundariesOf = (buckets: object): ReadonlyArray<number> =>
  "boundaries" in buckets && Array.isArray(buckets.boundaries) ? buckets.boundaries : []
