#!lua flags=allow-oom
-- Opens a deal's gate from what Postgres says, keeping what the gate before it knew of the present
-- (protocol rules 5 and 6). The one script that reads all holds and orders of a deal.
-- with: gate, holds, claims, survivors, lists
-- KEYS[1] hash  stock
-- KEYS[2] hash  holds
-- KEYS[3] zset  due: buyer -> deadline, Unix ms
-- KEYS[4] hash  claims
-- KEYS[5] hash  bought: buyer -> units
-- KEYS[6] zset  unconfirmed: order -> when it was claimed, Unix ms
-- ARGV[1] integer  epoch
-- ARGV[2] JSON     what the stock hash says of terms and server: {field: value}
-- ARGV[3] integer  allotment, units
-- ARGV[4] integer  sold, units
-- ARGV[5] JSON     orders that own their units and are not paid: [[order, buyer, units, rank]]
-- ARGV[6] JSON     ranks of all other orders: {order: rank}
-- ARGV[7] JSON     units that buyers have claimed or bought: {buyer: units}
-- Returns word, counters, lapsed and evicted buyers
--   REBUILT | NEWER (the gate has this epoch or a later one; nothing was written)
local epoch, allotment, sold = tonumber(ARGV[1]), tonumber(ARGV[3]), tonumber(ARGV[4])

local gate = read_gate(KEYS[1])
if gate.epoch >= epoch then return answer(gate, 'NEWER') end
local known, bought, free = {}, cjson.decode(ARGV[7]), allotment - sold
for _, one in ipairs(cjson.decode(ARGV[5])) do
  known[one[1]] = pack_claim(one[3], one[4], 'CLAIMED', one[2])
  free = free - one[3]
end
for order, rank in pairs(cjson.decode(ARGV[6])) do
  known[order] = pack_claim(0, rank, (rank == 2 or rank == 4) and 'SOLD' or 'FREED', '')
end
local claims, holds
claims, free = fit(gate, surviving_claims(KEYS[4], KEYS[6], known, gate.now), free)
holds, free = fit(gate, surviving_holds(KEYS[2], known, gate.now), free)

redis.call('DEL', unpack(KEYS))
local due, unconfirmed = {}, {}
for _, one in ipairs(claims) do
  known[one.order] = pack_claim(one.units, 0, 'CLAIMED', one.buyer)
  bought[one.buyer] = (bought[one.buyer] or 0) + one.units
  push(unconfirmed, one.since, one.order)
end
for _, hold in ipairs(holds) do
  write_hold(KEYS[2], hold.buyer, hold)
  push(due, hold.deadline, hold.buyer)
end
store('ZADD', KEYS[3], due)
store('HSET', KEYS[4], flat(known))
store('HSET', KEYS[5], flat(bought))
store('ZADD', KEYS[6], unconfirmed)
store('HSET', KEYS[1], flat(cjson.decode(ARGV[2])))
redis.call('HSET', KEYS[1], 'epoch', epoch, 'version', 1, 'allotment', allotment,
  'available', free, 'held', allotment - sold - free, 'committed', sold)
local opened = read_gate(KEYS[1])
opened.lapsed = gate.lapsed
return answer(opened, 'REBUILT')
