-- What there is to tell about a store.

-- @script stats
-- ARGV behind the id: the clock, p, q, or '' twice for all keys. How many keys have the prefix; how many of them are
-- claimed; how many of these claims have expired; how many entries there are, and how many
-- the list of keys has
local p, q, expired = ARGV[3], ARGV[4] ~= '' and ARGV[4] or '+', 0
-- @with moment span claims
if claimed > 0 and q == '+' then
  expired = redis.call('ZCOUNT', KEYS[4], '-inf', now)
elseif claimed > 0 then
  local prefix = string.sub(p, 2)
  for _, key in ipairs(redis.call('ZRANGEBYSCORE', KEYS[4], '-inf', now)) do
    if string.sub(key, 1, #prefix) == prefix then
      expired = expired + 1
    end
  end
end
return {total, claimed, expired, redis.call('HLEN', KEYS[1]) - 1, redis.call('ZCARD', KEYS[2])}
