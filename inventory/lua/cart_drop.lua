#!lua flags=allow-oom
-- Takes one note of a deal back after a refusal, and forgets its key. The deal leaves the cart
-- with its last note.
-- KEYS[1] hash    cart: deal -> `when it was added, Unix us|notes`
-- KEYS[2] string  what is known of the key: `NOTED or DONE|deal|fingerprint`
-- ARGV[1] string  deal id; empty: as the key says
-- Returns DROPPED | UNKNOWN | DONE (the request has succeeded elsewhere; nothing was written)
local deal = ARGV[1]
if deal == '' then
  local known = redis.call('GET', KEYS[2])
  if not known then return 'UNKNOWN' end
  local state, of = string.match(known, '^(%u+)|([^|]*)|')
  if state == 'DONE' then return 'DONE' end
  deal = of
  redis.call('DEL', KEYS[2])
end

local added, notes = string.match(redis.call('HGET', KEYS[1], deal) or '', '^(%d+)|(%d+)$')
if not added then return 'DROPPED' end
if tonumber(notes) <= 1 then
  redis.call('HDEL', KEYS[1], deal)
else
  redis.call('HSET', KEYS[1], deal, string.format('%d|%d', added, notes - 1))
end
return 'DROPPED'
