-- A request that adds a deal to a cart, and what is known of its idempotency key, where it has one:
-- `NOTED or DONE|deal|fingerprint`. An empty fingerprint: it has none.

local function read_key(key)
  local known = redis.call('GET', key)
  if not known then return nil end
  local state, deal, fingerprint = string.match(known, '^(%u+)|([^|]*)|(.*)$')
  return { state = state, deal = deal, fingerprint = fingerprint }
end

-- More arguments are options of SET.
local function write_key(key, state, deal, fingerprint, ...)
  redis.call('SET', key, string.format('%s|%s|%s', state, deal, fingerprint), ...)
end

-- What the cart and the key say of a request; `refused` is why it is not to be noted: KEY_REUSED,
-- DONE or CART_FULL.
local function look_at_cart(cart, key, deal, fingerprint, most)
  local found = redis.call('HMGET', cart, deal, 'checkout')
  local look = { entry = found[1], checkout = found[2] or '' }
  look.known = fingerprint ~= '' and read_key(key) or nil
  if look.known and look.known.fingerprint ~= fingerprint then
    look.refused = 'KEY_REUSED'
  elseif look.known and look.known.state == 'DONE' then
    look.refused = 'DONE'
  elseif not look.entry then
    local deals = redis.call('HLEN', cart) - (look.checkout == '' and 0 or 1)
    if deals >= tonumber(most) then look.refused = 'CART_FULL' end
  end
  return look
end

-- Remembers the cart and the key, each for so many ms from now.
local function keep_noted(cart, key, state, deal, fingerprint, key_life, cart_life)
  redis.call('PEXPIRE', cart, cart_life)
  if fingerprint ~= '' then write_key(key, state, deal, fingerprint, 'PX', key_life) end
end

-- Forgets a key that is only noted, and takes its note back.
local function drop_key(cart, key, known)
  redis.call('DEL', key)
  take_note_back(cart, known.deal)
end

-- The cart as a flat list if it has more deals than one, else nothing.
local function others_in(cart, look)
  local deals = redis.call('HLEN', cart) - (look.checkout == '' and 0 or 1)
  return deals > 1 and redis.call('HGETALL', cart) or {}
end
