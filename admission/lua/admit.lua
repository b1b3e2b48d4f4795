#!lua
-- Counts attempts of one subject; refused ones do not count.
-- with: attempts, count
-- KEYS[1] string  what is known of the subject's attempts
-- ARGV[1] integer  attempts; negative: gives as many back
-- ARGV[2] integer  burst: most attempts in a window, and what the bucket holds
-- ARGV[3] integer  window, ms
-- ARGV[4] number   refill of the bucket, attempts a second
-- Returns 0 when admitted, else after how many ms the next try could be
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)

local seen = look_at_attempts(KEYS[1], ARGV[1], ARGV[2], ARGV[3], ARGV[4], now)
if seen.wait > 0 then return seen.wait end
count_attempts(seen)
return 0
