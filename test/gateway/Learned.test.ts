/** What the gateway shows of what is learned. */
import { assert, describe, it } from "@effect/vitest"
import { AIProvider } from "arc-saga"
import { Learned } from "arc-saga/gateway"
import { Behaviour } from "arc-saga/testing"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { browserPath, context, share } from "../utils/browser.js"
import { request, start } from "./harness.js"

const whole: Learned.Snapshot = {
  model: {
    file: "/var/models/a-directory-with-a-rather-long-name/model.json",
    writtenAt: Date.UTC(2026, 0, 2),
    best: "large",
    confidence: 0.9,
    tasks: 2245,
    promises: [
      { by: "prediction", keep: 0.98, families: ["<b>sums</b>", "facts"], tasks: 900, isKept: true },
      { by: "cascade", keep: 0.99, families: ["proofs"], tasks: 120, isKept: false }
    ]
  },
  learning: { counts: { compared: 12, busy: 3 }, spentUsd: 0.25, usd: 1, period: "day" },
  training: { count: 7, last: { at: Date.UTC(2026, 0, 3), outcome: "refused", reason: "it saves 1 %" } },
  escalation: { failures: 4, repeats: 2 }
}

const around = (layer: Layer.Layer<Learned.Learned>): Layer.Layer<never> => layer

const gateway = (snapshot?: Learned.Snapshot) =>
  start({
    engines: [{ provider: AIProvider.Claude, script: [Behaviour.answer({ text: "Hi" })] }],
    ...(snapshot === undefined
      ? {}
      : { around: around(Layer.succeed(Learned.Learned, { snapshot: Effect.succeed(snapshot) })) })
  })

const learnedOf = (snapshot?: Learned.Snapshot) =>
  Effect.gen(function* () {
    const { url } = yield* gateway(snapshot)
    return JSON.parse((yield* request(`${url}/status.json`)).text).learned
  })

describe("what is learned", () => {
  it.scopedLive("is in the status, with times as it has all of them", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* learnedOf(whole), {
        ...whole,
        model: { ...whole.model, writtenAt: "2026-01-02T00:00:00.000Z" },
        training: { count: 7, last: { ...whole.training?.last, at: "2026-01-03T00:00:00.000Z" } }
      })
    })
  )

  it.scopedLive("isn't there where nothing is, and null where a part is none", () =>
    Effect.gen(function* () {
      assert.isUndefined(yield* learnedOf())
      assert.deepStrictEqual(yield* learnedOf({}), {
        model: null,
        learning: null,
        training: null,
        escalation: null
      })
      const unsure = {
        training: { count: 0 },
        learning: { counts: {}, spentUsd: undefined, usd: 1, period: "month" as const }
      }
      assert.deepStrictEqual(yield* learnedOf(unsure), {
        model: null,
        learning: { ...unsure.learning, spentUsd: null },
        training: { count: 0, last: null },
        escalation: null
      })
    })
  )
})

const inBrowser = () => {
  share()
  it.scopedLive.each([1280, 390])("is shown as text, and no wider than a screen of %i", (width) =>
    Effect.gen(function* () {
      const { url } = yield* gateway(whole)
      const opened = yield* context({ viewport: { width, height: 800 } })
      const page = yield* Effect.promise(() => opened.newPage())
      const asked: Array<string> = []
      page.on("request", (each) => asked.push(each.url()))
      yield* Effect.promise(() => page.goto(url))
      yield* Effect.promise(() => page.getByText("Live.").waitFor())
      const text = yield* Effect.promise(() => page.locator("#learned").innerText())
      for (const part of [
        "model.json",
        "2245 outcomes",
        "98.0 % by prediction: <b>sums</b>, facts",
        "kept (900)",
        "left to large (120)",
        "$0.250000 of $1.00",
        "compared",
        "it saves 1 %",
        "By failures"
      ]) {
        assert.include(text, part)
      }
      const wide = yield* Effect.promise(() =>
        page
          .locator("body *")
          .evaluateAll(
            (all, right) =>
              all.filter((each) => each.getBoundingClientRect().right > right).map((each) => each.outerHTML),
            width
          )
      )
      assert.deepStrictEqual(wide, [])
      const elsewhere = asked.filter((each) => !each.startsWith(url) && !each.startsWith("data:"))
      assert.deepStrictEqual(elsewhere, [])
      const shot = process.env["SHOT"]
      if (shot !== undefined) {
        yield* Effect.promise(() => page.screenshot({ path: `${shot}-${width}.png`, fullPage: true }))
      }
    })
  )

  it.scopedLive("takes no room where there is nothing", () =>
    Effect.gen(function* () {
      const { url } = yield* gateway()
      const opened = yield* context({ viewport: { width: 390, height: 800 } })
      const page = yield* Effect.promise(() => opened.newPage())
      yield* Effect.promise(() => page.goto(url))
      yield* Effect.promise(() => page.getByText("Live.").waitFor())
      assert.isFalse(yield* Effect.promise(() => page.locator("#learned").isVisible()))
    })
  )
}

if (browserPath !== undefined) describe("what is learned, in a browser", inBrowser)
