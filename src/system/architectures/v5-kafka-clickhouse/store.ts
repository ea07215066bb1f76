import type { Clickhouse } from '../../clickhouse/connect.ts'
import { RECORD_BYTES } from '../../record.ts'
import { INSERT_INCOMING, INSERT_ORDERS, monthOf, ORDER_COLUMNS, toBlock } from './block.ts'
import { totalsOf } from './setup.ts'
import readReached from './sql/read-reached.sql?raw'

/** Consecutive records of one partition of the topic, without those whose id came before. */
export interface Batch {
  partition: number
  from: number
  /** The offset after its last record. */
  to: number
  /** Names this batch for ever: whoever inserts it again gives the same. */
  token: string
  /** One after the other (see record.ts); at least one. */
  records: Buffer
}

/** What v5 keeps in ClickHouse. All of it rejects while ClickHouse is away. */
export interface Store {
  /**
   * Stores a batch, once however often it is inserted: ClickHouse remembers tokens. `again`: it may have been tried before, by whomever. Then it is
   * looked whether the rows are really there: the token of a part is written down before the part gets its name, so a ClickHouse that was
   * killed between the two swallows the repetition although it has nothing (tried: SIGKILL at the system call).
   */
  insert(batch: Batch, options?: { again?: boolean }): Promise<void>
  /** Those of these ids that are stored: of this partition in rows up to this offset, or of history. UUIDs in lower case. */
  known(partition: number, ids: readonly string[], before: number): Promise<Set<string>>
  /** The largest id below this one that is stored: of this partition in rows up to this offset, or of history. */
  newest(partition: number, before: number, below: string): Promise<string | undefined>
  /** By partition, the end of the last batch that is stored and counted whole. */
  reached(): Promise<Map<number, number>>
}

const HISTORY = -1
/** ClickHouse would have to be killed in that one moment each time. */
const MENDED_TIMES = 5
/** Ids asked for in one statement: 1.6 MB of text. */
const ASKED_TOGETHER = 50_000
/** Rows of one block, at most; a batch has fewer, and must be one block to be counted in one part. */
const MAX_BLOCK_ROWS = 1_048_576

/** @param views how totals are made: by the view, or for every request (then only how far they go is kept) */
export function createStore(clickhouse: Clickhouse, views: 'on' | 'off'): Store {
  const settings = (token: string) => ({
    insert_deduplication_token: token,
    deduplicate_blocks_in_dependent_materialized_views: 1,
    min_insert_block_size_rows: String(MAX_BLOCK_ROWS),
  } as const)

  async function mark({ partition, to, records, token }: Batch): Promise<void> {
    const values = `('partition', 0, ${partition}, ${records.length / RECORD_BYTES}, ${to})`
    await clickhouse.run(`INSERT INTO totals (dimension, hour, key, count, upto) VALUES ${values}`, { settings: settings(token) })
  }

  /** Two may mend at once (one was paused, and another has its partitions now): the same attempt has the same token, so one of them counts. */
  async function mend(batch: Batch, what: string, attempt: (token: string) => Promise<'there' | 'put'>): Promise<void> {
    for (let n = 1; n <= MENDED_TIMES; n++) {
      if (await attempt(`${batch.token}-${what}-${n}`) === 'there') return
    }
    throw new Error(`rows of partition ${batch.partition}, ${batch.from} to ${batch.to}, are not in ${what} though they were inserted ${MENDED_TIMES} times`)
  }

  async function putMissingOrders({ partition, to, records }: Batch, token: string): Promise<'there' | 'put'> {
    const rows = await clickhouse.rows<[string]>(`SELECT lower(hex(id)) FROM orders WHERE partition = ${partition} AND upto = ${to} AND ${among(records)}`)
    const there = new Set(rows.map(([id]) => id))
    const missing = Array.from({ length: records.length / RECORD_BYTES }, (_, row) => records.subarray(row * RECORD_BYTES, (row + 1) * RECORD_BYTES))
      .filter((record) => !there.has(record.toString('hex', 0, 16)))
    if (missing.length === 0) return 'there'
    await clickhouse.insert(INSERT_ORDERS, toBlock(Buffer.concat(missing), { partition, upto: to, month: monthOf(records) }), { settings: settings(token) })
    return 'put'
  }

  /** Batches of a partition are inserted one after the other, so one that it has been counted beyond is counted. */
  async function putMissingTotals(batch: Batch, token: string): Promise<'there' | 'put'> {
    const { partition, to, records } = batch
    const [row] = await clickhouse.rows<[number]>(`SELECT max(upto) FROM totals WHERE dimension = 'partition' AND hour = 0 AND key = ${partition}`)
    if (row![0] >= to) return 'there'
    if (views === 'off') await mark({ ...batch, token })
    else {
      const source = `(SELECT ${ORDER_COLUMNS} FROM orders WHERE partition = ${partition} AND upto = ${to} AND ${among(records)})`
      await clickhouse.run(`INSERT INTO totals ${totalsOf(source)}`, { settings: { ...settings(token), max_threads: 1 } })
    }
    return 'put'
  }

  async function knownOf(partition: number, ids: readonly string[], before: number): Promise<string[]> {
    const bytes = ids.join('').replaceAll('-', '')
    const wanted = `SELECT toFixedString(substring(unhex('${bytes}'), 1 + 16 * number, 16), 16) FROM numbers(${ids.length})`
    const rows = await clickhouse.rows<[string]>(`SELECT lower(hex(id)) FROM orders WHERE id IN (${wanted}) AND ${ofPartition(partition, before)}`)
    return rows.map(([hex]) => uuid(hex))
  }

  return {
    async insert(batch, { again = false } = {}) {
      const { partition, to, records, token } = batch
      await clickhouse.insert(INSERT_INCOMING, toBlock(records, { partition, upto: to, month: monthOf(records) }), { settings: settings(token) })
      if (again) await mend(batch, 'orders', (token) => putMissingOrders(batch, token))
      if (views === 'off') await mark(batch)
      if (again) await mend(batch, 'totals', (token) => putMissingTotals(batch, token))
    },
    async known(partition, ids, before) {
      const found = new Set<string>()
      for (let from = 0; from < ids.length; from += ASKED_TOGETHER) {
        for (const id of await knownOf(partition, ids.slice(from, from + ASKED_TOGETHER), before)) found.add(id)
      }
      return found
    },
    async newest(partition, before, below) {
      const select = `SELECT lower(hex(id)) FROM orders WHERE id < unhex('${below.replaceAll('-', '')}') AND ${ofPartition(partition, before)} ORDER BY id DESC LIMIT 1`
      const [row] = await clickhouse.rows<[string]>(select)
      return row === undefined ? undefined : uuid(row[0])
    },
    async reached() {
      return new Map(await clickhouse.rows<[number, number]>(readReached))
    },
  }
}

const ofPartition = (partition: number, before: number): string => `(partition = ${HISTORY} OR (partition = ${partition} AND upto <= ${before}))`

/** From the smallest to the largest id of these: the table is ordered by them. */
function among(records: Buffer): string {
  let least = records.toString('hex', 0, 16)
  let most = least
  for (let at = RECORD_BYTES; at < records.length; at += RECORD_BYTES) {
    const id = records.toString('hex', at, at + 16)
    if (id < least) least = id
    if (id > most) most = id
  }
  return `id BETWEEN unhex('${least}') AND unhex('${most}')`
}

const uuid = (hex: string): string => `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`
