"""Run scripts inside Redis, so that no other command comes between their reads and writes."""

from __future__ import annotations

import hashlib

__all__ = ["APPEND", "CLOSE_LOG", "DROP", "REPLACE", "SCRIPTS", "STALE", "digest"]

APPEND = """
-- Takes events of samples of one bucket. A record that is later than the known one replaces it.
--
-- KEYS: pending, ids, then the samples. ARGV: the call's id, the samples' ids as JSON, then per
-- event: the number of its sample, its name, its record.
--
-- Returns: a letter per event (a, d, s); the marks of appends that are not in all logs yet; now;
-- per record that was replaced its sample's number and itself; and per sample that was changed
-- its number and its records: all of them where it may have joined or left a group, otherwise
-- those that carry data, without their names.
local pending, call = KEYS[1], ARGV[1]
local BARE = 19  -- bytes of a record without data

local function later(a, b)  -- comparing strings with < would follow the server's locale
  local n = math.min(#a, #b)
  for i = 1, n do
    local x, y = string.byte(a, i), string.byte(b, i)
    if x ~= y then return x > y end
  end
  return #a > #b
end

local now = redis.call('TIME')
local now_us = now[1] .. string.format('%06d', tonumber(now[2]))
local marks = redis.call('HGETALL', pending)
local outcomes, replaced, first_seen, changed, joins = {}, {}, {}, {}, {}
for i = 3, #ARGV, 3 do
  local n, name, record = ARGV[i], ARGV[i + 1], ARGV[i + 2]
  local number = tonumber(n)
  local key = KEYS[number + 2]
  local outcome, old = 'a', false
  if redis.call('HSETNX', key, name, record) == 0 then
    old = redis.call('HGET', key, name)
    if old == record then
      outcome = 'd'
    elseif later(record, old) then
      redis.call('HSET', key, name, record)
    else
      outcome = 's'
    end
  end
  if outcome == 'a' then
    changed[number] = (changed[number] or 0) + (old and 0 or 1)
    local touched = n .. name
    if not first_seen[touched] then
      first_seen[touched] = true
      if old and #old > BARE then
        joins[number] = true
        replaced[#replaced + 1] = n
        replaced[#replaced + 1] = old
      end
    end
    if #record > BARE then joins[number] = true end
  end
  outcomes[#outcomes + 1] = outcome
end

local samples = {}
for number, added in pairs(changed) do
  local key, records, size = KEYS[number + 2], {}, 0
  if joins[number] then
    records = redis.call('HGETALL', key)
    size = #records / 2
  else
    local all = redis.call('HVALS', key)
    size = #all
    for _, record in ipairs(all) do
      if #record > BARE then
        records[#records + 1] = ''
        records[#records + 1] = record
      end
    end
  end
  if size == added then  -- there was no such sample
    redis.call('SADD', KEYS[2], string.sub(key, #KEYS[2]))
  end
  samples[#samples + 1] = number
  samples[#samples + 1] = records
end

if #samples > 0 then
  local mark = redis.call('HGET', pending, call)  -- left by a call that is being repeated
    or now_us .. '\\n' .. ARGV[2] .. '\\n'
  for i = 1, #replaced, 2 do
    mark = mark .. replaced[i] .. ' ' .. #replaced[i + 1] .. ' ' .. replaced[i + 1]
  end
  redis.call('HSET', pending, call, mark)
end
return {table.concat(outcomes), marks, now_us, replaced, samples}
"""

STALE = """
-- Returns the marks (call, mark, ...) that were set longer ago than ARGV[1] microseconds.
local now = redis.call('TIME')
local now_us = tonumber(now[1]) * 1000000 + tonumber(now[2])
local marks, stale = redis.call('HGETALL', KEYS[1]), {}
for i = 2, #marks, 2 do
  local set_us = tonumber(string.sub(marks[i], 1, string.find(marks[i], '\\n', 1, true) - 1))
  if now_us - set_us >= tonumber(ARGV[1]) then
    stale[#stale + 1] = marks[i - 1]
    stale[#stale + 1] = marks[i]
  end
end
return stale
"""

DROP = """
-- Drops samples of one bucket that are still as they were when that was decided.
--
-- KEYS: pending, ids, dropped, then the samples. ARGV: per sample its id as marks have it, how many
-- events it has, then that many names and records. Returns a letter per sample: x dropped, k kept,
-- as something has happened, or is not in all logs yet.
local marks = redis.call('HVALS', KEYS[1])
local outcomes, at = {}, 1
for k = 4, #KEYS do
  local id, n = ARGV[at], tonumber(ARGV[at + 1])
  local same = redis.call('HLEN', KEYS[k]) == n
  for _, mark in ipairs(marks) do
    same = same and not string.find(mark, id, 1, true)
  end
  for i = at + 2, at + 1 + 2 * n, 2 do
    same = same and redis.call('HGET', KEYS[k], ARGV[i]) == ARGV[i + 1]
  end
  at = at + 2 + 2 * n
  if same then
    redis.call('DEL', KEYS[k])
    local sample = string.sub(KEYS[k], #KEYS[2])
    redis.call('SREM', KEYS[2], sample)
    redis.call('SADD', KEYS[3], sample)
  end
  outcomes[#outcomes + 1] = same and 'x' or 'k'
end
return table.concat(outcomes)
"""

CLOSE_LOG = """
-- Deletes a log that is empty and to which nothing was added for ARGV[1] milliseconds: ids follow
-- the clock, so that of a log which starts anew they are later than any that a reader has seen.
if redis.call('EXISTS', KEYS[1]) == 0 or redis.call('XLEN', KEYS[1]) > 0 then return 0 end
local info, last = redis.call('XINFO', 'STREAM', KEYS[1]), nil
for i = 1, #info, 2 do
  if info[i] == 'last-generated-id' then last = info[i + 1] end
end
local last_ms = tonumber(string.sub(last, 1, string.find(last, '-', 1, true) - 1))
if tonumber(redis.call('TIME')[1]) * 1000 - last_ms < tonumber(ARGV[1]) then return 0 end
return redis.call('DEL', KEYS[1])
"""

REPLACE = """
-- Replaces a sample by what it should have been, if it is still as it was when that was decided.
--
-- KEYS: pending, dropped, the sample. ARGV: its id, the id as marks have it, how many events it
-- has, that many names and records, and then the names and records that it shall have. Its id
-- counts as dropped until all logs have heard that it must be looked up. Returns 1, or 0 where
-- something has happened.
local n = tonumber(ARGV[3])
local last = 3 + 2 * n
if redis.call('HLEN', KEYS[3]) ~= n then return 0 end
for i = 4, last, 2 do
  if redis.call('HGET', KEYS[3], ARGV[i]) ~= ARGV[i + 1] then return 0 end
end
for _, mark in ipairs(redis.call('HVALS', KEYS[1])) do
  if string.find(mark, ARGV[2], 1, true) then return 0 end
end
redis.call('SADD', KEYS[2], ARGV[1])
redis.call('DEL', KEYS[3])
for i = last + 1, #ARGV, 2 do
  redis.call('HSET', KEYS[3], ARGV[i], ARGV[i + 1])
end
return 1
"""

SCRIPTS = (APPEND, STALE, DROP, CLOSE_LOG, REPLACE)


def digest(script: str) -> bytes:
    """Return the digest by which Redis calls a script."""
    return hashlib.sha1(script.encode(), usedforsecurity=False).hexdigest().encode()
