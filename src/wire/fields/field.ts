/**
 * What becomes of a field on another wire than its own:
 *
 * - `carried`: the task has it, and each wire says of it what it can;
 * - `edge`: it is about the transport of this one call;
 * - `hint`: it may be left out, and nobody has to know;
 * - `preference`: it is left out, which is told;
 * - `requirement`: without it the answer isn't what was asked for: only a provider of its wire can be asked;
 * - `state`: it names what one provider keeps: only that one can be asked, and no other after it.
 */
export type Class = "carried" | "edge" | "hint" | "preference" | "requirement" | "state"

/** A field of a wire's request. */
export interface Field {
  readonly class: Class
  /** What of the task it is. */
  readonly task?: string | undefined
  /** The values with which it says nothing. */
  readonly inert?: ReadonlyArray<unknown> | undefined
  /** The texts that a task has a word for; any other is a preference. */
  readonly values?: ReadonlyArray<string> | undefined
  /** Of an object: its own fields. */
  readonly fields?: Fields | undefined
  /** Of a list of objects: the fields of each. */
  readonly each?: Fields | undefined
  /** Of a list of objects: the fields of each by its `type`, "" where it has none; others aren't looked into. */
  readonly kinds?: Kinds | undefined
}

/** The fields of objects by their `type`. */
export interface Kinds {
  readonly [type: string]: Fields
}

/** The fields of an object, by their names. */
export interface Fields {
  readonly [name: string]: Field
}
