#!lua flags=allow-oom
-- Forgets a buyer's open checkout, unless another one is open by now.
-- KEYS[1] hash  cart: checkout -> the open checkout's id
-- ARGV[1] string  checkout id
-- Returns CLEARED | OTHER
if redis.call('HGET', KEYS[1], 'checkout') ~= ARGV[1] then return 'OTHER' end
redis.call('HDEL', KEYS[1], 'checkout')
return 'CLEARED'
