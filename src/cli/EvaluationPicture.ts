/** What an evaluation measured, as a picture: the cost of a task against its quality. */
import * as Arr from "effect/Array"
import type { Point, Report } from "../savings/Evaluation.js"

const size = { width: 840, height: 460, left: 60, right: 300, top: 30, bottom: 50 } as const

/** Enough for every policy and a handful of providers; then they begin again. */
const colours = [
  "#0072b2",
  "#d55e00",
  "#009e73",
  "#cc79a7",
  "#e69f00",
  "#56b4e9",
  "#555555",
  "#999933",
  "#882255",
  "#117733",
  "#aa4499",
  "#dc143c",
  "#332288"
]

const escaped = (text: string): string =>
  text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;")

const text = (x: number, y: number, content: string, attributes = ""): string =>
  `<text x="${x.toFixed(1)}" y="${y.toFixed(1)}" ${attributes}>${escaped(content)}</text>`

/** A tenth of the digits that are needed: 0.0123 and 12.3. */
const brief = (value: number): string => String(Number(value.toPrecision(2)))

/**
 * An SVG of the first split: a line or a point for every policy, the single providers, the random mixture,
 * and the oracle, which bounds them all. Beside each policy stands in how many of the splits at most it broke
 * what was asked. Cost is per 1,000 tasks, on a logarithmic scale.
 */
export const svg = (report: Report, title: string): string => {
  /** In how many splits at most a policy broke its promise, whatever share it was asked for. */
  const brokenOf = (policy: string): string => {
    const broken = report.rows.filter((row) => row.policy === policy).map((row) => row.broken)
    return broken.length === 0 ? "" : ` · ${Math.max(...broken)} of ${report.splits} broken`
  }
  const curves = report.curves.filter(({ points }) => points.length > 0)
  const costs = curves.flatMap(({ points }) => points.map(({ costUsd }) => Math.max(costUsd, 1e-9)))
  const qualities = curves.flatMap(({ points }) => points.map(({ quality }) => quality))
  const [least, most] = [Math.log10(Math.min(...costs)), Math.log10(Math.max(...costs))]
  const [worst, best] = [Math.min(...qualities), Math.max(...qualities)]
  const right = size.width - size.right
  const bottom = size.height - size.bottom
  const x = (costUsd: number): number =>
    size.left +
    ((right - size.left) * (Math.log10(Math.max(costUsd, 1e-9)) - least)) / Math.max(most - least, 1e-9)
  const y = (quality: number): number =>
    bottom - ((bottom - size.top) * (quality - worst)) / Math.max(best - worst, 1e-9)
  const place = ({ costUsd, quality }: Point): string => `${x(costUsd).toFixed(1)},${y(quality).toFixed(1)}`

  const circle = (cx: number, cy: number, colour: string): string =>
    `<circle cx="${cx.toFixed(1)}" cy="${cy.toFixed(1)}" r="5" fill="${colour}"/>`
  const drawn = curves.map(({ name, points }, index) => {
    const colour = Arr.unsafeGet(colours, index % colours.length)
    const at = size.top + 10 + 20 * index
    const dashed = name === "oracle" || name === "random mixture" ? ' stroke-dasharray="5 4"' : ""
    const line = points
      .toSorted((left, other) => left.costUsd - other.costUsd)
      .map(place)
      .join(" ")
    const shapes =
      points.length === 1
        ? [
            ...points.map(({ costUsd, quality }) => circle(x(costUsd), y(quality), colour)),
            circle(right + 22, at, colour)
          ]
        : [
            `<polyline points="${line}" fill="none" stroke="${colour}" stroke-width="2"${dashed}/>`,
            `<line x1="${right + 12}" y1="${at}" x2="${right + 32}" y2="${at}" stroke="${colour}" stroke-width="2"${dashed}/>`
          ]
    return [...shapes, text(right + 40, at + 4, `${name}${brokenOf(name)}`)].join("\n")
  })

  const marks = [0, 0.25, 0.5, 0.75, 1]
  const costMarks = marks.map((mark) => 10 ** (least + mark * (most - least)))
  const qualityMarks = marks.map((mark) => worst + mark * (best - worst))
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${size.width} ${size.height}" font-family="sans-serif" font-size="12" fill="#222222">`,
    `<title>${escaped(title)}</title>`,
    `<rect width="${size.width}" height="${size.height}" fill="#ffffff"/>`,
    text(size.left, 18, title, 'font-weight="bold"'),
    `<path d="M${size.left} ${size.top}V${bottom}H${right}" fill="none" stroke="#222222"/>`,
    ...costMarks.map((cost) => text(x(cost), bottom + 18, `$${brief(1000 * cost)}`, 'text-anchor="middle"')),
    ...qualityMarks.map((quality) =>
      text(size.left - 8, y(quality) + 4, quality.toFixed(2), 'text-anchor="end"')
    ),
    text((size.left + right) / 2, size.height - 10, "USD per 1,000 tasks", 'text-anchor="middle"'),
    text(size.left + 6, size.top + 4, "quality"),
    ...drawn,
    "</svg>",
    ""
  ].join("\n")
}
