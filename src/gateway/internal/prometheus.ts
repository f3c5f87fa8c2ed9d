import type * as MetricPair from "effect/MetricPair"
import * as MetricState from "effect/MetricState"
import * as Option from "effect/Option"

/** Labels by their names. */
export type Labels = Readonly<Record<string, string>>

type Type = "counter" | "gauge" | "histogram" | "summary"

/** One line of a family: what its name ends with, its labels, and its number. */
interface Sample {
  readonly suffix: string
  readonly labels: Labels
  readonly value: number | bigint
}

/** All samples of one name. */
export interface Family {
  readonly name: string
  readonly type: Type
  readonly help: string
  readonly samples: ReadonlyArray<Sample>
}

/** A family whose samples have nothing but labels and numbers. */
export const family = (
  type: "counter" | "gauge",
  name: string,
  help: string,
  samples: ReadonlyArray<readonly [Labels, number | undefined]>
): Family => ({
  name,
  type,
  help,
  samples: samples.flatMap(([labels, value]) => (value === undefined ? [] : [{ suffix: "", labels, value }]))
})

/** Names of metrics and labels have fewer characters than Effect allows. */
const nameOf = (text: string): string => text.replaceAll(/[^A-Za-z0-9_]/g, "_").replace(/^(?=\d)/, "_")

const escaped = (text: string): string =>
  text.replaceAll("\\", "\\\\").replaceAll("\n", "\\n").replaceAll('"', '\\"')

const numberOf = (value: number | bigint): string =>
  value === Number.POSITIVE_INFINITY ? "+Inf" : value === Number.NEGATIVE_INFINITY ? "-Inf" : String(value)

const labelsOf = (labels: Labels): string => {
  const entries = Object.entries(labels)
  return entries.length === 0
    ? ""
    : `{${entries.map(([name, value]) => `${nameOf(name)}="${escaped(value)}"`).join(",")}}`
}

const write = ({ help, name, samples, type }: Family): string =>
  [
    `# HELP ${name} ${help.replaceAll("\\", "\\\\").replaceAll("\n", "\\n")}`,
    `# TYPE ${name} ${type}`,
    ...samples.map(({ labels, suffix, value }) => `${name}${suffix}${labelsOf(labels)} ${numberOf(value)}`)
  ].join("\n")

/** Families in the text format of Prometheus; those without samples aren't there. */
export const render = (families: ReadonlyArray<Family>): string =>
  families
    .filter(({ samples }) => samples.length > 0)
    .map((each) => `${write(each)}\n`)
    .join("")

/** Counts of the observations up to each boundary, and of all. */
const distribution = (
  labels: Labels,
  { count, sum }: { readonly count: number; readonly sum: number },
  parts: ReadonlyArray<Sample>
): ReadonlyArray<Sample> => [
  ...parts,
  { suffix: "_sum", labels, value: sum },
  { suffix: "_count", labels, value: count }
]

/** Observations by the boundary that they are at most, each with those below it. */
interface Histogram {
  readonly buckets: ReadonlyArray<readonly [boundary: number, count: number]>
  readonly count: number
  readonly sum: number
}

const histogramOf = (labels: Labels, histogram: Histogram): ReadonlyArray<Sample> =>
  distribution(
    labels,
    histogram,
    histogram.buckets
      .filter(([boundary]) => Number.isFinite(boundary))
      .concat([[Number.POSITIVE_INFINITY, histogram.count]])
      .map(([boundary, value]) => ({
        suffix: "_bucket",
        labels: { ...labels, le: numberOf(boundary) },
        value
      }))
  )

/** A family of histograms. */
export const histograms = (
  name: string,
  help: string,
  samples: ReadonlyArray<readonly [Labels, Histogram]>
): Family => ({
  name,
  type: "histogram",
  help,
  samples: samples.flatMap(([labels, histogram]) => histogramOf(labels, histogram))
})

type Read = Pick<Family, "type" | "samples">

const read = (state: MetricState.MetricState.Untyped, labels: Labels): Read | undefined => {
  if (MetricState.isCounterState(state)) {
    return { type: "counter", samples: [{ suffix: "", labels, value: state.count }] }
  }
  if (MetricState.isGaugeState(state)) {
    return { type: "gauge", samples: [{ suffix: "", labels, value: state.value }] }
  }
  if (MetricState.isFrequencyState(state)) {
    const samples = Array.from(state.occurrences, ([key, value]) => ({
      suffix: "",
      labels: { ...labels, key },
      value
    }))
    return { type: "counter", samples }
  }
  if (MetricState.isHistogramState(state)) {
    return { type: "histogram", samples: histogramOf(labels, state) }
  }
  if (MetricState.isSummaryState(state)) {
    const quantiles = state.quantiles.flatMap(([quantile, value]) =>
      Option.match(value, {
        onNone: () => [],
        onSome: (known) => [{ suffix: "", labels: { ...labels, quantile: String(quantile) }, value: known }]
      })
    )
    return { type: "summary", samples: distribution(labels, state, quantiles) }
  }
  return undefined
}

/** The families of Effect's metrics; those of one name and another type than the first are left out. */
export const fromEffect = (pairs: ReadonlyArray<MetricPair.MetricPair.Untyped>): ReadonlyArray<Family> => {
  const families = new Map<string, Family>()
  for (const { metricKey, metricState } of pairs) {
    const name = nameOf(metricKey.name)
    const seen = read(metricState, Object.fromEntries(metricKey.tags.map(({ key, value }) => [key, value])))
    if (seen === undefined) continue
    const before = families.get(name)
    if (before !== undefined && before.type !== seen.type) continue
    families.set(name, {
      name,
      type: seen.type,
      help: before?.help ?? Option.getOrElse(metricKey.description, () => metricKey.name),
      samples: [...(before?.samples ?? []), ...seen.samples]
    })
  }
  return Array.from(families.values())
}
