-- The store itself.

-- @opening open
-- KEYS: d, and m, which says what store it is. ARGV: id, format, serialization and
-- partitions of a new one. What is there: format, id, serialization, partitions; and '1' until
-- all partitions are known to be there
local there = redis.call('HMGET', KEYS[2], 'format', 'id', 'serialization', 'partitions', 'making')
local id = redis.call('HGET', KEYS[1], '')
if not there[2] and not id and redis.call('EXISTS', KEYS[1], KEYS[2]) == 0 then
  there = {ARGV[2], ARGV[1], ARGV[3], ARGV[4], ARGV[4] ~= '1' and '1' or nil}
  redis.call('HSET', KEYS[2], 'format', ARGV[2], 'id', ARGV[1], 'serialization', ARGV[3],
    'partitions', ARGV[4], unpack(there[5] and {'making', '1'} or {}))
  redis.call('HSET', KEYS[1], '', ARGV[1])
  if there[5] then
    redis.call('SET', KEYS[3], '0 ' .. ARGV[4])
  end
  return there
end
if not id or there[2] ~= id then
  return redis.error_reply('XKVTORN only a part of the store is there')
end
if not there[5] then
  there[5] = nil
end
return there

-- @opening join
-- KEYS: of a partition behind the first, t last. ARGV: id, its number, and how many there are.
local id = redis.call('HGET', KEYS[1], '')
if id == ARGV[1] then
  return 1
end
if redis.call('EXISTS', unpack(KEYS)) > 0 then
  return redis.error_reply('XKVTORN only a part of the store is there')
end
redis.call('HSET', KEYS[1], '', ARGV[1])
redis.call('SET', KEYS[#KEYS], ARGV[2] .. ' ' .. ARGV[3])
return 1

-- @script made
-- KEYS: d, m. All partitions are there.
redis.call('HDEL', KEYS[2], 'making')
return 1
