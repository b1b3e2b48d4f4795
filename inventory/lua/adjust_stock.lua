#!lua
-- Gives a deal more units, or takes away units that are neither held nor sold.
-- with: gate
-- KEYS[1] hash  stock
-- ARGV[1] integer  epoch
-- ARGV[2] integer  units, negative to take away
-- ARGV[3] string   operation, a token of 12 characters
-- ARGV[4] integer  the ledger entry of units that Postgres gave; 0: the gate is asked first
-- Returns word, counters, lapsed buyers (none)
--   ADJUSTED: a repeat of the operation changes nothing
--   BELOW_HELD_AND_SOLD | STALE_EPOCH
local delta, operation = tonumber(ARGV[2]), ARGV[3]
-- Operations of operators that the gate remembers: tokens of 12 characters, each after a space.
-- An operator's change is repeated within minutes, and there are a few in an hour.
local MEMORY_LENGTH = 128 * 13

local gate = read_gate(KEYS[1])
if not is_of(gate, ARGV[1]) then return answer(gate, 'STALE_EPOCH') end
-- A rebuild that read the entry has counted its units already.
local counted = tonumber(redis.call('HGET', KEYS[1], 'ledger_seq') or 0)
if tonumber(ARGV[4]) > 0 and tonumber(ARGV[4]) <= counted then return answer(gate, 'ADJUSTED') end
local operations = redis.call('HGET', KEYS[1], 'operations') or ''
if string.find(operations, operation, 1, true) then return answer(gate, 'ADJUSTED') end
if delta < 0 and gate.available + delta < 0 then return answer(gate, 'BELOW_HELD_AND_SOLD') end

count(gate, 'allotment', delta)
count(gate, 'available', delta)
redis.call('HSET', KEYS[1], 'operations',
  string.sub(operations .. ' ' .. operation, -MEMORY_LENGTH))
return answer(gate, 'ADJUSTED')
