-- Attempts of one subject: `tokens|when they were counted, ms|slice:attempts,slice:attempts,`
-- A sliding window and a token bucket. The window is counted in slices, the oldest one in full: it
-- never admits more than the burst in any window of that length, and is late by one slice at most.
local SLICES = 20

-- What is known of a subject at `now`, ms; `wait` is 0 when `cost` more attempts can be admitted,
-- else after how many ms the next try could be. A negative cost gives attempts back.
local function look_at_attempts(key, cost, burst, window, per_second, now)
  local seen = { key = key, cost = tonumber(cost), burst = tonumber(burst), now = now, wait = 0,
    window = tonumber(window), rate = tonumber(per_second) / 1000, counted = {} }
  seen.length = math.ceil(seen.window / SLICES)
  local known = redis.call('GET', key) or ''
  local tokens, at, slices = string.match(known, '^([^|]+)|(%d+)|(.*)$')
  seen.tokens = math.min(seen.burst,
    (tokens or seen.burst) + math.max(0, now - (at or now)) * seen.rate)
  local total = 0
  for slice, attempts in string.gmatch(slices or '', '(%d+):(%d+),') do
    slice, attempts = tonumber(slice), tonumber(attempts)
    -- A slice from the future was counted before the clock was set back.
    if (slice + 1) * seen.length > now - seen.window and slice <= math.floor(now / seen.length) then
      table.insert(seen.counted, { slice = slice, attempts = attempts })
      total = total + attempts
    end
  end

  if seen.tokens < seen.cost then
    seen.wait = math.ceil((seen.cost - seen.tokens) / seen.rate)
  end
  local left = total + seen.cost - seen.burst
  for _, one in ipairs(seen.counted) do
    if left <= 0 then break end
    left = left - one.attempts
    seen.wait = math.max(seen.wait, (one.slice + 1) * seen.length + seen.window - now)
  end
  return seen
end

-- Counts them.
local function count_attempts(seen)
  local counted, present = seen.counted, math.floor(seen.now / seen.length)
  local latest = counted[#counted]
  if not latest or (latest.slice < present and seen.cost > 0) then
    latest = { slice = present, attempts = 0 }
    table.insert(counted, latest)
  end
  latest.attempts = math.max(0, latest.attempts + seen.cost)
  local packed = {}
  for i, one in ipairs(counted) do packed[i] = string.format('%d:%d,', one.slice, one.attempts) end
  local left = math.min(seen.burst, seen.tokens - seen.cost)
  redis.call('SET', seen.key, string.format('%.17g|%d|%s', left, seen.now, table.concat(packed)),
    'PX', math.max(seen.window + seen.length, math.ceil(seen.burst / seen.rate)))
end
