/**
 * How fast history is written: orders/s from the generator to the last commit and VACUUM, beside what PostgreSQL takes
 * of the same rows when they are prepared bytes and nobody else works. v1 and v2 unless told otherwise; with others, such as v3 and v5, these alone.
 * `npm run bench:seed -- [orders] [rounds] [architectures …]`
 */
import { once } from 'node:events'
import pg from 'pg'
import { from as copyFrom } from 'pg-copy-streams'
import { knobsOf, loadArchitecture } from '../src/experiment/plan.ts'
import { historyOf, historyOrders } from '../src/load/history.ts'
import { createContext } from '../src/system/context.ts'
import type { Order } from '../src/system/event.ts'
import { ACCOUNT } from '../src/system/postgres/connect.ts'
import { COPY_HEADER, COPY_TRAILER, encodeOrders } from '../src/system/postgres/copy-rows.ts'
import copyOrdersIn from '../src/system/postgres/sql/copy-orders-in.sql?raw'
import { median, row, stack, thousands } from './stack.ts'

const [ordersText = '2000000', roundsText = '3', ...named] = process.argv.slice(2)
const ORDERS = Number(ordersText)
const ROUNDS = Number(roundsText)
/** Prepared bytes are kept in memory: at most this many orders of them. */
const PREPARED = Math.min(ORDERS, 2_000_000)
const USUAL: [arch: string, set: string[]][] = [['v1', []], ['v1', ['indexes=3']], ['v1', ['partition=range']], ['v2', []]]
const CASES: typeof USUAL = named.length > 0 ? named.map((arch) => [arch, []]) : USUAL

interface Figures {
  /** From the first order made to everything committed and vacuumed. */
  perSecond: number
  /** Of it, after the last order was made: the last commits, VACUUM. */
  afterS: number
  /** Of this process: generating and encoding. */
  cpuUs: number
}

async function seeded(arch: string, set: string[]): Promise<Figures> {
  const architecture = await loadArchitecture(arch)
  if (architecture.seed === undefined) throw new Error(`${arch} takes no history`)
  await using system = await stack(arch, {}, set)
  const context = createContext({ env: system.env, knobs: knobsOf(architecture, set, []), signal: new AbortController().signal })
  const history = historyOf({ orders: ORDERS, seed: 1, toMs: Date.now() })
  const cpu = process.cpuUsage()
  const startMs = performance.now()
  let givenMs = startMs
  async function* watched(): AsyncGenerator<Order[]> {
    yield* historyOrders(history)
    givenMs = performance.now()
  }
  await architecture.seed(context, watched())
  const endMs = performance.now()
  const used = process.cpuUsage(cpu)
  return { perSecond: (ORDERS / (endMs - startMs)) * 1_000, afterS: (endMs - givenMs) / 1_000, cpuUs: (used.user + used.system) / ORDERS }
}

/** Prepared rows through two connections into v1's table as it stands. */
async function ceiling(): Promise<number> {
  await using system = await stack('v1')
  const rows: Buffer[] = []
  for await (const orders of historyOrders(historyOf({ orders: PREPARED, seed: 1, toMs: Date.now() }))) rows.push(encodeOrders(orders))
  const startMs = performance.now()
  const halves = [rows.slice(0, rows.length >> 1), rows.slice(rows.length >> 1)]
  await Promise.all(halves.map((half) => copyBytes(system.env, half)))
  return (PREPARED / (performance.now() - startMs)) * 1_000
}

async function copyBytes(env: Record<string, string>, rows: readonly Buffer[]): Promise<void> {
  const client = new pg.Client({ host: env['POSTGRES_HOST'], port: Number(env['POSTGRES_PORT']), ...ACCOUNT })
  await client.connect()
  const stream = client.query(copyFrom(copyOrdersIn))
  stream.write(COPY_HEADER)
  for (const bytes of rows) if (!stream.write(bytes)) await once(stream, 'drain')
  stream.end(COPY_TRAILER)
  await once(stream, 'finish')
  await client.end()
}

async function generated(): Promise<number> {
  const startMs = performance.now()
  let orders = 0
  for await (const batch of historyOrders(historyOf({ orders: ORDERS, seed: 1, toMs: Date.now() }))) orders += batch.length
  return (orders / (performance.now() - startMs)) * 1_000
}

async function medianOf(measure: () => Promise<number>): Promise<number> {
  const values: number[] = []
  for (let round = 0; round < ROUNDS; round++) values.push(await measure())
  return median(values)
}

const alone = await medianOf(generated)
const most = await medianOf(ceiling)
row('history', 'orders/s', 'of COPY alone', 'of it VACUUM or merges, s', 'CPU of the lab, µs an order')
row('---', '---:', '---:', '---:', '---:')
row('generator alone', thousands(alone), '', '', (1e6 / alone).toFixed(1))
row('COPY of prepared rows, 2 connections, v1', thousands(most), '1.00', '', '')
for (const [arch, set] of CASES) {
  const rounds: Figures[] = []
  for (let round = 0; round < ROUNDS; round++) rounds.push(await seeded(arch, set))
  const rate = median(rounds.map(({ perSecond }) => perSecond))
  const name = [arch, ...set].join(' ')
  row(name, thousands(rate), (rate / most).toFixed(2), median(rounds.map(({ afterS }) => afterS)).toFixed(1), median(rounds.map(({ cpuUs }) => cpuUs)).toFixed(1))
}
