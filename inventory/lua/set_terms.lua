#!lua flags=allow-oom
-- Tells the gate a deal's window, purchase limit and pause; only a newer revision counts.
-- with: gate
-- KEYS[1] hash  stock
-- ARGV[1] integer  epoch
-- ARGV[2] integer  revision of the terms
-- ARGV[3] integer  opens, Unix ms
-- ARGV[4] integer  closes, Unix ms
-- ARGV[5] integer  purchase limit, units
-- ARGV[6] string   OPEN | PAUSED
-- Returns word, counters, lapsed buyers (none)
--   APPLIED | OLD_REVISION | STALE_EPOCH
local revision = tonumber(ARGV[2])

local gate = read_gate(KEYS[1])
if not is_of(gate, ARGV[1]) then return answer(gate, 'STALE_EPOCH') end
local known = tonumber(redis.call('HGET', KEYS[1], 'revision'))
if revision <= known then return answer(gate, 'OLD_REVISION') end

redis.call('HSET', KEYS[1], 'revision', revision, 'opens', ARGV[3], 'closes', ARGV[4],
  'limit', ARGV[5], 'state', ARGV[6])
return answer(gate, 'APPLIED')
