import * as Either from "effect/Either"

const units = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const

/** The milliseconds of a duration such as `500ms`, `30s`, `1.5m`, `1h` or `7d`, or the expected form. */
export const parse = (input: string): Either.Either<number, string> => {
  const match = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)$/.exec(input.trim())
  const unit = match?.[2]
  return unit === "ms" || unit === "s" || unit === "m" || unit === "h" || unit === "d"
    ? Either.right(Number(match?.[1]) * units[unit])
    : Either.left("a duration such as 500ms, 30s or 2m")
}
