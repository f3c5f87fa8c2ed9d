import * as Predicate from "effect/Predicate"

/** A page that an answer names as its source: what every wire has of citations. */
export interface Source {
  readonly url: string
  readonly title: string
  /** What of the page is meant, where that is told. */
  readonly quote: string
  /** Where in the text of the answer it is named; all of it where that isn't told. */
  readonly start: number
  readonly end: number
}

const addressOf = (...values: ReadonlyArray<unknown>): string | undefined =>
  values.filter(Predicate.isString).find((value) => /^https?:\/\//i.test(value))

const textOf = (...values: ReadonlyArray<unknown>): string => values.find(Predicate.isString) ?? ""

const isIndex = (value: unknown, least: number, most: number): value is number =>
  typeof value === "number" && Number.isInteger(value) && value >= least && value <= most

/** The pages among citations, in whichever wire's form these are; places in documents and files are none. */
export const of = (citations: ReadonlyArray<unknown>, text: string): ReadonlyArray<Source> =>
  citations.flatMap((citation): ReadonlyArray<Source> => {
    if (!Predicate.isRecord(citation)) return []
    // Chat Completions has what is said of a page in an object of its own.
    const { url_citation: within = citation } = citation
    const said = Predicate.isRecord(within) ? within : {}
    const url = addressOf(said["url"], said["source"])
    if (url === undefined) return []
    const { end_index: end, start_index: start } = said
    const isPlaced = isIndex(start, 0, text.length) && isIndex(end, start, text.length)
    return [
      {
        url,
        title: textOf(said["title"], url),
        quote: textOf(said["cited_text"], said["content"]),
        ...(isPlaced ? { start, end } : { start: 0, end: text.length })
      }
    ]
  })
