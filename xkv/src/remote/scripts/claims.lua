-- Claims, and keys that are popped. ARGV behind the id: the clock, and what is said at each.
-- A claim is told as token, deadline, key, value.

-- @script claim_random needs choose grant_one counted
-- p, q, seeds, ttl; a bound. A claim, or nothing
local now, micros = clock()
expire(now)
local it = pool(ARGV[3], ARGV[4])
local key = choose(it, ARGV[5], ARGV[6], ARGV[8])
return counted(it.size, ARGV[8], key and grant_one(key, now, micros, ARGV[7]) or {})

-- @script claim_next needs pool grant_one
-- p, q, ttl; a key, and none behind it is wanted. A claim, or nothing
local now, micros = clock()
expire(now)
local it = pool(ARGV[3], ARGV[4])
local key = it.size > 0 and free_at(it, 0)
if not key or ARGV[6] and key > ARGV[6] then
  return {}
end
return grant_one(key, now, micros, ARGV[5])

-- @script claim_for_owner needs choose grant_one counted
-- p, q, seeds, ttl, owner; a bound. A claim, or nothing
local now, micros = clock()
local field = #ARGV[8] .. ':' .. ARGV[8] .. ARGV[3]
expire(now)
local key = redis.call('HGET', KEYS[6], field)
if key then
  return counted(0, ARGV[9], {string.match(redis.call('HGET', KEYS[5], key), '^%d+'),
    digits(redis.call('ZSCORE', KEYS[4], key)), key, redis.call('HGET', KEYS[1], key)})
end
local it = pool(ARGV[3], ARGV[4])
key = choose(it, ARGV[5], ARGV[6], ARGV[9])
return counted(it.size, ARGV[9], key and grant_one(key, now, micros, ARGV[7], field) or {})

-- @script claim_key needs grant_one
-- ttl, key. A claim, or nothing
local now, micros = clock()
expire(now)
if redis.call('HEXISTS', KEYS[1], ARGV[4]) == 0 or redis.call('HEXISTS', KEYS[5], ARGV[4]) == 1 then
  return {}
end
return grant_one(ARGV[4], now, micros, ARGV[3])

-- @script claim_random_many needs choose_many grant_many
-- p, q, seeds, ttl, count. Claims, one behind the other
local now, micros = clock()
expire(now)
local it, out = pool(ARGV[3], ARGV[4]), {}
if it.size == 0 then
  return out
end
seed(ARGV[5], ARGV[6])
local keys = choose_many(it, ARGV[8] + 0)
local deadline = now + ARGV[7]
local values, granted = grant_many(keys, micros, deadline)
local ends = digits(deadline)
for i, key in ipairs(keys) do
  out[4 * i - 3] = granted[i]
  out[4 * i - 2] = ends
  out[4 * i - 1] = key
  out[4 * i] = values[i]
end
return out

-- @script claim_keys needs grant_many
-- ttl, '1' for all or nothing, key … Of each key {token, deadline, value}, 'busy',
-- 'missing', or false if it was not looked at, or is not claimed since another cannot be
local now, micros = clock()
expire(now)
local out, free, places = {}, {}, {}
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
local deadline = now + ARGV[3]
local values, granted = grant_many(free, micros, deadline)
local ends = digits(deadline)
for n, place in ipairs(places) do
  out[place] = {granted[n], ends, values[n]}
end
return out

-- @script settle needs clock expire unclaim remove_many
-- 'n' to renew, 'r' to release, 'c' to complete; ttl; then key, token, key, token … Text of
-- '1' for each claim that is held and '0' for the others
local now = clock()
local done, removed = {}, {}
expire(now)
for i = 5, #ARGV, 2 do
  local key, token = ARGV[i], ARGV[i + 1]
  local held = redis.call('HGET', KEYS[5], key)
  local ok = held and (held == token or string.sub(held, 1, #token + 1) == token .. ' ')
  done[#done + 1] = ok and '1' or '0'
  if ok and ARGV[3] == 'n' then
    redis.call('ZADD', KEYS[4], now + ARGV[4], key)
  elseif ok then
    unclaim(key)
    removed[#removed + 1] = key
  end
end
if ARGV[3] == 'c' then
  remove_many(removed)
end
return table.concat(done)

-- @script pop_random needs choose clock expire take counted
-- p, q, seeds; a bound. Key and value, or nothing
expire((clock()))
local it = pool(ARGV[3], ARGV[4])
local key = choose(it, ARGV[5], ARGV[6], ARGV[7])
return counted(it.size, ARGV[7], key and take(key) or {})

-- @script pop_next needs pool clock expire take
-- p, q; a key, and none behind it is wanted: '' to be told the first and no more. Key and value,
-- or nothing
expire((clock()))
local it = pool(ARGV[3], ARGV[4])
local key = it.size > 0 and free_at(it, 0)
if key and ARGV[5] == '' then
  return {key}
end
if not key or ARGV[5] and key > ARGV[5] then
  return {}
end
return take(key)

-- @script pop_random_many needs choose_many clock expire remove_many
-- p, q, seeds, count. Key, value, key, value …
expire((clock()))
local it, out = pool(ARGV[3], ARGV[4]), {}
if it.size == 0 then
  return out
end
seed(ARGV[5], ARGV[6])
local keys = choose_many(it, tonumber(ARGV[7]))
chunks(keys, function(i, j)
  local values = redis.call('HMGET', KEYS[1], unpack(keys, i, j))
  for n = i, j do
    out[2 * n - 1] = keys[n]
    out[2 * n] = values[n - i + 1]
  end
end)
remove_many(keys)
return out
