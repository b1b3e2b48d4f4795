#!lua flags=allow-oom
-- Turns a frozen hold into the claim of an order, which neither lapses nor can be removed.
-- with: gate, holds, claims
-- KEYS[1] hash  stock
-- KEYS[2] hash  holds
-- KEYS[3] zset  due: buyer -> deadline, Unix ms
-- KEYS[4] hash  claims
-- KEYS[5] hash  bought: buyer -> units
-- KEYS[6] zset  unconfirmed: order -> when it was claimed, Unix ms
-- ARGV[1] integer  epoch
-- ARGV[2] string   buyer id
-- ARGV[3] string   order id
-- ARGV[4] string   checkout id
-- ARGV[5] integer  units
-- Returns word, counters, lapsed buyers
--   CLAIMED: also when this order had claimed before
--   LAPSED | NOT_LIVE | STALE_EPOCH
local buyer, order, checkout, units = ARGV[2], ARGV[3], ARGV[4], tonumber(ARGV[5])

local gate = read_gate(KEYS[1])
if not is_of(gate, ARGV[1]) then return answer(gate, 'STALE_EPOCH') end
local claim = find_claim(KEYS[4], order)
if claim then
  local freed = claim.rank == 3 or claim.rank == 5 or claim.place == 'FREED'
  return answer(gate, freed and 'LAPSED' or 'CLAIMED')
end
lapse_due(gate, KEYS[2], KEYS[3], MOST_LAPSED)
local hold = find_hold(gate, KEYS[2], KEYS[3], buyer)
if hold.state ~= 'FROZEN' or hold.checkout ~= checkout or hold.units ~= units then
  return answer(gate, 'LAPSED')
end
-- A window that has closed meanwhile is no reason: the hold was frozen in time.
if gate.state ~= 'OPEN' then return answer(gate, 'NOT_LIVE') end

redis.call('HSET', KEYS[4], order, pack_claim(units, 0, 'CLAIMED', buyer))
redis.call('ZADD', KEYS[6], gate.now, order)
count_bought(KEYS[5], buyer, units)
hold.units, hold.state, hold.checkout = 0, 'HELD', ''
write_hold(KEYS[2], buyer, hold)
return answer(gate, 'CLAIMED')
