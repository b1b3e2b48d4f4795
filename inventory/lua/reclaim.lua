#!lua
-- Takes the units of a freed order once more, because money for it arrived late (protocol rule 9).
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
-- ARGV[4] integer  units
-- Returns word, counters, lapsed buyers, then
--   CLAIMED: also when this order has its units (still, or again)
--   OVER_LIMIT: limit, units that are the buyer's already
--   SOLD_OUT | LAPSED (freed for good) | STALE_EPOCH
local buyer, order, units = ARGV[2], ARGV[3], tonumber(ARGV[4])

local gate = read_gate(KEYS[1])
if not is_of(gate, ARGV[1]) then return answer(gate, 'STALE_EPOCH') end
local claim = find_claim(KEYS[4], order)
if claim and claim.place == 'SOLD' then return answer(gate, 'CLAIMED') end
if claim and claim.rank > 3 then return answer(gate, 'LAPSED') end
lapse_due(gate, KEYS[2], KEYS[3], MOST_LAPSED)

if not claim or claim.place == 'FREED' then
  local hold = find_hold(gate, KEYS[2], KEYS[3], buyer)
  local yours = hold.units + tonumber(redis.call('HGET', KEYS[5], buyer) or 0)
  if yours + units > gate.limit then return answer(gate, 'OVER_LIMIT', gate.limit, yours) end
  if units > gate.available then return answer(gate, 'SOLD_OUT') end
  count(gate, 'available', -units)
  count(gate, 'held', units)
  count_bought(KEYS[5], buyer, units)
end
-- Rank 3 also where that message is still on its way: it must not free what is taken now.
redis.call('HSET', KEYS[4], order, pack_claim(units, 3, 'CLAIMED', buyer))
redis.call('ZREM', KEYS[6], order)
return answer(gate, 'CLAIMED')
