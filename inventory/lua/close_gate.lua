#!lua flags=allow-oom
-- Removes the gate of a deal that is over, unless units are held or claimed in it. One that an
-- earlier life of the server wrote is removed whatever it has: nobody could use it.
-- with: gate
-- KEYS[1] hash  stock
-- KEYS[2] hash  holds
-- KEYS[3] zset  due: buyer -> deadline, Unix ms
-- KEYS[4] hash  claims
-- KEYS[5] hash  bought: buyer -> units
-- KEYS[6] zset  unconfirmed: order -> when it was claimed, Unix ms
-- Returns word, counters, lapsed buyers (none)
--   CLOSED: also when there was none
--   IN_USE: its window is open, or units are held or claimed; nothing was written
local gate = read_gate(KEYS[1])
if gate.open and (gate.held > 0 or gate.now < gate.closes) then return answer(gate, 'IN_USE') end
redis.call('DEL', unpack(KEYS))
return answer(gate, 'CLOSED')
