import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import * as validation from "../../internal/validation.js"
import * as Feedback from "../../spend/Feedback.js"
import * as body from "./body.js"
import type { Admitted, Setup } from "./call.js"
import type * as problem from "./problem.js"
import { RejectedRequest } from "./rejection.js"

const { comment, score, taskId } = Feedback.Judgement.fields

const decode = validation.decoder("Feedback", Schema.Struct({ id: taskId, score, comment }))

/** An answer's id in its body, as the gateway writes it, is the task's behind a word of the wire. */
const ofAnswer = /^(?:chatcmpl-|msg_|resp_)/

const noJudges = new RejectedRequest({
  reason: "no-feedback",
  description: "Nothing keeps feedback here. Configure a ledger, or a model that learns"
})

/** POST /v1/feedback: how good the answer to a call was. */
export const answer = (
  setup: Setup,
  { key, request }: Admitted
): Effect.Effect<HttpServerResponse.HttpServerResponse, problem.Failure, Scope.Scope> =>
  Effect.gen(function* () {
    const { observer, store } = setup.judges
    if (store === undefined && observer?.judged === undefined) return yield* noJudges
    const at = yield* Clock.currentTimeMillis
    if (key !== undefined) yield* setup.count(key, at)
    const { json } = yield* body.json(request, setup.limits)
    const { id, ...said } = yield* decode(json)
    const judgement = {
      ...said,
      taskId: id.replace(ofAnswer, ""),
      at,
      ...(key === undefined ? {} : { keyId: key.id })
    }
    yield* store?.record(judgement) ?? Effect.void
    yield* observer?.judged?.(judgement.taskId, judgement.score) ?? Effect.void
    return HttpServerResponse.unsafeJson({
      id: judgement.taskId,
      score: judgement.score,
      kept: store !== undefined
    })
  })
