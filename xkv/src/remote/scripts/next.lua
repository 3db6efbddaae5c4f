-- Keys in turn.

-- @script next_circular
-- KEYS: d, k, and r, where the key that was given last stands under the prefix. ARGV behind
-- the id: the prefix, low, high. Key and value, or nothing
local function first(low)
  return redis.call('ZRANGEBYLEX', KEYS[2], low, ARGV[4], 'LIMIT', '0', '1')[1]
end
local last = redis.call('HGET', KEYS[3], ARGV[2])
local key = last and first('(' .. last) or first(ARGV[3])
if not key then
  return {}
end
redis.call('HSET', KEYS[3], ARGV[2], key)
return {key, redis.call('HGET', KEYS[1], key)}

-- @script look_turn
-- KEYS: d, r. The prefix. The key that was given last, or false
return redis.call('HGET', KEYS[2], ARGV[2])

-- @script take_turn
-- KEYS: d, r. The prefix, the key that was given last, or '', and the next. 1, or 0 if it was
-- another
if (redis.call('HGET', KEYS[2], ARGV[2]) or '') ~= ARGV[3] then
  return 0
end
redis.call('HSET', KEYS[2], ARGV[2], ARGV[4])
return 1
