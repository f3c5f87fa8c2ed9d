import type { Fields } from "./field.js"

/** POST /v1/embeddings, as the types of the package openai 6.49 have it. */
export const embeddings: Fields = {
  model: { class: "edge" },
  input: { class: "requirement", task: "messages" },
  dimensions: { class: "requirement" },
  encoding_format: { class: "requirement" },
  user: { class: "carried", task: "userId" }
}
