/**
 * A bucket is 24 bytes (from, to, when it was written in ms: three big-endian doubles, exact below 2^53) and its encoded tallies. The buckets of
 * a partition are a list, in order; beside it a hash { generation, start, since }.
 */
export const HEADER_BYTES = 24

const ENDS = `
local function ends(bucket) return struct.unpack('>ddd', bucket) end
`

/**
 * KEYS: list, hash. ARGV: generation of the group. From now on nobody of an older generation writes here.
 * Returns start and the end of every bucket; nothing when there are none, or somebody newer writes here.
 */
export const CLAIM = `${ENDS}
local generation = tonumber(redis.call('HGET', KEYS[2], 'generation') or '-1')
if generation > tonumber(ARGV[1]) then return {} end
redis.call('HSET', KEYS[2], 'generation', ARGV[1])
local start = redis.call('HGET', KEYS[2], 'start')
if not start then return {} end
local found = {start}
for _, bucket in ipairs(redis.call('LRANGE', KEYS[1], 0, -1)) do
  local _, to = ends(bucket)
  found[#found + 1] = string.format('%.0f', to)
end
return found
`

/**
 * KEYS: list, hash. ARGV: generation; 'all' or 'more'; from; what the batch layer has reached; up to where all is stored; now, ms; how long
 * stored buckets are kept, ms; the buckets. Those at or after \`from\` are replaced. 'all': so are the others.
 * Returns 'ok'; 'fenced' when somebody newer writes here; 'apart' when these buckets would not follow those that are there.
 */
export const PUT = `${ENDS}
local generation = tonumber(redis.call('HGET', KEYS[2], 'generation') or '-1')
if generation > tonumber(ARGV[1]) then return 'fenced' end
local from, reached, stored, now = tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6])
local start
if ARGV[2] == 'all' then
  redis.call('DEL', KEYS[1])
  start = from
else
  start = tonumber(redis.call('HGET', KEYS[2], 'start') or '-1')
  if start < 0 or from < start then return 'apart' end
  local last = redis.call('LINDEX', KEYS[1], -1)
  local drop = 0
  local at = start
  while last do
    local f, t = ends(last)
    at = t
    if f < from then break end
    drop = drop + 1
    at = f
    last = redis.call('LINDEX', KEYS[1], -1 - drop)
  end
  if at ~= from then return 'apart' end
  for _ = 1, drop do redis.call('RPOP', KEYS[1]) end
end
for i = 8, #ARGV do redis.call('RPUSH', KEYS[1], ARGV[i]) end
local first = redis.call('LINDEX', KEYS[1], 0)
while first do
  local _, t, at = ends(first)
  if t > stored or at > now - tonumber(ARGV[7]) then break end
  redis.call('LPOP', KEYS[1])
  start = t
  first = redis.call('LINDEX', KEYS[1], 0)
end
local since = math.min(start, reached)
redis.call('HSET', KEYS[2], 'generation', ARGV[1], 'start', string.format('%.0f', start), 'since', string.format('%.0f', since))
return 'ok'
`

/**
 * KEYS: list and hash of every partition. ARGV: what the batch layer has reached in each. Returns for each { start, since, buckets… }: from the
 * one in which that offset lies on; nothing where there are none.
 */
export const READ = `${ENDS}
local answer = {}
for i = 1, #ARGV do
  local list, hash, reached = KEYS[2 * i - 1], KEYS[2 * i], tonumber(ARGV[i])
  local chain = redis.call('HMGET', hash, 'start', 'since')
  if not chain[1] then
    answer[i] = {}
  else
    local length = redis.call('LLEN', list)
    local first = length
    while first > 0 do
      local f = ends(redis.call('LINDEX', list, first - 1))
      first = first - 1
      if f < reached then break end
    end
    local found = redis.call('LRANGE', list, first, -1)
    table.insert(found, 1, chain[2])
    table.insert(found, 1, chain[1])
    answer[i] = found
  end
end
return answer
`
