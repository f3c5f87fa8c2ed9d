import * as script from "./script.js"

/**
 * A hash holds the open circuits, each as four words: when it becomes half-open, the wait, until when a probe keeps
 * others from probing (0 for none), and the probe's id. It stays for an hour after the last change, or until the last
 * circuit is half-open.
 */
const circuits = `
local function read(name)
  local text = redis.call('HGET', KEYS[1], name)
  if not text then return nil end
  local till, wait, probing, probe = string.match(text, '^(%S+) (%S+) (%S+) (%S+)$')
  return { till = tonumber(till), wait = tonumber(wait), probing = tonumber(probing), probe = probe }
end

local function write(name, circuit, now)
  redis.call('HSET', KEYS[1], name, string.format('%.0f %.0f %.0f %s',
    circuit.till, circuit.wait, circuit.probing, circuit.probe))
  local ttl = math.max(redis.call('PTTL', KEYS[1]), circuit.till - now + 3600000)
  redis.call('PEXPIRE', KEYS[1], math.min(math.ceil(ttl), 2592000000))
end
`

const open = `
local now = time(ARGV[1])
local till, wait = now + ARGV[3], tonumber(ARGV[4])
local known = read(ARGV[2])
if known == nil then known = { till = till, wait = wait, probing = 0, probe = '-' } end
known.till = math.max(known.till, till)
known.wait = math.max(known.wait, wait)
if known.probe == ARGV[5] then known.probing, known.probe = 0, '-' end
write(ARGV[2], known, now)
return 0
`

const close = `
return redis.call('HDEL', KEYS[1], ARGV[1])
`

const probe = `
local now = time(ARGV[1])
local known = read(ARGV[2])
if known == nil or now < known.till or now < known.probing then return 0 end
known.probing, known.probe = now + ARGV[3], ARGV[4]
write(ARGV[2], known, now)
return 1
`

const release = `
local now = time(ARGV[1])
local known = read(ARGV[2])
if known == nil or known.probe ~= ARGV[3] then return 0 end
known.probing, known.probe = 0, '-'
write(ARGV[2], known, now)
return 1
`

/** The name of each open circuit, and its times as milliseconds from now. */
const list = `
local now = time(ARGV[1])
local found = {}
for index, name in ipairs(redis.call('HKEYS', KEYS[1])) do
  local known = read(name)
  found[index] = { name, math.ceil(known.till - now), known.wait, math.ceil(known.probing - now), known.probe }
end
return found
`

/** Opens: the time of a test, the circuit, milliseconds until it is half-open, the wait, and a probe that failed. */
export const opens = script.make(script.clock + circuits + open)

/** Closes: the circuit. */
export const closes = script.make(close)

/** Probes: the time of a test, the circuit, milliseconds of the probe, and its id. */
export const probes = script.make(script.clock + circuits + probe)

/** Releases: the time of a test, the circuit, and the probe. */
export const releases = script.make(script.clock + circuits + release)

/** Lists: the time of a test. */
export const lists = script.make(script.clock + circuits + list)
