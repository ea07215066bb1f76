import type { Redis } from 'ioredis'
import { RECORD_BYTES } from '../../record.ts'
import { luaScript } from '../../redis.ts'
import { FIELD, MAX_ENTRY_RECORDS, recordsIn, type Entry, type Poison } from './codec.ts'
import { DEAD_STREAM, EVENTS, GROUP, STREAM } from './names.ts'

const DEAD_KEPT = 100_000
/** Lua's `unpack` has a limit of 8,000. */
const UNPACKED = 1_000

/**
 * The backlog, in events: what the counter says. An entry holds at least one, so it is never less than the stream's length, and an empty
 * stream has none: whatever happened to the counter (deleted, or left behind by a DEL of the stream), that much stays true.
 */
const BACKLOG_OF = `
local function backlogOf(stream, counter)
  local entries = redis.call('XLEN', stream)
  if entries == 0 then return 0 end
  return math.max(entries, tonumber(redis.call('GET', counter) or '0'))
end
`

const BACKLOG = `${BACKLOG_OF}
return backlogOf(KEYS[1], KEYS[2])
`

/**
 * All records or none: checked against the bound first, and a script runs whole. So `maxlen` is never passed, whatever the number of replicas.
 * Returns 1, or 0 for "full". The counter is set rather than raised, so that one that was wrong is right from here on.
 */
const APPEND = `${BACKLOG_OF}
local records = ARGV[2]
local backlog = backlogOf(KEYS[1], KEYS[2]) + #records / ${RECORD_BYTES}
if backlog > tonumber(ARGV[1]) then return 0 end
for at = 1, #records, ${MAX_ENTRY_RECORDS * RECORD_BYTES} do
  redis.call('XADD', KEYS[1], '*', '${FIELD}', string.sub(records, at, at + ${MAX_ENTRY_RECORDS * RECORD_BYTES} - 1))
end
redis.call('SET', KEYS[2], string.format('%d', backlog))
return 1
`

/** Takes from the counter what was deleted from the stream; with the last entry the counter goes too. */
const DEDUCT = `
local function deduct(stream, counter, events)
  if redis.call('XLEN', stream) == 0 then redis.call('DEL', counter)
  elseif events > 0 then redis.call('DECRBY', counter, events) end
end
`

/**
 * Arguments: group, then ids, then as many numbers of records. An entry counts only for the one who deletes it: when two workers have stored
 * the same entry, the second takes nothing off.
 */
const ACKNOWLEDGE = `${DEDUCT}
local entries = (#ARGV - 1) / 2
local events = 0
for from = 2, entries + 1, ${UNPACKED} do
  redis.call('XACK', KEYS[1], ARGV[1], unpack(ARGV, from, math.min(from + ${UNPACKED} - 1, entries + 1)))
end
for i = 2, entries + 1 do
  if redis.call('XDEL', KEYS[1], ARGV[i]) == 1 then events = events + tonumber(ARGV[i + entries]) end
end
deduct(KEYS[1], KEYS[2], events)
return events
`

/** Arguments: group, id, number of records, then record and reason in turn. Kept once, by the one who deletes the entry. */
const BURY = `${DEDUCT}
redis.call('XACK', KEYS[1], ARGV[1], ARGV[2])
if redis.call('XDEL', KEYS[1], ARGV[2]) == 0 then return 0 end
for i = 4, #ARGV, 2 do
  redis.call('XADD', KEYS[3], 'MAXLEN', '~', ${DEAD_KEPT}, '*', '${FIELD}', ARGV[i], 'entry', ARGV[2], 'reason', ARGV[i + 1])
end
deduct(KEYS[1], KEYS[2], tonumber(ARGV[3]))
return 1
`

/** What is done to the stream, each in one script, so that entries and the counter of their events never part. */
export interface OrderStream {
  /** Writes all of these records (one after the other, {@link RECORD_BYTES} each) and returns true; false when they would pass `maxlen`. */
  append(records: Buffer, maxlen: number): Promise<boolean>
  /** Removes entries whose records are stored, or are poison; those are kept in {@link DEAD_STREAM} with their reasons. */
  acknowledge(entries: readonly Entry[], poison: readonly Poison[]): Promise<void>
  /** Events in the stream: accepted, and not acknowledged by a worker. */
  backlog(): Promise<number>
}

export function createOrderStream(redis: Redis): OrderStream {
  const append = luaScript(redis, APPEND)
  const acknowledge = luaScript(redis, ACKNOWLEDGE)
  const bury = luaScript(redis, BURY)
  const backlog = luaScript(redis, BACKLOG)
  return {
    append: async (records, maxlen) => (await append([STREAM, EVENTS], [maxlen, records])) === 1,
    async acknowledge(entries, poison) {
      const reasons = Map.groupBy(poison, (it) => it.entry)
      const clean = entries.filter((it) => !reasons.has(it))
      const done = [...reasons].map(([entry, all]) => {
        const kept = all.flatMap(({ record, reason }) => [record, reason])
        return bury([STREAM, EVENTS, DEAD_STREAM], [GROUP, entry.entryId, recordsIn(entry), ...kept])
      })
      if (clean.length > 0) done.push(acknowledge([STREAM, EVENTS], [GROUP, ...clean.map((it) => it.entryId), ...clean.map(recordsIn)]))
      await Promise.all(done)
    },
    backlog: async () => Number(await backlog([STREAM, EVENTS], [])),
  }
}
