-- Making a buyer's hold, or changing how many units it has.

-- Adds `units` to the hold (mode add), or makes it so many (set), unless this operation did so
-- before. `keys` are those of holds, due and bought; a new hold lasts so many ms. For `answer`:
--   CHANGED | UNCHANGED: units, state, deadline ms, checkout; a repeat answers as the first did
--   OVER_LIMIT: limit, units that are the buyer's already
--   SOLD_OUT | NOT_LIVE
local function change_hold(gate, keys, buyer, units, mode, operation, lasts)
  lapse_due(gate, keys.holds, keys.due, MOST_LAPSED)
  local hold = find_hold(gate, keys.holds, keys.due, buyer)
  local function told(mark)
    return mark == '+' and 'CHANGED' or 'UNCHANGED', hold.units, hold.state, hold.deadline,
      hold.checkout
  end
  local mark = mark_of(hold, operation)
  if mark then return told(mark) end

  local wanted = tonumber(units)
  if mode == 'add' then wanted = wanted + hold.units end
  local growth = wanted - hold.units
  if growth > 0 then
    if not is_live(gate) then return 'NOT_LIVE' end
    local yours = hold.units + tonumber(redis.call('HGET', keys.bought, buyer) or 0)
    if yours + growth > gate.limit then return 'OVER_LIMIT', gate.limit, yours end
    if growth > gate.available then return 'SOLD_OUT' end
  end
  if growth == 0 and hold.deadline == 0 then return told('=') end

  if growth ~= 0 then
    if hold.units == 0 then
      hold.state, hold.deadline = 'HELD', gate.now + tonumber(lasts)
      redis.call('ZADD', keys.due, hold.deadline, buyer)
    end
    count(gate, 'available', -growth)
    count(gate, 'held', growth)
    hold.units, hold.checkout = wanted, ''
  end
  mark = growth == 0 and '=' or '+'
  remember(hold, operation, mark)
  write_hold(keys.holds, buyer, hold)
  return told(mark)
end
