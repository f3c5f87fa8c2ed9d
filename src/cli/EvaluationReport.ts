/** What an evaluation measured, as tables for people. */
import type { Report, Spread } from "../savings/Evaluation.js"
import * as Format from "./Format.js"

const percent = (share: number, digits = 1): string => `${(100 * share).toFixed(digits)} %`

const spread = ({ deviation, mean }: Spread): string =>
  deviation === 0 ? percent(mean) : `${percent(mean)} ± ${(100 * deviation).toFixed(1)}`

const between = ([from, to]: readonly [number, number]): string =>
  `${(100 * from).toFixed(1)} – ${(100 * to).toFixed(1)}`

const columns: ReadonlyArray<Format.Column> = [
  { title: "asked for", align: "right" },
  { title: "policy", align: "left" },
  { title: "cost saved", align: "right" },
  { title: "95 %", align: "right" },
  { title: "quality kept", align: "right" },
  { title: "95 %", align: "right" },
  { title: "worst family", align: "left" },
  { title: "broken", align: "right" }
]

/** Policies that don't depend on what is asked for are told once. */
const rowsOf = (report: Report): ReadonlyArray<ReadonlyArray<string>> => {
  const seen = new Set<string>()
  const policies = report.rows.flatMap((row) => {
    const same = report.rows.filter(
      (other) =>
        other.policy === row.policy &&
        other.saved.mean === row.saved.mean &&
        other.kept.mean === row.kept.mean
    )
    const fixed =
      same.length > 1 && report.rows.filter(({ policy }) => policy === row.policy).length === same.length
    if (seen.has(row.policy)) return []
    if (fixed) seen.add(row.policy)
    const broken = (fixed ? same : [row]).map((each) => each.broken)
    return [
      {
        keep: fixed ? 0 : row.keep,
        cells: [
          fixed ? "any" : percent(row.keep, 0),
          row.policy,
          spread(row.saved),
          between(row.interval.saved),
          spread(row.kept),
          between(row.interval.kept),
          row.worst === undefined ? "" : `${row.worst.family} ${percent(row.worst.kept)}`,
          `${broken.join(", ")} of ${report.splits}`
        ]
      }
    ]
  })
  const bounds = report.oracle.map(({ keep, kept, saved }) => ({
    keep,
    cells: [percent(keep, 0), "oracle", spread(saved), "", spread(kept), "", "", ""]
  }))
  return [...policies, ...bounds].toSorted((left, right) => left.keep - right.keep).map(({ cells }) => cells)
}

/** Where nothing could be promised, so that the best provider answered. */
const withheldOf = (report: Report): ReadonlyArray<ReadonlyArray<string>> =>
  report.rows.flatMap(({ keep, policy, withheld }) =>
    withheld.map(({ families, notShown, tooFew }) => [
      percent(keep, 0),
      policy,
      families,
      `${tooFew} of ${report.splits}`,
      `${notShown} of ${report.splits}`
    ])
  )

/**
 * The tables of a report: what each policy saved and kept and how often it broke its promise, where it could
 * promise nothing, and for two providers how well the stronger is asked when it is needed.
 */
export const tables = (report: Report): string => {
  const head = `${Format.count(report.tasks, "task")}, ${Format.count(report.splits, "split")}, ${report.tested} tested; compared with ${report.best ?? "nobody"}`
  const routing = Format.table(columns, rowsOf(report))
  const withheld = withheldOf(report)
  const recovery = report.recovery.map(({ apgr, cpt50, cpt80, within }) => [
    within,
    `${apgr.mean.toFixed(3)} ± ${apgr.deviation.toFixed(3)}`,
    spread(cpt50),
    spread(cpt80)
  ])
  return [
    head,
    routing,
    "broken: the 90 % interval of what was kept on a split's tests lies below what was asked, on the whole or in a family of 60 tests at least",
    ...(withheld.length === 0
      ? []
      : [
          `left to ${report.best ?? "nobody"}, because too few outcomes could show it or those there were didn't`,
          Format.table(
            [
              { title: "asked for", align: "right" },
              { title: "policy", align: "left" },
              { title: "families", align: "left" },
              { title: "too few", align: "right" },
              { title: "not shown", align: "right" }
            ],
            withheld
          )
        ]),
    ...(recovery.length === 0
      ? []
      : [
          Format.table(
            [
              { title: "within", align: "left" },
              { title: "APGR", align: "right" },
              { title: "CPT(50 %)", align: "right" },
              { title: "CPT(80 %)", align: "right" }
            ],
            recovery
          )
        ])
  ].join("\n\n")
}
