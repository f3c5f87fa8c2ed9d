import { assert, describe, it } from "@effect/vitest"
import { AIProvider, Price, ReasoningEngine, TokenUsage, Usd } from "arc-saga"
import { Behaviour } from "arc-saga/testing"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Stream from "effect/Stream"
import { browserPath, context, share } from "../utils/browser.js"
import { post, request, type Running, start } from "./harness.js"

const { Claude, Gpt4 } = AIProvider

const price = (input: number) => Either.getOrThrow(Price.make({ input, output: input }))
const chat = { model: "claude", messages: [{ role: "user", content: "Hello" }] }

/** A gateway whose cheap provider has no quota for the first call, and that has been asked twice. */
const used = Effect.gen(function* () {
  const running = yield* start({
    engines: [
      {
        provider: Claude,
        model: "<b>claude-x</b>",
        price: price(1000),
        script: [Behaviour.fail({ _tag: "QuotaExhaustedError" }), Behaviour.answer({ text: "Hi there" })]
      },
      { provider: Gpt4, model: "gpt-x", price: price(4000), script: [Behaviour.answer({ text: "Hi there" })] }
    ]
  })
  yield* post(`${running.url}/v1/chat/completions`, chat)
  yield* post(`${running.url}/v1/chat/completions`, chat)
  yield* post(`${running.url}/v1/chat/completions`, { ...chat, tools: [], response_format: { type: "text" } })
  return running
})

const opened = ({ url }: Running, width: number) =>
  Effect.gen(function* () {
    const opened = yield* context({ viewport: { width, height: 800 } })
    const page = yield* Effect.promise(() => opened.newPage())
    const complaints: Array<string> = []
    page.on("console", (message) => complaints.push(message.text()))
    page.on("pageerror", (error) => complaints.push(error.message))
    yield* Effect.promise(() => page.goto(url))
    yield* Effect.promise(() => page.getByText("Live.").waitFor())
    return { page, complaints }
  })

const inBrowser = () => {
  share()

  it.scopedLive("shows providers, the last calls with their attempts, and the money of the day", () =>
    Effect.gen(function* () {
      const { complaints, page } = yield* opened(yield* used, 1280)
      const text = (selector: string) => Effect.promise(() => page.locator(selector).innerText())
      const claude = yield* text('[data-provider="claude"]')
      assert.include(claude, "<b>claude-x</b>")
      assert.include(claude, "66.7 %")
      assert.include(claude, "partly answering")
      assert.include(yield* text('[data-provider="gpt4"]'), "gpt4 answering")
      // Four tokens a call: one call at 4,000 USD per million and two at 1,000, beside three at 4,000.
      const figures = yield* text("#figures")
      assert.include(figures, "$0.024000")
      assert.match(figures, /With gpt4 alone\s+\$0\.048000/)
      assert.include(yield* text("#saved"), "50.0 % less")
      const calls = page.locator("details")
      assert.strictEqual(yield* Effect.promise(() => calls.count()), 3)
      const first = calls.nth(2)
      assert.include(yield* Effect.promise(() => first.innerText()), "claude → gpt4")
      yield* Effect.promise(() => first.locator("summary").click())
      const attempts = yield* Effect.promise(() => first.locator("li").allInnerTexts())
      assert.deepStrictEqual(
        attempts.map((attempt) => attempt.replace(/ after .*/, "")),
        ["claude (<b>claude-x</b>): QuotaExhaustedError", "gpt4 (gpt-x): succeeded"]
      )
      assert.deepStrictEqual(complaints, [])
    })
  )

  it.scopedLive("follows what happens, keeps open what was opened, and tells when the gateway is gone", () =>
    Effect.gen(function* () {
      const running = yield* used
      const { page } = yield* opened(running, 1280)
      yield* Effect.promise(() => page.locator("details").first().locator("summary").click())
      yield* post(`${running.url}/v1/chat/completions`, { ...chat, model: "nope" })
      yield* post(`${running.url}/v1/chat/completions`, { ...chat, model: "gpt4" })
      yield* Effect.promise(() => page.locator("details").nth(3).waitFor())
      assert.deepStrictEqual(
        yield* Effect.promise(() =>
          page.locator("details").evaluateAll((all) => all.map((each) => each.hasAttribute("open")))
        ),
        [false, true, false, false]
      )
      yield* running.stop
      yield* Effect.promise(() => page.getByText("doesn't answer").waitFor())
    })
  )

  it.scopedLive("calls no provider better than it is known to be", () =>
    Effect.gen(function* () {
      const running = yield* start({
        engines: [
          { provider: Claude, script: [Behaviour.fail({ _tag: "AuthenticationError" })] },
          { provider: Gpt4, script: [Behaviour.answer({ text: "Hi" })] }
        ]
      })
      yield* post(`${running.url}/v1/chat/completions`, chat)
      const { page } = yield* opened(running, 1280)
      const headings = yield* Effect.promise(() => page.locator("article h3").allInnerTexts())
      assert.deepStrictEqual(headings, ["claude failing", "gpt4 not asked yet"])
    })
  )

  it.scopedLive("tells what providers billed from what was computed", () =>
    Effect.gen(function* () {
      const billing = ReasoningEngine.fromStream({
        provider: Claude,
        price: price(1000),
        stream: () =>
          Stream.make(
            ReasoningEngine.textDelta("Hi"),
            ReasoningEngine.usage(TokenUsage.make({ inputTokens: 1, outputTokens: 1 }), Usd.fromNumber(0.25)),
            ReasoningEngine.finish("stop", "claude-x")
          )
      })
      const running = yield* start({
        engines: [{ provider: Gpt4, price: price(1000), script: [Behaviour.answer({ text: "Hi" })] }],
        registered: [billing]
      })
      yield* post(`${running.url}/v1/chat/completions`, chat)
      yield* post(`${running.url}/v1/chat/completions`, { ...chat, model: "gpt4" })
      const { page } = yield* opened(running, 1280)
      const text = (selector: string) => Effect.promise(() => page.locator(selector).innerText())
      assert.match(yield* text('[data-provider="claude"]'), /\$0\.250000 \(\$0\.250000 as billed\)/)
      assert.notInclude(yield* text('[data-provider="gpt4"]'), "billed")
      const lasts = page.locator("details li")
      assert.deepStrictEqual(
        (yield* Effect.promise(() => lasts.allTextContents())).map((last) => last.endsWith(" as billed")),
        [false, true]
      )
    })
  )

  it.scopedLive("fits a phone: nothing is wider than the screen", () =>
    Effect.gen(function* () {
      const { page } = yield* opened(yield* used, 360)
      yield* Effect.promise(() => page.locator("details").first().locator("summary").click())
      const wide = yield* Effect.promise(() =>
        page
          .locator("body *")
          .evaluateAll((all) =>
            all.filter((each) => each.getBoundingClientRect().right > 360).map((each) => each.outerHTML)
          )
      )
      assert.deepStrictEqual(wide, [])
    })
  )
}

const withoutBrowser = () => {
  it.scopedLive("is a script that can be parsed, and data that it can read", () =>
    Effect.gen(function* () {
      const { url } = yield* used
      const script = yield* request(`${url}/page.js`)
      assert.doesNotThrow(() => new Function(script.text))
      const status = JSON.parse((yield* request(`${url}/status.json`)).text)
      assert.strictEqual(status.cost, "0.024")
      assert.deepStrictEqual(status.dearest, { provider: "gpt4", cost: "0.048" })
      assert.strictEqual(status.calls.length, 3)
    })
  )
}

describe("the page", () => {
  it.scopedLive("loads nothing from elsewhere and may run nothing from elsewhere", () =>
    Effect.gen(function* () {
      const { url } = yield* used
      const page = yield* request(`${url}/`)
      assert.strictEqual(page.headers.get("content-type"), "text/html; charset=utf-8")
      assert.include(page.headers.get("content-security-policy") ?? "", "default-src 'none'")
      assert.notMatch(page.text, /https?:/)
      assert.notInclude(page.text, "<script>")
    })
  )
})

if (browserPath === undefined) describe("the page, without a browser", withoutBrowser)
else describe("the page, in a browser", inBrowser)
