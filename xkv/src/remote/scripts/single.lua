-- Commands on one key. ARGV behind the id: the key, and what is said at each.

-- @script exists
return redis.call('HEXISTS', KEYS[1], ARGV[2])

-- @script set
-- value; and any number of keys and values of others that are set in the same step
if redis.call('HSET', KEYS[1], unpack(ARGV, 2)) > 0 then
  for i = 2, #ARGV, 2 do
    redis.call('ZADD', KEYS[2], '0', ARGV[i])
  end
end
return 1

-- @script set_if_absent
-- value
if redis.call('HSETNX', KEYS[1], ARGV[2], ARGV[3]) == 0 then
  return 0
end
redis.call('ZADD', KEYS[2], '0', ARGV[2])
return 1

-- @script get_or_set
-- value. What was there, or false
local key, value = ARGV[2], ARGV[3]
local there = redis.call('HGET', KEYS[1], key)
if not there then
  -- @with store
end
return there

-- @script swap
-- value. What was there, or false
local key, value = ARGV[2], ARGV[3]
local there = redis.call('HGET', KEYS[1], key)
-- @with store
return there

-- @script delete
local key = ARGV[2]
if redis.call('HDEL', KEYS[1], key) == 0 then
  return 0
end
redis.call('ZREM', KEYS[2], key)
-- @with unclaim
return 1

-- @script increment_by
-- delta, '1' if values are JSON. The sum, as text where numbers end; in an array 1: the value is
-- no integer; 2: the sum leaves 64 bits. Only digits are looked at here, the server adds, and
-- first tries whether the value is written as it writes numbers.
local key, delta = ARGV[2], ARGV[3]
local sum = redis.pcall('HINCRBY', KEYS[1], key, delta)
if type(sum) ~= 'number' then
  -- @with integer
  local value = redis.call('HGET', KEYS[1], key)
  local number = value and integer(value, ARGV[4] == '1')
  if value and not number then
    return {1}
  end
  if number ~= value then
    redis.call('HSET', KEYS[1], key, number)
  end
  sum = redis.pcall('HINCRBY', KEYS[1], key, delta)
  if type(sum) ~= 'number' then
    if number ~= value then
      redis.call('HSET', KEYS[1], key, value)
    end
    return string.find(sum.err, 'overflow') and {2} or sum
  end
end
if sum == delta + 0 then
  redis.call('ZADD', KEYS[2], '0', key) -- it may be a new key
end
if sum > -9007199254740992 and sum < 9007199254740992 then
  return sum
end
return redis.call('HGET', KEYS[1], key)

-- @helper integer
-- An integer that is written in another way, or is too large to add to, as the server writes
-- it; nothing if the value is none of 64 bits.
local function integer(value, json)
  if json then
    local from, to = string.find(value, '[^ \t\r\n]'), #value
    while from and string.find(value, '^[ \t\r\n]', to) do
      to = to - 1
    end
    value = from and string.sub(value, from, to) or ''
    local quoted = string.match(value, '^"(.*)"$')
    if not quoted and string.find(value, '^%-?0.') then
      return
    end
    value = quoted or value
  end
  local sign = string.match(value, '^%-?')
  local all = string.sub(value, #sign + 1)
  if all == '' or string.find(all, '%D') then
    return
  end
  local rest = string.sub(all, string.find(all, '[1-9]') or #all + 1)
  if #rest > 19 then
    return
  end
  local most = sign == '' and '9223372036854775807' or '9223372036854775808'
  if #rest == 19 and rest > most then
    return
  end
  return rest == '' and '0' or sign .. rest
end

-- @script compare
-- what is expected (0: a value, 1: none, 2: either), that value, '1' to be told what is
-- there, and the new value unless the key is to be removed. 1: done. 0: something else is
-- there, or it is told; false: nothing is there
local key, expect, value = ARGV[2], ARGV[3], ARGV[6]
local there, same = redis.call('HGET', KEYS[1], key)
if there then
  same = expect ~= '1' and there == ARGV[4]
else
  same = expect ~= '0' and value
end
if not same then
  return there and ARGV[5] == '0' and 0 or there
end
if value then
  -- @with store
else
  redis.call('HDEL', KEYS[1], key)
  redis.call('ZREM', KEYS[2], key)
  -- @with unclaim
end
return 1
