/**
 * Amounts of money, exact: whole picodollars (10⁻¹² USD) in a bigint, so that a million small costs add
 * up without binary-float drift. A price of 0.000001 USD per million tokens is one picodollar a token.
 *
 * @since 0.1.0
 */
import * as Data from "effect/Data"
import * as ParseResult from "effect/ParseResult"
import * as Schema from "effect/Schema"

/**
 * An amount in USD. Two that are equal are so by Equal too; as JSON it is an exact decimal.
 *
 * @since 0.1.0
 * @category models
 */
export interface Usd {
  /** Whole picodollars. */
  readonly pico: bigint
}

/** A bigint alone would make JSON.stringify throw, and results are what people log. */
class Amount extends Data.Class<Usd> {
  toJSON(): string {
    return toDecimal(this)
  }
  override toString(): string {
    return format(this)
  }
}

const scale = 1_000_000_000_000n

/**
 * No money at all. An unknown cost isn't this: it is `Option.none()`.
 *
 * @since 0.1.0
 * @category constructors
 */
export const zero: Usd = new Amount({ pico: 0n })

/**
 * An amount from whole picodollars.
 *
 * @since 0.1.0
 * @category constructors
 */
export const fromPico = (picodollars: bigint): Usd => new Amount({ pico: picodollars })

/**
 * An amount from dollars, rounded to the nearest picodollar. `dollars` must be finite.
 *
 * @since 0.1.0
 * @category constructors
 */
export const fromNumber = (dollars: number): Usd => fromPico(BigInt(Math.round(dollars * 1e12)))

/**
 * The amount in dollars, as near as a double comes to it: for display and for scores, not for sums.
 *
 * @since 0.1.0
 * @category conversions
 */
export const toNumber = (amount: Usd): number => Number(amount.pico) / 1e12

/**
 * The exact sum.
 *
 * @since 0.1.0
 * @category combinators
 */
export const add = (left: Usd, right: Usd): Usd => fromPico(left.pico + right.pico)

/**
 * The exact amount in dollars as a decimal without exponent: `0.0000123`.
 *
 * @since 0.1.0
 * @category conversions
 */
export const toDecimal = ({ pico }: Usd): string => {
  const magnitude = pico < 0n ? -pico : pico
  const fraction = (magnitude % scale)
    .toString()
    .padStart(12, "0")
    .replace(/(?<!0)0+$/, "")
  const digits = `${magnitude / scale}${fraction === "" ? "" : `.${fraction}`}`
  return pico < 0n ? `-${digits}` : digits
}

/**
 * The amount for people: `$0.001234`, six digits after the point.
 *
 * @since 0.1.0
 * @category conversions
 */
export const format = (amount: Usd): string => {
  const dollars = toNumber(amount)
  return `${dollars < 0 ? "-" : ""}$${Math.abs(dollars).toFixed(6)}`
}

const decimal = /^-?\d+(\.\d{1,12})?$/

/**
 * Carries an amount through JSON as an exact decimal string.
 *
 * @since 0.1.0
 * @category schemas
 */
export const Usd: Schema.Schema<Usd, string> = Schema.transformOrFail(
  Schema.String,
  Schema.declare((input: unknown): input is Usd => input instanceof Amount, { identifier: "Usd" }),
  {
    strict: true,
    decode: (text, _, ast) => {
      if (!decimal.test(text)) {
        return ParseResult.fail(new ParseResult.Type(ast, text, "Expected an amount such as 0.0012"))
      }
      // Without its point, and with all twelve digits after it, the decimal is the count.
      const digits = text.replace(/(?:\.(\d+))?$/, (_, fraction: string = "") => fraction.padEnd(12, "0"))
      return ParseResult.succeed(fromPico(BigInt(digits)))
    },
    encode: (amount) => ParseResult.succeed(toDecimal(amount))
  }
)
