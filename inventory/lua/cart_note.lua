#!lua
-- Notes a deal in a buyer's cart before it is held, and the idempotency key it is added under.
-- with: cart, request
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

local look = look_at_cart(KEYS[1], KEYS[2], deal, fingerprint, ARGV[4])
if look.refused then return { look.refused, look.checkout } end

if not (look.entry and look.known) then note_deal(KEYS[1], deal, look.entry) end
keep_noted(KEYS[1], KEYS[2], 'NOTED', deal, fingerprint, ARGV[3], ARGV[5])
return { look.known and 'REPEAT' or 'NEW', look.checkout }
