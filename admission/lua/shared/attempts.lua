-- Attempts of one subject, a sliding window and a token bucket in one string:
-- `tokens|when they were counted, ms|attempts|oldest slice|slice:attempts,slice:attempts,`
-- The window is counted in slices, the newest first, the oldest one in full: it never admits more
-- than the burst in any window of that length, and is late by one slice at most.
local SLICES = 20
local A_SLICE = '(%d+):(%d+),'

-- Drops slices that have left the window, and those from before the clock was set back.
local function drop_slices(seen)
  local kept, first = {}, seen.now - seen.window
  seen.total, seen.oldest = 0, nil
  for slice, attempts in string.gmatch(seen.slices, A_SLICE) do
    if (slice + 1) * seen.length > first and tonumber(slice) <= seen.present then
      table.insert(kept, slice .. ':' .. attempts .. ',')
      seen.total, seen.oldest = seen.total + attempts, tonumber(slice)
    end
  end
  seen.slices = table.concat(kept)
end

-- After how many ms the window has room for `missing` attempts.
local function wait_for(seen, missing)
  local slices, wait = {}, 0
  for slice, attempts in string.gmatch(seen.slices, A_SLICE) do
    table.insert(slices, 1, { slice = slice, attempts = attempts })
  end
  for _, one in ipairs(slices) do
    if missing <= 0 then break end
    missing = missing - one.attempts
    wait = (one.slice + 1) * seen.length + seen.window - seen.now
  end
  return wait
end

-- What is known of a subject at `now`, ms; `wait` is 0 when `cost` more attempts can be admitted,
-- else after how many ms the next try could be. A negative cost gives attempts back.
local function look_at_attempts(key, cost, burst, window, per_second, now)
  local seen = { key = key, cost = tonumber(cost), burst = tonumber(burst), now = now, wait = 0,
    window = tonumber(window), rate = tonumber(per_second) / 1000 }
  seen.length = math.ceil(seen.window / SLICES)
  seen.present = math.floor(now / seen.length)
  local known = redis.call('GET', key) or ''
  local tokens, at, total, oldest, slices =
    string.match(known, '^([^|]+)|(%d+)|(%d+)|(%d+)|(.*)$')
  seen.tokens = math.min(seen.burst,
    (tokens or seen.burst) + math.max(0, now - (at or now)) * seen.rate)
  seen.total, seen.oldest, seen.slices = tonumber(total or 0), tonumber(oldest), slices or ''
  local newest = tonumber(string.match(seen.slices, '^%d+'))
  if newest and ((oldest + 1) * seen.length <= now - seen.window or newest > seen.present) then
    drop_slices(seen)
  end

  if seen.tokens < seen.cost then seen.wait = math.ceil((seen.cost - seen.tokens) / seen.rate) end
  local missing = seen.total + seen.cost - seen.burst
  if missing > 0 then seen.wait = math.max(seen.wait, wait_for(seen, missing)) end
  return seen
end
