-- The gate of one deal: reading it, and answering with its counters.

-- The life of the server that runs this script. A restarted server has forgotten its scripts, so
-- whoever loads them again has asked for the run id again.
local RUN_ID = '@RUN_ID@'

-- The gate as numbers. `open` is false where there is none, or one that an earlier life of the
-- server wrote: what that one knows may have been rolled back (protocol rule 12).
local function read_gate(stock)
  local time = redis.call('TIME')
  local field = redis.call('HMGET', stock, 'epoch', 'version', 'allotment', 'available', 'held',
    'committed', 'opens', 'closes', 'limit', 'state', 'run_id')
  return {
    stock = stock,
    now = time[1] * 1000 + math.floor(time[2] / 1000),
    epoch = tonumber(field[1] or -1),
    version = tonumber(field[2] or 0),
    allotment = tonumber(field[3] or 0),
    available = tonumber(field[4] or 0),
    held = tonumber(field[5] or 0),
    committed = tonumber(field[6] or 0),
    opens = tonumber(field[7] or 0),
    closes = tonumber(field[8] or 0),
    limit = tonumber(field[9] or 0),
    state = field[10],
    open = field[11] == RUN_ID,
    lapsed = {},
    changed = false,
  }
end

local function is_of(gate, epoch)
  return gate.open and gate.epoch == tonumber(epoch)
end

local function is_live(gate)
  return gate.state == 'OPEN' and gate.opens <= gate.now and gate.now < gate.closes
end

-- Moves units between the counters; the other side of every move is the caller's second call.
local function count(gate, counter, units)
  gate[counter] = gate[counter] + units
  gate.changed = true
end

-- Saves the counters if they moved, under the next version, and answers them after the word.
local function answer(gate, word, ...)
  if gate.changed then
    gate.version = gate.version + 1
    redis.call('HSET', gate.stock, 'version', gate.version, 'allotment', gate.allotment,
      'available', gate.available, 'held', gate.held, 'committed', gate.committed)
  end
  return { word, gate.epoch, gate.version, gate.allotment, gate.available, gate.held,
    gate.committed, gate.now, gate.lapsed, ... }
end
