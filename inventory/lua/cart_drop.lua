#!lua flags=allow-oom
-- Takes one note of a deal back after a refusal, and forgets its key. The deal leaves the cart
-- with its last note.
-- with: cart, request
-- KEYS[1] hash    cart: deal -> `when it was added, Unix us|notes`
-- KEYS[2] string  what is known of the key: `NOTED or DONE|deal|fingerprint`
-- ARGV[1] string  deal id; empty: as the key says
-- Returns DROPPED | UNKNOWN | DONE (the request has succeeded elsewhere; nothing was written)
if ARGV[1] == '' then
  local known = read_key(KEYS[2])
  if not known then return 'UNKNOWN' end
  if known.state == 'DONE' then return 'DONE' end
  drop_key(KEYS[1], KEYS[2], known)
else
  take_note_back(KEYS[1], ARGV[1])
end
return 'DROPPED'
