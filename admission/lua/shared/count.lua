-- Counts the attempts that look_at_attempts has seen room for.
local function count_attempts(seen)
  local newest, before, older = string.match(seen.slices, '^(%d+):(%d+),(.*)$')
  if not newest or (tonumber(newest) < seen.present and seen.cost > 0) then
    newest, before, older = seen.present, 0, seen.slices
  end
  local counted = math.max(0, before + seen.cost)
  local left = math.min(seen.burst, seen.tokens - seen.cost)
  local packed = string.format('%.17g|%d|%d|%d|%d:%d,%s', left, seen.now,
    seen.total + counted - before, seen.oldest or newest, newest, counted, older)
  redis.call('SET', seen.key, packed, 'PX',
    math.max(seen.window + seen.length, math.ceil(seen.burst / seen.rate)))
end
