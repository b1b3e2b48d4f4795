-- Flat lists of arguments, as HSET and ZADD take them.

-- Arguments of one command at most; Lua's stack ends at 8,000.
local MOST_ARGUMENTS = 2000

local function push(list, first, second)
  list[#list + 1] = first
  list[#list + 1] = second
end

local function flat(map)
  local list = {}
  for key, value in pairs(map) do push(list, key, value) end
  return list
end

-- Writes a flat list in as many commands as it takes.
local function store(command, key, list)
  for i = 1, #list, MOST_ARGUMENTS do
    redis.call(command, key, unpack(list, i, math.min(i + MOST_ARGUMENTS - 1, #list)))
  end
end
