import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import { css } from "./page/css.js"
import { html } from "./page/html.js"
import { script } from "./page/script.js"

const guarded = {
  "cache-control": "no-store",
  // Nothing but what comes from here is loaded or run.
  "content-security-policy":
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  "referrer-policy": "no-referrer",
  "x-content-type-options": "nosniff"
}

const file = (text: string, contentType: string): HttpServerResponse.HttpServerResponse =>
  HttpServerResponse.text(text, { contentType: `${contentType}; charset=utf-8`, headers: guarded })

/** The files of the page, by their paths. */
export const files: ReadonlyArray<readonly [string, HttpServerResponse.HttpServerResponse]> = [
  ["/", file(html, "text/html")],
  ["/page.css", file(css, "text/css")],
  ["/page.js", file(script, "text/javascript")]
]
