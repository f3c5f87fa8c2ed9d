import { describe } from "@effect/vitest"
import { SpendLedger } from "arc-saga"
import * as Effect from "effect/Effect"
import { ledgerContract } from "./utils/ledgerContract.js"

describe("SpendLedger in memory", () => {
  ledgerContract(Effect.succeed(SpendLedger.layer))
})
