#!lua flags=no-writes
-- Reads all that a deal's gate knows in one snapshot, for comparing it with Postgres.
-- with: gate
-- KEYS[1] hash  stock
-- KEYS[2] hash  holds
-- KEYS[3] zset  due: buyer -> deadline, Unix ms
-- KEYS[4] hash  claims
-- KEYS[5] hash  bought: buyer -> units
-- KEYS[6] zset  unconfirmed: order -> when it was claimed, Unix ms
-- ARGV[1] integer  most holds and claims together: the server is blocked meanwhile
-- Returns word, counters, lapsed buyers (none), then
--   WHOLE: terms (revision, opens, closes, limit, state), then holds, due, claims, bought and
--     unconfirmed, each a flat list
--   TOO_MANY: terms
--   MISSING
local gate = read_gate(KEYS[1])
if not gate.open then return answer(gate, 'MISSING') end
local terms = { redis.call('HGET', KEYS[1], 'revision'), gate.opens, gate.closes, gate.limit,
  gate.state }
if redis.call('HLEN', KEYS[2]) + redis.call('HLEN', KEYS[4]) > tonumber(ARGV[1]) then
  return answer(gate, 'TOO_MANY', terms)
end
local holds, claims, bought = redis.call('HGETALL', KEYS[2]), redis.call('HGETALL', KEYS[4]),
  redis.call('HGETALL', KEYS[5])
local due = redis.call('ZRANGE', KEYS[3], 0, -1, 'WITHSCORES')
local unconfirmed = redis.call('ZRANGE', KEYS[6], 0, -1, 'WITHSCORES')
return answer(gate, 'WHOLE', terms, holds, due, claims, bought, unconfirmed)
