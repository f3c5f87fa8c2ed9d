import { assert, describe, it } from "@effect/vitest"
import { KeyStore } from "arc-saga/gateway"
import * as Effect from "effect/Effect"
import { keyStoreContract } from "../utils/keyStoreContract.js"

describe("KeyStore in memory", () => {
  keyStoreContract(Effect.succeed(KeyStore.layerMemory))
})

describe("statusOf", () => {
  it("is what a key is at an instant", () => {
    assert.strictEqual(KeyStore.statusOf({}, 0), "active")
    assert.strictEqual(KeyStore.statusOf({ expiresAt: 5 }, 4), "active")
    assert.strictEqual(KeyStore.statusOf({ expiresAt: 5 }, 5), "expired")
    assert.strictEqual(KeyStore.statusOf({ expiresAt: 5, revokedAt: 1 }, 9), "revoked")
  })
})
