#!lua flags=allow-oom
-- Takes deals out of a cart, each only if it was not noted again since its entry was read: another
-- tab may be holding it right now.
-- KEYS[1] hash  cart: deal -> `when it was added, Unix us|notes`
-- ARGV[1] JSON  the entries as they were read: {deal: entry}
-- Returns how many were taken out
local taken = 0
for deal, entry in pairs(cjson.decode(ARGV[1])) do
  if redis.call('HGET', KEYS[1], deal) == entry then
    taken = taken + redis.call('HDEL', KEYS[1], deal)
  end
end
return taken
