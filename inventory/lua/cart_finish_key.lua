#!lua
-- Marks a key as done. Another tab may have taken the deal out of the cart between note and hold;
-- it is noted again then, so that no hold is invisible.
-- KEYS[1] hash    cart: deal -> when it was added, Unix us
-- KEYS[2] string  what is known of the key, see cart_note
-- Returns DONE | UNKNOWN
local known = redis.call('GET', KEYS[2])
if not known then return 'UNKNOWN' end
local state, rest = string.match(known, '^(%u+)|(.*)$')
if state == 'NOTED' then
  local deal = string.match(rest, '^%d|([^|]*)|')
  local time = redis.call('TIME')
  redis.call('HSETNX', KEYS[1], deal, time[1] * 1000000 + time[2])
  redis.call('SET', KEYS[2], 'DONE|' .. rest, 'KEEPTTL')
end
return 'DONE'
