#!lua
-- Freezes a buyer's hold for a checkout: once, to a hard cap that later checkouts keep.
-- with: gate, holds
-- KEYS[1] hash  stock
-- KEYS[2] hash  holds
-- KEYS[3] zset  due: buyer -> deadline, Unix ms
-- ARGV[1] integer  epoch
-- ARGV[2] string   buyer id
-- ARGV[3] string   checkout id
-- ARGV[4] integer  hard cap from now, ms
-- Returns word, counters, lapsed buyers, then
--   FROZEN: units, state, deadline ms, checkout
--   LAPSED | NOT_LIVE | STALE_EPOCH
local buyer, checkout = ARGV[2], ARGV[3]

local gate = read_gate(KEYS[1])
if not is_of(gate, ARGV[1]) then return answer(gate, 'STALE_EPOCH') end
lapse_due(gate, KEYS[2], KEYS[3], MOST_LAPSED)
local hold = find_hold(gate, KEYS[2], KEYS[3], buyer)
if hold.units == 0 then return answer(gate, 'LAPSED') end
if not is_live(gate) then return answer(gate, 'NOT_LIVE') end

if hold.state == 'HELD' then
  hold.state, hold.deadline = 'FROZEN', gate.now + tonumber(ARGV[4])
  redis.call('ZADD', KEYS[3], hold.deadline, buyer)
end
if hold.checkout ~= checkout then
  hold.checkout = checkout
  write_hold(KEYS[2], buyer, hold)
end
return answer(gate, 'FROZEN', hold.units, hold.state, hold.deadline, hold.checkout)
