#!lua flags=no-writes
-- Reads the counters of a deal's gate.
-- with: gate
-- KEYS[1] hash  stock
-- Returns word, counters, lapsed buyers (none)
--   OPEN | MISSING
local gate = read_gate(KEYS[1])
return answer(gate, gate.open and 'OPEN' or 'MISSING')
