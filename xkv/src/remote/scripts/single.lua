-- Commands on one key. ARGV behind the id: the key, and what is said at each.

-- @script exists
return redis.call('HEXISTS', KEYS[1], ARGV[2])

-- @script set
-- value; and any number of keys and values of others that are set in the same step
if redis.call('HSET', KEYS[1], unpack(ARGV, 2)) > 0 then
  for i = 2, #ARGV, 2 do
    redis.call('ZADD', KEYS[2], 0, ARGV[i])
  end
end
return 1

-- @script set_if_absent
-- value
if redis.call('HSETNX', KEYS[1], ARGV[2], ARGV[3]) == 0 then
  return 0
end
redis.call('ZADD', KEYS[2], 0, ARGV[2])
return 1

-- @script get_or_set needs store
-- value. What was there, or false
local value = redis.call('HGET', KEYS[1], ARGV[2])
if not value then
  store(ARGV[2], ARGV[3])
end
return value

-- @script swap needs store
-- value. What was there, or false
local value = redis.call('HGET', KEYS[1], ARGV[2])
store(ARGV[2], ARGV[3])
return value

-- @script delete needs remove
return remove(ARGV[2])

-- @script increment_by needs store
-- delta, '1' if values are JSON. The sum as text; 1: the value is no integer; 2: the sum
-- leaves 64 bits. Only digits are looked at here, the server adds.
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
local key, delta = ARGV[2], ARGV[3]
local value = redis.call('HGET', KEYS[1], key)
if not value then
  store(key, delta)
  return delta
end
local number = integer(value, ARGV[4] == '1')
if not number then
  return 1
end
if number ~= value then
  redis.call('HSET', KEYS[1], key, number)
end
local sum = redis.pcall('HINCRBY', KEYS[1], key, delta)
if type(sum) ~= 'number' then
  if number ~= value then
    redis.call('HSET', KEYS[1], key, value)
  end
  return string.find(sum.err, 'overflow') and 2 or sum
end
return redis.call('HGET', KEYS[1], key)

-- @script compare needs store remove
-- what is expected (0: a value, 1: none, 2: either), that value, '1' to be told what is
-- there, and the new value unless the key is to be removed. 1: done. 0: something else is
-- there, or it is told; false: nothing is there
local value = redis.call('HGET', KEYS[1], ARGV[2])
local expect, new = ARGV[3], ARGV[6]
local same
if value then
  same = expect ~= '1' and value == ARGV[4]
else
  same = expect ~= '0' and new
end
if not same then
  return value and ARGV[5] == '0' and 0 or value
end
if new then
  store(ARGV[2], new)
else
  remove(ARGV[2])
end
return 1
