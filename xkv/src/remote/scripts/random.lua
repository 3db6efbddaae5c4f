-- Random keys. ARGV behind the id: p, q, and what is said at each; of several partitions, a bound
-- is the last.

-- @helper drawn
-- Sets key to one between p and q by chance, a number of 53 bits; not if there is none, or, where
-- there is a bound, if it is none for the number drawn below that.
-- @with span
local key
if total > 0 and (not bound or total <= bound + 0) then
  local n = chance % (bound or total)
  if n < total then
    local rank = string.format('%d', first + n)
    key = redis.call('ZRANGE', KEYS[2], rank, rank)[1]
  end
end

-- @script random_key
-- chance; a bound. How many there are to choose from, and the key if there is one: as text
-- with a space between, or an array
local p, q, chance, bound = ARGV[2], ARGV[3], ARGV[4], ARGV[5]
-- @with drawn
if key and not bound then
  return string.format('%d', total) .. ' ' .. key
end
return {total, key}

-- @script random_entry
-- chance; a bound. Key and value, or nothing
local p, q, chance, bound = ARGV[2], ARGV[3], ARGV[4], ARGV[5]
-- @with drawn
if not key then
  return bound and {total} or {}
end
local value = redis.call('HGET', KEYS[1], key)
if bound then
  return {total, key, value}
end
-- @with tell_entry

-- @script random_keys
-- seeds, count, '1' if keys may repeat
local p, q, keys, numbers = ARGV[2], ARGV[3], {}, {}
-- @with span
if total == 0 then
  return keys
end
-- @with distinct key_at
local count = ARGV[6] + 0
seed(ARGV[4], ARGV[5])
if ARGV[7] == '0' then
  numbers = distinct(math.min(count, total), total)
else
  for i = 1, count do
    numbers[i] = below(total)
  end
end
for i, n in ipairs(numbers) do
  keys[i] = key_at(first + n)
end
return keys
