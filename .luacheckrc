-- Scripts run inside Redis: Lua 5.1 with what the server adds, and nothing that it takes away.
std = "lua51"
max_line_length = 100
read_globals = { "redis", "cjson", "cmsgpack", "bit", "KEYS", "ARGV" }
exclude_files = { ".venv", ".flashsale" }

-- A script names in its header the shared pieces that are put before it; to luacheck, which sees
-- one file at a time, what they define is global.
local pieces = { "claims", "gate", "holds", "lists", "survivors" }
for _, piece in ipairs(pieces) do
  local file = io.open("inventory/lua/shared/" .. piece .. ".lua")
  if file then
    for line in file:lines() do
      local name = line:match("^local function ([%w_]+)") or line:match("^local ([%w_]+) =")
      if name then read_globals[#read_globals + 1] = name end
    end
    file:close()
  end
end

-- What a piece defines is used by others.
files["inventory/lua/shared"] = { ignore = { "211" } }
