import * as script from "./script.js"

/**
 * A minute in slots of a second that leave it whole, and one slot more, so that no stretch of a minute holds more
 * than the sum says; as in memory. A hash holds the sums, the slots by their number modulo 61, and what the provider
 * stated.
 */
const window = `
local width, slots = 1000, 61

local function number(value) return tonumber(value) or 0 end

local function slotOf(at) return math.floor(at / width) end

-- The sums of the last minute; slots that have left it are emptied.
local function read(key, now)
  local got = redis.call('HMGET', key, 'head', 'requests', 'tokens',
    'notBefore', 'leftRequests', 'requestsAt', 'leftTokens', 'tokensAt')
  local state = {
    key = key, now = now, head = tonumber(got[1]), requests = number(got[2]), tokens = number(got[3]),
    notBefore = number(got[4]), leftRequests = tonumber(got[5]), requestsAt = number(got[6]),
    leftTokens = tonumber(got[7]), tokensAt = number(got[8])
  }
  local slot = slotOf(now)
  if state.head == nil then state.head = slot end
  local gone = math.min(slot - state.head, slots)
  if gone > 0 then
    local names = {}
    for old = state.head + 1, state.head + gone do
      names[#names + 1] = 'requests' .. old % slots
      names[#names + 1] = 'tokens' .. old % slots
    end
    local values = redis.call('HMGET', key, unpack(names))
    for index = 1, #values, 2 do
      state.requests = state.requests - number(values[index])
      state.tokens = state.tokens - number(values[index + 1])
    end
    redis.call('HDEL', key, unpack(names))
    state.head = slot
  end
  return state
end

-- Adds to the slot of an instant, which never holds less than nothing.
local function add(state, what, at, amount)
  local slot = slotOf(at)
  if amount == 0 or slot <= state.head - slots then return end
  local name = what .. slot % slots
  local before = number(redis.call('HGET', state.key, name))
  local after = math.max(0, before + amount)
  redis.call('HSET', state.key, name, after)
  state[what] = state[what] + after - before
end

local function write(state)
  redis.call('HSET', state.key, 'head', state.head, 'requests', state.requests, 'tokens', state.tokens)
  local last = math.max(state.now + slots * width, state.notBefore, state.requestsAt, state.tokensAt)
  -- No key stays for ever, whatever a provider states.
  redis.call('PEXPIRE', state.key, math.min(math.ceil(last - state.now) + 1000, 2592000000))
end
`

const take = `
local now, tokens = time(ARGV[1]), tonumber(ARGV[2])
local maxRequests, maxTokens, maxLeases = tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])
local state = read(KEYS[1], now)

-- The first instant at which the sum is at most so much.
local function atMost(what, most)
  if state[what] <= most then return now end
  local names = {}
  for slot = state.head - slots + 1, state.head do names[#names + 1] = what .. slot % slots end
  local left = state[what]
  for index, value in ipairs(redis.call('HMGET', state.key, unpack(names))) do
    left = left - number(value)
    if left <= most then return (state.head + index) * width end
  end
  return (state.head + slots) * width
end

local leases = 0
if maxLeases >= 0 then
  redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', now)
  leases = redis.call('ZCARD', KEYS[2])
end

-- Milliseconds until there is room for so many tokens, -1 when that isn't known, and what it waits for.
local function room(wanted)
  local at, reason = now, 0
  local function wait(time, why)
    if time > at then at, reason = time, why end
  end
  wait(state.notBefore, 1)
  if state.leftRequests ~= nil and state.leftRequests < 1 then wait(state.requestsAt, 2) end
  if state.leftTokens ~= nil and state.leftTokens < wanted then wait(state.tokensAt, 3) end
  if maxRequests >= 0 then wait(atMost('requests', maxRequests - 1), 4) end
  if maxTokens >= 0 then wait(atMost('tokens', math.max(0, maxTokens - wanted)), 5) end
  if maxLeases >= 0 and leases >= maxLeases then return -1, 6 end
  return math.ceil(at - now), reason
end

local waitMs, reason = room(tokens)
if reason > 0 then
  write(state)
  return { reason, waitMs, now, room(1) }
end
add(state, 'requests', now, 1)
add(state, 'tokens', now, tokens)
if state.leftRequests ~= nil then
  state.leftRequests = tonumber(redis.call('HINCRBYFLOAT', state.key, 'leftRequests', -1))
end
if state.leftTokens ~= nil then
  state.leftTokens = tonumber(redis.call('HINCRBYFLOAT', state.key, 'leftTokens', -tokens))
end
if maxLeases >= 0 then
  leases = leases + 1
  redis.call('ZADD', KEYS[2], now + ARGV[7], ARGV[6])
  redis.call('PEXPIRE', KEYS[2], 2 * ARGV[7])
end
write(state)
return { 0, 0, now, room(1) }
`

const settle = `
local now, takenAt, requests, tokens = time(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local state = read(KEYS[1], now)
add(state, 'requests', takenAt, requests)
add(state, 'tokens', takenAt, tokens)
-- What wasn't asked for is left at the provider.
if requests < 0 then
  if state.leftRequests ~= nil then redis.call('HINCRBYFLOAT', state.key, 'leftRequests', -requests) end
  if state.leftTokens ~= nil then redis.call('HINCRBYFLOAT', state.key, 'leftTokens', -tokens) end
end
if ARGV[5] ~= '' then
  state.notBefore = math.max(state.notBefore, now + ARGV[5])
  redis.call('HSET', state.key, 'notBefore', state.notBefore)
end
redis.call('ZREM', KEYS[2], ARGV[6])
write(state)
return 0
`

const tell = `
local now = time(ARGV[1])
local state = read(KEYS[1], now)
if ARGV[2] ~= '' then
  state.requestsAt = now + ARGV[3]
  redis.call('HSET', state.key, 'leftRequests', ARGV[2], 'requestsAt', state.requestsAt)
end
if ARGV[4] ~= '' then
  state.tokensAt = now + ARGV[5]
  redis.call('HSET', state.key, 'leftTokens', ARGV[4], 'tokensAt', state.tokensAt)
end
write(state)
return 0
`

const forget = `
return redis.call('HDEL', KEYS[1], 'notBefore', 'leftRequests', 'requestsAt', 'leftTokens', 'tokensAt')
`

const renew = `
local now = time(ARGV[1])
for index = 3, #ARGV do redis.call('ZADD', KEYS[1], now + ARGV[2], ARGV[index]) end
redis.call('PEXPIRE', KEYS[1], 2 * ARGV[2])
return 0
`

/** Takes room: the time of a test, tokens, the limits (-1 for none), and the lease with its milliseconds. */
export const takes = script.make(script.clock + window + take)

/** Settles: the time of a test, when it was taken, the differences, a stated wait, and the lease. */
export const settles = script.make(script.clock + window + settle)

/** Notes what a provider says is left, and milliseconds until that is over. */
export const tells = script.make(script.clock + window + tell)

/** Lets go of what a provider has stated. */
export const forgets = script.make(forget)

/** Renews leases. */
export const renews = script.make(script.clock + renew)
