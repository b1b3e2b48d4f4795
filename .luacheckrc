-- Scripts run inside Redis: Lua 5.1 with what the server adds, and nothing that it takes away.
std = "lua51"
max_line_length = 100
read_globals = { "redis", "cjson", "cmsgpack", "bit", "KEYS", "ARGV" }
exclude_files = { ".venv", ".flashsale" }

-- A script names in its header the shared pieces that are put before it; to luacheck, which sees
-- one file at a time, what they define is global.
local pieces = {
  inventory = { "cart", "change", "claims", "gate", "holds", "lists", "request", "survivors" },
  admission = { "attempts", "count", "limits" },
}
for package, names in pairs(pieces) do
  for _, piece in ipairs(names) do
    local file = io.open(package .. "/lua/shared/" .. piece .. ".lua")
    if file then
      for line in file:lines() do
        local name = line:match("^local function ([%w_]+)") or line:match("^local ([%w_]+) =")
        if name then read_globals[#read_globals + 1] = name end
      end
      file:close()
    end
  end
  -- What a piece defines is used by others.
  files[package .. "/lua/shared"] = { ignore = { "211" } }
end

-- Runs inside wrk, which has LuaJIT, offers `wrk` and calls what is global here.
files["bench/load.lua"] = {
  std = "luajit",
  globals = {
    "wrk", "setup", "init", "request", "response", "done",
    "accepted", "refused", "other", "first_accepted_ms", "example",
  },
}
