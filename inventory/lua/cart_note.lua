#!lua
-- Notes a deal in a buyer's cart before it is held, and the idempotency key it is added under.
-- KEYS[1] hash    cart: deal -> `when it was added, Unix us|notes`; checkout -> the open one's id
-- KEYS[2] string  what is known of the key: `NOTED or DONE|deal|fingerprint`
-- ARGV[1] string   deal id
-- ARGV[2] string   fingerprint of the request; empty: it has no key
-- ARGV[3] integer  how long the key is remembered, ms
-- ARGV[4] integer  most deals in a cart
-- ARGV[5] integer  how long an untouched cart is remembered, ms
-- Returns word, open checkout or ''
--   NEW | REPEAT | DONE | KEY_REUSED | CART_FULL: the last three wrote nothing
local deal, fingerprint = ARGV[1], ARGV[2]

local found = redis.call('HMGET', KEYS[1], deal, 'checkout')
local entry, checkout = found[1], found[2] or ''
local known = fingerprint ~= '' and redis.call('GET', KEYS[2])
if known then
  local state, of = string.match(known, '^(%u+)|[^|]*|(.*)$')
  if of ~= fingerprint then return { 'KEY_REUSED', checkout } end
  if state == 'DONE' then return { 'DONE', checkout } end
end
if not entry then
  local deals = redis.call('HLEN', KEYS[1]) - (checkout == '' and 0 or 1)
  if deals >= tonumber(ARGV[4]) then return { 'CART_FULL', checkout } end
end

if not (entry and known) then
  local time = redis.call('TIME')
  local added, notes = string.match(entry or '', '^(%d+)|(%d+)$')
  redis.call('HSET', KEYS[1], deal,
    string.format('%d|%d', added or (time[1] * 1000000 + time[2]), (notes or 0) + 1))
end
redis.call('PEXPIRE', KEYS[1], ARGV[5])
if fingerprint ~= '' then
  redis.call('SET', KEYS[2], string.format('NOTED|%s|%s', deal, fingerprint), 'PX', ARGV[3])
end
return { known and 'REPEAT' or 'NEW', checkout }
