/** What a value carries beside its fields, for receivers that are made to take it. */
export interface Attachment {
  /** What of the value isn't in its fields, in words: a receiver that doesn't take attachments leaves it out. */
  readonly beyond: ReadonlyArray<string>
}

const Attachment: unique symbol = Symbol("arc-saga/Attachment")
const TakesAttachments: unique symbol = Symbol("arc-saga/TakesAttachments")

interface Carrying {
  readonly [Attachment]: Attachment
}

const isCarrying = (value: object): value is Carrying => Attachment in value

/** The value with an attachment. Copies of it carry the same. */
export const attach = <A extends object>(value: A, attachment: Attachment): A => {
  const carrying: A & Carrying = { ...value, [Attachment]: attachment }
  return carrying
}

/** What a value carries, where it carries something. */
export const of = (value: object): Attachment | undefined =>
  isCarrying(value) ? value[Attachment] : undefined

/** A receiver that takes the attachments of what it receives. */
export const taking = <A extends object>(receiver: A): A => {
  const taker: A & { readonly [TakesAttachments]: true } = { ...receiver, [TakesAttachments]: true }
  return taker
}

/** Whether a receiver takes what a value carries. */
export const isTaken = (receiver: object, value: object): boolean =>
  TakesAttachments in receiver && isCarrying(value)

/** What of a value a receiver would leave out. */
export const left = (receiver: object, value: object): ReadonlyArray<string> =>
  TakesAttachments in receiver ? [] : (of(value)?.beyond ?? [])
