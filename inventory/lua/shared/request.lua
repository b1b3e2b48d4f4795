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
  local look = { cart = redis.call('HGETALL', cart), checkout = '', deals = 0 }
  for i = 1, #look.cart, 2 do
    local field, value = look.cart[i], look.cart[i + 1]
    if field == 'checkout' then look.checkout = value else look.deals = look.deals + 1 end
    if field == deal then look.entry = value end
  end
  look.known = fingerprint ~= '' and read_key(key) or nil
  if look.known and look.known.fingerprint ~= fingerprint then
    look.refused = 'KEY_REUSED'
  elseif look.known and look.known.state == 'DONE' then
    look.refused = 'DONE'
  elseif not look.entry and look.deals >= tonumber(most) then
    look.refused = 'CART_FULL'
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
