import type { Redis } from 'ioredis'
import type { BoundedCalls } from '../../../bounded-redis.ts'
import type { Dashboard } from '../../../dashboard.ts'
import type { Queries } from '../../../postgres/bounded-pool.ts'
import readTotals from '../../../postgres/sql/read-totals.sql?raw'
import { dashboardFromTotals, type TotalsRow } from '../../../postgres/totals.ts'
import { HOT, shownOf } from '../counters/hot-hash.ts'
import type { V1Knobs } from '../knobs.ts'
import { DASHBOARD } from '../names.ts'
import readEventCount from '../sql/read-event-count.sql?raw'
import readEventCounts from '../sql/read-event-counts.sql?raw'

/** Where the dashboard is, by `counters`. */
export interface Shown {
  /** Counters in Redis that are the dashboard at any moment (`counters=hot`); undefined elsewhere, or when they cannot be had. */
  live(): Promise<Dashboard | undefined>
  /** What the aggregator last put into Redis; undefined when there is none, or when it is not what is shown (`counters=table`). */
  projected(): Promise<Dashboard | undefined>
  /** From PostgreSQL. */
  stored(): Promise<Dashboard>
  /** The newest version there is, as cheaply as it can be had; undefined when nobody answers. */
  version(): Promise<number | undefined>
}

export function createShown(knobs: Pick<V1Knobs, 'counters'>, redis: Redis, bounded: BoundedCalls, reader: Queries): Shown {
  const { counters } = knobs
  const statement = counters === 'table' ? { name: 'read-event-counts', text: readEventCounts } : { name: 'read-totals', text: readTotals }

  async function stored(): Promise<Dashboard> {
    const { rows } = await reader.query<TotalsRow>(statement)
    return dashboardFromTotals(rows, Date.now())
  }

  async function live(): Promise<Dashboard | undefined> {
    if (counters !== 'hot') return undefined
    const [hash, projection] = (await bounded(() => Promise.all([redis.hgetall(HOT), redis.hmget(DASHBOARD, 'version', 'json')])))?.answer ?? [undefined, []]
    if (hash === undefined) return undefined
    const [version, json] = projection
    return shownOf(hash, typeof version === 'string' && typeof json === 'string' ? { version: Number(version), json } : undefined, Date.now())
  }

  /** Of the hot counters and the projection; undefined without Redis, or when it has neither. */
  async function versionInRedis(): Promise<number | undefined> {
    const answered = await bounded(() => Promise.all([redis.hget(DASHBOARD, 'version'), counters === 'hot' ? redis.hget(HOT, 'all:0:count') : null]))
    const versions = (answered?.answer ?? []).flatMap((it) => (typeof it === 'string' ? [Number(it)] : []))
    return versions.length === 0 ? undefined : Math.max(...versions)
  }

  async function counted(): Promise<number> {
    const { rows } = await reader.query<{ count: number }>({ name: 'read-event-count', text: readEventCount })
    return rows[0]?.count ?? 0
  }

  return {
    live,
    async projected() {
      if (counters === 'table') return undefined
      const json = (await bounded(() => redis.hget(DASHBOARD, 'json')))?.answer
      return typeof json === 'string' ? (JSON.parse(json) as Dashboard) : undefined
    },
    stored,
    async version() {
      if (counters === 'table') return await counted().catch(() => undefined)
      return (await versionInRedis()) ?? (await stored().then((it) => it.version, () => undefined))
    },
  }
}
