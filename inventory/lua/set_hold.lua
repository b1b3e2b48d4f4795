#!lua
-- Makes one buyer's hold on a deal, or changes it.
-- with: gate, holds, change
-- KEYS[1] hash  stock
-- KEYS[2] hash  holds
-- KEYS[3] zset  due: buyer -> deadline, Unix ms
-- KEYS[4] hash  bought: buyer -> units
-- ARGV[1] integer  epoch
-- ARGV[2] string   buyer id
-- ARGV[3] integer  units: more of them (add), or how many it becomes (set)
-- ARGV[4] string   add | set
-- ARGV[5] string   operation, a token of 12 characters
-- ARGV[6] integer  how long a new hold lasts, ms
-- Returns word, counters, lapsed buyers, then
--   CHANGED | UNCHANGED: units, state, deadline ms, checkout; a repeat answers as the first did
--   OVER_LIMIT: limit, units that are the buyer's already
--   SOLD_OUT | NOT_LIVE | STALE_EPOCH
local gate = read_gate(KEYS[1])
if not is_of(gate, ARGV[1]) then return answer(gate, 'STALE_EPOCH') end
local keys = { holds = KEYS[2], due = KEYS[3], bought = KEYS[4] }
return answer(gate, change_hold(gate, keys, ARGV[2], ARGV[3], ARGV[4], ARGV[5], ARGV[6]))
