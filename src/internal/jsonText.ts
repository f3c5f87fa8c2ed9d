const outside = /["{}[\]]/g
const inside = /["\\]/g

/** Finds where the JSON object or list ends that a text begins with, in whatever pieces the text comes. */
export class Scanner {
  private depth = 0
  private inString = false
  /** Whether the piece before ended in a backslash. */
  private escaped = false

  /** Takes the next piece: the index behind the end within it, or -1 where the value goes on. */
  feed(piece: string): number {
    let at = this.escaped && piece !== "" ? 1 : 0
    if (at === 1) this.escaped = false
    while (at < piece.length) {
      const next = this.inString ? inside : outside
      next.lastIndex = at
      const found = next.exec(piece)
      if (found === null) return -1
      at = found.index + 1
      switch (found[0]) {
        case '"':
          this.inString = !this.inString
          break
        case "\\":
          at++
          this.escaped = at > piece.length
          break
        case "{":
        case "[":
          this.depth++
          break
        default:
          this.depth--
          if (this.depth <= 0) return at
      }
    }
    return -1
  }
}
