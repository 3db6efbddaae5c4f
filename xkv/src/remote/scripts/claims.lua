-- Claims, and keys that are popped. ARGV behind the id: the clock, and what is said at each.
-- A claim is told as token, deadline, key, value: by tell_claim, or of several partitions as an
-- array. chance is a number of 53 bits.

-- @script claim_random
-- p, q, chance, ttl; a bound. A claim, or nothing
local p, q, chance, ttl, bound = ARGV[3], ARGV[4], ARGV[5], ARGV[6], ARGV[7]
local key, size, field, token, deadline, value
-- @with moment expire span claim_any grant
if bound then
  return {size, token, deadline, key, value}
end
-- @with tell_claim

-- @helper claim_any
-- Sets key to one between p and q that had no claim, and puts it into c. If there is none, that is
-- the answer. A full server refuses to try, but not to say that there is none.
-- @with pick
if not key or redis.pcall('ZADD', KEYS[3], '0', key) ~= 1 then
  key = nil
  -- @with choose
  if not key then
    return bound and {size} or {}
  end
  redis.call('ZADD', KEYS[3], '0', key)
end

-- @script claim_next
-- p, q, ttl; a key, and none behind it is wanted. A claim, or nothing
local p, q, ttl, most = ARGV[3], ARGV[4], ARGV[5], ARGV[6]
local field, token, deadline, value
-- @with moment expire next_free
if not key then
  return {}
end
redis.call('ZADD', KEYS[3], '0', key)
-- @with grant
if most then
  return {token, deadline, key, value}
end
-- @with tell_claim

-- @script claim_for_owner
-- p, q, chance, ttl, owner; a bound. A claim, or nothing
local p, q, chance, ttl, bound = ARGV[3], ARGV[4], ARGV[5], ARGV[6], ARGV[8]
local field = #ARGV[7] .. ':' .. ARGV[7] .. string.sub(p, 2)
-- @with moment expire
local key, size, token, deadline, value = redis.call('HGET', KEYS[6], field), 0
if key then
  token = string.match(redis.call('HGET', KEYS[5], key), '^%d+')
  deadline = string.format('%.0f', redis.call('ZSCORE', KEYS[4], key))
  value = redis.call('HGET', KEYS[1], key)
else
  -- @with span claim_any grant
end
if bound then
  return {size, token, deadline, key, value}
end
-- @with tell_claim

-- @script claim_key
-- ttl, key. A claim, or nothing
local ttl, key, field, token, deadline, value = ARGV[3], ARGV[4]
-- @with moment expire
if redis.call('HEXISTS', KEYS[1], key) == 0 or redis.call('HEXISTS', KEYS[5], key) == 1 then
  return {}
end
redis.call('ZADD', KEYS[3], '0', key)
-- @with grant tell_claim

-- @script claim_random_many
-- p, q, seeds, ttl, count. Claims, one behind the other
local p, q, out = ARGV[3], ARGV[4], {}
-- @with moment expire span claims
if total == claimed then
  return out
end
-- @with choose_many grant_many
seed(ARGV[5], ARGV[6])
local keys, deadline = choose_many(ARGV[8] + 0), digits(now + ARGV[7])
local values, granted = grant_many(keys, deadline)
for i, key in ipairs(keys) do
  out[4 * i - 3] = granted[i]
  out[4 * i - 2] = deadline
  out[4 * i - 1] = key
  out[4 * i] = values[i]
end
return out

-- @script claim_keys
-- ttl, '1' for all or nothing, key … Of each key {token, deadline, value}, 'busy',
-- 'missing', or false if it was not looked at, or is not claimed since another cannot be
local out, free, places = {}, {}, {}
-- @with moment expire
for i = 5, #ARGV do
  if redis.call('HEXISTS', KEYS[1], ARGV[i]) == 0 then
    out[i - 4] = 'missing'
  elseif redis.call('HEXISTS', KEYS[5], ARGV[i]) == 1 then
    out[i - 4] = 'busy'
  else
    out[i - 4] = false
    free[#free + 1] = ARGV[i]
    places[#free] = i - 4
  end
  if ARGV[4] == '1' and out[i - 4] then
    for j = i + 1, #ARGV do
      out[j - 4] = false
    end
    return out
  end
end
if #free == 0 then
  return out
end
-- @with grant_many
local deadline = digits(now + ARGV[3])
local values, granted = grant_many(free, deadline)
for n, place in ipairs(places) do
  out[place] = {granted[n], deadline, values[n]}
end
return out

-- @script settle
-- 'n' to renew, 'r' to release, 'c' to complete; ttl; then key, token, key, token … Text of
-- '1' for each claim that is held and '0' for the others
local done, removed = {}, {}
-- @with moment expire
for i = 5, #ARGV, 2 do
  local key, token = ARGV[i], ARGV[i + 1]
  local held = redis.call('HGET', KEYS[5], key)
  local ok = held and (held == token or string.sub(held, 1, #token + 1) == token .. ' ')
  done[#done + 1] = ok and '1' or '0'
  if ok and ARGV[3] == 'n' then
    redis.call('ZADD', KEYS[4], string.format('%.0f', now + ARGV[4]), key)
  elseif ok then
    redis.call('ZREM', KEYS[3], key)
    redis.call('ZREM', KEYS[4], key)
    redis.call('HDEL', KEYS[5], key)
    if held ~= token then
      -- @with unbind
    end
    removed[#removed + 1] = key
  end
end
if ARGV[3] == 'c' and #removed == 1 then
  redis.call('HDEL', KEYS[1], removed[1])
  redis.call('ZREM', KEYS[2], removed[1])
elseif ARGV[3] == 'c' then
  -- @with remove_many
  remove_many(removed)
end
return table.concat(done)

-- @script pop_random
-- p, q, chance; a bound. Key and value, or nothing
local p, q, chance, bound, key, size = ARGV[3], ARGV[4], ARGV[5], ARGV[6]
-- @with expire_if_any span pick
if not key or any and redis.call('HEXISTS', KEYS[5], key) == 1 then
  key = nil
  -- @with choose
  if not key then
    return bound and {size} or {}
  end
end
-- @with take
if bound then
  return {size, key, value}
end
-- @with tell_entry

-- @helper expire_if_any
-- As expire, where the clock is looked at for nothing else: sets any, whether there are claims.
local any = redis.call('ZCARD', KEYS[3]) > 0
if any then
  -- @with moment expire
end

-- @script pop_next
-- p, q; a key, and none behind it is wanted: '' to be told the first and no more. Key and value,
-- or nothing
local p, q, most = ARGV[3], ARGV[4], ARGV[5] ~= '' and ARGV[5]
-- @with expire_if_any next_free
if not key then
  return {}
end
if ARGV[5] == '' then
  return {key}
end
-- @with take
if most then
  return {key, value}
end
-- @with tell_entry

-- @script pop_random_many
-- p, q, seeds, count. Key, value, key, value …
local p, q, out = ARGV[3], ARGV[4], {}
-- @with expire_if_any span claims
if total == claimed then
  return out
end
-- @with choose_many remove_many
seed(ARGV[5], ARGV[6])
local keys = choose_many(ARGV[7] + 0)
chunks(keys, function(i, j)
  local values = redis.call('HMGET', KEYS[1], unpack(keys, i, j))
  for n = i, j do
    out[2 * n - 1] = keys[n]
    out[2 * n] = values[n - i + 1]
  end
end)
remove_many(keys)
return out
