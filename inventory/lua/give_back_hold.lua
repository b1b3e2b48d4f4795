#!lua flags=allow-oom
-- Gives all of one buyer's hold on a deal back to the stock, also when the server is full.
-- with: gate, holds
-- KEYS[1] hash  stock
-- KEYS[2] hash  holds
-- KEYS[3] zset  due: buyer -> deadline, Unix ms
-- ARGV[1] integer  epoch
-- ARGV[2] string   buyer id
-- ARGV[3] string   operation, a token of 12 characters
-- Returns word, counters, lapsed buyers, then
--   CHANGED | UNCHANGED: units, state, deadline ms, checkout; a repeat answers as the first did
--   STALE_EPOCH
local buyer, operation = ARGV[2], ARGV[3]

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
if hold.deadline == 0 then return tell('=') end

mark = hold.units == 0 and '=' or '+'
if hold.units > 0 then
  count(gate, 'available', hold.units)
  count(gate, 'held', -hold.units)
end
hold.units, hold.checkout = 0, ''
remember(hold, operation, mark)
write_hold(KEYS[2], buyer, hold)
return tell(mark)
