#!lua
-- Makes one buyer's hold on a deal, or changes it.
-- with: gate, holds
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
local buyer, operation = ARGV[2], ARGV[5]

local gate = read_gate(KEYS[1])
if not is_of(gate, ARGV[1]) then return answer(gate, 'STALE_EPOCH') end
lapse_due(gate, KEYS[2], KEYS[3], MOST_LAPSED)
local hold = find_hold(gate, KEYS[2], KEYS[3], buyer)

local function tell(mark)
  return answer(gate, mark == '+' and 'CHANGED' or 'UNCHANGED', hold.units, hold.state,
    hold.deadline, hold.checkout)
end

local mark = mark_of(hold, operation)
if mark then return tell(mark) end

local wanted = tonumber(ARGV[3])
if ARGV[4] == 'add' then wanted = wanted + hold.units end
local growth = wanted - hold.units
if growth > 0 then
  if not is_live(gate) then return answer(gate, 'NOT_LIVE') end
  local yours = hold.units + tonumber(redis.call('HGET', KEYS[4], buyer) or 0)
  if yours + growth > gate.limit then return answer(gate, 'OVER_LIMIT', gate.limit, yours) end
  if growth > gate.available then return answer(gate, 'SOLD_OUT') end
end
if growth == 0 and hold.deadline == 0 then return tell('=') end

if growth ~= 0 then
  if hold.units == 0 then
    hold.state, hold.deadline = 'HELD', gate.now + tonumber(ARGV[6])
    redis.call('ZADD', KEYS[3], hold.deadline, buyer)
  end
  count(gate, 'available', -growth)
  count(gate, 'held', growth)
  hold.units, hold.checkout = wanted, ''
end
mark = growth == 0 and '=' or '+'
remember(hold, operation, mark)
write_hold(KEYS[2], buyer, hold)
return tell(mark)
