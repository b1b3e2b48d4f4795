#!lua flags=allow-oom
-- Gives due holds back to the stock, and clips deadlines that a jump of the clock put too far away.
-- with: gate, holds
-- KEYS[1] hash  stock
-- KEYS[2] hash  holds
-- KEYS[3] zset  due: buyer -> deadline, Unix ms
-- ARGV[1] integer  most holds that one call lapses, and clips
-- ARGV[2] integer  the longest that a hold may last, ms
-- Returns word, counters, lapsed buyers
--   SWEPT | MISSING
local most = tonumber(ARGV[1])

local gate = read_gate(KEYS[1])
if not gate.open then return answer(gate, 'MISSING') end
lapse_due(gate, KEYS[2], KEYS[3], most)

local latest = gate.now + tonumber(ARGV[2])
local far = redis.call('ZRANGEBYSCORE', KEYS[3], '(' .. latest, '+inf', 'LIMIT', 0, most)
for _, buyer in ipairs(far) do
  local hold = read_hold(redis.call('HGET', KEYS[2], buyer))
  hold.deadline = latest
  write_hold(KEYS[2], buyer, hold)
  redis.call('ZADD', KEYS[3], latest, buyer)
end
return answer(gate, 'SWEPT')
