import { statSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { CENTS_AT, PRODUCT_AT, RECORD_BYTES, STORE_AT, TIMESTAMP_AT, TYPE_AT, isOrder } from '../../record.ts'
import countOrders from './sql/count-orders.sql?raw'
import createOrders from './sql/create-orders.sql?raw'
import insertOrder from './sql/insert-order.sql?raw'

/** Another writer (seeding) may hold the file for so long. */
const BUSY_MS = 5_000
/** While somebody always reads, SQLite finds no moment to begin its log anew, and it grows: from here on the writer waits for that moment. */
const LOG_LIMIT_BYTES = 64 * 1024 * 1024
const LOOK_EVERY_COMMITS = 100

export type Synchronous = 'off' | 'normal' | 'full'

export function orderFile(folder: string): string {
  return join(folder, 'orders.sqlite')
}

/** Makes file and table. Write-ahead log: readers and the one writer do not wait for each other. */
export function createOrderFile(path: string): void {
  const file = new DatabaseSync(path, { timeout: BUSY_MS })
  try {
    file.exec('PRAGMA journal_mode = WAL')
    file.exec(createOrders)
  } finally {
    file.close()
  }
}

/** Writes the file, everything in the calling thread: while a transaction runs, the process does nothing else. */
export interface OrderWriter extends Disposable {
  /** Stores records in one transaction. Those whose id is there already, or that cannot be orders, are left out. */
  store(records: Buffer, beforeCommit?: () => void): { stored: number; invalid: number }
  /** Events in the file. */
  count(): number
}

export function openOrderWriter(path: string, synchronous: Synchronous, logLimitBytes = LOG_LIMIT_BYTES): OrderWriter {
  const file = new DatabaseSync(path, { timeout: BUSY_MS })
  file.exec(`PRAGMA synchronous = ${synchronous}`)
  file.exec(`PRAGMA journal_size_limit = ${logLimitBytes}`)
  const insert = file.prepare(insertOrder)
  const counted = file.prepare(countOrders)
  let commits = 0
  let nextLimitBytes = logLimitBytes

  function insertAll(records: Buffer): { stored: number; invalid: number } {
    const sum = { stored: 0, invalid: 0 }
    for (let at = 0; at < records.length; at += RECORD_BYTES) {
      if (!isOrder(records, at)) {
        sum.invalid += 1
        continue
      }
      const { changes } = insert.run(
        records.subarray(at, at + 16), records.readUIntBE(at + TIMESTAMP_AT, 6), records.readUInt32BE(at + CENTS_AT),
        records[at + TYPE_AT]!, records[at + STORE_AT]!, records[at + PRODUCT_AT]!,
      )
      sum.stored += Number(changes)
    }
    return sum
  }

  function shortenLog(): void {
    if (++commits % LOOK_EVERY_COMMITS !== 0) return
    const bytes = statSync(`${path}-wal`, { throwIfNoEntry: false })?.size ?? 0
    if (bytes <= nextLimitBytes) return
    const { busy } = file.prepare('PRAGMA wal_checkpoint(TRUNCATE)').get() as { busy: number }
    // A reading that takes longer than the wait: better a longer log than such a wait again and again.
    nextLimitBytes = busy === 0 ? logLimitBytes : 2 * bytes
  }

  return {
    store(records, beforeCommit) {
      file.exec('BEGIN IMMEDIATE')
      try {
        const sums = insertAll(records)
        beforeCommit?.()
        file.exec('COMMIT')
        shortenLog()
        return sums
      } catch (error) {
        if (file.isTransaction) file.exec('ROLLBACK')
        throw error
      }
    },
    count: () => (counted.get() as { count: number }).count,
    [Symbol.dispose]: () => file.close(),
  }
}
