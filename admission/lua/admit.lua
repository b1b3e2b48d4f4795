#!lua
-- Counts attempts of one subject against a sliding window and a token bucket; refused ones do not
-- count. The window is counted in slices, the oldest one in full: it never admits more than the
-- burst in any window of that length, and is late by one slice at most.
-- KEYS[1] string  `tokens|when they were counted, ms|slice:attempts,slice:attempts,`
-- ARGV[1] integer  attempts; negative: gives as many back
-- ARGV[2] integer  burst: most attempts in a window, and what the bucket holds
-- ARGV[3] integer  window, ms
-- ARGV[4] number   refill of the bucket, attempts a second
-- Returns 0 when admitted, else after how many ms the next try could be
local cost, burst, window = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local rate = tonumber(ARGV[4]) / 1000
local SLICES = 20

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local length = math.ceil(window / SLICES)
local present = math.floor(now / length)

local known = redis.call('GET', KEYS[1]) or ''
local tokens, at, slices = string.match(known, '^([^|]+)|(%d+)|(.*)$')
tokens = math.min(burst, (tokens or burst) + math.max(0, now - (at or now)) * rate)
local counted, total = {}, 0
for slice, attempts in string.gmatch(slices or '', '(%d+):(%d+),') do
  slice, attempts = tonumber(slice), tonumber(attempts)
  -- A slice from the future was counted before the clock was set back.
  if (slice + 1) * length > now - window and slice <= present then
    table.insert(counted, { slice = slice, attempts = attempts })
    total = total + attempts
  end
end

local wait = 0
if tokens < cost then wait = math.ceil((cost - tokens) / rate) end
local left = total + cost - burst
for _, one in ipairs(counted) do
  if left <= 0 then break end
  left = left - one.attempts
  wait = math.max(wait, (one.slice + 1) * length + window - now)
end
if wait > 0 then return wait end

local latest = counted[#counted]
if not latest or (latest.slice < present and cost > 0) then
  latest = { slice = present, attempts = 0 }
  table.insert(counted, latest)
end
latest.attempts = math.max(0, latest.attempts + cost)
local packed = {}
for i, one in ipairs(counted) do packed[i] = string.format('%d:%d,', one.slice, one.attempts) end
redis.call('SET', KEYS[1], string.format('%.17g|%d|%s', math.min(burst, tokens - cost), now,
  table.concat(packed)), 'PX', math.max(window + length, math.ceil(burst / rate)))
return 0
