import * as Option from "effect/Option"

/**
 * People, files and meetings that an answer names, marked up as the service does: without attributes, on
 * one line, closed by their name. What only looks like it (`List<Person>`) is the answer's own.
 */
const entity = /<(Person|File|Event)>([^<>\n]{0,200})<\/\1>/g

/** What may be the beginning of an entity or of a citation mark, as long as nothing follows it. */
const unfinished = /(?:<(?:\w*|(?:Person|File|Event)>[^<>\n]{0,200}(?:<(?:\/\w*)?)?)|\[\^?\d{0,3}\^?)$/

/** The text of an answer as a person reads it. */
export const plain = (text: string): string => text.replace(entity, "$2")

/**
 * As much of the text as stays the same when more is written behind it; white space at its end may be cut
 * off yet.
 */
export const settled = (text: string): string => {
  const at = text.search(unfinished)
  return plain(at === -1 ? text : text.slice(0, at)).trimEnd()
}

/** Citation marks, `[1]` or `[^1^]`, and the spaces around them. */
const marksAndSpaces = /(?: |\[\^?\d{1,3}\^?\])*/y

const runAt = (text: string, at: number): string => {
  marksAndSpaces.lastIndex = at
  marksAndSpaces.test(text)
  return text.slice(at, marksAndSpaces.lastIndex)
}

/**
 * Where a text goes on that begins with the delivered text, but for citation marks and the spaces around
 * them; -1 when it doesn't. The delivered text doesn't end in a space.
 */
const endOf = (delivered: string, text: string): number => {
  let i = 0
  let j = 0
  /** The end of the last marks: up to there the texts may differ. */
  let since = 0
  while (i < delivered.length) {
    if (delivered[i] === text[j] && delivered[i] !== "[") {
      i++
      j++
      continue
    }
    while (i > since && delivered[i - 1] === " ") {
      i--
      j--
    }
    const before = runAt(delivered, i)
    const now = runAt(text, j)
    if (before.includes("[") || now.includes("[")) {
      i += before.length
      // The space behind the last mark that was delivered is still to come.
      j += i < delivered.length ? now.length : now.startsWith(before) ? before.length : now.trimEnd().length
      since = i
    } else {
      // A bracket that begins no mark, or another character.
      if (before !== now || delivered[i + before.length] !== text[j + now.length]) return -1
      i += before.length + 1
      j += now.length + 1
    }
  }
  return j
}

/** Makes increments of snapshots: what is delivered stays, whatever later ones say. */
export class Increments {
  /** Whether citation marks changed within what had been delivered. */
  marksChanged = false

  private delivered = ""
  /** The snapshot that was delivered up to its end. */
  private snapshot = ""

  /** What is new in a snapshot; none when it has other words where some were delivered. */
  next(snapshot: string): Option.Option<string> {
    let from = this.snapshot.length
    if (!snapshot.startsWith(this.snapshot)) {
      from = endOf(this.delivered, snapshot)
      if (from === -1) return Option.none()
      this.marksChanged = true
    }
    const fresh = snapshot.slice(from)
    this.delivered += fresh
    this.snapshot = snapshot
    return Option.some(fresh)
  }
}
