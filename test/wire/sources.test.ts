import { assert, describe, it } from "@effect/vitest"
import * as sources from "../../src/wire/sources.js"

const url = "https://example.org/a"

describe("the pages that an answer names", () => {
  it("are told in the forms of three wires", () => {
    const said = { url, title: "A", start_index: 1, end_index: 3 }
    const placed = { url, title: "A", quote: "", start: 1, end: 3 }
    assert.deepStrictEqual(
      sources.of(
        [
          { type: "url_citation", url_citation: { ...said, content: "a page" } },
          { type: "url_citation", ...said },
          { type: "web_search_result_location", url, title: "A", cited_text: "q", encrypted_index: "x" },
          { type: "search_result_location", source: url, title: null, cited_text: "q" }
        ],
        "Hello"
      ),
      [
        { ...placed, quote: "a page" },
        placed,
        { url, title: "A", quote: "q", start: 0, end: 5 },
        { url, title: url, quote: "q", start: 0, end: 5 }
      ]
    )
  })

  it("are named by all of the text where the place that is told isn't in it", () => {
    for (const [start_index, end_index] of [
      [3, 2],
      [0, 6],
      [-1, 2],
      [0.5, 2],
      ["0", 2],
      [undefined, undefined]
    ]) {
      const [source] = sources.of([{ url, start_index, end_index }], "Hello")
      assert.deepInclude(source, { start: 0, end: 5 })
    }
  })

  it("aren't places in documents and files, nor what isn't understood", () => {
    const others = [
      { type: "char_location", cited_text: "a", document_index: 0, start_char_index: 0, end_char_index: 1 },
      { type: "file_citation", file_id: "file_1", index: 0 },
      { type: "search_result_location", source: "shelf 3" },
      { type: "url_citation", url_citation: url },
      { url: "javascript:alert(1)" },
      "https://example.org",
      null
    ]
    assert.deepStrictEqual(sources.of(others, "Hello"), [])
  })
})
