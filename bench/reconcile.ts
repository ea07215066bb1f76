/**
 * Reconciling 1 and 10 million stored events against their ledger: time and peak memory of a process that does only that.
 * PostgreSQL is filled by COPY first. `npm run bench:reconcile -- [events …]`
 */
import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { from as copyFrom } from 'pg-copy-streams'
import { orderBody } from '../src/load/customers.ts'
import { orderIdWriter, parseOrderId } from '../src/load/order-id.ts'
import { createLedgerFile, readLedger, timesOf } from '../src/measure/ledger-file.ts'
import { OK, sourceLedger } from '../src/measure/ledger.ts'
import { isExact, reconcile } from '../src/reports/reconcile.ts'
import { architecture } from '../src/system/architectures/v2-redis-streams/index.ts'
import { createContext } from '../src/system/context.ts'
import { emptyDashboard } from '../src/system/dashboard.ts'
import { ORDER_TYPES, PRODUCTS, STORES } from '../src/system/event.ts'
import { row, stack, thousands } from './stack.ts'

const START_MS = Date.UTC(2026, 10, 1)
const PER_MS = 5
const TAG = 1
const SEED = 1
const BATCH = 5_000

/** Fills the store and the ledger with the same events. */
async function fill(env: Record<string, string>, ledgerPath: string, events: number): Promise<void> {
  const client = new pg.Client({ host: env['POSTGRES_HOST'], port: Number(env['POSTGRES_PORT']), user: 'lab', password: 'lab', database: 'lab' })
  await client.connect()
  const stream = client.query(copyFrom('COPY orders (id, timestamp_ms, amount_cents, type, store, product) FROM STDIN'))
  const id = orderIdWriter(TAG, 0)
  using file = createLedgerFile(ledgerPath)
  const ledger = sourceLedger(0)
  for (let at = 0; at < events; at += BATCH) {
    let text = ''
    for (let sequence = at; sequence < at + BATCH; sequence++) {
      const timeMs = START_MS + Math.floor(sequence / PER_MS)
      ledger.set(ledger.append(timeMs), OK)
      const own = id(timeMs, sequence)
      const body = orderBody(SEED, own, parseOrderId(own)!)
      text += `${own}\t${body.timestampMs}\t${body.amountCents}\t${ORDER_TYPES.indexOf(body.type)}\t${STORES.indexOf(body.store)}\t${PRODUCTS.indexOf(body.product)}\n`
    }
    const patch = ledger.patch()
    if (patch !== undefined) file.append(patch)
    if (!stream.write(text)) await once(stream, 'drain')
  }
  stream.end()
  await once(stream, 'finish')
  await client.end()
}

/** In a process of its own: prints seconds, rows and peak memory. */
async function measure(env: Record<string, string>, ledgerPath: string, events: number): Promise<void> {
  await using judge = await architecture.judge(createContext({ env, knobs: {}, signal: new AbortController().signal }))
  const startMs = performance.now()
  const accounting = await reconcile({
    seed: SEED,
    runTag: TAG,
    ledger: await readLedger(ledgerPath),
    timesOf: (wanted) => timesOf(ledgerPath, wanted),
    persisted: judge.persisted(),
    dashboard: emptyDashboard(),
    seen: [],
    loadFromMs: START_MS,
    loadToMs: START_MS + events / PER_MS,
  })
  const seconds = (performance.now() - startMs) / 1_000
  if (!isExact({ ...accounting, miscounted: [] }) || accounting.stored !== events) throw new Error(JSON.stringify(accounting))
  process.stdout.write(JSON.stringify({ seconds, maxRssMiB: process.resourceUsage().maxRSS / 1024 }))
}

if (process.argv[2] === 'measure') {
  await measure(process.env as Record<string, string>, process.argv[3]!, Number(process.argv[4]))
} else {
  const sizes = process.argv.length > 2 ? process.argv.slice(2).map(Number) : [1_000_000, 10_000_000]
  row('events', 'seconds', 'events/s', 'peak memory, MiB')
  row('---:', '---:', '---:', '---:')
  for (const events of sizes) {
    const folder = mkdtempSync(join(tmpdir(), 'load-lab-bench-'))
    await using system = await stack('v2')
    const ledgerPath = join(folder, 'ledger.bin')
    await fill(system.env, ledgerPath, events)
    const child = spawnSync(process.execPath, [process.argv[1]!, 'measure', ledgerPath, String(events)], { env: { ...process.env, ...system.env }, encoding: 'utf8' })
    if (child.status !== 0) throw new Error(child.stderr)
    const { seconds, maxRssMiB } = JSON.parse(child.stdout) as { seconds: number; maxRssMiB: number }
    row(thousands(events), seconds.toFixed(1), thousands(events / seconds), maxRssMiB.toFixed(0))
    rmSync(folder, { recursive: true, force: true })
  }
}
