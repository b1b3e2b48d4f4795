#!lua
-- Marks a key as done and its deal as held. Another tab may have taken the deal out of the cart
-- between note and hold; it is put back then, so that no hold is invisible.
-- KEYS[1] hash    cart: deal -> `when it was added, Unix us|notes`
-- KEYS[2] string  what is known of the key: `NOTED or DONE|deal|fingerprint`
-- Returns DONE | UNKNOWN
local known = redis.call('GET', KEYS[2])
if not known then return 'UNKNOWN' end
local state, deal, fingerprint = string.match(known, '^(%u+)|([^|]*)|(.*)$')
if state == 'DONE' then return 'DONE' end

-- One note more than will ever be dropped: a refusal elsewhere must not remove what is held here.
local time = redis.call('TIME')
local added, notes = string.match(redis.call('HGET', KEYS[1], deal) or '', '^(%d+)|(%d+)$')
redis.call('HSET', KEYS[1], deal,
  string.format('%d|%d', added or (time[1] * 1000000 + time[2]), (notes or 0) + 1))
redis.call('SET', KEYS[2], string.format('DONE|%s|%s', deal, fingerprint), 'KEEPTTL')
return 'DONE'
