-- What there is to tell about a store.

-- @script stats needs range clock
-- ARGV behind the id: the clock, p, q. How many keys have the prefix; how many of them are
-- claimed; how many of these claims have expired; how many entries there are, and how many
-- the list of keys has
local now = clock()
local _, total = range(KEYS[2], ARGV[3], ARGV[4])
local _, claimed = range(KEYS[3], ARGV[3], ARGV[4])
local expired = 0
if claimed > 0 and ARGV[3] == '' then
  expired = redis.call('ZCOUNT', KEYS[4], '-inf', now)
elseif claimed > 0 then
  for _, key in ipairs(redis.call('ZRANGEBYSCORE', KEYS[4], '-inf', now)) do
    if string.sub(key, 1, #ARGV[3]) == ARGV[3] then
      expired = expired + 1
    end
  end
end
return {total, claimed, expired, redis.call('HLEN', KEYS[1]) - 1, redis.call('ZCARD', KEYS[2])}
