#!lua
-- Adds what one process has counted to the sums of all processes, once for each number; and tells
-- that the process lives. All keys have one hash tag.
-- KEYS[1] string      number of this process's newest flush that was added
-- KEYS[2] sorted set  process -> when it was last heard of, Unix ms
-- KEYS[3] hash        process -> sockets open there
-- KEYS[4..] hash      code -> refusals, a key for each deal
-- ARGV[1] string   process
-- ARGV[2] integer  number of this flush, growing
-- ARGV[3] integer  sockets open; below 0: the process ends
-- ARGV[4] integer  a process that was not heard of for so long is gone, ms
-- ARGV[5] integer  counts that nothing was added to for so long are forgotten, s
-- ARGV[6..]        for each count: the index of its key, its code, its refusals
-- Returns 1 when the counts were added, 0 when this flush had been added before
local process, number, sockets = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local alive, kept = tonumber(ARGV[4]), tonumber(ARGV[5])

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
for _, gone in ipairs(redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', now - alive)) do
  redis.call('ZREM', KEYS[2], gone)
  redis.call('HDEL', KEYS[3], gone)
end
if sockets < 0 then
  redis.call('ZREM', KEYS[2], process)
  redis.call('HDEL', KEYS[3], process)
else
  redis.call('ZADD', KEYS[2], now, process)
  redis.call('HSET', KEYS[3], process, sockets)
  redis.call('PEXPIRE', KEYS[2], alive)
  redis.call('PEXPIRE', KEYS[3], alive)
end

if number <= tonumber(redis.call('GET', KEYS[1]) or '0') then
  return 0
end
redis.call('SET', KEYS[1], number, 'EX', kept)
for i = 6, #ARGV, 3 do
  redis.call('HINCRBY', KEYS[tonumber(ARGV[i])], ARGV[i + 1], ARGV[i + 2])
end
for i = 4, #KEYS do
  redis.call('EXPIRE', KEYS[i], kept)
end
return 1
