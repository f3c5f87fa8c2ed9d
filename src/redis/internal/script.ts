import * as Effect from "effect/Effect"

/** A script, and the hash by which a server knows it. */
export interface Script {
  readonly lua: string
  readonly sha1: string
}

/** A script with what it is run on. */
export interface Command {
  readonly script: Script
  readonly keys: ReadonlyArray<string>
  readonly args: ReadonlyArray<string | number>
}

export const make = (lua: string): Effect.Effect<Script> =>
  Effect.map(
    Effect.promise(() => crypto.subtle.digest("SHA-1", new TextEncoder().encode(lua))),
    (digest) => ({
      lua,
      sha1: Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, "0")).join("")
    })
  )

/** The time of the server, in whole milliseconds; a test may give its own. */
export const clock = `
local function time(given)
  if given ~= '' then return tonumber(given) end
  local now = redis.call('TIME')
  return now[1] * 1000 + math.floor(now[2] / 1000)
end
`
