/**
 * What one file of SQLite takes and gives, by library: events/s stored in transactions of several sizes with each `synchronous`, and the time of
 * the dashboard's query over tables of several sizes. The file, its table and its statements are those of v0. `better-sqlite3` is no dependency
 * of ours: it takes part where it is found, here or in the folder that BETTER_SQLITE3 names. Alternating rounds, medians.
 * `npm run bench:sqlite -- [seconds a cell] [rounds]`; FOLDER says where the file is (a disk that syncs: not tmpfs).
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { orderBody } from '../src/load/customers.ts'
import { orderIdWriter, parseOrderId } from '../src/load/order-id.ts'
import { isOnDisk } from '../src/runtime/run-folder.ts'
import createOrders from '../src/system/architectures/v0-redis-pubsub/sql/create-orders.sql?raw'
import groupAll from '../src/system/architectures/v0-redis-pubsub/sql/group-all.sql?raw'
import insertOrder from '../src/system/architectures/v0-redis-pubsub/sql/insert-order.sql?raw'
import { ORDER_TYPES, PRODUCTS, STORES } from '../src/system/event.ts'
import { encodeOrder, RECORD_BYTES } from '../src/system/record.ts'
import { median, row, thousands } from './stack.ts'

const [seconds = 0.5, rounds = 3] = process.argv.slice(2).map(Number)
const BATCHES = [1, 50, 500, 5_000]
const SYNCHRONOUS = ['off', 'normal', 'full']
const SIZES = [100_000, 500_000, 1_000_000]
const EVENTS_MADE = 200_000

/** As much of either library as is used here. */
interface File {
  exec(sql: string): unknown
  prepare(sql: string): { run(...values: unknown[]): unknown; all(): unknown[] }
  close(): void
}

const libraries: Record<string, (path: string) => File> = { 'node:sqlite': (path) => new DatabaseSync(path) as unknown as File }
const require = createRequire(join(process.env['BETTER_SQLITE3'] ?? process.cwd(), 'package.json'))
try {
  const Better = require('better-sqlite3') as new (path: string) => File
  libraries['better-sqlite3'] = (path) => new Better(path)
} catch {
  process.stdout.write('better-sqlite3 is not installed here: node:sqlite alone\n\n')
}

const folder = mkdtempSync(join(process.env['FOLDER'] ?? (isOnDisk(tmpdir()) ? tmpdir() : '/var/tmp'), 'load-lab-sqlite-'))
const path = join(folder, 'orders.sqlite')

/** Time-ordered ids, as the injector makes them: 20 a millisecond, of the last 24 hours. */
const events = Array.from({ length: EVENTS_MADE }, (_, sequence) => {
  const id = orderIdWriter(1, 0)(Date.UTC(2026, 10, 1) + Math.floor(sequence / 20), sequence)
  const order = orderBody(1, id, parseOrderId(id)!)
  const record = Buffer.alloc(RECORD_BYTES)
  encodeOrder(order, record, 0)
  const names = [ORDER_TYPES.indexOf(order.type), STORES.indexOf(order.store), PRODUCTS.indexOf(order.product)]
  return { id: record.subarray(0, 16), values: [order.timestampMs - (sequence % 24) * 3_600_000, order.amountCents, ...names] }
})

function fresh(open: (path: string) => File): File {
  for (const end of ['', '-wal', '-shm']) rmSync(path + end, { force: true })
  const file = open(path)
  file.exec('PRAGMA journal_mode = WAL')
  file.exec(createOrders)
  return file
}

/** Stores events from `from` on, in transactions of `batch`; ids go on beyond those made. */
function fill(file: File, from: number, count: number, batch: number): void {
  const insert = file.prepare(insertOrder)
  for (let at = from; at < from + count; at += batch) {
    file.exec('BEGIN IMMEDIATE')
    for (let i = at; i < Math.min(at + batch, from + count); i++) {
      const { id, values } = events[i % EVENTS_MADE]!
      id.writeUInt32BE(Math.floor(i / EVENTS_MADE), 8)
      insert.run(id, ...values)
    }
    file.exec('COMMIT')
  }
}

function storedPerSecond(open: (path: string) => File, batch: number, synchronous: string): number {
  const file = fresh(open)
  file.exec(`PRAGMA synchronous = ${synchronous}`)
  const startMs = performance.now()
  let stored = 0
  for (; performance.now() - startMs < seconds * 1_000; stored += batch) fill(file, stored, batch, batch)
  const perSecond = stored / ((performance.now() - startMs) / 1_000)
  file.close()
  return perSecond
}

function queryMs(file: File): number {
  const statement = file.prepare(groupAll)
  const startMs = performance.now()
  statement.all()
  return performance.now() - startMs
}

const names = Object.keys(libraries)
const alternating = (measure: (name: string) => number): number[] => {
  const found = names.map(() => [] as number[])
  for (let round = 0; round < rounds; round++) for (const [i, name] of names.entries()) found[i]!.push(measure(name))
  return found.map(median)
}

row('events/s stored', 'synchronous', ...names)
row('---', '---', ...names.map(() => '---:'))
for (const synchronous of SYNCHRONOUS) {
  for (const batch of BATCHES) {
    const found = alternating((name) => storedPerSecond(libraries[name]!, batch, synchronous))
    row(`in transactions of ${thousands(batch)}`, synchronous, ...found.map(thousands))
  }
}
process.stdout.write('\n')
row('dashboard query over', ...names)
row('---', ...names.map(() => '---:'))
fresh(libraries['node:sqlite']!).close()
let filled = 0
for (const size of SIZES) {
  // One library at a time has the file open: two copies of SQLite in a process take each other's locks away (sqlite.org/howtocorrupt.html, 2.2.1).
  const filling = libraries['node:sqlite']!(path)
  fill(filling, filled, size - filled, 5_000)
  filling.close()
  filled = size
  const found = alternating((name) => {
    const reader = libraries[name]!(path)
    const ms = queryMs(reader)
    reader.close()
    return ms
  })
  row(`${thousands(size)} orders`, ...found.map((ms) => `${Math.round(ms)} ms`))
}
rmSync(folder, { recursive: true })
