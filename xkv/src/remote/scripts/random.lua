-- Random keys. ARGV behind the id: p, q, two seeds, and what is said at each; of several
-- partitions, a bound is the last.

-- @script random_key needs range drawn
-- How many there are to choose from, and the key if there is one
local first, total = range(KEYS[2], ARGV[2], ARGV[3])
local n = drawn(total, ARGV[4], ARGV[5], ARGV[6])
return {total, n and redis.call('ZRANGE', KEYS[2], first + n, first + n)[1] or nil}

-- @script random_entry needs range drawn counted
-- Key and value, or nothing
local first, total = range(KEYS[2], ARGV[2], ARGV[3])
local n, out = drawn(total, ARGV[4], ARGV[5], ARGV[6]), {}
if n then
  local key = redis.call('ZRANGE', KEYS[2], first + n, first + n)[1]
  out = {key, redis.call('HGET', KEYS[1], key)}
end
return counted(total, ARGV[6], out)

-- @script random_keys needs range distinct
-- count, '1' if keys may repeat
local first, total = range(KEYS[2], ARGV[2], ARGV[3])
local count, keys, numbers = tonumber(ARGV[6]), {}, {}
seed(ARGV[4], ARGV[5])
if total > 0 and ARGV[7] == '0' then
  numbers = distinct(math.min(count, total), total)
elseif total > 0 then
  for i = 1, count do
    numbers[i] = below(total)
  end
end
for i, n in ipairs(numbers) do
  keys[i] = redis.call('ZRANGE', KEYS[2], first + n, first + n)[1]
end
return keys
