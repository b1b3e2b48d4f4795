-- What a rebuild keeps of the gate before it (protocol rule 6).

-- Claims of orders that Postgres does not know (yet): {order, buyer, units, since}, in order of id.
-- One that waits for its order goes on waiting; how often the gate is rebuilt does not matter.
local function surviving_claims(claims, unconfirmed, known, now)
  local kept, all = {}, redis.call('HGETALL', claims)
  for i = 1, #all, 2 do
    local claim = read_claim(all[i + 1])
    if claim.place == 'CLAIMED' and not known[all[i]] then
      local since = tonumber(redis.call('ZSCORE', unconfirmed, all[i]) or now)
      table.insert(kept,
        { order = all[i], buyer = claim.buyer, units = claim.units, since = since })
    end
  end
  table.sort(kept, function(a, b) return a.order < b.order end)
  return kept
end

-- Living holds, the frozen ones first, then by deadline. One whose checkout has become an order
-- that Postgres knows came back with a server's old memory: the order counts, the hold does not.
local function surviving_holds(holds, known, now)
  local kept, all = {}, redis.call('HGETALL', holds)
  for i = 1, #all, 2 do
    local hold = read_hold(all[i + 1])
    hold.buyer = all[i]
    local order = string.gsub(hold.checkout, '^%w+_', 'ord_')
    if hold.deadline > now and not (hold.checkout ~= '' and known[order]) then
      table.insert(kept, hold)
    end
  end
  table.sort(kept, function(a, b)
    if a.state ~= b.state then return a.state == 'FROZEN' end
    if a.deadline ~= b.deadline then return a.deadline < b.deadline end
    return a.buyer < b.buyer
  end)
  return kept
end

-- Those of a list that fit into `free` units, and how many are free then; a buyer whose hold
-- does not fit is noted as lapsed.
local function fit(gate, list, free)
  local fitting = {}
  for _, one in ipairs(list) do
    if one.units == 0 or one.units <= free then
      free = free - one.units
      table.insert(fitting, one)
    else
      table.insert(gate.lapsed, one.buyer)
    end
  end
  return fitting, free
end
