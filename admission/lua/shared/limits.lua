-- Several subjects at once; `limits` is `burst|window, ms|attempts a second` of each, by comma.

-- What is known of each, and how long the longest of them has to wait, ms.
local function look_at_all(keys, limits, now)
  local attempts, wait = {}, 0
  for burst, window, per_second in string.gmatch(limits, '([^|,]+)|([^|,]+)|([^|,]+)') do
    local seen = look_at_attempts(keys[#attempts + 1], 1, burst, window, per_second, now)
    table.insert(attempts, seen)
    wait = math.max(wait, seen.wait)
  end
  return attempts, wait
end
