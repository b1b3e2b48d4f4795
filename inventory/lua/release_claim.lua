#!lua flags=allow-oom
-- Applies the message "the units of this order are free again" (rank 3, or 5 the second time).
-- with: gate, claims
-- KEYS[1] hash  stock
-- KEYS[2] hash  claims
-- KEYS[3] hash  bought: buyer -> units
-- KEYS[4] zset  unconfirmed: order -> when it was claimed, Unix ms
-- ARGV[1] integer  epoch that Postgres saw
-- ARGV[2] string   order id
-- ARGV[3] integer  rank
-- ARGV[4] string   buyer id
-- ARGV[5] integer  units
-- ARGV[6] integer  1: they go back on sale; 0: they are written off, and the allotment falls
-- Returns word, counters, lapsed buyers (none)
--   APPLIED | UNKNOWN_CLAIM | OLD_RANK | NEWER_EPOCH | OLDER_OR_MISSING
local order, rank, buyer, units = ARGV[2], tonumber(ARGV[3]), ARGV[4], tonumber(ARGV[5])
local restock = ARGV[6] == '1'

local gate = read_gate(KEYS[1])
local claim = find_claim(KEYS[2], order)
local word = why_not(gate, claim, ARGV[1], rank, buyer, units)
if word then return answer(gate, word) end

-- An order that never claimed here counts nowhere, which is right for a freed one; its rank is
-- remembered all the same, so that a claim which is still on its way comes too late.
local place = claim and claim.place or 'FREED'
-- Units to be written off that the gate counts nowhere: only a rebuild mends its allotment.
if place == 'FREED' and not restock then return answer(gate, 'UNKNOWN_CLAIM') end
if place ~= 'FREED' then
  count(gate, place == 'SOLD' and 'committed' or 'held', -units)
  if restock then count(gate, 'available', units) else count(gate, 'allotment', -units) end
  count_bought(KEYS[3], buyer, -units)
end
redis.call('HSET', KEYS[2], order, pack_claim(units, rank, 'FREED', buyer))
redis.call('ZREM', KEYS[4], order)
return answer(gate, 'APPLIED')
