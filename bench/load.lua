-- wrk's script: GETs of a page, or POSTs to /graphql, each the same or each another buyer's.
-- Arguments after --:
--   page PATH
--   same BODY_FILE
--   buyers BODY_FILE TOKENS_FILE DEALS_FILE KEY
-- Of buyers, each request takes the next token and the next deal, in place of $DEAL in the body;
-- $KEY becomes KEY and a running number. Answers are told apart by their type.
-- At the end prints one line of JSON; bench/wrk.py reads it.

local ffi = require("ffi")
ffi.cdef([[
  typedef struct { long sec; long usec; } flashsale_time;
  int gettimeofday(flashsale_time *now, void *zone);
]])

local threads = {}
local clock = ffi.new("flashsale_time")
local pieces, tokens, deals, key, number = {}, {}, {}, "", 0

-- Read from outside by done(), so they are global in each thread.
accepted, refused, other, first_accepted_ms, example = 0, 0, 0, 0, ""

local function now_ms()
  ffi.C.gettimeofday(clock, nil)
  return tonumber(clock.sec) * 1000 + tonumber(clock.usec) / 1000
end

local function contents(path)
  local file = assert(io.open(path, "rb"))
  local text = file:read("*a")
  file:close()
  return text
end

local function lines(path)
  local read = {}
  for line in io.lines(path) do read[#read + 1] = line end
  return read
end

-- The body without its marks: text, mark, text, mark, ..., text.
local function split(body)
  local parts, at = {}, 1
  while true do
    local from, to, mark = body:find("%$(%u+)", at)
    if not from then break end
    parts[#parts + 1] = body:sub(at, from - 1)
    parts[#parts + 1] = mark
    at = to + 1
  end
  parts[#parts + 1] = body:sub(at)
  return parts
end

local function next_request()
  number = number + 1
  local filled = {}
  for at, piece in ipairs(pieces) do
    if at % 2 == 1 then
      filled[at] = piece
    elseif piece == "DEAL" then
      filled[at] = deals[number % #deals + 1]
    else
      filled[at] = key .. number
    end
  end
  local body = table.concat(filled)
  return table.concat({
    "POST /graphql HTTP/1.1\r\nHost: ", wrk.headers["Host"],
    "\r\nContent-Type: application/json\r\nAuthorization: Bearer ", tokens[number % #tokens + 1],
    "\r\nContent-Length: ", #body, "\r\n\r\n", body,
  })
end

local function tell_apart(_, _, body)
  if body:find('"CartUpdated"', 1, true) then
    accepted = accepted + 1
    if accepted == 1 then first_accepted_ms = now_ms() end
  elseif body:find('"SoldOut"', 1, true) then
    refused = refused + 1
  else
    other = other + 1
    if example == "" then example = body:sub(1, 300) end
  end
end

function setup(thread)
  threads[#threads + 1] = thread
end

function init(arguments)
  if arguments[1] == "page" then
    wrk.path = arguments[2]
    return
  end
  wrk.method, wrk.path = "POST", "/graphql"
  wrk.headers["Content-Type"] = "application/json"
  if arguments[1] == "same" then
    wrk.body = contents(arguments[2])
    return
  end
  pieces = split(contents(arguments[2]))
  tokens, deals, key = lines(arguments[3]), lines(arguments[4]), arguments[5]
  request, response = next_request, tell_apart
end

local function total(name)
  local sum = 0
  for _, thread in ipairs(threads) do sum = sum + thread:get(name) end
  return sum
end

function done(summary, latency)
  local errors = summary.errors
  local figures = {
    { "requests", summary.requests }, { "microseconds", summary.duration },
    { "bytes", summary.bytes }, { "failed", errors.status },
    { "broken", errors.connect + errors.read + errors.write + errors.timeout },
    { "p50_us", latency:percentile(50) }, { "p99_us", latency:percentile(99) },
    { "most_us", latency.max }, { "accepted", total("accepted") },
    { "refused", total("refused") }, { "other", total("other") },
    { "first_accepted_ms", threads[1]:get("first_accepted_ms") },
  }
  local parts = {}
  for at, figure in ipairs(figures) do
    parts[at] = string.format('"%s": %.3f', figure[1], figure[2])
  end
  local told = threads[1]:get("example"):gsub('[%c"\\]', " ")
  parts[#parts + 1] = string.format('"example": "%s"', told)
  io.write("{", table.concat(parts, ", "), "}\n")
end
