import * as Option from "effect/Option"
import type * as AIResult from "../../AIResult.js"
import type * as CircuitBreaker from "../../reliability/CircuitBreaker.js"
import type { EngineError } from "../../EngineError.js"
import { Samples } from "../../internal/samples.js"

/** How a provider stands, by its circuit and its last attempts. */
export type State =
  | "answering"
  | "partly answering"
  | "failing"
  | "not asked lately"
  | "not asked yet"
  | "on probation"
  | "circuit open"

const windowMs = 300_000
const lastAttempts = 20

/** Whether the provider failed; a failure that the request or its user is to blame for doesn't count. */
const isProviders = (error: EngineError): boolean => {
  switch (error._tag) {
    case "InputValidationError":
    case "ContextLengthError":
    case "ContentPolicyError":
      return false
    case "AuthenticationError":
      return error.userId === undefined
    default:
      return true
  }
}

/** What is known of one provider: its last attempts of the last five minutes. */
export class Standing {
  private readonly answered = new Samples(lastAttempts, windowMs)
  private asked = false

  see({ error, outcome }: AIResult.Attempt, now: number): void {
    this.asked = true
    if (outcome === "succeeded") this.answered.add(now, 1)
    else if (Option.exists(error, isProviders)) this.answered.add(now, 0)
  }

  state(circuit: Option.Option<CircuitBreaker.State>, now: number): State {
    if (Option.isSome(circuit) && circuit.value._tag !== "closed") {
      return circuit.value._tag === "open" ? "circuit open" : "on probation"
    }
    return Option.match(this.answered.mean(now), {
      onNone: () => (this.asked ? "not asked lately" : "not asked yet"),
      onSome: (share) => (share === 1 ? "answering" : share === 0 ? "failing" : "partly answering")
    })
  }
}
