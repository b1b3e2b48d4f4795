#!lua flags=no-cluster
-- Adds to a cart, or changes it: counts the attempt, notes the deal and its key, holds the units.
-- Its keys have several hash tags. A key whose request supersedes a checkout stays NOTED.
-- with: gate, holds, change, cart, request, attempts, count, limits
-- KEYS[1] hash    stock
-- KEYS[2] hash    holds
-- KEYS[3] zset    due: buyer -> deadline, Unix ms
-- KEYS[4] hash    bought: buyer -> units
-- KEYS[5] hash    cart: deal -> `when it was added, Unix us|notes`; checkout -> the open one's id
-- KEYS[6] string  what is known of the idempotency key: `NOTED or DONE|deal|fingerprint`
-- KEYS[7] string  attempts of the buyer; neither is there: they are counted already
-- KEYS[8] string  attempts of the address
-- ARGV[1] integer  epoch
-- ARGV[2] string   buyer id
-- ARGV[3] integer  units: more of them (add), or how many it becomes (set)
-- ARGV[4] string   add | set
-- ARGV[5] string   operation, a token of 12 characters
-- ARGV[6] integer  how long a new hold lasts, ms
-- ARGV[7] string   deal id
-- ARGV[8] string   fingerprint of the request; empty: it has no key
-- ARGV[9] integer  how long the key is remembered, ms
-- ARGV[10] integer most deals in a cart
-- ARGV[11] integer how long an untouched cart is remembered, ms
-- ARGV[12] string  burst|window, ms|attempts a second, of the buyer, then of the address
-- Returns word, counters, lapsed buyers, then
--   CHANGED | UNCHANGED: the cart before, as a flat list, the open checkout or '', units, state,
--     deadline ms, checkout; a repeat answers as the first did
--   DONE: the cart; the key has succeeded before
--   OVER_LIMIT: limit, units that are the buyer's already
--   RATE_LIMITED: after how many ms the next try could be; this one is not counted
--   SOLD_OUT | NOT_LIVE | STALE_EPOCH | KEY_REUSED | CART_FULL
local deal, fingerprint, cart, key = ARGV[7], ARGV[8], KEYS[5], KEYS[6]
local gate = read_gate(KEYS[1])
local attempts, wait = look_at_all({ KEYS[7], KEYS[8] }, ARGV[12], gate.now)
if wait > 0 then return answer(gate, 'RATE_LIMITED', wait) end
local look = look_at_cart(cart, key, deal, fingerprint, ARGV[10])

-- Last, so that a script that fails at what the keys hold has not counted.
local function told(word, ...)
  for _, seen in ipairs(attempts) do count_attempts(seen) end
  return answer(gate, word, ...)
end
if look.refused then return told(look.refused, look.cart) end
if not is_of(gate, ARGV[1]) then return told('STALE_EPOCH') end

local function noted(word, ...)
  if word ~= 'CHANGED' and word ~= 'UNCHANGED' then
    if look.known then drop_key(cart, key, look.known) end
    return told(word, ...)
  end
  note_deal(cart, deal, look.entry)
  local state = look.checkout == '' and 'DONE' or 'NOTED'
  keep_noted(cart, key, state, deal, fingerprint, ARGV[9], ARGV[11])
  return told(word, look.cart, look.checkout, ...)
end
local keys = { holds = KEYS[2], due = KEYS[3], bought = KEYS[4] }
return noted(change_hold(gate, keys, ARGV[2], ARGV[3], ARGV[4], ARGV[5], ARGV[6]))
