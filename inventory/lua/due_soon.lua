#!lua flags=no-writes
-- Lists living holds that are about to lapse, the earliest first.
-- with: gate, holds
-- KEYS[1] hash  stock
-- KEYS[2] hash  holds
-- KEYS[3] zset  due: buyer -> deadline, Unix ms
-- ARGV[1] integer  how soon, ms
-- ARGV[2] integer  most holds looked at
-- Returns word, counters, lapsed buyers (none), then
--   LISTED: buyer id, deadline ms, buyer id, deadline ms, ...
--   MISSING
local gate = read_gate(KEYS[1])
if not gate.open then return answer(gate, 'MISSING') end
local soon = redis.call('ZRANGEBYSCORE', KEYS[3], '(' .. gate.now, gate.now + tonumber(ARGV[1]),
  'LIMIT', 0, ARGV[2])
local found = {}
for _, buyer in ipairs(soon) do
  local hold = read_hold(redis.call('HGET', KEYS[2], buyer))
  if hold.units > 0 then
    table.insert(found, buyer)
    table.insert(found, hold.deadline)
  end
end
return answer(gate, 'LISTED', unpack(found))
