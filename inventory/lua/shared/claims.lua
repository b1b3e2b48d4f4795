-- Claims: one string field per order, `units|rank|place|buyer`. `place` is where the gate counts
-- the units: CLAIMED (within held), SOLD (committed) or FREED (nowhere any more).
-- `rank` is that of the last message applied (protocol rule 4); 0 until Postgres has spoken.

local function pack_claim(units, rank, place, buyer)
  return string.format('%d|%d|%s|%s', units, rank, place, buyer)
end

local function read_claim(packed)
  if not packed then return nil end
  local units, rank, place, buyer = string.match(packed, '^(%d+)|(%d+)|(%u+)|(.*)$')
  return { units = tonumber(units), rank = tonumber(rank), place = place, buyer = buyer }
end

local function find_claim(claims, order)
  return read_claim(redis.call('HGET', claims, order))
end

-- Why a message from Postgres is not applied, or nil when it is. A sale that came with a rebuild
-- has 0 units here; any other claim has to be the one that the message speaks of.
local function why_not(gate, claim, epoch, rank, buyer, units)
  if not gate.open or gate.epoch < tonumber(epoch) then return 'OLDER_OR_MISSING' end
  if gate.epoch > tonumber(epoch) then return 'NEWER_EPOCH' end
  if claim and claim.rank >= rank then return 'OLD_RANK' end
  if claim and claim.units > 0 and (claim.units ~= units or claim.buyer ~= buyer) then
    return 'UNKNOWN_CLAIM'
  end
  return nil
end

-- Counts units against a buyer's purchase limit, or no longer.
local function count_bought(bought, buyer, units)
  if redis.call('HINCRBY', bought, buyer, units) <= 0 then
    redis.call('HDEL', bought, buyer)
  end
end
