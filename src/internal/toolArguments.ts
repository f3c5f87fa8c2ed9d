import * as Predicate from "effect/Predicate"

/** Arguments as a text of JSON: a tool without parameters is called with none, in one way or another. */
export const text = (args: string): string => (["", "null"].includes(args.trim()) ? "{}" : args)

/** A piece of arguments as a server writes it: some send them parsed, and an empty list for no fields. */
export const piece = (args: unknown): string => {
  if (typeof args === "string") return args
  if (Predicate.isNullable(args) || (Array.isArray(args) && args.length === 0)) return ""
  return JSON.stringify(args)
}
