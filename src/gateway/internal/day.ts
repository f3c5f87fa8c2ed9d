import * as Option from "effect/Option"
import type * as AIProvider from "../../AIProvider.js"
import type * as AIResult from "../../AIResult.js"
import * as Price from "../../Price.js"
import { embedsOnly, type ReasoningEngine } from "../../ReasoningEngine.js"
import * as totals from "../../spend/totals.js"
import * as Usd from "../../Usd.js"

const dayMs = 86_400_000

/** What a day's answers would have cost at one provider. */
export interface Instead {
  readonly provider: AIProvider.AIProvider
  readonly cost: Usd.Usd
}

/** The money of one day, which begins at midnight UTC. */
export class Day {
  private spends = new Map<AIProvider.AIProvider, totals.Totals>()
  private instead = new Map<AIProvider.AIProvider, Usd.Usd>()

  constructor(private startedAt: number) {}

  private turn(now: number): void {
    const midnight = Math.floor(now / dayMs) * dayMs
    if (midnight <= this.startedAt) return
    this.startedAt = midnight
    this.spends = new Map()
    this.instead = new Map()
  }

  attempt(attempt: AIResult.Attempt, now: number): void {
    this.turn(now)
    this.spends.set(attempt.provider, totals.add(this.spend(attempt.provider), totals.of(attempt)))
  }

  /**
   * What the answer would have cost with the same tokens at each provider whose price is known. Who embeds can't be
   * replaced, and replaces nobody.
   */
  answered(
    answer: Pick<AIResult.AIResult, "cost" | "provider" | "usage">,
    engines: ReadonlyArray<ReasoningEngine>,
    now: number
  ): void {
    this.turn(now)
    const embeds = engines.some((engine) => engine.provider === answer.provider && embedsOnly(engine))
    for (const engine of engines) {
      if (Option.isNone(engine.price) || embedsOnly(engine)) continue
      const before = this.instead.get(engine.provider) ?? Usd.zero
      const cost = embeds
        ? Option.getOrElse(answer.cost, () => Usd.zero)
        : Price.cost(engine.price.value, answer.usage)
      this.instead.set(engine.provider, Usd.add(before, cost))
    }
  }

  /** Since when it counts: midnight, or when the process began. */
  since(now: number): number {
    this.turn(now)
    return this.startedAt
  }

  spend(provider: AIProvider.AIProvider): totals.Totals {
    return this.spends.get(provider) ?? totals.nothing
  }

  /** All that has a known cost. */
  cost(): Usd.Usd {
    return Array.from(this.spends.values(), ({ cost }) => cost).reduce(Usd.add, Usd.zero)
  }

  /** Where the same answers would have cost the most. */
  dearest(): Option.Option<Instead> {
    let dearest = Option.none<Instead>()
    for (const [provider, cost] of this.instead) {
      if (Option.isNone(dearest) || cost.pico > dearest.value.cost.pico) {
        dearest = Option.some({ provider, cost })
      }
    }
    return dearest
  }
}
