-- Commands on many keys. ARGV behind the id is said at each; low and high are the bounds of a
-- walk over keys, with a prefix or behind one.

-- @script size
return redis.call('HLEN', KEYS[1]) - 1

-- @script clear
-- Tokens go on, and so do the turns of nextCircular.
redis.call('UNLINK', unpack(KEYS))
redis.call('HSET', KEYS[1], '', ARGV[1])
return 1

-- @script count
-- p, q
local p, q = ARGV[2], ARGV[3]
-- @with span
return total

-- @script list needs chunks
-- low, high, limit (-1: all). Key, value, key, value …
local keys = redis.call('ZRANGEBYLEX', KEYS[2], ARGV[2], ARGV[3], 'LIMIT', '0', ARGV[4])
local out = {}
chunks(keys, function(i, j)
  local values = redis.call('HMGET', KEYS[1], unpack(keys, i, j))
  for n = i, j do
    out[2 * n - 1] = keys[n]
    out[2 * n] = values[n - i + 1]
  end
end)
return out

-- @script list_keys
-- low, high, limit
return redis.call('ZRANGEBYLEX', KEYS[2], ARGV[2], ARGV[3], 'LIMIT', '0', ARGV[4])

-- @script set_many
-- key, value, key, value …
local added, members = 0, {}
for i = 2, #ARGV, 4000 do
  added = added + redis.call('HSET', KEYS[1], unpack(ARGV, i, math.min(i + 3999, #ARGV)))
end
for i = 2, added > 0 and #ARGV or 0, 2 do
  members[#members + 1] = '0'
  members[#members + 1] = ARGV[i]
  if #members == 4000 or i == #ARGV - 1 then
    redis.call('ZADD', KEYS[2], unpack(members))
    members = {}
  end
end
return (#ARGV - 1) / 2

-- @script delete_many needs remove_many
-- key …
local keys = {}
for i = 2, #ARGV do
  keys[i - 1] = ARGV[i]
end
return remove_many(keys)

-- @script delete_by_prefix needs remove_many
-- low, high, limit. How many were removed, how many more there are: 1 stands for any
local keys = redis.call('ZRANGEBYLEX', KEYS[2], ARGV[2], ARGV[3], 'LIMIT', '0', ARGV[4])
remove_many(keys)
return {#keys, #redis.call('ZRANGEBYLEX', KEYS[2], ARGV[2], ARGV[3], 'LIMIT', '0', '1')}

-- @script rebuild needs unclaim_many
-- Makes the list of keys anew if it has not as many as there are.
if redis.call('HLEN', KEYS[1]) - 1 == redis.call('ZCARD', KEYS[2]) then
  return 0
end
local keys, gone = redis.call('HKEYS', KEYS[1]), {}
redis.call('UNLINK', KEYS[2])
for i = 1, #keys, 2000 do
  local members = {}
  for j = i, math.min(i + 1999, #keys) do
    if keys[j] ~= '' then
      members[#members + 1] = '0'
      members[#members + 1] = keys[j]
    end
  end
  if #members > 0 then
    redis.call('ZADD', KEYS[2], unpack(members))
  end
end
for _, key in ipairs(redis.call('ZRANGE', KEYS[3], '0', '-1')) do
  if redis.call('HEXISTS', KEYS[1], key) == 0 then
    gone[#gone + 1] = key
  end
end
unclaim_many(gone)
return 1
