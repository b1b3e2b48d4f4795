-- Holds: one string field each, `units|state|deadline ms|checkout|operations`.
-- One that was given back or claimed stays with 0 units until its deadline, so that a late repeat
-- does not run its operations again.
-- Due holds that one buyer's call lapses in passing; the sweeper does the rest.
local MOST_LAPSED = 16
-- Eight cells: a 12-character token, then + where it changed the hold, = where it did not.
local OPERATIONS_LENGTH = 8 * 13

local function read_hold(packed)
  if not packed then
    return { units = 0, state = 'HELD', deadline = 0, checkout = '', operations = '' }
  end
  local pattern = '^(%d+)|(%u+)|(%d+)|([^|]*)|(.*)$'
  local units, state, deadline, checkout, operations = string.match(packed, pattern)
  return { units = tonumber(units), state = state, deadline = tonumber(deadline),
    checkout = checkout, operations = operations }
end

local function write_hold(holds, buyer, hold)
  redis.call('HSET', holds, buyer, string.format('%d|%s|%d|%s|%s', hold.units, hold.state,
    hold.deadline, hold.checkout, hold.operations))
end

-- The mark of an operation that this hold remembers, or nil.
local function mark_of(hold, operation)
  local _, last = string.find(hold.operations, operation, 1, true)
  return last and string.sub(hold.operations, last + 1, last + 1)
end

local function remember(hold, operation, mark)
  hold.operations = string.sub(hold.operations .. operation .. mark, -OPERATIONS_LENGTH)
end

local function lapse(gate, buyer, hold)
  if hold.units == 0 then return end
  count(gate, 'held', -hold.units)
  count(gate, 'available', hold.units)
  table.insert(gate.lapsed, buyer)
end

-- Gives the units of at most `most` due holds back.
local function lapse_due(gate, holds, due, most)
  local buyers = redis.call('ZRANGEBYSCORE', due, '-inf', gate.now, 'LIMIT', 0, most)
  if #buyers == 0 then return end
  for i, packed in ipairs(redis.call('HMGET', holds, unpack(buyers))) do
    lapse(gate, buyers[i], read_hold(packed))
  end
  redis.call('HDEL', holds, unpack(buyers))
  redis.call('ZREM', due, unpack(buyers))
end

-- The hold of one buyer, after it lapsed if it was due.
local function find_hold(gate, holds, due, buyer)
  local hold = read_hold(redis.call('HGET', holds, buyer))
  if hold.deadline == 0 or hold.deadline > gate.now then return hold end
  lapse(gate, buyer, hold)
  redis.call('HDEL', holds, buyer)
  redis.call('ZREM', due, buyer)
  return read_hold(nil)
end
