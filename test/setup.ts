/**
 * What holds in the tests of all files.
 *
 * Has `assert` compare Option, Either, Exit and yieldable errors by what they hold. They can be iterated
 * over, for `yield*`, and chai compares what can by its iterator: it finds some and none equal.
 */
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Exit from "effect/Exit"
import * as FastCheck from "effect/FastCheck"
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import { isDeepStrictEqual } from "node:util"
import { chai } from "vitest"
import * as eventLoop from "./utils/eventLoop.js"

/** What a value holds, as plain data; none where chai compares it well. */
const held = (value: unknown): unknown => {
  if (Option.isOption(value)) return Option.isSome(value) ? { some: value.value } : "none"
  if (Either.isEither(value)) {
    return Either.isRight(value) ? { right: value.right } : { left: value.left }
  }
  if (Exit.isExit(value)) return Exit.isSuccess(value) ? { success: value.value } : { failure: value.cause }
  if (Predicate.isError(value)) {
    const { stack: _, ...fields }: Record<string, unknown> = { ...value }
    return { ...fields, name: value.name, message: value.message }
  }
  return value
}

const comparator = (left: unknown, right: unknown): boolean | null => {
  if (!Effect.isEffect(left) && !Effect.isEffect(right)) return null
  const [one, other] = [held(left), held(right)]
  return one === left || other === right ? left === right : equal(one, other)
}

/** What Node finds equal is equal; asking it first is many times faster. */
const equal = (left: unknown, right: unknown): boolean =>
  isDeepStrictEqual(left, right) || chai.util.eql(left, right, { comparator })

chai.config.deepEqual = equal

// Runs in virtual time follow each other without a turn, and a property may have thousands.
// What is async waits for it; `asyncBeforeEach` would have properties that are not throw.
FastCheck.configureGlobal({ beforeEach: eventLoop.turnNowAndThen })
