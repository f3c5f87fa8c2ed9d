import { assert, describe, it } from "@effect/vitest"
import * as exposition from "../../../src/cli/Workers/exposition.js"

describe("metrics of several processes", () => {
  it("has each family once, with the samples of all", () => {
    const text = (value: number) =>
      [
        "# HELP a_total What # is { counted.",
        "# TYPE a_total counter",
        `a_total ${value}`,
        "# HELP b_seconds Times.",
        "# TYPE b_seconds histogram",
        `b_seconds_bucket{provider="x \\"{y} z",le="+Inf"} ${value}`,
        `b_seconds_sum{provider="x \\"{y} z"} 0.5`,
        ""
      ].join("\n")
    const alone = "# HELP c Depth.\n# TYPE c gauge\nc -1\n"
    assert.strictEqual(
      exposition.join([
        { worker: 1, text: text(1) },
        { worker: 2, text: `${alone}${text(20)}` }
      ]),
      [
        "# HELP a_total What # is { counted.",
        "# TYPE a_total counter",
        'a_total{worker="1"} 1',
        'a_total{worker="2"} 20',
        "# HELP b_seconds Times.",
        "# TYPE b_seconds histogram",
        'b_seconds_bucket{worker="1",provider="x \\"{y} z",le="+Inf"} 1',
        'b_seconds_sum{worker="1",provider="x \\"{y} z"} 0.5',
        'b_seconds_bucket{worker="2",provider="x \\"{y} z",le="+Inf"} 20',
        'b_seconds_sum{worker="2",provider="x \\"{y} z"} 0.5',
        "# HELP c Depth.",
        "# TYPE c gauge",
        'c{worker="2"} -1',
        ""
      ].join("\n")
    )
  })
})
