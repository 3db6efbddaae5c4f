-- Keys in turn.

-- @script next_circular
-- KEYS: d, k, and r, where the key that was given last stands under the prefix. ARGV behind
-- the id: the prefix, low, high. Key and value, or nothing
local function first(low)
  return redis.call('ZRANGEBYLEX', KEYS[2], low, ARGV[4], 'LIMIT', '0', '1')[1]
end
local last = redis.call('HGET', KEYS[3], ARGV[2])
local key = last and first('(' .. last) or first(ARGV[3])
if not key then
  return {}
end
redis.call('HSET', KEYS[3], ARGV[2], key)
return {key, redis.call('HGET', KEYS[1], key)}

-- @script look_turn
-- KEYS: d, r. The prefix. The key that was given last, or false
return redis.call('HGET', KEYS[2], ARGV[2])

-- @script take_turn
-- KEYS: d, r. The prefix, the key that was given last, or '', and the next. 1, or 0 if it was
-- another
if (redis.call('HGET', KEYS[2], ARGV[2]) or '') ~= ARGV[3] then
  return 0
end
redis.call('HSET', KEYS[2], ARGV[2], ARGV[4])
return 1

-- @helper meaning
-- The key that a position's value means, or nothing; json: '1' if values are JSON.
local function meaning(value, json)
  if json ~= '1' then
    return value ~= '' and value
  end
  local plain = string.match(value, '^"([^"\\]+)"$')
  if plain then
    return plain
  end
  local fine, list = pcall(cjson.decode, '[' .. value .. ']')
  local key = fine and #list == 1 and list[1]
  return type(key) == 'string' and key ~= '' and key
end

-- @helper quoted
local function quoted(key, json)
  if json ~= '1' then
    return key
  end
  local short = {['"'] = '\\"', ['\\'] = '\\\\', ['\b'] = '\\b', ['\f'] = '\\f', ['\n'] = '\\n', ['\r'] = '\\r', ['\t'] = '\\t'}
  return '"' .. string.gsub(key, '[%z\1-\31"\\]', function(c)
    return short[c] or string.format('\\u%04x', string.byte(c))
  end) .. '"'
end

-- @script next needs meaning quoted
-- KEYS: d, k. ARGV behind the id: the position, the prefix, low, high, '1' if behind the last
-- comes the first, '1' if values are JSON. Key and value, or nothing; 1: the position is no key
local function first(low)
  return redis.call('ZRANGEBYLEX', KEYS[2], low, ARGV[5], 'LIMIT', '0', '1')[1]
end
local value = redis.call('HGET', KEYS[1], ARGV[2])
local last = value and meaning(value, ARGV[7])
if value and not last then
  return 1
end
local key = first(last and '(' .. last or ARGV[4])
if key and last and string.sub(key, 1, #ARGV[3]) ~= ARGV[3] then
  key = first(ARGV[4])
end
if not key and ARGV[6] == '1' then
  key = first(ARGV[4])
end
if not key then
  return {}
end
value = redis.call('HGET', KEYS[1], key)
do
  local key, value = ARGV[2], quoted(key, ARGV[7])
  -- @with store
end
-- @with tell_entry

-- @script look_position
-- KEYS: d. The position. Its value, or false
return redis.call('HGET', KEYS[1], ARGV[2])

-- @script take_position
-- KEYS: d, k. The position, its next value, and what it still has, if it is there. 1, or 0 if it
-- has another
if (redis.call('HGET', KEYS[1], ARGV[2]) or nil) ~= ARGV[4] then
  return 0
end
local key, value = ARGV[2], ARGV[3]
-- @with store
return 1
