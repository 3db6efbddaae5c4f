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
-- that look at the clock have it in ARGV[2]. Of a prefix, p is what its keys come behind, and q
-- what they come before, as bounds of ZLEXCOUNT: "(user:" and "(user;", "(" and "+" for all keys.
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
--
-- What a script costs the server, docs/PERFORMANCE.md says. So a helper is no function where one
-- place in a script is all that needs it: it stands there, and works on the script's locals.
-- What it expects of them, and what it sets, its comment says. Commands are told numbers as
-- text, and short answers are one text: keys are UTF-8, so the byte 255 ends a key.

-- @helper store
-- Stores value under key.
if redis.call('HSET', KEYS[1], key, value) == 1 then
  redis.call('ZADD', KEYS[2], '0', key)
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
-- What an owner would find its claim by goes with it: held is what o has of it.
local space = string.find(held, ' ', 1, true)
if space then
  redis.call('HDEL', KEYS[6], string.sub(held, space + 1))
end

-- @helper unclaim
-- Ends the claim that key has, if it has one.
local held = redis.call('HGET', KEYS[5], key)
if held then
  redis.call('ZREM', KEYS[3], key)
  redis.call('ZREM', KEYS[4], key)
  redis.call('HDEL', KEYS[5], key)
  -- @with unbind
end

-- @helper unclaim_many needs chunks
local function unclaim_many(keys)
  if redis.call('ZCARD', KEYS[3]) == 0 then
    return
  end
  local bound = redis.call('EXISTS', KEYS[6]) == 1
  chunks(keys, function(i, j)
    local all = bound and redis.call('HMGET', KEYS[5], unpack(keys, i, j)) or {}
    redis.call('ZREM', KEYS[3], unpack(keys, i, j))
    redis.call('ZREM', KEYS[4], unpack(keys, i, j))
    redis.call('HDEL', KEYS[5], unpack(keys, i, j))
    for n = 1, #all do
      local held = all[n]
      if held then
        -- @with unbind
      end
    end
  end)
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

-- @helper moment
-- Sets now, milliseconds since 1970, and micros, which tokens grow with, both text: by the
-- server's clock, unless the client has another, for tests.
local now, micros = ARGV[2]
if now == '' then
  local time = redis.call('TIME')
  local part = time[2]
  if #part < 6 then
    part = string.rep('0', 6 - #part) .. part
  end
  micros = time[1] .. part
  now = string.sub(micros, 1, -4)
else
  micros = now .. '000'
end

-- @helper expire
-- Ends the claims that have expired by now: whoever has to do with claims meets live ones only.
-- Where many have, they are often all: then their sets go as they are, which takes no time.
if redis.call('ZCOUNT', KEYS[4], '-inf', now) > 0 then
  -- @with unclaim_many
  repeat
    local due = redis.call('ZRANGEBYSCORE', KEYS[4], '-inf', now, 'LIMIT', '0', '1000')
    if #due == 1000 and
      redis.call('ZCOUNT', KEYS[4], '-inf', now) == redis.call('ZCARD', KEYS[4]) then
      redis.call('UNLINK', KEYS[3], KEYS[4], KEYS[5], KEYS[6])
      break
    end
    unclaim_many(due)
  until #due < 1000
end

-- @helper span
-- Sets how many keys come before those between p and q, first, and how many those are, total.
local first, total = 0
if q == '+' then
  total = redis.call('ZCARD', KEYS[2])
else
  first = redis.call('ZLEXCOUNT', KEYS[2], '-', p)
  total = redis.call('ZLEXCOUNT', KEYS[2], '-', q) - first
end

-- @helper claims
-- The same of claimed keys: ahead and claimed.
local ahead, claimed = 0, redis.call('ZCARD', KEYS[3])
if claimed > 0 and q ~= '+' then
  ahead = redis.call('ZLEXCOUNT', KEYS[3], '-', p)
  claimed = redis.call('ZLEXCOUNT', KEYS[3], '-', q) - ahead
end

-- @helper key_at
local function key_at(rank)
  rank = string.format('%d', rank)
  return redis.call('ZRANGE', KEYS[2], rank, rank)[1]
end

-- @helper free_at needs key_at
-- Of the keys that have no claim, number n. How one is chosen, and why each has the same
-- chance, stands in local/choose.c. mid: the claim that is looked at first, if it is not the one in
-- the middle.
local function free_at(n, mid)
  local low, high = 0, claimed
  while low < high do
    mid = mid or math.floor((low + high) / 2)
    local rank = string.format('%d', ahead + mid)
    local key = redis.call('ZRANGE', KEYS[3], rank, rank)[1]
    if redis.call('ZRANK', KEYS[2], key) - first - mid > n then
      high = mid
    else
      low = mid + 1
    end
    mid = nil
  end
  return key_at(first + n + low)
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

-- @helper pick
-- Sets key to any between p and q, claimed or not, by chance, a number of 53 bits. Not of
-- several partitions.
if total > 0 and not bound then
  local rank = string.format('%d', first + chance % total)
  key = redis.call('ZRANGE', KEYS[2], rank, rank)[1]
end

-- @helper choose
-- Sets size, how many keys between p and q have no claim, and key to one of them by chance; not
-- if there is none, or, where there is a bound, if it is none for the number drawn below that.
-- @with claims
size = total - claimed
if size > 0 and (not bound or size <= bound + 0) then
  -- @with random
  seed(chance, math.floor(chance / 4194304))
  if not bound or below(bound + 0) < size then
    if size * 4 >= total then
      -- @with key_at
      repeat
        key = key_at(first + below(total))
      until claimed == 0 or not redis.call('ZSCORE', KEYS[3], key)
    else
      -- @with free_at
      key = free_at(below(size))
    end
  end
end

-- @helper next_free
-- Sets key to the first between p and q that has no claim, and none behind most is wanted.
local key
if most then
  q = '[' .. most
end
key = redis.call('ZRANGEBYLEX', KEYS[2], '[' .. string.sub(p, 2), q, 'LIMIT', '0', '1')[1]
if key and redis.call('HEXISTS', KEYS[5], key) == 1 then
  -- @with span claims free_at
  key = total > claimed and free_at(0, claimed - 1) -- claims in order are those before it
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

-- @helper choose_many needs distinct free_at
-- count different keys between p and q that have no claim, or all, in random order.
local function choose_many(count)
  local keys, size = {}, total - claimed
  count = math.min(count, size)
  if claimed > 0 and (size - count) * 4 >= total then
    local met = {}
    while #keys < count do
      local key = key_at(first + below(total))
      if not met[key] and not redis.call('ZSCORE', KEYS[3], key) then
        met[key] = true
        keys[#keys + 1] = key
      end
    end
    return keys
  end
  for i, n in ipairs(distinct(count, size)) do
    keys[i] = claimed > 0 and free_at(n) or key_at(first + n)
  end
  return keys
end

-- @helper digits
local function digits(number)
  return string.format('%.0f', number)
end

-- @helper tokens needs digits
-- Takes so many tokens: the first, and how far apart they are. They grow with the clock, so that
-- they go on growing where the last one has been lost.
local function tokens(count)
  local last, each = string.match(redis.call('GET', KEYS[7]) or '0', '^(%d+) ?(%d*)$')
  each = tonumber(each) or 1
  local first = math.max(last + each, micros + (last - micros) % each)
  last = digits(first + (count - 1) * each)
  redis.call('SET', KEYS[7], each == 1 and last or last .. ' ' .. each)
  return first, each
end

-- @helper grant
-- Claims key, which is in c already, for ttl milliseconds: sets token, deadline and value. field:
-- where its owner finds the claim again, or nil. Mostly the token is the clock's.
token, deadline = micros, string.format('%.0f', now + ttl)
local last = redis.call('GET', KEYS[7])
if last and #last == #micros and last < micros then
  redis.call('SET', KEYS[7], micros)
else
  -- @with tokens
  token = digits((tokens(1)))
end
redis.call('ZADD', KEYS[4], deadline, key)
redis.call('HSET', KEYS[5], key, field and token .. ' ' .. field or token)
if field then
  redis.call('HSET', KEYS[6], field, key)
end
value = redis.call('HGET', KEYS[1], key)

-- @helper tell_claim
-- The answer: a text of token, deadline, key and value. A large value is not copied for that.
if value and #value < 65536 then
  return token .. ' ' .. deadline .. ' ' .. key .. '\255' .. value
end
return {token, deadline, key, value}

-- @helper grant_many needs tokens chunks
-- Claims many keys: their values, and tokens.
local function grant_many(keys, deadline)
  local values, told = {}, {}
  local token, each = tokens(#keys)
  chunks(keys, function(i, j)
    local c, x, o = {}, {}, {}
    for n = i, j do
      local at, key = #c + 1, keys[n]
      told[n] = digits(token + (n - 1) * each)
      c[at], x[at], o[at] = '0', deadline, key
      c[at + 1], x[at + 1], o[at + 1] = key, key, told[n]
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

-- @helper take
-- Removes key, which has no claim: sets value.
local value = redis.call('HGET', KEYS[1], key)
redis.call('HDEL', KEYS[1], key)
redis.call('ZREM', KEYS[2], key)

-- @helper tell_entry
-- The answer: a text of key and value, as in tell_claim.
if value and #value < 65536 then
  return key .. '\255' .. value
end
return {key, value}
