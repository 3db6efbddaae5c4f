-- What the scripts have in common. KEYS are a partition's, always in this order, as many as
-- a script uses:
--
--   1 d  HASH    key -> value; and under the empty key the store's id
--   2 k  ZSET    all keys, score 0: the order of bytes
--   3 c  ZSET    claimed keys, score 0
--   4 x  ZSET    claimed keys, by deadline in milliseconds
--   5 o  HASH    claimed key -> token; behind it, of a claim that its owner is to find
--                again, a space and its field in w
--   6 w  HASH    length of the owner, ':', owner and prefix -> claimed key
--   7 t  STRING  the last token, a space and how many partitions the store has: each takes
--                other tokens, so many apart
--
-- ARGV[1] is the store's id, which lua.sh compares before anything else is done. Scripts
-- that look at the clock have it in ARGV[2].
--
-- A server whose memory is full refuses a script's first write that may take memory, and
-- none after that. So such a write comes first, and a script is carried out whole or not at
-- all; what only removes is never refused.
--
-- Of several partitions, a client chooses one to draw in, and says below what number: for it
-- knows a bound of how many keys each has, and has chosen in proportion to the bounds. A number
-- for which there is no key draws nothing, and 0 only asks how many there are. Such an answer
-- begins with how many there are.
--
-- Lua's numbers are doubles: what may be beyond 2^53 stays text.

-- @helper store
local function store(key, value)
  if redis.call('HSET', KEYS[1], key, value) == 1 then
    redis.call('ZADD', KEYS[2], 0, key)
  end
end

-- @helper chunks
-- Calls a function with the places of the first and last of at most 2000 members each:
-- a call, with two arguments for each, has no more than Lua's stack has room for.
local function chunks(list, each)
  for i = 1, #list, 2000 do
    each(i, math.min(i + 1999, #list))
  end
end

-- @helper unbind
-- What an owner would find its claim by goes with it.
local function unbind(held)
  local field = held and string.match(held, '^%d+ (.*)$')
  if field then
    redis.call('HDEL', KEYS[6], field)
  end
end

-- @helper unclaim needs unbind
-- Ends the claim that a key has, if it has one.
local function unclaim(key)
  local held = redis.call('HGET', KEYS[5], key)
  if held then
    redis.call('ZREM', KEYS[3], key)
    redis.call('ZREM', KEYS[4], key)
    redis.call('HDEL', KEYS[5], key)
    unbind(held)
  end
end

-- @helper unclaim_many needs chunks unbind
local function unclaim_many(keys)
  if redis.call('ZCARD', KEYS[3]) == 0 then
    return
  end
  local bound = redis.call('EXISTS', KEYS[6]) == 1
  chunks(keys, function(i, j)
    local held = bound and redis.call('HMGET', KEYS[5], unpack(keys, i, j)) or {}
    redis.call('ZREM', KEYS[3], unpack(keys, i, j))
    redis.call('ZREM', KEYS[4], unpack(keys, i, j))
    redis.call('HDEL', KEYS[5], unpack(keys, i, j))
    for n = 1, #held do
      unbind(held[n])
    end
  end)
end

-- @helper remove needs unclaim
-- How many there were: 1 or 0.
local function remove(key)
  if redis.call('HDEL', KEYS[1], key) == 0 then
    return 0
  end
  redis.call('ZREM', KEYS[2], key)
  unclaim(key)
  return 1
end

-- @helper take
-- Removes a key that has no claim: key and value.
local function take(key)
  local value = redis.call('HGET', KEYS[1], key)
  redis.call('HDEL', KEYS[1], key)
  redis.call('ZREM', KEYS[2], key)
  return {key, value}
end

-- @helper remove_many needs unclaim_many
local function remove_many(keys)
  local removed = 0
  chunks(keys, function(i, j)
    removed = removed + redis.call('HDEL', KEYS[1], unpack(keys, i, j))
    redis.call('ZREM', KEYS[2], unpack(keys, i, j))
  end)
  unclaim_many(keys)
  return removed
end

-- @helper range
-- How many members of a set come before those with prefix p, and how many have it; q is
-- the least text behind all of them.
local function range(set, p, q)
  if p == '' then
    return 0, redis.call('ZCARD', set)
  end
  local first = redis.call('ZLEXCOUNT', set, '-', '(' .. p)
  return first, redis.call('ZLEXCOUNT', set, '-', '(' .. q) - first
end

-- @helper random
-- Two combined generators (L'Ecuyer, "Efficient and portable combined random number
-- generators", 1988), whose products stay below 2^53. The seeds come from the client: the
-- server's own generator begins alike for every script.
local s1, s2
local function seed(a, b)
  s1 = a % 2147483562 + 1
  s2 = b % 2147483398 + 1
end
local function draw()
  s1 = 40014 * s1 % 2147483563
  s2 = 40692 * s2 % 2147483399
  return (s1 - s2 - 1) % 2147483562
end
local function below(n)
  return (draw() * 4194304 + draw() % 4194304) % n
end

-- @helper drawn needs random
-- A number below total, or below a bound; nothing if that is not below total, or if total is
-- beyond the bound.
local function drawn(total, a, b, bound)
  bound = (bound or total) + 0
  if total > 0 and total <= bound then
    seed(a, b)
    local n = below(bound)
    return n < total and n or nil
  end
end

-- @helper counted
-- What an answer is where a bound was given.
local function counted(total, bound, answer)
  if bound then
    table.insert(answer, 1, total)
  end
  return answer
end

-- @helper clock
-- Milliseconds since 1970, and microseconds, which tokens grow with: by the server's
-- clock, unless the client has another, for tests.
local function clock()
  if ARGV[2] ~= '' then
    return ARGV[2] + 0, ARGV[2] * 1000
  end
  local t = redis.call('TIME')
  return t[1] * 1000 + math.floor(t[2] / 1000), t[1] * 1000000 + t[2]
end

-- @helper digits
local function digits(number)
  return string.format('%.0f', number)
end

-- @helper expire needs unclaim_many
-- Ends the claims that have expired: whoever has to do with claims meets live ones only. Where
-- many have, they are often all: then their sets go as they are, which takes no time.
local function expire(now)
  while true do
    local due = redis.call('ZRANGEBYSCORE', KEYS[4], '-inf', now, 'LIMIT', 0, 1000)
    if #due == 1000 and
      redis.call('ZCOUNT', KEYS[4], '-inf', now) == redis.call('ZCARD', KEYS[4]) then
      redis.call('UNLINK', KEYS[3], KEYS[4], KEYS[5], KEYS[6])
      return
    elseif #due == 0 then
      return
    end
    unclaim_many(due)
  end
end

-- @helper pool needs range random
-- The keys with prefix p that have no claim: how many, and number n of them. How one is
-- chosen, and why each has the same chance, stands in local/choose.c.
local function pool(p, q)
  local it = {claimed = 0, first_claim = 0}
  it.first, it.total = range(KEYS[2], p, q)
  if redis.call('ZCARD', KEYS[3]) > 0 then
    it.first_claim, it.claimed = range(KEYS[3], p, q)
  end
  it.size = it.total - it.claimed
  return it
end
local function key_at(rank)
  return redis.call('ZRANGE', KEYS[2], rank, rank)[1]
end
local function free_at(it, n)
  local low, high = 0, it.claimed
  while low < high do
    local middle = math.floor((low + high) / 2)
    local rank = it.first_claim + middle
    local key = redis.call('ZRANGE', KEYS[3], rank, rank)[1]
    if redis.call('ZRANK', KEYS[2], key) - it.first - middle > n then
      high = middle
    else
      low = middle + 1
    end
  end
  return key_at(it.first + n + low)
end

-- @helper choose needs pool drawn
-- A key, or nothing.
local function choose(it, a, b, bound)
  if it.size == 0 or bound and not drawn(it.size, a, b, bound) then
    return
  end
  if not bound then
    seed(a, b)
  end
  if it.size * 4 >= it.total then
    while true do
      local key = key_at(it.first + below(it.total))
      if it.claimed == 0 or not redis.call('ZSCORE', KEYS[3], key) then
        return key
      end
    end
  end
  return free_at(it, below(it.size))
end

-- @helper distinct needs random
-- count different numbers below bound, in random order: Floyd, then Fisher and Yates.
local function distinct(count, bound)
  local taken, numbers = {}, {}
  for j = bound - count, bound - 1 do
    local n = below(j + 1)
    if taken[n] then
      n = j
    end
    taken[n] = true
    numbers[#numbers + 1] = n
  end
  for i = count, 2, -1 do
    local j = below(i) + 1
    numbers[i], numbers[j] = numbers[j], numbers[i]
  end
  return numbers
end

-- @helper choose_many needs pool distinct
local function choose_many(it, count)
  local keys = {}
  count = math.min(count, it.size)
  if it.claimed > 0 and (it.size - count) * 4 >= it.total then
    local met = {}
    while #keys < count do
      local key = key_at(it.first + below(it.total))
      if not met[key] and not redis.call('ZSCORE', KEYS[3], key) then
        met[key] = true
        keys[#keys + 1] = key
      end
    end
    return keys
  end
  for i, n in ipairs(distinct(count, it.size)) do
    keys[i] = it.claimed > 0 and free_at(it, n) or key_at(it.first + n)
  end
  return keys
end

-- @helper tokens needs digits
-- Takes so many tokens: the first, and how far apart they are. They grow with the clock, so that
-- they go on growing where the last one has been lost.
local function tokens(count, micros)
  local last, each = string.match(redis.call('GET', KEYS[7]) or '0', '^(%d+) ?(%d*)$')
  each = tonumber(each) or 1
  local first = math.max(last + each, micros + (last - micros) % each)
  redis.call('SET', KEYS[7], digits(first + (count - 1) * each) .. ' ' .. each)
  return first, each
end

-- @helper grant needs clock expire tokens
-- Claims a key with a token; field: where its owner finds it again.
local function grant(key, token, deadline, field)
  redis.call('ZADD', KEYS[3], 0, key)
  redis.call('ZADD', KEYS[4], deadline, key)
  redis.call('HSET', KEYS[5], key, digits(token) .. (field and ' ' .. field or ''))
  if field then
    redis.call('HSET', KEYS[6], field, key)
  end
end

-- @helper grant_many needs clock expire tokens chunks
-- Claims many keys: their values, and tokens.
local function grant_many(keys, micros, deadline)
  local values, told = {}, {}
  local token, each = tokens(#keys, micros)
  chunks(keys, function(i, j)
    local c, x, o = {}, {}, {}
    for n = i, j do
      local at = #c + 1
      told[n] = digits(token + (n - 1) * each)
      c[at], x[at], o[at] = 0, deadline, keys[n]
      c[at + 1], x[at + 1], o[at + 1] = keys[n], keys[n], told[n]
    end
    redis.call('ZADD', KEYS[3], unpack(c))
    redis.call('ZADD', KEYS[4], unpack(x))
    redis.call('HSET', KEYS[5], unpack(o))
    for n, v in ipairs(redis.call('HMGET', KEYS[1], unpack(keys, i, j))) do
      values[i + n - 1] = v
    end
  end)
  return values, told
end

-- @helper grant_one needs grant
local function grant_one(key, now, micros, ttl, field)
  local token = tokens(1, micros)
  grant(key, token, now + ttl, field)
  return {digits(token), digits(now + ttl), key, redis.call('HGET', KEYS[1], key)}
end
