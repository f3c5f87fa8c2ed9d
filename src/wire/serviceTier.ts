/** Never more than the usual capacity: Anthropic's word for it, and OpenAI's. */
const standard = { messages: "standard_only", openAI: "default" } as const

/** A task's service tier as OpenAI's wires say it; any server's own word is said as it is. */
export const ofOpenAI = (tier: string | undefined): string | undefined =>
  tier === standard.messages ? standard.openAI : tier

/** A task's service tier as Messages says it; undefined where it has none. */
export const ofMessages = (tier: string | undefined): string | undefined => {
  if (tier === standard.openAI) return standard.messages
  return tier === "auto" || tier === standard.messages ? tier : undefined
}
