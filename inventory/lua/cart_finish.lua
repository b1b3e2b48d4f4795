#!lua
-- Marks a key as done and its deal as held. Another tab may have taken the deal out of the cart
-- between note and hold; it is put back then, so that no hold is invisible.
-- with: cart, request
-- KEYS[1] hash    cart: deal -> `when it was added, Unix us|notes`
-- KEYS[2] string  what is known of the key: `NOTED or DONE|deal|fingerprint`
-- Returns DONE | UNKNOWN
local known = read_key(KEYS[2])
if not known then return 'UNKNOWN' end
if known.state == 'DONE' then return 'DONE' end

-- One note more than will ever be dropped: a refusal elsewhere must not remove what is held here.
note_deal(KEYS[1], known.deal, redis.call('HGET', KEYS[1], known.deal))
write_key(KEYS[2], 'DONE', known.deal, known.fingerprint, 'KEEPTTL')
return 'DONE'
