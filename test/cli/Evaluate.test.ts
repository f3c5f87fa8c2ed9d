import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { gzipSync } from "node:zlib"
import * as EvaluationPicture from "../../src/cli/EvaluationPicture.js"
import * as EvaluationReport from "../../src/cli/EvaluationReport.js"
import * as data from "../utils/outcomes.js"
import * as harness from "./harness.js"

const lines = (outcomes: ReadonlyArray<unknown>): string =>
  outcomes.map((outcome) => `${JSON.stringify(outcome)}\n`).join("")

const recorded = lines(data.make(300))

describe("train", () => {
  it.scoped("writes a model, says what it does, and leaves some outcomes alone", () =>
    Effect.gen(function* () {
      const file = yield* harness.directory({ "o.jsonl": recorded })
      const args = ["train", file("o.jsonl"), "--out", file("m.json"), "--keep", "0.98", "--seed", "3"]
      const { code, err, out } = yield* harness.run(args)
      assert.strictEqual(code, 0, err)
      assert.match(
        out,
        /^best provider: strong\nfamilies: facts, sums\ncascade: cheap → (middle → )?strong\n/
      )
      assert.match(out, /^98 % of strong's quality, with 90 % confidence\nby the cascade:\n/m)
      assert.match(
        out,
        /^by prediction alone:\n  facts, sums: left to strong, because \d+ outcomes can't show it: \d+ or more are needed\n  on the whole: left to strong, because /m
      )
      assert.match(err, /^Trained on \d+ outcomes; \d+ are left to evaluate .*m\.json by\.\n$/)
      const model = yield* harness.readFile(file("m.json"))
      yield* harness.run(args)
      assert.strictEqual(yield* harness.readFile(file("m.json")), model)
    }).pipe(Effect.provide(harness.platform))
  )

  it.scoped("reads gzipped outcomes, too, and says where there is no cascade", () =>
    Effect.gen(function* () {
      const file = yield* harness.directory()
      const silent = lines(data.make(300, { answers: false }))
      yield* harness.writeBytes(file("o.jsonl.gz"), gzipSync(silent))
      const { code, out } = yield* harness.run(["train", file("o.jsonl.gz"), "--out", file("m.json")])
      assert.strictEqual(code, 0)
      assert.include(out, "no cascade: no answers were recorded that could be compared")
    }).pipe(Effect.provide(harness.platform))
  )

  it.scoped("names the first line that can't be used, and how many there are", () =>
    Effect.gen(function* () {
      const [first = ""] = recorded.split("\n")
      const file = yield* harness.directory({
        "one.jsonl": `${first}\n\n{"id": "a"}\n`,
        "more.jsonl": `${first}\nno JSON\n[]\n`,
        "empty.jsonl": "\n",
        "few.jsonl": `${first}\n`
      })
      yield* harness.writeBytes(file("bytes.jsonl"), new Uint8Array([0x7b, 0xff, 0x0a]))
      yield* harness.writeBytes(file("torn.gz"), gzipSync(recorded).subarray(0, 100))
      const said = (name: string) =>
        Effect.map(harness.run(["train", file(name), "--out", file("m.json")]), ({ code, err }) => {
          assert.strictEqual(code, 2, name)
          return err.replace(file(name), "FILE")
        })
      assert.strictEqual(yield* said("one.jsonl"), "FileError: FILE: line 3: Outcome.family: is missing\n")
      assert.strictEqual(
        yield* said("more.jsonl"),
        "FileError: FILE: line 2: Expected a JSON object, actual text that isn't JSON, and 1 more line can't be used\n"
      )
      assert.strictEqual(yield* said("empty.jsonl"), "FileError: FILE: holds no outcomes\n")
      assert.match(yield* said("bytes.jsonl"), /line 1: Expected UTF-8 text/)
      assert.strictEqual(
        yield* said("torn.gz"),
        "FileError: FILE: begins like a gzipped file and can't be unpacked\n"
      )
      assert.match(yield* said("none.jsonl"), /FILE: no such file or directory/)
      assert.match(yield* said("few.jsonl"), /^InvalidArgumentError: QualityModel\./)
    }).pipe(Effect.provide(harness.platform))
  )

  it.effect.each([
    [["--keep", "2"], '--keep: Expected a share from 0 to 1, actual "2"'],
    [["--confidence", "1"], '--confidence: Expected a number from 0 to below 1, actual "1"'],
    [["--seed", "0.5"], '--seed: Expected a whole number, actual "0.5"']
  ] as const)("refuses %j", ([flags, message]) =>
    Effect.gen(function* () {
      const { code, err } = yield* harness.run(["train", "o.jsonl", "--out", "m.json", ...flags])
      assert.strictEqual(code, 2)
      assert.include(err, message)
    })
  )
})

describe("evaluate", () => {
  it.scoped("prints tables of what was saved and kept, and draws a picture", () =>
    Effect.gen(function* () {
      const file = yield* harness.directory({ "o.jsonl": recorded })
      const { code, err, out } = yield* harness.run([
        "evaluate",
        file("o.jsonl"),
        "--splits",
        "2",
        "--picture",
        file("p.svg")
      ])
      assert.strictEqual(code, 0, err)
      assert.match(out, /^300 tasks, 2 splits, \d+ tested; compared with strong\n/)
      assert.match(out, / [01], [01], [012] of 2$/m)
      assert.match(out, /^ *99 % +prediction +facts, sums +2 of 2 +0 of 2$/m)
      for (const policy of ["random mixture", "prediction", "cascade, learned", "oracle", "cheapest only"]) {
        assert.match(out, new RegExp(`^ .*%? +${policy} .*%`, "m"))
      }
      const svg = yield* harness.readFile(file("p.svg"))
      assert.match(svg, /^<svg [^>]*>\n<title>o\.jsonl<\/title>/)
      assert.match(svg, />prediction · [012] of 2 broken<\/text>/)
      assert.match(svg, /<\/svg>\n$/)
    }).pipe(Effect.provide(harness.platform))
  )

  it.scoped("tells of small families nothing, and of two providers how the stronger is asked", () =>
    Effect.gen(function* () {
      const two = lines(data.make(240, { providers: [data.cheap, data.strong], answers: false }))
      const file = yield* harness.directory({ "o.jsonl": two })
      const { out } = yield* harness.run([
        "evaluate",
        file("o.jsonl"),
        "--splits",
        "1",
        "--confidence",
        "0.5"
      ])
      assert.match(out, /^within +APGR +CPT\(50 %\) +CPT\(80 %\)\nall +0\.\d{3} ± 0\.\d{3} /m)
      assert.match(out, /^ *any +cheapest only .* 1, 1, 1 of 1$/m)
    }).pipe(Effect.provide(harness.platform))
  )

  it.scoped("measures a model on what train left, as JSON if it is told to", () =>
    Effect.gen(function* () {
      const two = lines(data.make(300, { providers: [data.cheap, data.strong], answers: false }))
      const file = yield* harness.directory({ "o.jsonl": two })
      yield* harness.run(["train", file("o.jsonl"), "--out", file("m.json")])
      const { code, out } = yield* harness.run([
        "evaluate",
        file("o.jsonl"),
        "--model",
        file("m.json"),
        "--json"
      ])
      assert.strictEqual(code, 0)
      const report: { readonly splits: number; readonly recovery: ReadonlyArray<unknown> } = JSON.parse(out)
      assert.strictEqual(report.splits, 1)
      assert.lengthOf(report.recovery, 3)
    }).pipe(Effect.provide(harness.platform))
  )

  it.scoped("refuses a file that is no model, and a model of other providers", () =>
    Effect.gen(function* () {
      const file = yield* harness.directory({
        "o.jsonl": recorded,
        "two.jsonl": lines(data.make(300, { providers: [data.cheap, data.strong] })),
        "text.json": "{",
        "other.json": "{}"
      })
      yield* harness.run(["train", file("o.jsonl"), "--out", file("m.json")])
      const said = (outcomes: string, model: string) =>
        Effect.map(harness.run(["evaluate", file(outcomes), "--model", file(model)]), ({ code, err }) => {
          assert.strictEqual(code, 2)
          return err
        })
      assert.match(yield* said("o.jsonl", "text.json"), /text\.json: Expected a model in JSON/)
      assert.match(yield* said("o.jsonl", "other.json"), /other\.json: QualityModel\.format: is missing/)
      assert.match(yield* said("o.jsonl", "none.json"), /no such file/)
      assert.strictEqual(
        yield* said("two.jsonl", "m.json"),
        "UsageError: --model: Expected a model of providers with outcomes, actual one of middle, too\n"
      )
    }).pipe(Effect.provide(harness.platform))
  )
})

describe("a report without splits", () => {
  it("is a table without rows and a picture without lines", () => {
    const empty = {
      tasks: 0,
      tested: 0,
      splits: 0,
      best: undefined,
      rows: [],
      oracle: [],
      recovery: [],
      curves: []
    }
    assert.match(EvaluationReport.tables(empty), /^0 tasks, 0 splits, 0 tested; compared with nobody\n/)
    assert.match(EvaluationPicture.svg(empty, 'a < b & "c"'), /<title>a &lt; b &amp; &quot;c&quot;<\/title>/)
  })
})
