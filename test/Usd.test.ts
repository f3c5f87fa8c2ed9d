import { assert, describe, it } from "@effect/vitest"
import * as Either from "effect/Either"
import * as Equal from "effect/Equal"
import * as FastCheck from "effect/FastCheck"
import * as Schema from "effect/Schema"
import * as Usd from "../src/Usd.js"

const decode = Schema.decodeSync(Usd.Usd)
const encode = Schema.encodeSync(Usd.Usd)

const amount = FastCheck.bigInt({ min: -(10n ** 30n), max: 10n ** 30n }).map(Usd.fromPico)

describe("Usd", () => {
  it("counts picodollars", () => {
    assert.strictEqual(Usd.fromNumber(1).pico, 1_000_000_000_000n)
    assert.strictEqual(Usd.fromNumber(0.000_003).pico, 3_000_000n)
    assert.strictEqual(Usd.fromNumber(-0.5).pico, -500_000_000_000n)
    assert.strictEqual(Usd.zero.pico, 0n)
    assert.strictEqual(Usd.toNumber(Usd.fromNumber(12.34)), 12.34)
  })

  it("rounds dollars to the nearest picodollar", () => {
    assert.strictEqual(Usd.fromNumber(1.4e-12).pico, 1n)
    assert.strictEqual(Usd.fromNumber(1.6e-12).pico, 2n)
  })

  it("writes amounts as decimals without exponent", () => {
    const written = [0n, 1n, 12_300_000n, 1_000_000_000_000n, 1_500_000_000_000n, -1n, 10n ** 24n]
    assert.deepStrictEqual(
      written.map((pico) => Usd.toDecimal(Usd.fromPico(pico))),
      ["0", "0.000000000001", "0.0000123", "1", "1.5", "-0.000000000001", "1000000000000"]
    )
  })

  it("writes amounts for people with six digits and the sign in front", () => {
    assert.strictEqual(Usd.format(Usd.fromNumber(0.001234)), "$0.001234")
    assert.strictEqual(Usd.format(Usd.fromNumber(12.5)), "$12.500000")
    assert.strictEqual(Usd.format(Usd.fromNumber(-0.25)), "-$0.250000")
    assert.strictEqual(Usd.format(Usd.zero), "$0.000000")
  })

  it.prop("comes back from its decimal as it was", [amount], ([usd]) => {
    const text = Usd.toDecimal(usd)
    assert.match(text, /^-?\d+(\.\d{0,11}[1-9])?$/)
    assert.isTrue(Equal.equals(decode(text), usd))
    assert.strictEqual(encode(usd), text)
  })

  it.prop("adds like whole numbers, in any order", [amount, amount, amount], ([a, b, c]) => {
    assert.strictEqual(Usd.add(a, b).pico, a.pico + b.pico)
    assert.isTrue(Equal.equals(Usd.add(Usd.add(a, b), c), Usd.add(a, Usd.add(c, b))))
    assert.isTrue(Equal.equals(Usd.add(a, Usd.zero), a))
  })

  it("can be logged as it is: JSON has the exact decimal, a string what people read", () => {
    assert.strictEqual(JSON.stringify({ cost: Usd.fromNumber(0.0012) }), '{"cost":"0.0012"}')
    assert.strictEqual(String(Usd.fromNumber(0.0012)), "$0.001200")
  })

  it("adds up a million small costs exactly, where floats drift", () => {
    const cost = 0.000_000_1
    let exact = Usd.zero
    let float = 0
    for (let i = 0; i < 1_000_000; i++) {
      exact = Usd.add(exact, Usd.fromNumber(cost))
      float += cost
    }
    assert.strictEqual(Usd.toDecimal(exact), "0.1")
    assert.notStrictEqual(float, 0.1)
  })

  it("reads amounts with fewer digits than it could write", () => {
    assert.strictEqual(decode("0.10").pico, 100_000_000_000n)
    assert.strictEqual(decode("-0").pico, 0n)
    assert.strictEqual(decode("007").pico, 7_000_000_000_000n)
  })

  it.each(["", "1e3", ".5", "1.", "+1", " 1", "1,5", "0.1234567890123", "NaN"])(
    "refuses %j as an amount",
    (text) => {
      const error = Either.getOrThrow(Either.flip(Schema.decodeEither(Usd.Usd)(text)))
      assert.include(error.message, "Expected an amount such as 0.0012")
    }
  )

  it("refuses to encode what isn't an amount", () => {
    assert.isTrue(Either.isLeft(Schema.encodeUnknownEither(Usd.Usd)(0.5)))
  })
})
