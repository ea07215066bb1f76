import type { Redis } from 'ioredis'
import type { Dashboard } from '../../../dashboard.ts'
import type { TallyColumns } from '../../../postgres/tallies.ts'
import { dashboardFromTotals, type TotalsRow } from '../../../postgres/totals.ts'
import { luaScript } from '../../../redis.ts'

/** Hash of the counters that are raised beside the cron (`counters=hot`): two fields for each row that `totals` has. */
export const HOT = 'counters:hot'

/** Raises all figures or none, as nothing else runs meanwhile: so whoever reads the hash finds figures that add up. Returns the count of all. */
const RAISE = `
for i = 1, #ARGV, 2 do redis.call('HINCRBY', KEYS[1], ARGV[i], ARGV[i + 1]) end
return redis.call('HGET', KEYS[1], 'all:0:count')
`

/** Sets what is not there yet. */
const BEGIN_WITH = `
if redis.call('EXISTS', KEYS[1]) == 1 then return 0 end
for i = 1, #ARGV, 2 do redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 1]) end
return 1
`

export interface HotHash {
  /** Adds what these columns hold; resolves with the count of all events then. */
  raise(columns: TallyColumns): Promise<number>
  /** Sets the figures, unless there are some already. */
  beginWith(columns: TallyColumns): Promise<void>
}

export function createHotHash(redis: Redis): HotHash {
  const raise = luaScript(redis, RAISE)
  const beginWith = luaScript(redis, BEGIN_WITH)
  return {
    raise: async (columns) => Number(await raise([HOT], fieldsOf(columns))),
    async beginWith(columns) {
      await beginWith([HOT], fieldsOf(columns))
    },
  }
}

/** Field, value, field, value …: `product:3:count`, `product:3:cents`. */
export function fieldsOf({ dimensions, keys, counts, revenueCents }: TallyColumns): (string | number)[] {
  return dimensions.flatMap((dimension, row) => {
    const field = `${dimension}:${keys[row]}`
    return [`${field}:count`, counts[row]!, `${field}:cents`, revenueCents[row]!]
  })
}

/** The hash as rows of `totals`. */
export function rowsFromHot(hash: Readonly<Record<string, string>>): TotalsRow[] {
  return Object.entries(hash).flatMap(([field, count]) => {
    const [dimension, key, figure] = field.split(':') as [string, string, string]
    if (figure !== 'count') return []
    return [{ dimension, key: Number(key), count: Number(count), revenue_cents: Number(hash[`${dimension}:${key}:cents`] ?? 0) }]
  })
}

/**
 * What `counters=hot` shows: the hot counters or the cron's projection, whichever counts more, as a whole. Both count a part of what is stored, and
 * each row once: the larger is the newer, its figures add up, and once one of them counts as many as are stored it is exact. So a raise that
 * was lost with its process (or with Redis) matters only until the cron's next run. Undefined when there is neither.
 */
export function shownOf(hash: Readonly<Record<string, string>>, projected: { version: number; json: string } | undefined, nowMs: number): Dashboard | undefined {
  const counted = Number(hash['all:0:count'] ?? -1)
  if (projected !== undefined && projected.version >= counted) return JSON.parse(projected.json) as Dashboard
  return counted < 0 ? undefined : dashboardFromTotals(rowsFromHot(hash), nowMs)
}
