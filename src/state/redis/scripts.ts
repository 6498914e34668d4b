/*
 * The rules of `ledger.ts` in Lua, for one hash slot. Totals stay below 2^53 micros, so Lua's doubles add and compare them exactly;
 * they are written with '%.0f', because Lua 5.1 prints large numbers with an exponent.
 *
 * Keys: [1] what remembers the id once settled; per cap two: K (a hash s, c, or of a rolling window a sorted set of times) and
 * K:h (reservations by the time they run out); per budget three: K (a hash), K:h (reservations `id|micros|nanos`), the limit's key.
 * Arguments: [1] id, [2] now in ms or '' for the server's clock, [3] holdMs, [4] rememberMs, [5] mode, [6] caps, [7] budgets; per cap
 * five: max, kind, a, b, mode; per budget nine: micros, nanos, currency, limit micros, nanos, pace micros, nanos ('' none), ttlMs ('' none), use limit key.
 */

/**
 * How long a budget without an end and its limit outlive their last use, refusals included: 400 days. Renewed once a day at most, so that few decisions
 * write a TTL.
 */
export const KEPT_MS = 400 * 86_400_000

const PRELUDE = `
local id, now, holdMs, rememberMs, mode = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4]), ARGV[5]
local capCount, budgetCount = tonumber(ARGV[6]), tonumber(ARGV[7])
if not now then
  local time = redis.call('TIME')
  now = time[1] * 1000 + math.floor(time[2] / 1000)
end
local function text(n) return string.format('%.0f', n) end
local function keep(key, ms)
  if redis.call('PTTL', key) < ms then redis.call('PEXPIRE', key, text(ms)) end
end
local DAY, KEPT = 86400000, ${KEPT_MS}
local function keepLong(key)
  if redis.call('PTTL', key) < KEPT - DAY then redis.call('PEXPIRE', key, text(KEPT)) end
end
local caps, budgets = {}, {}
for i = 1, capCount do
  local a = 7 + (i - 1) * 5
  caps[i] = { key = KEYS[2 * i], heldKey = KEYS[2 * i + 1], max = tonumber(ARGV[a + 1]), kind = ARGV[a + 2],
    a = tonumber(ARGV[a + 3]), b = tonumber(ARGV[a + 4]), reserves = ARGV[a + 5] == 'reserve' }
end
for i = 1, budgetCount do
  local a, k = 7 + capCount * 5 + (i - 1) * 9, 1 + 2 * capCount + (i - 1) * 3
  budgets[i] = { key = KEYS[k + 1], heldKey = KEYS[k + 2], limitKey = KEYS[k + 3], m = tonumber(ARGV[a + 1]),
    n = tonumber(ARGV[a + 2]), currency = ARGV[a + 3], limitM = tonumber(ARGV[a + 4]), limitN = tonumber(ARGV[a + 5]),
    paceM = tonumber(ARGV[a + 6]), paceN = tonumber(ARGV[a + 7]), ttl = tonumber(ARGV[a + 8]), useLimitKey = ARGV[a + 9] == '1',
    member = id .. '|' .. ARGV[a + 1] .. '|' .. ARGV[a + 2] }
end
local function windowOf(cap)
  if cap.kind == 'rolling' then
    redis.call('ZREMRANGEBYSCORE', cap.key, '-inf', text(now - cap.a))
    local committed, reset = redis.call('ZCARD', cap.key), 0
    if committed > 0 then reset = redis.call('ZRANGE', cap.key, 0, 0, 'WITHSCORES')[2] + cap.a - now end
    return committed, reset
  end
  local record = redis.call('HMGET', cap.key, 's', 'c')
  local start, committed = tonumber(record[1]) or 0, tonumber(record[2]) or 0
  if cap.kind == 'fixed' then
    if start > 0 and now < start + cap.a then return committed, start + cap.a - now end
  elseif start >= cap.a then
    return committed, math.max(0, cap.b - now)
  end
  return 0, 0
end
local function purgeCap(cap) redis.call('ZREMRANGEBYSCORE', cap.heldKey, '-inf', text(now)) end
local function countCap(cap)
  if cap.kind == 'rolling' then
    redis.call('ZADD', cap.key, text(now), id)
    return keep(cap.key, cap.a + 1000)
  end
  local committed = windowOf(cap)
  if committed > 0 then return redis.call('HINCRBY', cap.key, 'c', 1) end
  if cap.kind == 'fixed' then
    redis.call('HSET', cap.key, 's', text(now), 'c', 1)
    redis.call('PEXPIRE', cap.key, text(cap.a + 1000))
  else
    redis.call('HSET', cap.key, 's', text(cap.a), 'c', 1)
    redis.call('PEXPIRE', cap.key, text(math.max(0, cap.b - now) + 1000))
  end
end
local function sum(m, n)
  local carry = math.floor(n / 1000)
  return m + carry, n - carry * 1000
end
local function addTo(budget, fieldM, fieldN, m, n)
  local record = redis.call('HMGET', budget.key, fieldM, fieldN)
  local newM, newN = sum((tonumber(record[1]) or 0) + m, (tonumber(record[2]) or 0) + n)
  redis.call('HSET', budget.key, fieldM, text(newM), fieldN, text(newN))
end
local function purgeBudget(budget)
  for round = 1, 8 do
    local due = redis.call('ZRANGEBYSCORE', budget.heldKey, '-inf', text(now), 'LIMIT', 0, 256)
    if #due == 0 then return end
    local m, n = 0, 0
    for _, member in ipairs(due) do
      local dm, dn = string.match(member, '|(%d+)|(%d+)$')
      m, n = m + dm, n + dn
    end
    redis.call('ZREM', budget.heldKey, unpack(due))
    addTo(budget, 'rm', 'rn', -m, -n)
  end
end
local function limitOf(budget)
  local written = budget.useLimitKey and redis.call('GET', budget.limitKey)
  if written then
    local number, currency = string.match(written, '^(%S+) (%u%u%u)$')
    local units, decimals = string.match(number or written, '^(%d+)%.(%d+)$')
    if not units then units, decimals = string.match(number or written, '^(%d+)$'), '' end
    if not units or #units > 12 or #decimals > 6 then return nil end
    local m = tonumber(units) * 1000000 + (tonumber(decimals .. string.rep('0', 6 - #decimals)) or 0)
    if m > 9007199254740991 then return nil end
    return m, 0, currency or budget.currency
  end
  return budget.limitM, budget.limitN, budget.currency
end
local function refusalOf(budget, paced)
  local limitM, limitN, limitCurrency = limitOf(budget)
  if not limitM then return 'no-limit' end
  local record = redis.call('HMGET', budget.key, 'm', 'n', 'rm', 'rn', 'cur')
  if limitCurrency ~= budget.currency or (record[5] and record[5] ~= budget.currency) then return 'currency' end
  local m, n = sum((tonumber(record[1]) or 0) + (tonumber(record[3]) or 0) + budget.m,
    (tonumber(record[2]) or 0) + (tonumber(record[4]) or 0) + budget.n)
  if m > limitM or (m == limitM and n > limitN) then return 'exhausted' end
  if paced and budget.paceM and (m > budget.paceM or (m == budget.paceM and n > budget.paceN)) then return 'paced' end
end
local function touch(budget, sinceMs)
  if budget.useLimitKey then keepLong(budget.limitKey) end
  if not budget.ttl then
    keepLong(budget.key)
    return keepLong(budget.heldKey)
  end
  keep(budget.key, sinceMs - now + budget.ttl)
  keep(budget.heldKey, sinceMs - now + budget.ttl)
end
local function spend(budget)
  redis.call('HSETNX', budget.key, 'cur', budget.currency)
  addTo(budget, 'm', 'n', budget.m, budget.n)
  touch(budget, now)
end
local function settle(status) redis.call('SET', KEYS[1], status, 'PX', text(rememberMs)) end
`

/** Answers `{}` when granted, else what refuses: `{'cap', index, count, resetMs}` or `{'budget', index, reason}`. */
export const RESERVE = `${PRELUDE}
if redis.call('EXISTS', KEYS[1]) == 1 then return {} end
for _, cap in ipairs(caps) do
  purgeCap(cap)
  if redis.call('ZSCORE', cap.heldKey, id) then return {} end
end
for _, budget in ipairs(budgets) do
  purgeBudget(budget)
  if redis.call('ZSCORE', budget.heldKey, budget.member) then return {} end
end
for i, cap in ipairs(caps) do
  local committed, reset = windowOf(cap)
  local held = redis.call('ZCARD', cap.heldKey)
  if committed + held >= cap.max then
    if committed < cap.max then reset = 0 end
    return { 'cap', i - 1, committed + held, reset }
  end
end
for i, budget in ipairs(budgets) do
  local reason = refusalOf(budget, true)
  if reason then
    touch(budget, now)
    return { 'budget', i - 1, reason }
  end
end
if mode == 'settle' then
  settle('counted')
  for _, cap in ipairs(caps) do if cap.reserves then countCap(cap) end end
  for _, budget in ipairs(budgets) do spend(budget) end
  return {}
end
for _, cap in ipairs(caps) do
  if cap.reserves then
    redis.call('ZADD', cap.heldKey, text(now + holdMs), id)
    keep(cap.heldKey, holdMs + 1000)
  end
end
for _, budget in ipairs(budgets) do
  redis.call('ZADD', budget.heldKey, text(now + holdMs), budget.member)
  redis.call('HSETNX', budget.key, 'cur', budget.currency)
  addTo(budget, 'rm', 'rn', budget.m, budget.n)
  touch(budget, now + holdMs)
end
return {}
`

/** Mode is the policy for what comes late. */
export const COMMIT = `${PRELUDE}
if redis.call('EXISTS', KEYS[1]) == 1 then return 'duplicate' end
local late, refused = false, false
for _, cap in ipairs(caps) do
  if cap.reserves then
    purgeCap(cap)
    cap.late = redis.call('ZREM', cap.heldKey, id) == 0
    late = late or cap.late
  end
end
for _, budget in ipairs(budgets) do
  purgeBudget(budget)
  budget.late = redis.call('ZREM', budget.heldKey, budget.member) == 0
  late = late or budget.late
  if not budget.late then addTo(budget, 'rm', 'rn', -budget.m, -budget.n) end
  if budget.late and mode == 'within-limit' and refusalOf(budget, false) then refused = true end
end
if late and mode == 'never' then
  settle('refused')
  return 'refused'
end
for _, cap in ipairs(caps) do if cap.reserves then countCap(cap) end end
for _, budget in ipairs(budgets) do if not (refused and budget.late) then spend(budget) end end
local status = refused and 'refused' or late and 'late' or 'counted'
settle(status)
return status
`

export const RELEASE = `${PRELUDE}
if redis.call('EXISTS', KEYS[1]) == 1 then return 'settled' end
local released = false
for _, cap in ipairs(caps) do
  purgeCap(cap)
  if redis.call('ZREM', cap.heldKey, id) == 1 then released = true end
end
for _, budget in ipairs(budgets) do
  purgeBudget(budget)
  if redis.call('ZREM', budget.heldKey, budget.member) == 1 then
    released = true
    addTo(budget, 'rm', 'rn', -budget.m, -budget.n)
  end
end
return released and 'released' or 'unknown'
`

export const SHORTEN = `${PRELUDE}
local untilMs = now + holdMs
local function shorten(key, member)
  local score = tonumber(redis.call('ZSCORE', key, member))
  if score and score > untilMs then redis.call('ZADD', key, text(untilMs), member) end
end
for _, cap in ipairs(caps) do shorten(cap.heldKey, id) end
for _, budget in ipairs(budgets) do shorten(budget.heldKey, budget.member) end
return {}
`

/** Per cap `{committed, held, resetMs}`, then per budget `{spent micros, nanos, held micros, nanos, limit micros or '', nanos, currency, open}`. */
export const USE = `${PRELUDE}
local answer = {}
for _, cap in ipairs(caps) do
  local committed, reset = windowOf(cap)
  answer[#answer + 1] = { committed, redis.call('ZCOUNT', cap.heldKey, '(' .. text(now), '+inf'), reset }
end
for _, budget in ipairs(budgets) do
  purgeBudget(budget)
  local record = redis.call('HMGET', budget.key, 'm', 'n', 'rm', 'rn', 'cur')
  local limitM, limitN, limitCurrency = limitOf(budget)
  answer[#answer + 1] = { record[1] or '0', record[2] or '0', record[3] or '0', record[4] or '0',
    limitM and text(limitM) or '', limitN and text(limitN) or '', record[5] or limitCurrency or budget.currency,
    redis.call('ZCARD', budget.heldKey) }
end
return answer
`
