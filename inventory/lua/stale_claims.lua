#!lua flags=no-writes
-- Lists claims whose order Postgres has not confirmed for a while, the oldest first.
-- with: gate, claims
-- KEYS[1] hash  stock
-- KEYS[2] hash  claims
-- KEYS[3] zset  unconfirmed: order -> when it was claimed, Unix ms
-- ARGV[1] integer  how old, ms
-- ARGV[2] integer  most claims listed
-- Returns word, counters, lapsed buyers (none), then
--   LISTED: order id, buyer id, units, order id, buyer id, units, ...
--   MISSING
local gate = read_gate(KEYS[1])
if not gate.open then return answer(gate, 'MISSING') end
local stale = redis.call('ZRANGEBYSCORE', KEYS[3], '-inf', gate.now - tonumber(ARGV[1]),
  'LIMIT', 0, ARGV[2])
local found = {}
for _, order in ipairs(stale) do
  local claim = find_claim(KEYS[2], order)
  table.insert(found, order)
  table.insert(found, claim.buyer)
  table.insert(found, claim.units)
end
return answer(gate, 'LISTED', unpack(found))
