-- A buyer's cart: one field per deal, `when it was added, Unix us|notes`, and `checkout`, the id of
-- the open one.

-- Counts one note more for a deal; `entry` is what the cart has of it.
local function note_deal(cart, deal, entry)
  local added, notes = string.match(entry or '', '^(%d+)|(%d+)$')
  if not added then
    local time = redis.call('TIME')
    added = time[1] * 1000000 + time[2]
  end
  redis.call('HSET', cart, deal, string.format('%d|%d', added, (notes or 0) + 1))
end

-- Counts one note less; the deal leaves the cart with its last note.
local function take_note_back(cart, deal)
  local added, notes = string.match(redis.call('HGET', cart, deal) or '', '^(%d+)|(%d+)$')
  if not added then return end
  if tonumber(notes) <= 1 then
    redis.call('HDEL', cart, deal)
  else
    redis.call('HSET', cart, deal, string.format('%d|%d', added, notes - 1))
  end
end
