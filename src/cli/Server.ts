/** Asks a server for its models: whether one is there, and which it has. */
import * as Headers from "@effect/platform/Headers"
import * as HttpClient from "@effect/platform/HttpClient"
import * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import * as bodies from "../internal/bodies.js"

/** What came of asking. */
export type Answer =
  | { readonly _tag: "Models"; readonly models: ReadonlyArray<string> }
  /** It answers, but doesn't list its models. */
  | { readonly _tag: "Present" }
  | { readonly _tag: "Rejected"; readonly status: number }
  | { readonly _tag: "Absent" }

const ModelList = Schema.Struct({ data: Schema.Array(Schema.Struct({ id: Schema.String })) })

const decodeList = Schema.decodeUnknownOption(Schema.parseJson(ModelList))

/** Asks the server below a base URL for its models, for no longer than the limit. */
export const models = (options: {
  readonly baseUrl: string
  /** Sent as a bearer token. */
  readonly apiKey?: Redacted.Redacted | undefined
  /** More headers, kept out of spans. */
  readonly headers?: Readonly<Record<string, string>>
  readonly limit: Duration.DurationInput
}): Effect.Effect<Answer, never, HttpClient.HttpClient> =>
  Effect.gen(function* () {
    const client = yield* HttpClient.HttpClient
    const headers = options.headers ?? {}
    const request = HttpClientRequest.get(`${options.baseUrl.replace(/(?<!\/)\/+$/, "")}/models`).pipe(
      HttpClientRequest.setHeaders(headers)
    )
    const response = yield* client
      .execute(
        options.apiKey === undefined ? request : HttpClientRequest.bearerToken(request, options.apiKey)
      )
      .pipe(Effect.locallyWith(Headers.currentRedactedNames, (names) => [...names, ...Object.keys(headers)]))
    if (response.status === 401 || response.status === 403) {
      return { _tag: "Rejected", status: response.status } as const
    }
    const text = yield* bodies.textOf(response)
    const list = decodeList(text)
    return Option.isSome(list)
      ? ({ _tag: "Models", models: list.value.data.map(({ id }) => id) } as const)
      : ({ _tag: "Present" } as const)
  }).pipe(
    Effect.scoped,
    Effect.timeout(options.limit),
    Effect.orElseSucceed(() => ({ _tag: "Absent" }) as const)
  )
