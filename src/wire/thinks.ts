/** What makers call their models that think before they write, whatever they are asked. */
const names: ReadonlyArray<RegExp> = [
  // OpenAI: o1, o3-mini, o4-mini-deep-research, gpt-5, gpt-5.1-codex; not gpt-5-chat.
  /(^|[/.:])o[1-9]($|[-:@])/,
  /(^|[/.:])gpt-[5-9](?!.*chat)($|[-.:@])/,
  // Google: gemini-2.5-pro, gemini-3-pro-preview.
  /(^|[/.:])gemini-(2\.5-pro|[3-9])/,
  // DeepSeek's R1 and what is distilled from it, Qwen's QwQ, Mistral's Magistral.
  /(^|[/.:-])(r1|qwq|magistral)($|[-.:@])/,
  // deepseek-reasoner, phi-4-reasoning, kimi-k2-thinking; not grok-4-fast-non-reasoning.
  /(?<!non-?)(reason(er|ing)|think(er|ing))/
]

/** Whether a model's name says that it thinks before it writes. */
export const thinks = (model: string): boolean => {
  const name = model.toLowerCase()
  return names.some((pattern) => pattern.test(name))
}
