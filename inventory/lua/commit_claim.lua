#!lua flags=allow-oom
-- Applies the message "this order is paid" (rank 2, or 4 after it had been freed): a claim
-- becomes a sale.
-- with: gate, claims
-- KEYS[1] hash  stock
-- KEYS[2] hash  claims
-- KEYS[3] zset  unconfirmed: order -> when it was claimed, Unix ms
-- ARGV[1] integer  epoch that Postgres saw
-- ARGV[2] string   order id
-- ARGV[3] integer  rank
-- ARGV[4] string   buyer id
-- ARGV[5] integer  units
-- Returns word, counters, lapsed buyers (none)
--   APPLIED | UNKNOWN_CLAIM | OLD_RANK | NEWER_EPOCH | OLDER_OR_MISSING
local order, rank, buyer, units = ARGV[2], tonumber(ARGV[3]), ARGV[4], tonumber(ARGV[5])

local gate = read_gate(KEYS[1])
local claim = find_claim(KEYS[2], order)
local word = why_not(gate, claim, ARGV[1], rank, buyer, units)
if word then return answer(gate, word) end
-- Sold units that the gate does not count: its memory is wrong, and only a rebuild mends that.
if not claim or claim.place == 'FREED' then return answer(gate, 'UNKNOWN_CLAIM') end

if claim.place == 'CLAIMED' then
  count(gate, 'held', -units)
  count(gate, 'committed', units)
end
redis.call('HSET', KEYS[2], order, pack_claim(units, rank, 'SOLD', buyer))
redis.call('ZREM', KEYS[3], order)
return answer(gate, 'APPLIED')
