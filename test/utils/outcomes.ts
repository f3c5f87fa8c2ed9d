/** Outcomes of providers that don't exist: what they are good at can be learned from the words of a prompt. */
import { AIProvider, type Outcomes } from "arc-saga"
import { PCGRandom } from "effect/Utils"

export const cheap = AIProvider.unsafeMake("cheap")
export const middle = AIProvider.unsafeMake("middle")
export const strong = AIProvider.unsafeMake("strong")

/** How likely each is right, of easy prompts and of hard ones, and what an answer costs. */
const skills = [
  { provider: cheap, easy: 0.97, hard: 0.25, costUsd: 0.0001 },
  { provider: middle, easy: 0.97, hard: 0.45, costUsd: 0.0003 },
  { provider: strong, easy: 0.98, hard: 0.9, costUsd: 0.004 }
] as const

const topics = ["rivers", "engines", "letters", "planets", "prices", "colours"]

export interface Options {
  readonly seed?: number
  /** Whether answers are recorded; true when absent. */
  readonly answers?: boolean
  /** Whether a prompt's words say that it is hard; true when absent. */
  readonly telling?: boolean
  /** Whether the tokens of an answer are recorded; false when absent. */
  readonly tokens?: boolean
  readonly providers?: ReadonlyArray<AIProvider.AIProvider>
}

/** So many outcomes, half of them hard, in two families. */
export const make = (count: number, options: Options = {}): ReadonlyArray<Outcomes.Outcome> => {
  const {
    answers = true,
    providers = [cheap, middle, strong],
    seed = 7,
    telling = true,
    tokens = false
  } = options
  const random = new PCGRandom(seed)
  return Array.from({ length: count }, (_, index) => {
    const family = index % 3 === 0 ? "sums" : "facts"
    const hard = random.number() < 0.5
    const topic = topics[random.integer(topics.length)] ?? ""
    const words = hard && telling ? "prove rigorously why" : "name simply which"
    const outcomes = skills
      .filter(({ provider }) => providers.includes(provider))
      .map((skill) => {
        const right = random.number() < (hard ? skill.hard : skill.easy)
        const draw = random.integer(20)
        // Now and then there is nothing to compare in a wrong answer.
        const answer = right ? `right ${index}` : draw === 0 ? "" : `wrong ${index} ${draw}`
        return [
          skill.provider,
          {
            quality: right ? 1 : 0,
            costUsd: skill.costUsd * (0.8 + 0.4 * random.number()),
            ...(answers ? { answer } : {}),
            ...(tokens ? { outputTokens: hard ? 400 : 100 } : {})
          }
        ] as const
      })
    return {
      id: `task ${index}`,
      family,
      group: `group ${index - (index % 2)}`,
      prompt:
        family === "sums" ? `Sum ${index} + ${index}: ${words} ${topic}` : `Of ${topic}, ${words} ${topic}?`,
      outcomes: Object.fromEntries(outcomes)
    }
  })
}
