import type pg from 'pg'

const DAY_MS = 86_400_000
/** Days made ahead: an aggregator may be away for a while. */
const AHEAD_DAYS = 3
/** Everybody who makes partitions takes this lock. */
const LOCK = 11
/** Making one waits for whoever reads or writes the default partition, and whoever comes after waits behind it. */
const LOCK_WITHIN_MS = 1_000

/** `orders_p20261121`: the day in UTC. */
export function partitionOf(dayMs: number): string {
  return `orders_p${new Date(dayMs).toISOString().slice(0, 10).replaceAll('-', '')}`
}

/** Midnights (UTC) of the day of `nowMs`, of so many before it, and of those made ahead. */
export function partitionDays(nowMs: number, behindDays: number): number[] {
  const today = Math.floor(nowMs / DAY_MS) * DAY_MS
  return Array.from({ length: behindDays + 1 + AHEAD_DAYS }, (_, i) => today + (i - behindDays) * DAY_MS)
}

/**
 * With `partition=range`: a table for today, for each of the next days, and for `behindDays` before. One look at the catalogue when they are
 * all there. Outside a transaction. Rejects when one cannot be made within a second or so, as somebody reads or writes what lies in its way;
 * nothing is lost by that, as its rows go to the default partition, and move when it is made later.
 */
export async function ensurePartitions(client: pg.ClientBase, nowMs: number, behindDays = 0): Promise<void> {
  for (const day of await missing(client, partitionDays(nowMs, behindDays))) await makePartition(client, day)
}

async function missing(client: pg.ClientBase, days: readonly number[]): Promise<number[]> {
  const { rows } = await client.query<{ name: string }>({
    name: 'missing-partitions',
    text: 'SELECT name FROM unnest($1::text[]) AS name WHERE to_regclass(name) IS NULL',
    values: [days.map(partitionOf)],
  })
  const names = new Set(rows.map((it) => it.name))
  return days.filter((day) => names.has(partitionOf(day)))
}

/** Rows of that day that lie in the default partition move with it: attached beside them it would be refused. */
async function makePartition(client: pg.ClientBase, day: number): Promise<void> {
  const name = partitionOf(day)
  const range = `timestamp_ms >= ${day} AND timestamp_ms < ${day + DAY_MS}`
  await client.query('BEGIN')
  try {
    await client.query(`SET LOCAL lock_timeout = ${LOCK_WITHIN_MS}`)
    await client.query(`SELECT pg_advisory_xact_lock(${LOCK}, hashtext(current_schema()))`)
    if ((await missing(client, [day])).length > 0) {
      await client.query(`CREATE TABLE ${name} (LIKE orders INCLUDING DEFAULTS)`)
      await client.query('LOCK TABLE orders_default IN ACCESS EXCLUSIVE MODE')
      await client.query(`WITH moved AS (DELETE FROM orders_default WHERE ${range} RETURNING *) INSERT INTO ${name} SELECT * FROM moved`)
      await client.query(`ALTER TABLE orders ATTACH PARTITION ${name} FOR VALUES FROM (${day}) TO (${day + DAY_MS})`)
    }
    await client.query('COMMIT')
  } catch (error) {
    await client.query('ROLLBACK').catch(() => {})
    throw error
  }
}
