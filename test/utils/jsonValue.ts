import * as FastCheck from "effect/FastCheck"

/** What a text of JSON can say: not -0, which is written as 0. */
export const jsonValue = (options: FastCheck.JsonSharedConstraints): FastCheck.Arbitrary<unknown> =>
  FastCheck.json(options).map((text): unknown => JSON.parse(text))
